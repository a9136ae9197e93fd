// The footer at the end of a blob: the 512 bytes that turn the disk into a fixed VHD.

import { PAGE_SIZE } from '../base/byte-range.ts';
import type { FixedVhdView } from '../image/fixed-vhd-view.ts';
import { isFixedFooter } from '../image/vhd/footer.ts';
import type { RetryingPageStore } from '../remote/retrying-page-store.ts';
import { pageChecksum } from '../transfer/checksum.ts';
import type { WindowMemory } from '../transfer/window-memory.ts';
import { keepWhatDiffersTwice } from './differences.ts';

export interface FooterOptions {
  readonly source: FixedVhdView;
  readonly store: RetryingPageStore;
  readonly memory: Pick<WindowMemory, 'algorithm'>;
}

/**
 * Whether the blob ends with a valid footer.
 * @param etag - ETag of the blob.
 * @param isOurs - A blob by vhdup must have the footer that vhdup writes. Another blob may have a different footer that describes the
 *   same disk.
 */
export async function hasFooter(
  { source, store, memory: { algorithm } }: FooterOptions,
  etag: string,
  signal: AbortSignal,
  isOurs = true,
): Promise<boolean> {
  const read = async (into: Uint8Array) => {
    const checksumOf = (bytes: Uint8Array) => Promise.resolve(pageChecksum(algorithm, bytes));
    const range = { offset: source.diskSize, length: PAGE_SIZE };
    return await store.read(range, into, { etag, checksum: algorithm, checksumOf }, signal);
  };
  const isRight = (footer: Uint8Array) =>
    Buffer.compare(footer, source.footer) === 0 || (!isOurs && isFixedFooter(footer, source.diskSize));
  const first = new Uint8Array(PAGE_SIZE);
  const isProven = await read(first);
  if (isProven || isRight(first)) return isRight(first);
  const second = new Uint8Array(PAGE_SIZE);
  await read(second);
  if (isRight(second)) return true;
  keepWhatDiffersTwice(source.footer, first, second);
  return isRight(second);
}
