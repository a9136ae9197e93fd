import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ByteRange, endOf, PAGE_SIZE } from '../../src/base/byte-range.ts';
import { bytesOf } from '../../src/base/range-list.ts';
import { splitWindow } from '../../src/transfer/split-window.ts';
import { findRuns } from '../../src/transfer/zero-pages.ts';

const OFFSET = 8 * PAGE_SIZE;

/** Pages that all hold one byte each. */
function bytesOfPages(pages: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(pages.length * PAGE_SIZE);
  for (const [index, value] of pages.entries()) bytes.fill(value, index * PAGE_SIZE, (index + 1) * PAGE_SIZE);
  return bytes;
}

/** The ranges of consecutive marked pages, in bytes of the target. */
function rangesOf(marks: readonly boolean[]): ByteRange[] {
  const ranges: { offset: number; length: number }[] = [];
  for (const [index, isMarked] of marks.entries()) {
    const offset = OFFSET + index * PAGE_SIZE;
    const last = ranges.at(-1);
    if (!isMarked) continue;
    if (last !== undefined && endOf(last) === offset) last.length += PAGE_SIZE;
    else ranges.push({ offset, length: PAGE_SIZE });
  }
  return ranges;
}

/** The page of each range, in the window. */
function pagesOf({ offset, length }: ByteRange): number[] {
  return Array.from({ length: length / PAGE_SIZE }, (_, page) => (offset - OFFSET) / PAGE_SIZE + page);
}

function split(wanted: readonly number[], base: readonly number[], listed: readonly boolean[], gapPages: number) {
  const wantedBytes = bytesOfPages(wanted);
  const joinedGap = gapPages * PAGE_SIZE;
  const runs = findRuns(wantedBytes, joinedGap).map(({ offset, length }) => ({ offset: OFFSET + offset, length }));
  const window = { offset: OFFSET, length: wantedBytes.length };
  const pieces = splitWindow({
    ...{ window, runs, joinedGap },
    ...{ wanted: wantedBytes, base: bytesOfPages(base), listed: rangesOf(listed) },
  });
  return { runs, pieces };
}

/** One page of the window: what it must hold, what the base holds, whether the target lists it. Pages with data are listed. */
const page = fc
  .record({ wanted: fc.nat(2), base: fc.nat(2), lists: fc.boolean() })
  .map(({ wanted, base, lists }) => ({ wanted, base, isListed: lists || base > 0 }));

describe('splitWindow', () => {
  it('leaves exactly the wanted bytes and the wanted page list', () => {
    const window = fc.array(page, { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(window, fc.nat(4), (pages, gapPages) => {
        const wanted = pages.map((one) => one.wanted);
        const listed = pages.map((one) => one.isListed);
        const { runs, pieces } = split(
          wanted,
          pages.map((one) => one.base),
          listed,
          gapPages,
        );
        const held = pages.map((one) => one.base);
        const lists = [...listed];
        for (const piece of pieces) {
          for (const index of pagesOf(piece)) {
            if (piece.fate === 'keep') expect(lists[index]).toBe(true);
            else held[index] = piece.fate === 'send' ? (wanted[index] ?? 0) : 0;
            if (piece.fate !== 'keep') lists[index] = piece.fate === 'send';
          }
        }
        expect(held).toEqual(wanted);
        expect(rangesOf(lists)).toEqual(runs);
        const covered = pieces.filter(({ fate }) => fate !== 'clear');
        expect(bytesOf(covered)).toBe(bytesOf(runs));
        expect(pieces.map(({ offset }) => offset)).toEqual(pieces.map(({ offset }) => offset).sort((a, b) => a - b));
      }),
    );
  });

  it('sends a short gap between two changes along, and keeps a long one', () => {
    const all = Array.from({ length: 8 }, () => true);
    const fates = (gap: number) =>
      split([2, 1, 1, 2, 1, 1, 1, 2], [1, 1, 1, 1, 1, 1, 1, 1], all, gap).pieces.map(({ fate, length }) => [
        fate,
        length / PAGE_SIZE,
      ]);
    expect(fates(2)).toEqual([
      ['send', 4],
      ['keep', 3],
      ['send', 1],
    ]);
  });

  it('compares bytes, not pages, and finds one changed byte in a long run', () => {
    const wanted = new Uint8Array(256 * 1024).fill(7);
    const base = wanted.slice();
    base[200_000] = 8;
    const window = { offset: 0, length: wanted.length };
    const pieces = splitWindow({ window, wanted, base, runs: [window], listed: [window] });
    expect(pieces.filter(({ fate }) => fate === 'send')).toEqual([{ offset: 199_680, length: 512, fate: 'send' }]);
  });
});
