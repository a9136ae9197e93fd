import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SparsePages, StoredBlob, WrittenRanges } from './store.ts';

const TIB = 1024 ** 4;

describe('WrittenRanges', () => {
  it('merges adjacent ranges and splits around removed ones', () => {
    const ranges = new WrittenRanges();
    ranges.add({ offset: 1024, length: 512 });
    ranges.add({ offset: 0, length: 512 });
    ranges.add({ offset: 512, length: 512 });
    expect(ranges.within({ offset: 0, length: 4096 })).toEqual([{ offset: 0, length: 1536 }]);
    ranges.remove({ offset: 512, length: 512 });
    expect(ranges.count).toBe(2);
  });

  it('agrees with one flag per page, whatever is added and removed', () => {
    const pages = 40;
    const change = fc.record({ add: fc.boolean(), offset: fc.nat(pages - 1), length: fc.integer({ min: 1, max: 12 }) });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), fc.nat(pages), fc.nat(pages), (changes, from, length) => {
        const ranges = new WrittenRanges();
        const flags = new Array<boolean>(pages + 12).fill(false);
        for (const { add, ...range } of changes) {
          if (add) ranges.add(range);
          else ranges.remove(range);
          flags.fill(add, range.offset, range.offset + range.length);
        }
        const expected: { offset: number; length: number }[] = [];
        for (let at = from; at < from + length; at++) {
          const last = expected.at(-1);
          if (!flags[at]) continue;
          if (last !== undefined && last.offset + last.length === at) last.length += 1;
          else expected.push({ offset: at, length: 1 });
        }
        expect(ranges.within({ offset: from, length })).toEqual(expected);
      }),
    );
  });
});

describe('SparsePages', () => {
  it('agrees with a plain buffer, whatever is written and cleared', () => {
    const size = 300_000;
    const change = fc.record({
      clear: fc.boolean(),
      offset: fc.nat(size - 1),
      length: fc.nat(150_000),
      value: fc.nat(2),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
        const pages = new SparsePages(false);
        const plain = Buffer.alloc(size);
        for (const { clear, offset, value, ...rest } of changes) {
          const length = Math.min(rest.length, size - offset);
          if (clear) pages.clear({ offset, length });
          else pages.write(offset, Buffer.alloc(length, value));
          plain.fill(clear ? 0 : value, offset, offset + length);
        }
        expect(pages.read({ offset: 0, length: size }).equals(plain)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('keeps nothing if it discards', () => {
    const pages = new SparsePages(true);
    pages.write(0, Buffer.alloc(512, 1));
    expect(pages.read({ offset: 0, length: 512 }).equals(Buffer.alloc(512))).toBe(true);
  });
});

describe('StoredBlob', () => {
  it('supports a blob of 1 TiB', () => {
    const blob = new StoredBlob('PageBlob', TIB, new Date(), false);
    blob.write(TIB - 512, Buffer.alloc(512, 1));
    blob.markWritten({ offset: TIB - 512, length: 512 });
    expect(blob.ranges()).toEqual([{ offset: TIB - 512, length: 512 }]);
    expect(
      blob
        .read(TIB - 1024, 1024)
        .subarray(512)
        .equals(Buffer.alloc(512, 1)),
    ).toBe(true);
  });
});
