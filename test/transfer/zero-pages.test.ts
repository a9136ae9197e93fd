import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ByteRange, endOf, PAGE_SIZE } from '../../src/base/byte-range.ts';
import { findRuns, isZero, JOINED_GAP } from '../../src/transfer/zero-pages.ts';

/** Marks pages with one non-zero byte anywhere in the page. */
function bytesWith(pages: number, marked: readonly number[], byteInPage: number): Uint8Array {
  const bytes = new Uint8Array(pages * PAGE_SIZE);
  for (const page of marked) bytes[page * PAGE_SIZE + byteInPage] = 1 + (page % 255);
  return bytes;
}

/** The definition, page by page: a run ends before a gap of zeros longer than `joinedGap`. */
function runsByDefinition(bytes: Uint8Array, joinedGap: number): ByteRange[] {
  const runs: ByteRange[] = [];
  for (let offset = 0; offset < bytes.length; offset += PAGE_SIZE) {
    if (bytes.subarray(offset, offset + PAGE_SIZE).every((byte) => byte === 0)) continue;
    const last = runs.at(-1);
    if (last !== undefined && offset - endOf(last) <= joinedGap) {
      runs[runs.length - 1] = { offset: last.offset, length: offset + PAGE_SIZE - last.offset };
    } else runs.push({ offset, length: PAGE_SIZE });
  }
  return runs;
}

describe('findRuns', () => {
  it('matches the definition for any pages and any joined gap', () => {
    const anyPages = fc
      .integer({ min: 1, max: 600 })
      .chain((pages) =>
        fc.record({ pages: fc.constant(pages), marked: fc.array(fc.nat(pages - 1), { maxLength: 40 }) }),
      );
    const anyGap = fc.constantFrom(0, PAGE_SIZE, 3 * PAGE_SIZE, 4096, JOINED_GAP, 2 * JOINED_GAP);
    fc.assert(
      fc.property(anyPages, fc.nat(PAGE_SIZE - 1), anyGap, ({ pages, marked }, byteInPage, joinedGap) => {
        const bytes = bytesWith(pages, marked, byteInPage);
        expect(findRuns(bytes, joinedGap)).toEqual(runsByDefinition(bytes, joinedGap));
      }),
    );
  });

  it('joins a gap of 64 KiB, but not a gap of one more page', () => {
    const gapPages = JOINED_GAP / PAGE_SIZE;
    expect(JOINED_GAP).toBe(64 * 1024);
    expect(findRuns(bytesWith(600, [100, 101 + gapPages], 0))).toEqual([
      { offset: 100 * PAGE_SIZE, length: (2 + gapPages) * PAGE_SIZE },
    ]);
    expect(findRuns(bytesWith(600, [100, 102 + gapPages], 0))).toEqual([
      { offset: 100 * PAGE_SIZE, length: PAGE_SIZE },
      { offset: (102 + gapPages) * PAGE_SIZE, length: PAGE_SIZE },
    ]);
  });

  it('returns one run for a full window', () => {
    expect(findRuns(new Uint8Array(4 * 1024 * 1024).fill(7))).toEqual([{ offset: 0, length: 4 * 1024 * 1024 }]);
  });

  it('returns no runs for zeros and for no bytes', () => {
    expect(findRuns(new Uint8Array(4 * 1024 * 1024))).toEqual([]);
    expect(findRuns(new Uint8Array(0))).toEqual([]);
  });

  it('reads only its own part of a larger buffer', () => {
    const whole = new Uint8Array(4 * PAGE_SIZE).fill(9);
    whole.fill(0, PAGE_SIZE, 2 * PAGE_SIZE);
    expect(findRuns(whole.subarray(PAGE_SIZE, 3 * PAGE_SIZE))).toEqual([{ offset: PAGE_SIZE, length: PAGE_SIZE }]);
  });
});

describe('isZero', () => {
  it('detects a single byte anywhere, also beyond 4 MiB', () => {
    const length = 4 * 1024 * 1024 + 1024;
    const bytes = new Uint8Array(length);
    expect(isZero(bytes)).toBe(true);
    for (const at of [0, 1, 511, 512, 4 * 1024 * 1024 - 1, 4 * 1024 * 1024, length - 1]) {
      bytes[at] = 0x80;
      expect(isZero(bytes)).toBe(false);
      bytes[at] = 0;
    }
  });

  it('is true for no bytes', () => {
    expect(isZero(new Uint8Array(0))).toBe(true);
  });
});
