// Validates the XML of a page list against the size of its blob. Source: REST, Get Page Ranges.
import { PAGE_SIZE } from '../../base/byte-range.ts';
import { printable } from '../../base/printable.ts';
import { redact } from '../../base/redact.ts';

const HEAD = /^\uFEFF?\s*(?:<\?xml[^<>]*\?>\s*)?<PageList(?:\s[^<>]*)?>\s*/;
const EMPTY = /^\uFEFF?\s*(?:<\?xml[^<>]*\?>\s*)?<PageList(?:\s[^<>]*)?\/>\s*$/;
const RANGE = /<PageRange>\s*<Start>(\d{1,16})<\/Start>\s*<End>(\d{1,16})<\/End>\s*<\/PageRange>\s*/y;
const TAIL = /(?:<NextMarker\s*\/>|<NextMarker>[^<>]*<\/NextMarker>)?\s*<\/PageList>\s*$/y;

/** How many characters of an invalid answer are shown. */
const SHOWN = 60;

/**
 * @param blobSize - In bytes; Infinity if the answer does not contain it.
 * @returns the problem, as half a sentence; undefined for a list of ascending ranges of whole pages inside the blob.
 */
export function checkPageList(xml: string, blobSize: number): string | undefined {
  if (EMPTY.test(xml)) return undefined;
  const head = HEAD.exec(xml);
  if (head === null) return `its answer is not a list of page ranges: it starts with ${excerpt(xml, 0)}`;
  let position = head[0].length;
  let endOfLast = 0;
  RANGE.lastIndex = position;
  for (let match = RANGE.exec(xml); match !== null; match = RANGE.exec(xml)) {
    const [start, end] = [Number(match[1]), Number(match[2])];
    const problem = problemOf(start, end, endOfLast, blobSize);
    if (problem !== undefined) return `its answer lists the bytes ${match[1]} to ${match[2]}, ${problem}`;
    endOfLast = end + 1;
    position = RANGE.lastIndex;
  }
  TAIL.lastIndex = position;
  if (TAIL.test(xml)) return undefined;
  return position >= xml.length
    ? 'its answer was cut off in the middle of the list'
    : `its answer is not a list of page ranges: after ${position} characters it contains ${excerpt(xml, position)}`;
}

function problemOf(start: number, end: number, endOfLast: number, blobSize: number): string | undefined {
  if (start % PAGE_SIZE !== 0 || (end + 1) % PAGE_SIZE !== 0 || end < start) return 'which are not whole pages';
  if (end >= blobSize) return `but the blob has ${blobSize} bytes`;
  if (start < endOfLast) return `after a range that ends at ${endOfLast}: the ranges must be in ascending order`;
  return undefined;
}

function excerpt(text: string, position: number): string {
  return `"${printable(redact(text.slice(position, position + SHOWN)))}"`;
}
