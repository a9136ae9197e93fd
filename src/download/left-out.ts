// The free space of the guest in a blob, by its file systems, of which only the metadata is received.

import { alignDown, type ByteRange, endOf } from '../base/byte-range.ts';
import { pageChecksum } from '../transfer/checksum.ts';
import type { Disk } from '../volume/disk.ts';
import { freeSpaceOf, reportOf } from '../volume/free-space/leave-out.ts';
import type { DownloadRun, LeftOutOfBlob } from './reception.ts';
import type { SourceDisk } from './source-disk.ts';

/** Received at once, because metadata lies together. In bytes. */
const BLOCK = 256 * 1024;
const MAX_BLOCKS = 64;

/** Undefined without the option. @throws {VhdupError} the blob cannot be read. */
export async function leftOutOf(run: DownloadRun, disk: SourceDisk): Promise<LeftOutOfBlob | undefined> {
  const { settings, access, emit } = run;
  if (settings.skipFree === undefined) return undefined;
  const freeSpace = await freeSpaceOf(diskOf(run, disk), [], settings.skipFree, access.signal);
  const report = reportOf(freeSpace, settings.skipFree);
  emit({ type: 'free-space', ...report });
  return { map: freeSpace.map, report };
}

/** The disk in the blob, of which the blocks that were read last are kept. */
function diskOf({ settings, target, access }: DownloadRun, { size, properties }: SourceDisk): Disk {
  const { checksum } = settings;
  const checksumOf = (bytes: Uint8Array) => Promise.resolve(pageChecksum(checksum, bytes));
  const options = { etag: properties.etag, checksum, checksumOf };
  const blocks = new Map<number, Uint8Array>();
  const block = async (offset: number): Promise<Uint8Array> => {
    const known = blocks.get(offset);
    const bytes = known ?? new Uint8Array(Math.min(BLOCK, size - offset));
    if (known === undefined) await target.store.read({ offset, length: bytes.length }, bytes, options, access.signal);
    blocks.delete(offset);
    blocks.set(offset, bytes);
    for (const oldest of blocks.keys()) {
      if (blocks.size <= MAX_BLOCKS) break;
      blocks.delete(oldest);
    }
    return bytes;
  };
  return {
    size,
    async read(range: ByteRange, into: Uint8Array) {
      for (let at = range.offset; at < endOf(range); ) {
        const start = alignDown(at, BLOCK);
        const bytes = await block(start);
        const end = Math.min(endOf(range), start + bytes.length);
        into.set(bytes.subarray(at - start, end - start), at - range.offset);
        at = end;
      }
    },
  };
}
