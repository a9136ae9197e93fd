import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RateBins } from '../../src/report/rate-bins.ts';

describe('RateBins', () => {
  it('counts by interval', () => {
    const bins = new RateBins();
    bins.add(1000, 5, 0);
    bins.add(1200, 5, 1);
    bins.add(1600, 7, 0);
    expect(bins.facts).toEqual({ intervalMs: 250, startedAt: 1000, bytes: [10, 0, 7], faults: [1, 0, 0] });
  });

  it('knows nothing without events', () => {
    expect(new RateBins().facts).toBeUndefined();
  });

  it('loses nothing, and stays small, however long a run takes and whatever its clock does', () => {
    const events = fc.array(fc.record({ time: fc.nat(4_000_000_000), bytes: fc.nat(100), faults: fc.nat(2) }), {
      minLength: 1,
    });
    fc.assert(
      fc.property(events, (all) => {
        const bins = new RateBins();
        for (const { time, bytes, faults } of all) bins.add(time, bytes, faults);
        const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
        const facts = bins.facts;
        expect(facts?.bytes.length).toBeLessThanOrEqual(120);
        expect(sum(facts?.bytes ?? [])).toBe(sum(all.map(({ bytes }) => bytes)));
        expect(sum(facts?.faults ?? [])).toBe(sum(all.map(({ faults }) => faults)));
      }),
    );
  });
});
