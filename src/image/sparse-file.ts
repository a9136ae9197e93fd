// Queries the holes of a file from Linux (lseek) or Windows (FSCTL_QUERY_ALLOCATED_RANGES), through koffi, an optional dependency.
import { fdatasync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { constants } from 'node:os';
import { promisify } from 'node:util';
import type { NativeFunction, NativeValue } from 'koffi';
import { type ByteRange, endOf } from '../base/byte-range.ts';
import type { AskForData, DataReport } from './data-ranges.ts';
import { loadKoffi } from './load-koffi.ts';

/** Linux, <unistd.h>. */
const SEEK_DATA = 3;
const SEEK_HOLE = 4;
/** File systems that report data not yet flushed to the disk: ext2 to ext4, XFS, Btrfs, tmpfs. <linux/magic.h> */
const REPORT_DIRTY_DATA = new Set([0xef53, 0x58465342, 0x9123683e, 0x01021994]);
/** Windows, <winioctl.h>. */
const FSCTL_QUERY_ALLOCATED_RANGES = 0x000940cf;
/** FILE_ALLOCATED_RANGE_BUFFER: FileOffset and Length, 64 bits each. */
const RANGE_LENGTH = 16;
const RANGES = 256;

/**
 * Undefined without koffi and on other systems. macOS is excluded although it has SEEK_HOLE, because APFS may report data as
 * holes (GNU coreutils bug 61386).
 * @param fd - Open for reading. The query moves its file position, so every read must pass a position.
 * @param path - Path of the same file.
 */
export async function openDataQuery(fd: number, path: string): Promise<AskForData | undefined> {
  // 32-bit systems use other function names for 64-bit offsets.
  if (!['x64', 'arm64'].includes(process.arch)) return undefined;
  try {
    if (process.platform === 'linux') return await queryLinux(fd, path);
    if (process.platform === 'win32') return await queryWindows(fd);
  } catch {
    // Without a query, holes are read like data.
  }
  return undefined;
}

async function queryLinux(fd: number, path: string): Promise<AskForData> {
  const koffi = await loadKoffi();
  const lseek = koffi.load(null).func('int64_t lseek(int fd, int64_t offset, int whence)');
  const seek = async (offset: number, whence: number) => Number(await inThread(lseek, fd, offset, whence));
  // The known cases of wrong holes, such as OpenZFS before 2.2.2, were data not yet flushed to the disk.
  if (!REPORT_DIRTY_DATA.has((await statfs(path)).type)) await promisify(fdatasync)(fd);
  return async (range) => {
    const end = endOf(range);
    const data = await seek(range.offset, SEEK_DATA);
    if (data < 0) {
      // errno belongs to a thread, so the call runs again in this one.
      const again = Number(lseek(fd, range.offset, SEEK_DATA));
      return again < 0 && koffi.errno() === constants.errno.ENXIO ? { data: [], end } : undefined;
    }
    if (data >= end) return { data: [], end };
    const hole = Math.min(end, await seek(data, SEEK_HOLE));
    return { data: [{ offset: data, length: hole - data }], end: hole };
  };
}

async function queryWindows(fd: number): Promise<AskForData> {
  const koffi = await loadKoffi();
  const handle = koffi.load(process.execPath).func('intptr_t uv_get_osfhandle(int fd)')(fd);
  const control = koffi
    .load('kernel32.dll')
    .func(
      'int DeviceIoControl(intptr_t handle, uint32_t code, void *in, uint32_t inLength, void *out, uint32_t outLength, void *returned, void *overlapped)',
    );
  return async (range) => {
    // One buffer holds all arguments, which keeps them alive until the call returns.
    const memory = Buffer.alloc((1 + RANGES) * RANGE_LENGTH + 4);
    const query = memory.subarray(0, RANGE_LENGTH);
    const ranges = memory.subarray(RANGE_LENGTH, -4);
    const returned = memory.subarray(-4);
    query.writeBigInt64LE(BigInt(range.offset), 0);
    query.writeBigInt64LE(BigInt(range.length), 8);
    const args = [FSCTL_QUERY_ALLOCATED_RANGES, query, query.length, ranges, ranges.length, returned, null];
    const isWhole = Number(await inThread(control, handle, ...args)) !== 0;
    return decodeAllocatedRanges(ranges.subarray(0, returned.readUInt32LE()), range, isWhole);
  };
}

/**
 * @param bytes - FILE_ALLOCATED_RANGE_BUFFER structures (MS-FSCC 2.3.52), the answer to a query for `range`.
 * @param isWhole - Whether the buffer had room for all of them.
 */
export function decodeAllocatedRanges(bytes: Buffer, range: ByteRange, isWhole: boolean): DataReport | undefined {
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

/** Calls in another thread, because some file systems answer slowly. */
async function inThread(call: NativeFunction, ...args: readonly unknown[]): Promise<NativeValue> {
  return await new Promise((resolve, reject) => {
    call.async(...args, (error: Error | null, value: NativeValue) => (error === null ? resolve(value) : reject(error)));
  });
}
