import { describe, expect, it, onTestFinished } from 'vitest';
import { type CommonArguments, reportFailure, runCommand } from '../../src/cli/run-command.ts';
import { DestinationError, UsageError } from '../../src/errors.ts';
import type { EventListener, UploadEvent } from '../../src/events.ts';
import { captureOutput } from '../support/captured-output.ts';
import { totalsOf } from '../support/transfer-totals.ts';

const ARGUMENTS: CommonArguments = { json: false, quiet: false, verbose: false, progress: false };
const RUN = { environment: {} };
const URL_WITH_SAS = 'https://a.b/c?sig=c2VjcmV0c2VjcmV0';

function linesOf(text: string): unknown[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

const task = { run: () => Promise.resolve({ written: 7 }), describe: () => `Wrote 7 to ${URL_WITH_SAS}` };

describe('runCommand', () => {
  it('prints the result as text on stdout, without secrets', async () => {
    const written = captureOutput();
    expect(await runCommand(ARGUMENTS, RUN, task)).toBe(0);
    expect(written).toEqual({ out: 'Wrote 7 to https://a.b/c?sig=REDACTED\n', err: '' });
  });

  it('prints nothing with --quiet if nothing fails', async () => {
    const written = captureOutput();
    expect(await runCommand({ ...ARGUMENTS, quiet: true }, RUN, task)).toBe(0);
    expect(written).toEqual({ out: '', err: '' });
  });

  it('prints events and the result as JSON', async () => {
    const written = captureOutput();
    await runCommand({ ...ARGUMENTS, json: true }, RUN, {
      ...task,
      run: (_, onEvent) => {
        onEvent({ type: 'warning', code: 'a', message: 'The clock is wrong.' });
        onEvent({ type: 'debug', message: 'only when verbose' });
        return Promise.resolve({ written: 7 });
      },
    });
    expect(linesOf(written.out)).toEqual([
      { type: 'warning', time: expect.any(String), code: 'a', message: 'The clock is wrong.' },
      { type: 'result', time: expect.any(String), written: 7 },
    ]);
  });

  it('prints a failure and the next step on stderr, and returns the exit code', async () => {
    const written = captureOutput();
    const run = () => Promise.reject(new DestinationError(`${URL_WITH_SAS} is there already.`));
    const exitCode = await runCommand({ ...ARGUMENTS, quiet: true }, RUN, {
      ...task,
      run,
      nextStep: () => 'Run it again.',
    });
    expect(exitCode).toBe(6);
    expect(written).toEqual({ out: '', err: 'Error: https://a.b/c?sig=REDACTED is there already.\nRun it again.\n' });
  });

  it('prints a failure as JSON too', async () => {
    const written = captureOutput();
    const run = () => Promise.reject(new DestinationError('It is there already.'));
    await runCommand({ ...ARGUMENTS, json: true }, RUN, { ...task, run, nextStep: () => 'Run it again.' });
    expect(linesOf(written.out)).toMatchObject([
      { type: 'error', code: 'DESTINATION', exitCode: 6, message: 'It is there already.', nextStep: 'Run it again.' },
    ]);
  });

  it('stops at Ctrl-C, prints that it stops, and exits with 130', async () => {
    const written = captureOutput();
    const run = (signal: AbortSignal) =>
      new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
        process.emit('SIGINT');
      });
    expect(await runCommand(ARGUMENTS, RUN, { ...task, run })).toBe(130);
    expect(written.err).toMatch(/^Stopping.*Ctrl-C again.*\nStopped by SIGINT\.\n$/);
  });

  it('restores the terminal however the program ends, and not after the command', async () => {
    captureOutput();
    const before = process.listenerCount('exit');
    let during = 0;
    const run = () => {
      during = process.listenerCount('exit');
      return Promise.resolve({});
    };
    await runCommand(ARGUMENTS, RUN, { ...task, run });
    expect(during).toBe(before + 1);
    expect(process.listenerCount('exit')).toBe(before);
  });
});

describe('reportFailure', () => {
  it('reports an unexpected failure as a bug, with its stack', () => {
    const written = captureOutput();
    expect(reportFailure(new TypeError('x is not a function'))).toBe(1);
    expect(written.err).toMatch(/^Error: x is not a function\nThis is a bug[\s\S]*\n {4}at /);
  });

  it('does not report a mistake of the user as a bug', () => {
    const written = captureOutput();
    expect(reportFailure(new UsageError('Which command?'))).toBe(2);
    expect(written.err).toBe('Error: Which command?\n');
  });

  it('accepts any thrown value', () => {
    const written = captureOutput();
    expect(reportFailure('just a text')).toBe(1);
    expect(reportFailure(undefined)).toBe(1);
    expect(written.err).toContain('Error: just a text\n');
  });
});

describe('progress outside of the text of a terminal', () => {
  const CLEARED = '\u001b]9;4;0;0\u0007';
  const totals: UploadEvent = { type: 'progress', ...totalsOf({ planned: 10, done: 5 }) };

  /** Runs work after half of the progress on a terminal of Windows. @returns what was written to stderr. */
  async function errOf(work: () => Promise<{ written: number }>): Promise<string> {
    const written = captureOutput();
    const before = Object.getOwnPropertyDescriptor(process.stderr, 'isTTY');
    Object.defineProperty(process.stderr, 'isTTY', { value: true, configurable: true });
    onTestFinished(
      () => void Object.defineProperty(process.stderr, 'isTTY', before ?? { value: false, configurable: true }),
    );
    const run = (_: AbortSignal, onEvent: EventListener) => {
      onEvent(totals);
      return work();
    };
    await runCommand({ ...ARGUMENTS, progress: true }, { environment: { WT_SESSION: '0a' } }, { ...task, run });
    return written.err;
  }

  it.each([
    ['success', () => Promise.resolve({ written: 7 })],
    ['a failure', () => Promise.reject(new DestinationError('It is there already.'))],
    ['a bug', () => Promise.reject(new TypeError('x is not a function'))],
  ])('is removed after %s', async (_, work) => {
    const err = await errOf(work);
    expect(err).toContain('\u001b]9;4;1;50\u0007');
    expect(err.indexOf(CLEARED)).toBe(err.lastIndexOf('\u001b]9;4;'));
  });

  it('is removed when the program exits in the middle of its work', async () => {
    const others = process.listeners('exit');
    let count = 0;
    const err = await errOf(() => {
      // A second Ctrl-C, process.exit and an uncaught error all come here.
      for (const listener of process.listeners('exit').filter((one) => !others.includes(one))) {
        listener(1);
        count += 1;
      }
      return Promise.resolve({ written: 7 });
    });
    expect(count).toBe(1);
    expect(err).toContain(CLEARED);
    expect(err.indexOf(CLEARED)).toBe(err.lastIndexOf('\u001b]9;4;'));
  });
});
