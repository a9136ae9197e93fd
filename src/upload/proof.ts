// Proof that nothing else has written to the blob since the previous run.

import { type ByteRange, endOf, PAGE_SIZE } from '../base/byte-range.ts';
import { DestinationError } from '../errors.ts';
import type { Hold } from '../remote/blob-lifecycle.ts';
import { listedRanges } from '../remote/page-ranges.ts';
import type { RetryingPageStore } from '../remote/retrying-page-store.ts';
import type { Checkpoint } from '../state/checkpoint.ts';
import { PageSetDigest } from '../transfer/page-set-digest.ts';

/**
 * Whether it is certain that nothing else has written to the blob since `stored` was saved: its lease was renewed, or the blob still
 * has the ETag that it had when its lease was released. Without a lease nothing is proved, because anyone may write a moment later.
 */
export function isProved({ lease, etag }: Checkpoint, hold: Hold): boolean {
  if (hold.etag === undefined) return false;
  return hold.etag === etag || (lease.proof !== undefined && hold.takenOver === lease.proof);
}

/** Whether the target lists exactly the pages that were sent, within the completed ranges; also if it does not list its pages. */
export async function holdsSamePages(
  stored: Checkpoint,
  store: RetryingPageStore,
  signal: AbortSignal,
): Promise<boolean> {
  return (await compareListed(stored, store, signal)) === undefined;
}

/**
 * Compares the pages that the blob lists in the completed ranges with the pages that were sent.
 * @throws {DestinationError} the pages differ.
 */
export async function assertSamePages(
  stored: Checkpoint,
  store: RetryingPageStore,
  signal: AbortSignal,
): Promise<void> {
  const listed = await compareListed(stored, store, signal);
  if (listed === undefined) return;
  const pages = (bytes: number) => `${bytes / PAGE_SIZE} pages`;
  throw new DestinationError(
    `Cannot resume: the blob ${stored.blobUrl} does not hold the pages that this upload sent (${pages(stored.sent.bytes)} sent, ${pages(listed.bytes)} found). Something else has written to it. Give --restart to upload from the beginning.`,
  );
}

/** @returns the listed pages if they differ from those that were sent. */
async function compareListed(
  { done, sent }: Checkpoint,
  store: RetryingPageStore,
  signal: AbortSignal,
): Promise<PageSetDigest | undefined> {
  if (done.length === 0) return undefined;
  const listed = new PageSetDigest();
  for await (const range of partsWithin(listedRanges(store, signal), done)) listed.add(range);
  const isSame = store.isListUnknown || listed.equals(PageSetDigest.from(sent.pages, sent.bytes));
  return isSame ? undefined : listed;
}

/** The parts of `ranges` that lie in `within`. Both ascend. */
async function* partsWithin(ranges: AsyncIterable<ByteRange>, within: readonly ByteRange[]): AsyncGenerator<ByteRange> {
  let first = 0;
  for await (const range of ranges) {
    for (let index = first; index < within.length; index++) {
      const part = within[index] ?? range;
      if (part.offset >= endOf(range)) break;
      if (endOf(part) <= range.offset) {
        first = index + 1;
        continue;
      }
      const offset = Math.max(range.offset, part.offset);
      yield { offset, length: Math.min(endOf(range), endOf(part)) - offset };
    }
  }
}
