import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ZeroRanges } from '../../../src/image/vhdx/zero-ranges.ts';

const range = fc.record({ offset: fc.nat(60), length: fc.integer({ min: 1, max: 12 }) });

describe('ZeroRanges', () => {
  it('behaves like a set of bytes, for any ranges in any order', () => {
    fc.assert(
      fc.property(fc.array(range, { maxLength: 20 }), range, (added, asked) => {
        const zeros = new ZeroRanges();
        const model = new Set<number>();
        for (const { offset, length } of added) {
          zeros.add({ offset, length });
          for (let byte = offset; byte < offset + length; byte++) model.add(byte);
        }
        const bytes = Array.from({ length: asked.length }, (_, index) => asked.offset + index);
        const within = [...zeros.within(asked)];
        const covered = within.flatMap(({ offset, length }) => Array.from({ length }, (_, index) => offset + index));
        expect(covered).toEqual(bytes.filter((byte) => model.has(byte)));
        expect(zeros.covers(asked)).toBe(bytes.every((byte) => model.has(byte)));
        for (const [index, { offset }] of within.entries()) {
          const before = within[index - 1];
          if (before !== undefined) expect(before.offset + before.length).toBeLessThan(offset);
        }
      }),
    );
  });
});
