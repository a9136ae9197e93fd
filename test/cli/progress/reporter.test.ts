import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Reporter, type ReporterOptions } from '../../../src/cli/progress/reporter.ts';
import type { UploadEvent } from '../../../src/events.ts';
import { takeText } from '../../support/captured-output.ts';
import { FakeTerminal } from '../../support/fake-terminal.ts';
import { PIPE, TERMINAL } from '../../support/screens.ts';
import { totalsOf } from '../../support/transfer-totals.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

const PROGRESS: UploadEvent = { type: 'progress', ...totalsOf() };
const START = {
  type: 'start',
  files: [],
  image: 'disk.vhd',
  format: 'vhd-dynamic',
  diskSize: 1024,
  url: 'https://account.blob.core.windows.net/c/b',
  blobSize: 1536,
  uploadId: '1',
  checkpoint: 'disk.vhd.vhdup.json',
  threads: 8,
  maxWindows: 9,
} as const satisfies UploadEvent;

function retry(reason: string, attempt = 1): UploadEvent {
  return { type: 'retry', what: 'Put Page', attempt, delayMs: 1500, reason, message: `Put Page failed: ${reason}.` };
}

function reporterOn(stream: PassThrough | FakeTerminal, options: Partial<ReporterOptions> = {}): Reporter {
  return new Reporter({
    stream: stream as unknown as NodeJS.WriteStream,
    screen: stream instanceof FakeTerminal ? TERMINAL : PIPE,
    quiet: false,
    progress: true,
    verbose: false,
    ...options,
  });
}

const textOf = takeText;

