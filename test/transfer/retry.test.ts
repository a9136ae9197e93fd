import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { CredentialError, DestinationError, type RequestFailure, ServiceError } from '../../src/errors.ts';
import { Retrier, type RetryNotice, type RetryOptions } from '../../src/transfer/retry.ts';
import { failureOf } from '../support/vhd-fixtures.ts';

const HOUR_MS = 3_600_000;
const NEVER = new AbortController().signal;
/** Retries without delays. */
const AT_ONCE: RetryOptions = { retryDelayMs: 0, maxRetryDelayMs: 0 };
/** Every delay would outlast the test. */
const FOR_EVER: RetryOptions = { retryDelayMs: 3_600_000, maxRetryDelayMs: 3_600_000 };

function failure(about: Partial<RequestFailure> = {}): ServiceError {
  return new ServiceError('Put Page failed.', { reason: 'ServerBusy', transient: true, ...about });
}

interface Watched {
  readonly retrier: Retrier;
  readonly notices: RetryNotice[];
}

function watched(options: RetryOptions = AT_ONCE): Watched {
  const notices: RetryNotice[] = [];
  return { retrier: new Retrier(options, (notice) => notices.push(notice)), notices };
}

/** An operation that fails with each of `errors` in turn, then succeeds, or repeats the last error forever if `endless`. */
function failing(errors: readonly Error[], endless = false) {
  const calls: AbortSignal[] = [];
  const operation = (signal: AbortSignal): Promise<string> => {
    const error = errors[calls.length] ?? (endless ? errors.at(-1) : undefined);
    calls.push(signal);
    return error === undefined ? Promise.resolve('done') : Promise.reject(error);
  };
  return { operation, calls };
}

/** Rejects with the reason of the signal when it aborts. */
function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
}

afterEach(() => {
  vi.useRealTimers();
});

