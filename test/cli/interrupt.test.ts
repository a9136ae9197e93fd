import { PassThrough } from 'node:stream';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { InterruptedError, interruptible, stopStream } from '../../src/cli/interrupt.ts';
import { failureOf } from '../support/vhd-fixtures.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGBREAK'] as const;
const listeners = () => SIGNALS.map((name) => process.listenerCount(name));

/** Settles, as work does, when its signal aborts. */
function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
}

describe('interruptible', () => {
  it('returns the result of the work and removes its listeners', async () => {
    const before = listeners();
    expect(
      await interruptible(
        () => Promise.resolve(7),
        () => undefined,
      ),
    ).toBe(7);
    expect(listeners()).toEqual(before);
    await failureOf(
      interruptible(
        () => Promise.reject(new Error('broken')),
        () => undefined,
      ),
    );
    expect(listeners()).toEqual(before);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
    ['SIGBREAK', 130],
  ] as const)('aborts the work on %s, with the exit code %i', async (name, exitCode) => {
    let stopping = 0;
    const running = interruptible(untilAborted, () => {
      stopping += 1;
    });
    process.emit(name as NodeJS.Signals);
    const error = await failureOf(running);
    expect(error).toBeInstanceOf(InterruptedError);
    expect(error).toMatchObject({ exitCode, code: 'INTERRUPTED', message: `Stopped by ${name}.` });
    expect(stopping).toBe(1);
  });

  it.each(['end', 'error', 'close'])(
    'aborts the work at the %s of the standard input, if that stops it',
    async (event) => {
      let stopping = 0;
      const parent = new PassThrough();
      const running = interruptible(
        untilAborted,
        () => {
          stopping += 1;
        },
        parent,
      );
      // The terminal sends these to every program in it; the parent decides.
      process.emit('SIGINT');
      process.emit('SIGBREAK');
      expect(stopping).toBe(0);
      parent.emit(event, new Error('broken pipe'));
      parent.emit('close');
      expect(await failureOf(running)).toMatchObject({ code: 'INTERRUPTED', exitCode: 130 });
      expect(stopping).toBe(1);
      expect(['end', 'error', 'close'].map((name) => parent.listenerCount(name))).toEqual([0, 0, 0]);
    },
  );

  it('takes the standard input only if a variable asks for it', () => {
    expect(stopStream({})).toBeUndefined();
    expect(stopStream({ VHDUP_STOP_WITH_STDIN: '0' })).toBeUndefined();
    expect(stopStream({ VHDUP_STOP_WITH_STDIN: '1' })).toBe(process.stdin);
  });

  it('ends the program at the second signal of any kind, without waiting for threads', async () => {
    const ended: string[] = [];
    vi.spyOn(process, 'kill').mockImplementation((pid, signal) => {
      expect(pid).toBe(process.pid);
      // Nobody listens any more, so the signal has its default effect.
      expect(process.listenerCount(signal as NodeJS.Signals)).toBe(before);
      ended.push(String(signal));
      return true;
    });
    vi.spyOn(process, 'exit').mockImplementation((code) => {
      throw new Error(`exit ${code}`);
    });
    const onExit = vi.fn();
    process.once('exit', onExit);
    onTestFinished(() => {
      vi.restoreAllMocks();
      process.off('exit', onExit);
    });
    const before = process.listenerCount('SIGTERM');
    const running = interruptible(untilAborted, () => undefined);
    process.emit('SIGINT');
    // Windows has no signals.
    expect(() => process.emit('SIGTERM')).toThrow('exit 143');
    await failureOf(running);
    if (process.platform !== 'win32') {
      expect(ended).toEqual(['SIGTERM']);
      expect(onExit).toHaveBeenCalledWith(143);
    }
  });

  it.skipIf(process.platform === 'win32')(
    'ends the program at the first Ctrl-\\, with the terminal restored',
    async () => {
      const kill = vi.spyOn(process, 'kill').mockReturnValue(true);
      vi.spyOn(process, 'exit').mockImplementation((code) => {
        throw new Error(`exit ${code}`);
      });
      const onExit = vi.fn();
      process.once('exit', onExit);
      onTestFinished(() => {
        vi.restoreAllMocks();
        process.off('exit', onExit);
      });
      await interruptible(
        () => {
          expect(() => process.emit('SIGQUIT')).toThrow('exit 131');
          return Promise.resolve();
        },
        () => undefined,
      );
      expect(onExit).toHaveBeenCalledWith(131);
      expect(kill).toHaveBeenCalledWith(process.pid, 'SIGQUIT');
      expect(process.listenerCount('SIGQUIT')).toBe(0);
    },
  );
});
