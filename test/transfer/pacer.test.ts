import { describe, expect, it } from 'vitest';
import { LinkedAbort } from '../../src/base/linked-abort.ts';
import { Pacer, ServicePacer } from '../../src/transfer/pacer.ts';
import { failureOf } from '../support/vhd-fixtures.ts';

/** Many callers wait with the same signal, as in a transfer. */
const never = new LinkedAbort(new AbortController().signal).signal;

describe('Pacer', () => {
  it('admits everything at once without a limit', async () => {
    const pacer = new Pacer(Number.POSITIVE_INFINITY);
    for (let index = 0; index < 1000; index++) await pacer.pass(2 ** 40, never);
  });

  it('keeps to its rate for many simultaneous callers, first come, first served', async () => {
    const pacer = new Pacer(100_000);
    const startMs = performance.now();
    const order: number[] = [];
    await Promise.all(Array.from({ length: 21 }, (_, index) => pacer.pass(1000, never).then(() => order.push(index))));
    // The first one does not wait: twenty times 1,000 units at 100,000 units per second.
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(195);
    expect(order).toEqual(Array.from({ length: 21 }, (_, index) => index));
  });

  it('aborts a wait with the reason of the signal', async () => {
    const pacer = new Pacer(1);
    await pacer.pass(1000, never);
    const stop = new AbortController();
    const waiting = failureOf(pacer.pass(1, stop.signal));
    const reason = new Error('enough');
    stop.abort(reason);
    expect(await waiting).toBe(reason);
  });
});

describe('ServicePacer', () => {
  it('delays nothing before the service is busy for the first time', async () => {
    const pacer = new ServicePacer();
    for (let index = 0; index < 1000; index++) {
      await pacer.pass(4 * 1024 * 1024, never);
      pacer.acknowledged(4 * 1024 * 1024);
    }
  });

  it('delays nothing if the service is busy before it has acknowledged anything', async () => {
    const pacer = new ServicePacer();
    pacer.busy();
    for (let index = 0; index < 1000; index++) await pacer.pass(4 * 1024 * 1024, never);
  });
});