describe('Retrier', () => {
  it('returns the result of the first successful attempt, and reports each failed one', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(8), async (failures) => {
        const { retrier, notices } = watched();
        const { operation, calls } = failing(new Array<Error>(failures).fill(failure()));
        expect(await retrier.run('Put Page 0+512', NEVER, operation)).toBe('done');
        expect(calls).toHaveLength(failures + 1);
        expect(retrier.retries).toBe(failures);
        expect(notices.map(({ attempt }) => attempt)).toEqual(
          Array.from({ length: failures }, (_, index) => index + 1),
        );
        expect(notices.every(({ what }) => what === 'Put Page 0+512')).toBe(true);
      }),
    );
  });

  it.each([
    ['a failure that is not transient', failure({ transient: false })],
    ['a refused credential', new CredentialError('expired')],
    ['a destination that was deleted', new DestinationError('gone')],
    ['a bug', new TypeError('x is not a function')],
  ])('throws %s at once, unchanged', async (_, error) => {
    const { retrier, notices } = watched();
    const { operation, calls } = failing([error]);
    expect(await failureOf(retrier.run('Put Page', NEVER, operation))).toBe(error);
    expect(calls).toHaveLength(1);
    expect(notices).toEqual([]);
  });

  it('gives up after the given number of retries', async () => {
    for (const retries of [0, 1, 5]) {
      const { retrier } = watched({ ...AT_ONCE, retries });
      const { operation, calls } = failing([failure()], true);
      const error = await failureOf(retrier.run('Put Page', NEVER, operation));
      expect(calls).toHaveLength(retries + 1);
      expect(error).toBeInstanceOf(ServiceError);
      expect(error.message).toContain('Gave up Put Page after');
      expect(error.message).toContain('Last error: Put Page failed.');
      expect((error as ServiceError).failure).toMatchObject({ reason: 'ServerBusy', transient: false });
    }
  });

  it('gives up after as many consecutive failures as their limit allows', async () => {
    const { retrier } = watched();
    const { operation, calls } = failing([failure({ limit: { tries: 4 } })], true);
    const error = await failureOf(retrier.run('Put Page', NEVER, operation));
    expect(calls).toHaveLength(4);
    expect(error.message).toMatch(/^Gave up Put Page after 4 attempts: the failure is not temporary\. Last error: /);
    expect((error as ServiceError).failure.transient).toBe(false);
  });

  it('restarts the count of limited failures after an unlimited one', async () => {
    const { retrier } = watched();
    const limited = failure({ limit: { tries: 3 } });
    const { operation, calls } = failing([limited, limited, failure(), limited, limited, failure()]);
    expect(await retrier.run('Put Page', NEVER, operation)).toBe('done');
    expect(calls).toHaveLength(7);
  });

  it('gives up after the time limit of a failure, with a DestinationError if the destination is the cause', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const { retrier } = watched();
    let tries = 0;
    const deleted = retrier.run('Create Container', NEVER, () => {
      vi.advanceTimersByTime(20_000);
      tries += 1;
      const limit = { ms: 60_000 };
      return Promise.reject(failure({ reason: 'ContainerBeingDeleted', limit, isDestination: true }));
    });
    const error = await failureOf(deleted);
    expect(error).toBeInstanceOf(DestinationError);
    expect(error).toMatchObject({ exitCode: 6, reason: 'ContainerBeingDeleted' });
    expect(tries).toBe(4);
  });

  it('gives up after the given time without progress', async () => {
    const { retrier } = watched({ ...AT_ONCE, giveUpAfterMs: 0 });
    const error = await failureOf(retrier.run('Put Page', NEVER, failing([failure()], true).operation));
    expect(error.message).toContain('without progress');
  });

  it('gives up after twelve hours without progress, counted from the first failure', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const { retrier } = watched();
    vi.advanceTimersByTime(24 * HOUR_MS);
    let tries = 0;
    const poor = retrier.run('Put Page', NEVER, () => {
      if (tries > 0) vi.advanceTimersByTime(HOUR_MS);
      tries += 1;
      return Promise.reject(failure());
    });
    expect((await failureOf(poor)).message).toContain(`after ${12 * 3600} s without progress`);
    expect(tries).toBe(13);
  });

  it('does not give up a request while others succeed', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const { retrier } = watched();
    let tries = 0;
    const poor = retrier.run('poor', NEVER, async () => {
      vi.advanceTimersByTime(HOUR_MS);
      tries += 1;
      // Each attempt of this request follows an answer to another request.
      await retrier.run('good', NEVER, () => Promise.resolve());
      if (tries < 40) throw failure();
      return 'done';
    });
    expect(await poor).toBe('done');
    expect(tries).toBe(40);
  });

  it('gives up after ten wrong checksums', async () => {
    const { retrier } = watched();
    const { operation, calls } = failing([failure({ checksumMismatch: true })], true);
    const error = await failureOf(retrier.run('Put Page', NEVER, operation));
    expect(error.message).toContain('after 10 attempts with a wrong checksum');
    expect(calls).toHaveLength(10);
    expect(retrier.checksumMismatches).toBe(10);
  });

  it('does not count other failures as wrong checksums', async () => {
    const { retrier } = watched();
    const { operation } = failing([...new Array<Error>(20).fill(failure()), failure({ checksumMismatch: true })]);
    expect(await retrier.run('Put Page', NEVER, operation)).toBe('done');
    expect(retrier.checksumMismatches).toBe(1);
  });

  it('gives up an address that looks wrong after six attempts', async () => {
    const { retrier } = watched();
    const { operation, calls } = failing([failure({ suspectAddress: true, reason: 'ENOTFOUND' })], true);
    const error = await failureOf(retrier.run('Get Blob Properties', NEVER, operation));
    expect(error.message).toContain('Check the address');
    expect(calls).toHaveLength(6);
  });

  it('trusts an address that has answered once', async () => {
    const { retrier } = watched();
    await retrier.run('Get Blob Properties', NEVER, () => Promise.resolve());
    const { operation, calls } = failing(new Array<Error>(30).fill(failure({ suspectAddress: true })));
    expect(await retrier.run('Put Page', NEVER, operation)).toBe('done');
    expect(calls).toHaveLength(31);
  });

  it('does not retry a failure that needs contact before the service has answered', async () => {
    const { retrier } = watched();
    const untrusted = failure({ reason: 'SELF_SIGNED_CERT_IN_CHAIN', needsContact: true });
    const first = failing([untrusted]);
    expect(await failureOf(retrier.run('Get Blob Properties', NEVER, first.operation))).toBe(untrusted);
    expect(first.calls).toHaveLength(1);
    await retrier.run('Get Blob Properties', NEVER, () => Promise.resolve());
    expect(await retrier.run('Put Page', NEVER, failing([untrusted, untrusted]).operation)).toBe('done');
  });

  it('increases the delay with each attempt up to the maximum, with jitter', async () => {
    const { retrier, notices } = watched({ retryDelayMs: 1, maxRetryDelayMs: 4 });
    await retrier.run('Put Page', NEVER, failing(new Array<Error>(6).fill(failure())).operation);
    for (const [index, limit] of [1, 2, 4, 4, 4, 4].entries()) {
      expect(notices[index]?.delayMs).toBeLessThanOrEqual(limit);
      expect(notices[index]?.delayMs).toBeGreaterThanOrEqual(Math.floor(limit / 2));
    }
  });

  it('waits as long as the service asks, but never absurdly long', async () => {
    for (const [retryAfterMs, expected] of [
      [1000, 1000],
      [Number.POSITIVE_INFINITY, 300_000],
      [7 * 86_400_000, 300_000],
    ] as const) {
      const stop = new AbortController();
      const notices: RetryNotice[] = [];
      const retrier = new Retrier(AT_ONCE, (notice) => {
        notices.push(notice);
        stop.abort(new Error('seen'));
      });
      await failureOf(retrier.run('Put Page', stop.signal, failing([failure({ retryAfterMs })]).operation));
      expect(notices.map(({ delayMs }) => delayMs)).toEqual([expected]);
    }
  });

  it('gives up a failure with a limit of tries in the usual time, however long a pause it asks for', async () => {
    const { retrier, notices } = watched();
    const signInPage = failure({ retryAfterMs: HOUR_MS, limit: { tries: 20 } });
    expect((await failureOf(retrier.run('Put Page', NEVER, failing([signInPage], true).operation))).message).toContain(
      'after 20 attempts',
    );
    expect(notices.map(({ delayMs }) => delayMs)).toEqual(new Array(19).fill(0));
    // A limit of time is one already.
    const stop = new AbortController();
    const delays: number[] = [];
    const patient = new Retrier(AT_ONCE, ({ delayMs }) => {
      delays.push(delayMs);
      stop.abort(new Error('seen'));
    });
    const busy = failure({ retryAfterMs: 1000, limit: { ms: HOUR_MS } });
    await failureOf(patient.run('Put Page', stop.signal, failing([busy]).operation));
    expect(delays).toEqual([1000]);
  });

  it('ends a delay at once on abort, with the reason unchanged', async () => {
    const stop = new AbortController();
    const reason = new Error('enough');
    const retrier = new Retrier(FOR_EVER, () => queueMicrotask(() => stop.abort(reason)));
    const { operation, calls } = failing([failure()], true);
    expect(await failureOf(retrier.run('Put Page', stop.signal, operation))).toBe(reason);
    expect(calls).toHaveLength(1);
  });

  it('throws the reason of the signal, not the error of the operation', async () => {
    const stop = new AbortController();
    const reason = new Error('enough');
    const { retrier } = watched();
    const running = retrier.run('Put Page', stop.signal, (signal) =>
      untilAborted(signal).catch(() => Promise.reject(failure())),
    );
    stop.abort(reason);
    expect(await failureOf(running)).toBe(reason);
  });

  it('does not start if the signal is already aborted', async () => {
    const reason = new Error('enough');
    const { operation, calls } = failing([]);
    expect(await failureOf(watched().retrier.run('Put Page', AbortSignal.abort(reason), operation))).toBe(reason);
    expect(calls).toEqual([]);
  });

  it('aborts an attempt that takes too long, and retries', async () => {
    const { retrier, notices } = watched({ ...AT_ONCE, attemptTimeoutMs: 1 });
    let tries = 0;
    const result = await retrier.run('Put Page 0+512', NEVER, (signal) => {
      tries += 1;
      return tries < 3 ? untilAborted(signal) : Promise.resolve('done');
    });
    expect(result).toBe('done');
    expect(notices.map(({ error }) => error.failure.reason)).toEqual(['AttemptTimeout', 'AttemptTimeout']);
    expect(notices[0]?.error.message).toContain('Put Page 0+512 took longer than');
  });

  it('uses a new signal for each attempt, and leaves no listener behind', async () => {
    const stop = new AbortController();
    const { operation, calls } = failing(new Array<Error>(5).fill(failure()));
    await watched().retrier.run('Put Page', stop.signal, operation);
    expect(new Set(calls).size).toBe(6);
    expect(calls).not.toContain(stop.signal);
    expect(getEventListeners(stop.signal, 'abort')).toHaveLength(0);
  });
});

