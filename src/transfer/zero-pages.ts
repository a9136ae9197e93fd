// Finds the runs of pages that are not zero: what has to be sent of a window.
import { alignDown, type ByteRange, PAGE_SIZE } from '../base/byte-range.ts';

/**
 * A gap of zero pages up to this length is sent with its neighbours, a longer one ends the run.
 * A gap is worth another request only if its bytes cost more than a request does (REQUEST_COST, 123 KiB at the limits of the
 * service). Half of that favours slow connections, where bytes are expensive and requests overlap.
 */
export const JOINED_GAP = 64 * 1024;

/** Compared natively as a whole before its pages are checked one by one. */
const BLOCK_SIZE = 64 * 1024;
const ZEROS = Buffer.alloc(4 * 1024 * 1024);
const WORDS_PER_PAGE = PAGE_SIZE / Uint32Array.BYTES_PER_ELEMENT;

/** Whether all bytes are zero. */
export function isZero(bytes: Uint8Array): boolean {
  for (let offset = 0; offset < bytes.length; offset += ZEROS.length) {
    const end = Math.min(offset + ZEROS.length, bytes.length);
    if (ZEROS.compare(bytes, offset, end, 0, end - offset) !== 0) return false;
  }
  return true;
}

/**
 * The runs of `bytes`: they start and end with a page that is not zero, cover every such page, and hold no gap of zero
 * pages longer than `joinedGap`. Offsets are relative to `bytes`, whose length is a multiple of 512 and whose memory is
 * 4-byte aligned.
 */
export function findRuns(bytes: Uint8Array, joinedGap: number = JOINED_GAP): ByteRange[] {
  const runs: ByteRange[] = [];
  if (isZero(bytes)) return runs;
  // No gap inside of a piece is longer than what is joined: only its first and its last page that is not zero matter.
  const pieceSize = Math.min(Math.max(PAGE_SIZE, alignDown(joinedGap, PAGE_SIZE)), BLOCK_SIZE);
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / Uint32Array.BYTES_PER_ELEMENT);
  let start = -1;
  let end = -1;
  for (let block = 0; block < bytes.length; block += BLOCK_SIZE) {
    const blockEnd = Math.min(block + BLOCK_SIZE, bytes.length);
    if (isZero(bytes.subarray(block, blockEnd))) continue;
    for (let piece = block; piece < blockEnd; piece += pieceSize) {
      let first = piece;
      let last = Math.min(piece + pieceSize, blockEnd) - PAGE_SIZE;
      while (first <= last && isZeroPage(words, first)) first += PAGE_SIZE;
      if (first > last) continue;
      while (isZeroPage(words, last)) last -= PAGE_SIZE;
      if (start < 0) {
        start = first;
      } else if (first - end > joinedGap) {
        runs.push({ offset: start, length: end - start });
        start = first;
      }
      end = last + PAGE_SIZE;
    }
  }
  if (start >= 0) runs.push({ offset: start, length: end - start });
  return runs;
}

function isZeroPage(words: Uint32Array, page: number): boolean {
  const first = page / Uint32Array.BYTES_PER_ELEMENT;
  for (let index = first; index < first + WORDS_PER_PAGE; index++) {
    if (words[index] !== 0) return false;
  }
  return true;
}
