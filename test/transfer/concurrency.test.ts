import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AdaptiveConcurrency } from '../../src/transfer/concurrency.ts';

const MIB = 1024 * 1024;
const REQUEST = 4 * MIB;

interface Service {
  /** The throughput of all connections together. */
  readonly bytesPerSecond: number;
  /** The shortest duration of a request. */
  readonly latencyMs: number;
}

/** Keeps the allowed number of requests in flight, in virtual time. */
function simulate(
  service: Service,
  max: number,
  seconds: number,
  onEachRequest?: (nowMs: number, control: AdaptiveConcurrency) => void,
) {
  let nowMs = 0;
  let lineFreeMs = 0;
  const history: { readonly nowMs: number; readonly concurrency: number }[] = [];
  const control = new AdaptiveConcurrency(max, (concurrency) => history.push({ nowMs, concurrency }), nowMs);
  const inFlight: { readonly startMs: number; readonly endMs: number }[] = [];
  let bytes = 0;
  let longestMs = 0;
  while (nowMs < seconds * 1000) {
    while (inFlight.length < control.current) {
      lineFreeMs = Math.max(lineFreeMs, nowMs) + (REQUEST * 1000) / service.bytesPerSecond;
      inFlight.push({ startMs: nowMs, endMs: lineFreeMs + service.latencyMs });
    }
    inFlight.sort((a, b) => b.endMs - a.endMs);
    const done = inFlight.pop();
    if (done === undefined) break;
    nowMs = done.endMs;
    bytes += REQUEST;
    if (nowMs > (seconds * 1000) / 2) longestMs = Math.max(longestMs, done.endMs - done.startMs);
    onEachRequest?.(nowMs, control);
    control.acknowledged(REQUEST, done.endMs - done.startMs, nowMs);
  }
  return { history, rate: (bytes * 1000) / nowMs, longestMs, last: control.current };
}

describe('AdaptiveConcurrency', () => {
  it('starts with four, and doubles while throughput grows', () => {
    const { history } = simulate({ bytesPerSecond: 1000 * MIB, latencyMs: 200 }, 64, 30);
    expect(history.slice(0, 4).map(({ concurrency }) => concurrency)).toEqual([4, 8, 16, 32]);
  });

  it('undoes an increase without gain', () => {
    const { last, rate } = simulate({ bytesPerSecond: 60 * MIB, latencyMs: 30 }, 64, 120);
    expect(last).toBeLessThanOrEqual(16);
    expect(rate).toBeGreaterThan(0.97 * 60 * MIB);
  });

  it('decreases on a slow connection until requests finish in time, without losing throughput', () => {
    const { last, rate, longestMs } = simulate({ bytesPerSecond: 0.5 * MIB, latencyMs: 40 }, 64, 1200);
    expect(last).toBeLessThanOrEqual(2);
    expect(longestMs).toBeLessThan(20_000);
    expect(rate).toBeGreaterThan(0.95 * 0.5 * MIB);
  });

  it('does not decrease permanently when the service is slow but the connection is not', () => {
    const { last, rate } = simulate({ bytesPerSecond: 1000 * MIB, latencyMs: 10_000 }, 64, 3600);
    expect(last).toBe(4);
    expect(rate).toBeGreaterThan(0.75 * 4 * REQUEST * 0.1);
  });

  it('halves on overload, once for requests that were in flight together, never below one', () => {
    const seen: number[] = [];
    const control = new AdaptiveConcurrency(64, (concurrency) => seen.push(concurrency), 0);
    control.overloaded(10);
    control.overloaded(20);
    expect(seen).toEqual([4, 2]);
    control.overloaded(2000);
    control.overloaded(4000);
    expect(control.current).toBe(1);
  });

  it('increases again after an overload', () => {
    let struck = 0;
    const { history, last } = simulate({ bytesPerSecond: 1000 * MIB, latencyMs: 100 }, 32, 400, (nowMs, control) => {
      if (nowMs > 20_000 && nowMs < 30_000) {
        struck += 1;
        control.overloaded(nowMs);
      }
    });
    expect(struck).toBeGreaterThan(0);
    expect(Math.min(...history.map(({ concurrency }) => concurrency))).toBe(1);
    expect(last).toBeGreaterThan(8);
  });

  it('always stays between one and its maximum', () => {
    const event = fc.record({
      kind: fc.constantFrom('ok', 'overload'),
      bytes: fc.nat(REQUEST),
      ms: fc.nat(60_000),
      stepMs: fc.nat(5000),
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 }), fc.array(event, { maxLength: 300 }), (max, events) => {
        let nowMs = 0;
        const control = new AdaptiveConcurrency(
          max,
          (concurrency) => expect(concurrency >= 1 && concurrency <= max).toBe(true),
          0,
        );
        for (const { kind, bytes, ms, stepMs } of events) {
          nowMs += stepMs;
          if (kind === 'ok') control.acknowledged(bytes, ms, nowMs);
          else control.overloaded(nowMs);
        }
        expect(Number.isInteger(control.current)).toBe(true);
      }),
    );
  });
});
