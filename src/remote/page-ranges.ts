// Lists the page ranges of a blob lazily, because a blob may have millions.

import { type ByteRange, endOf } from '../base/byte-range.ts';
import { ServiceError } from '../errors.ts';
import type { RetryingPageStore } from './retrying-page-store.ts';

/** Consecutive empty answers that name a next one. The service may send some, but must not do so forever. */
const MAX_EMPTY_LISTS = 100;

/** Larger than any blob or disk: 1 PiB. */
const END_OF_ALL = 2 ** 50;

/**
 * Yields the ranges that were written and not cleared since, ascending and with gaps between them. All other pages read as zeros.
 * Where the target does not list its pages (`isListUnknown`), everything that is not known yet is one range without end.
 * @throws {ServiceError} retries are exhausted, or the list does not ascend or does not end.
 */
export async function* listedRanges(
  store: Pick<RetryingPageStore, 'pageRanges'>,
  signal: AbortSignal,
): AsyncGenerator<ByteRange> {
  let marker: string | undefined;
  let last: ByteRange | undefined;
  let emptyLists = 0;
  do {
    const list = await store.pageRanges(marker, signal);
    if (list === undefined) {
      const { offset, length } = last ?? { offset: 0, length: 0 };
      if (length > 0) yield { offset, length };
      yield { offset: offset + length, length: END_OF_ALL - offset - length };
      return;
    }
    for (const range of list.ranges) {
      if (last === undefined) {
        last = range;
      } else if (range.offset < endOf(last)) {
        throw new ServiceError(
          `Get Page Ranges failed: ${range.offset}+${range.length} is listed after ${last.offset}+${last.length}, but the list must ascend.`,
          { reason: 'PageRangeOrder', transient: false },
        );
      } else if (range.offset === endOf(last)) {
        // Azurite lists each write separately, and the service may split a range between two answers.
        last = { offset: last.offset, length: last.length + range.length };
      } else {
        yield last;
        last = range;
      }
    }
    emptyLists = list.ranges.length === 0 ? emptyLists + 1 : 0;
    if (list.marker !== undefined && (list.marker === marker || emptyLists > MAX_EMPTY_LISTS)) {
      throw new ServiceError(
        `Get Page Ranges failed: the list of the service does not end. ${last === undefined ? 'It lists nothing' : `It lists nothing after ${last.offset}+${last.length}`}, but each answer names a next one.`,
        { reason: 'PageRangeProgress', transient: false },
      );
    }
    marker = list.marker;
  } while (marker !== undefined);
  if (last !== undefined) yield last;
}