describe('Reporter', () => {
  it('draws a bar on a terminal, and ends it', () => {
    const terminal = new FakeTerminal(80);
    const reporter = reporterOn(terminal);
    reporter.onEvent(PROGRESS);
    expect(terminal.screen[0]).toMatch(/^ 40% █/);
    reporter.stop();
    expect(terminal.isCursorShown).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('prints plain lines without control characters elsewhere', () => {
    const stream = new PassThrough();
    const reporter = reporterOn(stream);
    reporter.onEvent(PROGRESS);
    vi.advanceTimersByTime(11_000);
    reporter.onEvent(PROGRESS);
    reporter.onEvent({ type: 'warning', code: 'a', message: 'The clock is wrong.' });
    expect(textOf(stream)).toMatch(/^40% [ -~]*\nWarning: The clock is wrong\.\n$/);
  });

  it('prints plain lines on a terminal that cannot redraw', () => {
    const terminal = new FakeTerminal(80);
    const reporter = reporterOn(terminal, { screen: PIPE });
    reporter.onEvent(PROGRESS);
    vi.advanceTimersByTime(11_000);
    reporter.onEvent(PROGRESS);
    reporter.stop();
    expect(terminal.written).toMatch(/^40% [ -~]*\n$/);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('prints no progress with --no-progress, but everything else', () => {
    const terminal = new FakeTerminal(80);
    const reporter = reporterOn(terminal, { progress: false });
    reporter.onEvent(PROGRESS);
    reporter.onEvent({ type: 'warning', code: 'a', message: 'The clock is wrong.' });
    reporter.stop();
    expect(terminal.written).toBe('Warning: The clock is wrong.\n');
  });

  it('prints nothing with --quiet', () => {
    const stream = new PassThrough();
    const reporter = reporterOn(stream, { quiet: true, verbose: true });
    for (const event of [START, PROGRESS, retry('ECONNRESET'), { type: 'debug', message: 'x' } as const]) {
      reporter.onEvent(event);
    }
    reporter.log('Stopping.');
    reporter.stop();
    expect(textOf(stream)).toBe('');
  });

  it('reports a resumed upload, but not a new one', () => {
    const stream = new PassThrough();
    const reporter = reporterOn(stream);
    reporter.onEvent(START);
    expect(textOf(stream)).toBe('');
    reporter.onEvent({ ...START, resumedFrom: '2026-03-01T10:00:00.000Z' });
    expect(textOf(stream)).toContain('Resuming the upload started at 2026-03-01T10:00:00.000Z (disk.vhd.vhdup.json).');
  });

  it('prints the first retry of each reason, then one every 30 seconds', () => {
    const stream = new PassThrough();
    const reporter = reporterOn(stream);
    for (let second = 0; second < 61; second++) {
      reporter.onEvent(retry('ServerBusy', second + 1));
      vi.advanceTimersByTime(1000);
    }
    reporter.onEvent(retry('ECONNRESET'));
    const lines = textOf(stream).trim().split('\n');
    expect(lines).toEqual([
      'Put Page failed: ServerBusy. Retrying in 1.5 s (attempt 2).',
      'Put Page failed: ServerBusy. Retrying in 1.5 s (attempt 32).',
      'Put Page failed: ServerBusy. Retrying in 1.5 s (attempt 62).',
      'Put Page failed: ECONNRESET. Retrying in 1.5 s (attempt 2).',
    ]);
  });

  it('prints every retry and details with --verbose', () => {
    const events: UploadEvent[] = [retry('ServerBusy'), retry('ServerBusy'), { type: 'debug', message: 'the parent' }];
    const verbose = new PassThrough();
    const normal = new PassThrough();
    for (const event of events) {
      reporterOn(normal).onEvent({ type: 'debug', message: 'the parent' });
      reporterOn(verbose, { verbose: true }).onEvent(event);
    }
    expect(textOf(verbose).trim().split('\n')).toHaveLength(3);
    expect(textOf(normal)).toBe('');
  });

  it('prints no secret', () => {
    const stream = new PassThrough();
    const reporter = reporterOn(stream);
    reporter.onEvent({ type: 'warning', code: 'a', message: 'https://a.b/c?sig=c2VjcmV0 failed' });
    expect(textOf(stream)).toBe('Warning: https://a.b/c?sig=REDACTED failed\n');
  });

  it('reports a resumed verification, and the progress of the MD5 once everything is sent', () => {
    const stream = new PassThrough();
    const reporter = reporterOn(stream);
    const { uploadId: _, ...start } = START;
    const verify = { ...start, type: 'start-verify', method: 'full' } as const;
    reporter.onEvent(verify);
    expect(textOf(stream)).toBe('');
    reporter.onEvent({ ...verify, resumedFrom: '2026-03-01T10:00:00.000Z' });
    expect(textOf(stream)).toBe(
      'Resuming the verification started at 2026-03-01T10:00:00.000Z (disk.vhd.vhdup.json).\n',
    );
    for (let second = 0; second <= 11; second++) {
      reporter.onEvent({ type: 'hashing', done: 10 + second, size: 100 });
      vi.advanceTimersByTime(1000);
    }
    reporter.stop();
    expect(textOf(stream).match(/\d+%/g)).toEqual(['10%', '20%']);
  });

  it('prints when an operation in Azure starts, at intervals while it runs, and when a long one ends', () => {
    const stream = new PassThrough();
    const reporter = reporterOn(stream);
    const step = (state: Extract<UploadEvent, { type: 'arm' }>['state'], elapsedMs: number) =>
      reporter.onEvent({ type: 'arm', step: 'Create image i', state, elapsedMs });
    step('started', 0);
    step('waiting', 1000);
    vi.advanceTimersByTime(15_000);
    step('waiting', 16_000);
    step('waiting', 17_000);
    step('succeeded', 63_000);
    step('started', 0);
    step('succeeded', 1000);
    step('started', 0);
    step('failed', 20_000);
    expect(textOf(stream).split('\n')).toEqual([
      'Create image i ...',
      'Create image i: not finished after 0:16',
      'Create image i: finished after 1:03',
      'Create image i ...',
      'Create image i ...',
      '',
    ]);
  });

  it('prints no steps without progress', () => {
    const stream = new PassThrough();
    reporterOn(stream, { progress: false }).onEvent({ type: 'arm', step: 'x', state: 'started', elapsedMs: 0 });
    expect(textOf(stream)).toBe('');
  });
});