describe('recovery', () => {
  it('sends the request again, which counts neither as a retry nor as an attempt', async () => {
    const retrier = new Retrier(
      { ...AT_ONCE, retries: 0 },
      () => undefined,
      () => Promise.resolve(true),
    );
    const { operation, calls } = failing(new Array<Error>(20).fill(new CredentialError('It has expired.')));
    expect(await retrier.run('Put Page 0+512', NEVER, operation)).toBe('done');
    expect(calls).toHaveLength(21);
    expect(retrier.retries).toBe(0);
  });

  it('applies only to permanent failures', async () => {
    const asked: unknown[] = [];
    const recover = (error: unknown) => {
      asked.push(error);
      return Promise.resolve(false);
    };
    const retrier = new Retrier(AT_ONCE, () => undefined, recover);
    const last = new DestinationError('It was replaced.');
    const { operation } = failing([failure(), failure(), last]);
    expect(await failureOf(retrier.run('Put Page 0+512', NEVER, operation))).toBe(last);
    expect(asked).toEqual([last]);
  });

  it('fails with the error of the recovery', async () => {
    const better = new CredentialError('Nobody gave another SAS.');
    const retrier = new Retrier(
      AT_ONCE,
      () => undefined,
      () => Promise.reject(better),
    );
    const { operation } = failing([new CredentialError('It has expired.')]);
    expect(await failureOf(retrier.run('Put Page 0+512', NEVER, operation))).toBe(better);
  });

  it('does not count towards giveUpAfterMs', async () => {
    vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
    const recover = () => {
      vi.advanceTimersByTime(24 * HOUR_MS);
      return Promise.resolve(true);
    };
    const retrier = new Retrier({ ...AT_ONCE, giveUpAfterMs: HOUR_MS }, () => undefined, recover);
    const { operation } = failing([new CredentialError('It has expired.'), failure()]);
    const result = retrier.run('Put Page 0+512', NEVER, operation);
    await vi.advanceTimersByTimeAsync(1000);
    expect(await result).toBe('done');
  });
});
