// Parses and validates the XML of a page list. Source: REST, Get Page Ranges. For 10,000 ranges, the SDK's parser of XML takes 120 ms
// instead of 4 ms, and 20 MiB instead of 5.
import { type ByteRange, PAGE_SIZE } from '../../base/byte-range.ts';
import { printable } from '../../base/printable.ts';
import { redact } from '../../base/redact.ts';
import type { PageRangeList } from '../../target/page-store.ts';

const HEAD = /^\uFEFF?\s*(?:<\?xml[^<>]*\?>\s*)?<PageList(?:\s[^<>]*)?>\s*/;
const EMPTY = /^\uFEFF?\s*(?:<\?xml[^<>]*\?>\s*)?<PageList(?:\s[^<>]*)?\/>\s*$/;
const RANGE = /<PageRange>\s*<Start>(\d{1,16})<\/Start>\s*<End>(\d{1,16})<\/End>\s*<\/PageRange>\s*/y;
const TAIL = /(?:<NextMarker\s*\/>|<NextMarker>([^<>]*)<\/NextMarker>)?\s*<\/PageList>\s*$/y;

/** The characters that XML writes as entities. The service declares no others. */
const ENTITIES = new Map([
  ['&lt;', '<'],
  ['&gt;', '>'],
  ['&quot;', '"'],
  ['&apos;', "'"],
  ['&amp;', '&'],
]);

/** How many characters of an invalid answer are shown. */
const SHOWN = 60;

/**
 * @param blobSize - In bytes; Infinity or NaN if the answer does not contain it.
 * @returns the problem, as half a sentence, unless it is a list of ascending ranges of whole pages inside the blob.
 */
export function parsePageList(xml: string, blobSize: number): PageRangeList | { readonly problem: string } {
  if (EMPTY.test(xml)) return { ranges: [], marker: undefined };
  const head = HEAD.exec(xml);
  if (head === null) return { problem: `its answer is not a list of page ranges: it starts with ${excerpt(xml, 0)}` };
  let position = head[0].length;
  let endOfLast = 0;
  const ranges: ByteRange[] = [];
  RANGE.lastIndex = position;
  for (let match = RANGE.exec(xml); match !== null; match = RANGE.exec(xml)) {
    const [start, end] = [Number(match[1]), Number(match[2])];
    const problem = problemOf(start, end, endOfLast, blobSize);
    if (problem !== undefined) return { problem: `its answer lists the bytes ${match[1]} to ${match[2]}, ${problem}` };
    endOfLast = end + 1;
    ranges.push({ offset: start, length: endOfLast - start });
    position = RANGE.lastIndex;
  }
  TAIL.lastIndex = position;
  const tail = TAIL.exec(xml);
  if (tail !== null) return { ranges, marker: tail[1]?.replace(/&\w+;/g, decodeEntity) || undefined };
  return {
    problem:
      position >= xml.length
        ? 'its answer was cut off in the middle of the list'
        : `its answer is not a list of page ranges: after ${position} characters it contains ${excerpt(xml, position)}`,
  };
}

function decodeEntity(entity: string): string {
  return ENTITIES.get(entity) ?? entity;
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
