// Linux swap: its first page describes it, the others hold what was in memory (Linux kernel, include/linux/swap.h, union swap_header).
import type { ByteRange } from '../../base/byte-range.ts';
import { PAGE_SIZES, SUSPENDED } from '../file-systems/containers.ts';

const SIGNATURE = 'SWAPSPACE2';
/** Zeros: room for a boot sector, which mkswap clears. It keeps a partition table there. */
const BOOT_LENGTH = 1024;
const VERSION_AT = 1024;
const LAST_PAGE_AT = 1028;
/** Bytes of the area that `swapAreaOf` needs. */
export const SWAP_HEAD = 64 * 1024;

export type SwapArea =
  /** `contents`: all pages but the first, in bytes of the area. */
  | { readonly state: 'swap'; readonly contents: ByteRange }
  /** The memory of a hibernated system is in it. */
  | { readonly state: 'suspended' }
  | { readonly state: 'unknown'; readonly reason: string };

/** @param head The first `SWAP_HEAD` bytes of the area, or all of it. @param size Of the area, in bytes. */
export function swapAreaOf(head: Buffer, size: number): SwapArea {
  const marks = PAGE_SIZES.filter((page) => page <= head.length).map((page) => ({
    page,
    mark: head.toString('latin1', page - 10, page),
  }));
  if (marks.some(({ mark }) => SUSPENDED.some((one) => mark.startsWith(one)))) return { state: 'suspended' };
  const [found, ...others] = marks.filter(({ mark }) => mark === SIGNATURE);
  if (found === undefined || others.length > 0) return { state: 'unknown', reason: 'its swap header is not known' };
  if (head.subarray(0, BOOT_LENGTH).some((byte) => byte !== 0)) {
    return { state: 'unknown', reason: 'something else is stored before its swap header' };
  }
  const [version, lastPage] = [head.readUInt32LE(VERSION_AT), head.readUInt32LE(LAST_PAGE_AT)];
  const end = (lastPage + 1) * found.page;
  if (version !== 1 || lastPage === 0 || end > size) {
    const reason = `its swap header has the version ${version} and ${lastPage} pages, but it has ${size} bytes`;
    return { state: 'unknown', reason };
  }
  return { state: 'swap', contents: { offset: found.page, length: end - found.page } };
}
