import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { alignDown, alignUp, endOf } from '../../src/base/byte-range.ts';

const anyUnit = fc.constantFrom(512, 4096, 1024 * 1024, 4 * 1024 * 1024);
const anyPosition = fc.oneof(fc.nat(10_000), fc.integer({ min: 0, max: 2 ** 52 }));

describe('alignDown and alignUp', () => {
  it('return the multiples of the unit on both sides, exactly, up to 2^52', () => {
    fc.assert(
      fc.property(anyPosition, anyUnit, (value, unit) => {
        const [below, above] = [alignDown(value, unit), alignUp(value, unit)];
        expect(below % unit).toBe(0);
        expect(above % unit).toBe(0);
        expect(below).toBeLessThanOrEqual(value);
        expect(above).toBeGreaterThanOrEqual(value);
        expect(above - below).toBe(value % unit === 0 ? 0 : unit);
      }),
    );
  });
});

describe('endOf', () => {
  it('is the first byte after the range', () => {
    expect(endOf({ offset: 512, length: 1024 })).toBe(1536);
    expect(endOf({ offset: 512, length: 0 })).toBe(512);
  });
});
