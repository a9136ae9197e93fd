import { describe, expect, it } from 'vitest';
import { LinkedAbort } from '../../src/base/linked-abort.ts';
import { Pacer, ServicePacer, TimedPacer } from '../../src/transfer/pacer.ts';
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
});

it.each([
  ['Pacer', () => new Pacer(1)],
  ['TimedPacer', () => new TimedPacer(10)],
] as const)('%s keeps to its rate, and aborts a wait with the reason of the signal', async (_, make) => {
  const pacer = make();
  await pacer.pass(1000, never);
  const stop = new AbortController();
  const waiting = failureOf(pacer.pass(1, stop.signal));
  const reason = new Error('enough');
  stop.abort(reason);
  expect(await waiting).toBe(reason);
});

describe('TimedPacer', () => {
  /** Local time. */
  const at = (hours: number, minutes = 0) => new Date(2026, 10, 2, hours, minutes).getTime();
  const timetable = [
    { minute: 8 * 60, rate: 1000 },
    { minute: 18 * 60, rate: 4000 },
  ];

  /** A pacer whose clocks the test moves. */
  function pacerAt(wallMs: number, limit: ConstructorParameters<typeof TimedPacer>[0] = timetable) {
    const now = { wallMs, steadyMs: 5000 };
    const rates: number[] = [];
    const clocks = { wall: () => now.wallMs, steady: () => now.steadyMs };
    const pass = (ms: number) => {
      now.wallMs += ms;
      now.steadyMs += ms;
    };
    return { pacer: new TimedPacer(limit, (rate) => rates.push(rate), clocks), now, pass, rates };
  }

  it('gives turns one after the other, at the rate of the time', () => {
    const { pacer, pass } = pacerAt(at(9));
    expect([pacer.turnOf(1000), pacer.turnOf(500), pacer.turnOf(1)]).toEqual([0, 1000, 1500]);
    pass(1500);
    expect(pacer.turnOf(1)).toBe(1);
  });

  it('knows a change that comes while callers wait', () => {
    const { pacer } = pacerAt(at(18) - 2000);
    // Two seconds at 1,000 bytes per second, then 4,000: the third turn comes after one more second.
    expect([pacer.turnOf(1000), pacer.turnOf(5000), pacer.turnOf(1)]).toEqual([0, 1000, 3000]);
  });

  it('uses the new rate after a change, and reports it once', () => {
    const { pacer, pass, rates } = pacerAt(at(17, 59));
    pacer.turnOf(1000);
    pass(60_000);
    expect([pacer.turnOf(4000), pacer.turnOf(1)]).toEqual([0, 1000]);
    expect(rates).toEqual([4000]);
  });

  it('does not stop when the time of day is set back', () => {
    const { pacer, now } = pacerAt(at(9));
    pacer.turnOf(1000);
    now.wallMs -= 3_600_000;
    now.steadyMs += 1000;
    expect(pacer.turnOf(1000)).toBe(0);
  });

  it('does not wait without a limit', () => {
    const { pacer } = pacerAt(at(9), Number.POSITIVE_INFINITY);
    expect([pacer.turnOf(2 ** 40), pacer.turnOf(2 ** 40)]).toEqual([0, 0]);
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
