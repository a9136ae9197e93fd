// Finds the runs of non-zero pages: the parts of a window that have to be sent.
import { alignDown, type ByteRange, PAGE_SIZE } from '../base/byte-range.ts';

/**
 * A gap of zero pages up to this length is sent together with its neighbours; a longer gap ends the run.
 * A gap justifies another request only if its bytes cost more than a request (REQUEST_COST, 123 KiB at the limits of the
 * service). Half of that favours slow connections, where bytes are expensive and requests overlap.
 */
export const JOINED_GAP = 64 * 1024;

/** The size of a block, which is compared natively before its pages are checked one by one. */
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
 * The runs of `bytes`: they start and end with a non-zero page, cover every such page, and contain no gap of zero pages longer than
 * `joinedGap`. Offsets are relative to `bytes`, whose length must be a multiple of 512 and whose memory must be 4-byte aligned.
 */
export function findRuns(bytes: Uint8Array, joinedGap: number = JOINED_GAP): ByteRange[] {
  const runs: ByteRange[] = [];
  if (isZero(bytes)) return runs;
  // Every gap inside of a piece is short enough to be joined: only the first and last non-zero page of a piece matter.
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
