import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { JsonLines } from '../../src/cli/json-lines.ts';
import { takeText } from '../support/captured-output.ts';
import { totalsOf } from '../support/transfer-totals.ts';

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});

afterEach(() => {
  vi.useRealTimers();
});

function linesOf(stream: PassThrough): unknown[] {
  const text = takeText(stream);
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

describe('JsonLines', () => {
  it('writes one object per line that parses to the same object', () => {
    const stream = new PassThrough();
    const json = new JsonLines(stream);
    const events = [
      { type: 'phase', phase: 'sending' },
      { type: 'warning', code: 'a', message: 'two\nlines, "quotes" and \u001b[31m' },
    ] as const;
    for (const event of events) json.onEvent(event);
    json.write({ type: 'result', written: 1 });
    const lines = [...events, { type: 'result', written: 1 }];
    expect(linesOf(stream)).toEqual(lines.map((line) => ({ ...line, time: expect.stringMatching(ISO) })));
  });

  it('escapes characters that control a terminal, hide or reorder text, and parses to the same text', () => {
    const stream = new PassThrough();
    const json = new JsonLines(stream);
    const message = 'a\u009b31m b\u202e c\u200b d\u2028 e\u{e0041} f\u007f ü';
    json.write({ message });
    const line = takeText(stream);
    expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}](?!$)/u);
    expect(line).toMatch(/^[\n\x20-\x7e]+$/);
    expect(JSON.parse(line)).toEqual({ message, time: expect.stringMatching(ISO) });
  });

  it('writes progress at once, then once per second', () => {
    const stream = new PassThrough();
    const json = new JsonLines(stream);
    for (let tenth = 0; tenth < 31; tenth++) {
      json.onEvent({ type: 'progress', ...totalsOf({ requests: tenth }) });
      vi.advanceTimersByTime(100);
    }
    expect(linesOf(stream)).toMatchObject([{ requests: 0 }, { requests: 10 }, { requests: 20 }, { requests: 30 }]);
  });

  it('adds the share, the rate and the remaining time to progress, as soon as they are known', () => {
    const stream = new PassThrough();
    const json = new JsonLines(stream);
    const progress = (done: number, planned?: number) =>
      json.onEvent({ type: 'progress', ...totalsOf({ planned, done, sent: done, retries: 0 }) });
    progress(0);
    vi.advanceTimersByTime(1000);
    progress(1000, 10_000);
    vi.advanceTimersByTime(1000);
    progress(2001, 10_000);
    const [first, second, third] = linesOf(stream);
    expect(first).not.toHaveProperty('fraction');
    expect(first).not.toHaveProperty('bytesPerSecond');
    expect(second).toMatchObject({ fraction: 0.1, bytesPerSecond: 1000 });
    expect(second).not.toHaveProperty('etaSeconds');
    expect(third).toMatchObject({ fraction: 0.2001, bytesPerSecond: 1001, etaSeconds: 8 });
  });

  it('writes the last progress before the outcome, once', () => {
    const stream = new PassThrough();
    const json = new JsonLines(stream);
    for (const done of [1, 2, 3]) json.onEvent({ type: 'progress', ...totalsOf({ planned: 3, done, sent: 0 }) });
    json.end({ type: 'result' });
    expect(linesOf(stream)).toMatchObject([{ done: 1 }, { done: 3, fraction: 1 }, { type: 'result' }]);
    json.end({ type: 'error' });
    expect(linesOf(stream)).toMatchObject([{ type: 'error' }]);
  });

  it('escapes all characters beyond ASCII, pairs of surrogates and lone ones too', () => {
    const stream = new PassThrough();
    const name = '\u78c1\u76d8 \ud83d\udcbe \ud800 \u00fc.vhd';
    new JsonLines(stream).write({ name });
    const line = takeText(stream);
    expect(line).toMatch(/^[\n\x20-\x7e]+$/);
    expect(line).toContain(String.raw`\u78c1\u76d8 \ud83d\udcbe \ud800 \u00fc.vhd`);
    expect(JSON.parse(line)).toMatchObject({ name });
  });

  it('writes valid JSON without secrets for every text', () => {
    const secret = 'c2VjcmV0c2VjcmV0';
    const anyText = fc.tuple(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('"', '\\', '', ' ', '\n', '&x=1'),
      fc.string(),
    );
    fc.assert(
      fc.property(anyText, ([before, after, end]) => {
        const stream = new PassThrough();
        const message = `${before}?sig=${secret}${after}${end}`;
        new JsonLines(stream).write({ type: 'error', nested: { list: [message] }, message });
        const written = linesOf(stream);
        expect(written).toHaveLength(1);
        expect(JSON.stringify(written)).not.toContain(secret);
      }),
    );
  });

  it('keeps a quote after a secret', () => {
    const stream = new PassThrough();
    new JsonLines(stream).write({ message: 'The destination "c/b?sig=abc" is not a URL' });
    expect(linesOf(stream)).toMatchObject([{ message: 'The destination "c/b?sig=REDACTED" is not a URL' }]);
  });
});
