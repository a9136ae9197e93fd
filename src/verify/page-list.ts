// Compares the page ranges that the service lists with the pages that were sent.

import { PAGE_SIZE } from '../base/byte-range.ts';
import { VerificationError } from '../errors.ts';
import { listedRanges } from '../remote/page-ranges.ts';
import type { RetryingPageStore } from '../remote/retrying-page-store.ts';
import { PageSetDigest } from '../transfer/page-set-digest.ts';

/**
 * Shows nothing for a target that does not list its pages (`isListUnknown`).
 * @param sent - The pages that this upload wrote, including the footer's.
 * @throws {VerificationError} the blob holds other pages.
 */
export async function verifyPageList(
  store: RetryingPageStore,
  sent: PageSetDigest,
  signal: AbortSignal,
): Promise<void> {
  const listed = new PageSetDigest();
  for await (const range of listedRanges(store, signal)) listed.add(range);
  if (store.isListUnknown || listed.equals(sent)) return;
  const pages = (set: PageSetDigest) => `${set.bytes / PAGE_SIZE} pages`;
  throw new VerificationError(
    listed.bytes === sent.bytes
      ? `${store.url} holds as many pages as were sent (${pages(sent)}), but not the same ones. Something else has written to it. Upload it again with --restart --overwrite.`
      : `${store.url} holds ${pages(listed)}, but ${pages(sent)} were sent. Something else has written to it, or pages were lost. Upload it again with --restart --overwrite.`,
  );
}
