import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { JsonLines } from '../../src/cli/json-lines.ts';
import { totalsOf } from '../support/transfer-totals.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});

afterEach(() => {
  vi.useRealTimers();
});

function linesOf(stream: PassThrough): unknown[] {
  const text = String(stream.read() ?? '');
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
    expect(linesOf(stream)).toEqual([...events, { type: 'result', written: 1 }]);
  });

  it('escapes characters that control a terminal, hide or reorder text, and parses to the same text', () => {
    const stream = new PassThrough();
    const json = new JsonLines(stream);
    const message = 'a\u009b31m b\u202e c\u200b d\u2028 e\u{e0041} f\u007f ü';
    json.write({ message });
    const line = String(stream.read());
    expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}](?!$)/u);
    expect(line).toMatch(/^[\n\x20-\x7e]+$/);
    expect(JSON.parse(line)).toEqual({ message });
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
    expect(linesOf(stream)).toEqual([{ message: 'The destination "c/b?sig=REDACTED" is not a URL' }]);
  });
});
