// The page ranges of a blob as the service lists them, lazily: a blob may have millions.

import { type ByteRange, endOf } from '../base/byte-range.ts';
import { ServiceError } from '../errors.ts';
import type { RetryingPageStore } from './retrying-page-store.ts';

/**
 * The ranges that were written and not cleared since: ascending, and apart from one another. All else reads as zeros.
 * @throws {ServiceError} retries used up, or a list that does not ascend.
 */
export async function* listedRanges(
  store: Pick<RetryingPageStore, 'pageRanges'>,
  signal: AbortSignal,
): AsyncGenerator<ByteRange> {
  let marker: string | undefined;
  let last: ByteRange | undefined;
  do {
    const list = await store.pageRanges(marker, signal);
    for (const range of list.ranges) {
      if (last === undefined) {
        last = range;
      } else if (range.offset < endOf(last)) {
        throw new ServiceError(
          `Get Page Ranges failed: ${range.offset}+${range.length} is listed after ${last.offset}+${last.length}, but the list must ascend.`,
          { reason: 'PageRangeOrder', transient: false },
        );
      } else if (range.offset === endOf(last)) {
        // Azurite lists each write by itself, and a list of the service may be cut anywhere.
        last = { offset: last.offset, length: last.length + range.length };
      } else {
        yield last;
        last = range;
      }
    }
    marker = list.marker;
  } while (marker !== undefined);
  if (last !== undefined) yield last;
}
