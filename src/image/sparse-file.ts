// Asks the operating system where a file has holes: Linux (lseek) and Windows (FSCTL_QUERY_ALLOCATED_RANGES), through koffi, an optional dependency.
import { fdatasync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { constants } from 'node:os';
import { promisify } from 'node:util';
import type { NativeFunction, NativeValue } from 'koffi';
import { type ByteRange, endOf } from '../base/byte-range.ts';
import type { AskForData, DataAnswer } from './data-ranges.ts';

/** Of Linux, <unistd.h>. */
const SEEK_DATA = 3;
const SEEK_HOLE = 4;
/** File systems that know of data that are still on their way to the medium: ext2 to 4, XFS, Btrfs, tmpfs. <linux/magic.h> */
const KNOW_DIRTY_DATA = new Set([0xef53, 0x58465342, 0x9123683e, 0x01021994]);
/** Of Windows, <winioctl.h>. */
const FSCTL_QUERY_ALLOCATED_RANGES = 0x000940cf;
/** FILE_ALLOCATED_RANGE_BUFFER: FileOffset and Length, 64 bits each. */
const RANGE_LENGTH = 16;
const RANGES = 256;

/**
 * Undefined where the system cannot be asked: there is no koffi, or it is another system. macOS is left out although it has
 * SEEK_HOLE: APFS may report data as holes (GNU coreutils' bug 61386).
 * @param fd - Open for reading. Its file position is moved, so that all reads must name theirs.
 * @param path - Of the same file.
 */
export async function openDataQuery(fd: number, path: string): Promise<AskForData | undefined> {
  // Systems of 32 bits have other names for the calls that take 64 bits.
  if (!['x64', 'arm64'].includes(process.arch)) return undefined;
  try {
    if (process.platform === 'linux') return await askLinux(fd, path);
    if (process.platform === 'win32') return await askWindows(fd);
  } catch {
    // Holes are read then.
  }
  return undefined;
}

async function askLinux(fd: number, path: string): Promise<AskForData> {
  const koffi = await import('koffi');
  const lseek = koffi.load(null).func('int64_t lseek(int fd, int64_t offset, int whence)');
  const seek = async (offset: number, whence: number) => Number(await inThread(lseek, fd, offset, whence));
  // The wrong holes that are known, those of OpenZFS before 2.2.2 for one, were data on their way to the medium.
  if (!KNOW_DIRTY_DATA.has((await statfs(path)).type)) await promisify(fdatasync)(fd);
  return async (range) => {
    const end = endOf(range);
    const data = await seek(range.offset, SEEK_DATA);
    if (data < 0) {
      // The error number is that of the thread.
      const again = Number(lseek(fd, range.offset, SEEK_DATA));
      return again < 0 && koffi.errno() === constants.errno.ENXIO ? { data: [], end } : undefined;
    }
    if (data >= end) return { data: [], end };
    const hole = Math.min(end, await seek(data, SEEK_HOLE));
    return { data: [{ offset: data, length: hole - data }], end: hole };
  };
}

async function askWindows(fd: number): Promise<AskForData> {
  const koffi = await import('koffi');
  const handle = koffi.load(process.execPath).func('intptr_t uv_get_osfhandle(int fd)')(fd);
  const control = koffi
    .load('kernel32.dll')
    .func(
      'int DeviceIoControl(intptr_t handle, uint32_t code, void *in, uint32_t inLength, void *out, uint32_t outLength, void *returned, void *overlapped)',
    );
  return async (range) => {
    // One piece of memory, so that all of it is there for as long as the answer is wanted.
    const memory = Buffer.alloc((1 + RANGES) * RANGE_LENGTH + 4);
    const asked = memory.subarray(0, RANGE_LENGTH);
    const ranges = memory.subarray(RANGE_LENGTH, -4);
    const returned = memory.subarray(-4);
    asked.writeBigInt64LE(BigInt(range.offset), 0);
    asked.writeBigInt64LE(BigInt(range.length), 8);
    const query = [FSCTL_QUERY_ALLOCATED_RANGES, asked, asked.length, ranges, ranges.length, returned, null];
    const isWhole = Number(await inThread(control, handle, ...query)) !== 0;
    return decodeAllocatedRanges(ranges.subarray(0, returned.readUInt32LE()), range, isWhole);
  };
}

/**
 * @param bytes - FILE_ALLOCATED_RANGE_BUFFER structures (MS-FSCC 2.3.52) in answer to a question for `range`.
 * @param isWhole - Whether there was room for all of them.
 */
export function decodeAllocatedRanges(bytes: Buffer, range: ByteRange, isWhole: boolean): DataAnswer | undefined {
  const data: ByteRange[] = [];
  for (let at = 0; at + RANGE_LENGTH <= bytes.length; at += RANGE_LENGTH) {
    const start = Number(bytes.readBigInt64LE(at));
    const end = Math.min(start + Number(bytes.readBigInt64LE(at + 8)), endOf(range));
    const offset = Math.max(start, range.offset);
    data.push({ offset, length: end - offset });
  }
  if (isWhole) return { data, end: endOf(range) };
  const last = data.at(-1);
  return last === undefined ? undefined : { data, end: endOf(last) };
}

/** Some file systems take long to answer. */
async function inThread(call: NativeFunction, ...args: readonly unknown[]): Promise<NativeValue> {
  return await new Promise((resolve, reject) => {
    call.async(...args, (error: Error | null, value: NativeValue) => (error === null ? resolve(value) : reject(error)));
  });
}
