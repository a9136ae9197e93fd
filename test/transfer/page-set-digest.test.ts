import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ByteRange, PAGE_SIZE } from '../../src/base/byte-range.ts';
import { PageSetDigest } from '../../src/transfer/page-set-digest.ts';

const LAST_PAGE = (64 * 2 ** 40) / PAGE_SIZE - 1;

/** Page numbers: adjacent ones, ones around 32-bit overflows, and any in 64 TiB. */
const anyPage = fc.oneof(
  fc.nat(40),
  fc.integer({ min: 2 ** 32 / PAGE_SIZE - 20, max: 2 ** 32 / PAGE_SIZE + 20 }),
  fc.integer({ min: 2 ** 31 / PAGE_SIZE - 20, max: 2 ** 31 / PAGE_SIZE + 20 }),
  fc.integer({ min: 0, max: LAST_PAGE }),
);
const anyPages = fc.uniqueArray(anyPage, { maxLength: 60 });

function digestOf(ranges: readonly ByteRange[]): PageSetDigest {
  const digest = new PageSetDigest();
  for (const range of ranges) digest.add(range);
  return digest;
}

function singly(pages: readonly number[]): ByteRange[] {
  return pages.map((page) => ({ offset: page * PAGE_SIZE, length: PAGE_SIZE }));
}

/** The same pages in ranges as long as possible, some of them split at `cuts`. */
function grouped(pages: readonly number[], cuts: readonly number[]): ByteRange[] {
  const ranges: ByteRange[] = [];
  for (const page of [...pages].sort((one, other) => one - other)) {
    const last = ranges.at(-1);
    const offset = page * PAGE_SIZE;
    if (last !== undefined && last.offset + last.length === offset && !cuts.includes(page % 7)) {
      ranges[ranges.length - 1] = { offset: last.offset, length: last.length + PAGE_SIZE };
    } else ranges.push({ offset, length: PAGE_SIZE });
  }
  return ranges;
}

describe('PageSetDigest', () => {
  it('depends neither on the order of the ranges nor on their grouping', () => {
    fc.assert(
      fc.property(anyPages, fc.array(fc.nat(6)), (pages, cuts) => {
        const one = digestOf(singly(pages));
        const other = digestOf(grouped(pages, cuts).reverse());
        expect(other.toString()).toBe(one.toString());
        expect(other.equals(one)).toBe(true);
        expect(one.bytes).toBe(pages.length * PAGE_SIZE);
      }),
    );
  });

  it('differs for different sets', () => {
    fc.assert(
      fc.property(anyPages, anyPages, (one, other) => {
        const isSame = one.length === other.length && one.every((page) => other.includes(page));
        const [first, second] = [digestOf(singly(one)), digestOf(singly(other))];
        expect(first.equals(second)).toBe(isSame);
        expect(first.toString() === second.toString()).toBe(isSame);
      }),
    );
  });

  it('distinguishes a page from its neighbours and from the page 4 GiB further', () => {
    fc.assert(
      fc.property(
        anyPages,
        fc.nat(59),
        fc.constantFrom(1, -1, 2 ** 32 / PAGE_SIZE, 2 ** 33 / PAGE_SIZE),
        (pages, at, by) => {
          const page = pages[at];
          const moved = (page ?? 0) + by;
          fc.pre(page !== undefined && moved >= 0 && !pages.includes(moved));
          const others = pages.map((each) => (each === page ? moved : each));
          expect(digestOf(singly(others)).equals(digestOf(singly(pages)))).toBe(false);
        },
      ),
    );
  });

  it('has no collision among all runs within the first 300 pages', () => {
    const seen = new Set<string>();
    let runs = 0;
    for (let first = 0; first < 300; first++) {
      for (let end = first + 1; end <= 300; end++) {
        seen.add(digestOf([{ offset: first * PAGE_SIZE, length: (end - first) * PAGE_SIZE }]).toString());
        runs += 1;
      }
    }
    expect(seen.size).toBe(runs);
  });

  it('distinguishes the two halves of a 64 TiB disk', () => {
    const half = 32 * 2 ** 40;
    const low = digestOf([{ offset: 0, length: half }]);
    const high = digestOf([{ offset: half, length: half }]);
    expect(low.bytes).toBe(high.bytes);
    expect(low.equals(high)).toBe(false);
  });

  it('continues after it was restored from its text and size', () => {
    fc.assert(
      fc.property(anyPages, fc.nat(60), (pages, cut) => {
        const before = digestOf(singly(pages.slice(0, cut)));
        const after = PageSetDigest.from(before.toString(), before.bytes);
        for (const range of singly(pages.slice(cut))) after.add(range);
        expect(after.equals(digestOf(singly(pages)))).toBe(true);
      }),
    );
  });

  it('is 16 hexadecimal digits, all zero for the empty set', () => {
    expect(new PageSetDigest().toString()).toBe('0'.repeat(16));
    fc.assert(
      fc.property(anyPages, (pages) => {
        expect(digestOf(singly(pages)).toString()).toMatch(/^[0-9a-f]{16}$/);
      }),
    );
  });

  it('adds a range to a copy with `with`, and does not change', () => {
    const set = digestOf(singly([1, 2]));
    const text = set.toString();
    const more = set.with({ offset: 3 * PAGE_SIZE, length: PAGE_SIZE });
    expect(more.equals(digestOf(singly([1, 2, 3])))).toBe(true);
    expect(set.toString()).toBe(text);
    expect(set.bytes).toBe(2 * PAGE_SIZE);
  });

  it('ignores an empty range', () => {
    const set = digestOf(singly([1]));
    const text = set.toString();
    set.add({ offset: 0, length: 0 });
    expect(set.toString()).toBe(text);
  });
});
