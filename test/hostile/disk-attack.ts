// Reads the volumes and the free space of a damaged disk in memory. What is read must be consistent, and damage must end as a reason.
import { createHash } from 'node:crypto';
import { type ByteRange, endOf } from '../../src/base/byte-range.ts';
import { type ContentVolume, contentVolumes } from '../../src/volume/content-volumes.ts';
import { readDiskLayout } from '../../src/volume/disk-layout.ts';
import { UnreadableError } from '../../src/volume/file-systems/opened-file-system.ts';
import { type FreeSpace, readFreeSpace } from '../../src/volume/free-space/read-free-space.ts';
import { MemoryDisk } from '../support/memory-disk.ts';
import type { Attacked, Ending } from './attack.ts';

/** Many times what a sound disk takes, in reads and bytes. */
const MAX_READS = 20_000;
const MAX_BYTES = 64 * 1024 * 1024;

/** A disk of which nothing may be left out counts as refused. @throws {Error} a reading contradicts itself, or an error that no damage explains. */
export async function attackDisk(bytes: Buffer): Promise<Attacked> {
  const start = process.cpuUsage();
  const ending = await readEverything(new MemoryDisk(bytes));
  // A disk in memory is read without waiting, so the time of the processor is all of it, even on a busy machine.
  const { user, system } = process.cpuUsage(start);
  return { ending, slowest: { operation: 'read volumes and free space', ms: (user + system) / 1000 } };
}

async function readEverything(disk: MemoryDisk): Promise<Ending> {
  const layout = await readDiskLayout(disk);
  const contents = await contentVolumes(disk, layout);
  const hash = createHash('sha256');
  const used: ByteRange[] = [];
  for (const volume of contents.volumes.filter(({ isLogical }) => isLogical)) {
    hash.update(volume.name);
    hash.update(await readTwice(disk, volume));
    // Volumes of which there is doubt may share their places, and nothing of them is left out.
    if (volume.doubt === undefined) used.push(...volume.onDisk({ offset: 0, length: volume.bytes.size }));
  }
  used.sort((one, other) => one.offset - other.offset);
  if (used.some((range, index) => endOf(range) > (used[index + 1]?.offset ?? disk.size))) {
    throw new Error('Two logical volumes use the same part of the disk, or a part outside of it.');
  }
  const { signal } = new AbortController();
  const free = await readFreeSpace(disk, layout, {
    pageFiles: true,
    signal,
    onFree: (index, map) => {
      const isPhysical = contents.volumes[index]?.fileSystem?.type === 'lvm2';
      if (isPhysical && used.some((range) => map.overlaps(range))) {
        throw new Error('Extents of a logical volume are marked as free.');
      }
    },
  });
  for (const range of free.map.ranges()) {
    if (endOf(range) > disk.size) throw new Error(`The free range at ${range.offset} is outside of the disk.`);
    hash.update(`${range.offset} ${range.length},`);
  }
  if (disk.readCount > MAX_READS || disk.readBytes > MAX_BYTES) {
    throw new Error(`${disk.readCount} reads of ${disk.readBytes} bytes`);
  }
  return free.map.count > 0 ? { checksum: hash.digest('hex') } : { refusal: new UnreadableError(reasonIn(free)) };
}

/** The contents of a logical volume, which must be those of the places on the disk that it names. */
async function readTwice(disk: MemoryDisk, { name, bytes, onDisk }: ContentVolume): Promise<Buffer> {
  const whole = { offset: 0, length: bytes.size };
  const once = Buffer.alloc(whole.length);
  await bytes.read(whole, once);
  const pieces = [...onDisk(whole)].map(({ offset, length }) => disk.bytes.subarray(offset, offset + length));
  if (!Buffer.concat(pieces).equals(once)) throw new Error(`${name} has other bytes than its places on the disk.`);
  return once;
}

function reasonIn({ unread, volumes }: FreeSpace): string {
  const reason = unread[0]?.reason ?? volumes.find((volume) => volume.reason !== undefined)?.reason ?? '';
  if (reason === '') throw new Error('Nothing is left out, and there is no reason.');
  return reason;
}
