import { describe, expect, it } from 'vitest';
import { endOf, MIB } from '../../src/base/byte-range.ts';
import { LocalFileError } from '../../src/errors.ts';
import { VolumeDescriptions } from '../../src/inspect/volume-contents.ts';
import type { Disk } from '../../src/volume/disk.ts';
import { readDiskLayout } from '../../src/volume/disk-layout.ts';
import { writeMbr } from '../support/partition-table-builder.ts';

/** A disk with one NTFS volume, of which only the first 128 KiB can be read. */
function damagedDisk(): Disk {
  const bytes = Buffer.alloc(4 * MIB);
  writeMbr(bytes, [{ slot: 1, type: 7, first: 2048, count: 6144 }]);
  const boot = bytes.subarray(MIB);
  boot.write('\xebR\x90NTFS    ', 0, 'latin1');
  boot.writeUInt16LE(512, 11);
  boot.writeUInt8(8, 13);
  boot.writeBigUInt64LE(6143n, 40);
  boot.writeBigUInt64LE(400n, 48);
  boot.writeBigUInt64LE(2n, 56);
  boot.writeInt8(-10, 64);
  boot.writeInt8(1, 68);
  boot.writeUInt16LE(0xaa55, 510);
  return {
    size: bytes.length,
    read: (range, into) => {
      const end = endOf(range);
      if (end > MIB + 128 * 1024) return Promise.reject(new LocalFileError('Cannot read disk.img: EIO'));
      into.set(bytes.subarray(range.offset, end));
      return Promise.resolve();
    },
  };
}

describe('VolumeDescriptions', () => {
  it('shows a volume whose metadata cannot be read, without its free space', async () => {
    const disk = damagedDisk();
    const { signal } = new AbortController();
    const descriptions = await VolumeDescriptions.read(disk, await readDiskLayout(disk), { signal, doubt: undefined });
    const { volumes } = await descriptions.describe(signal, false);
    expect(volumes).toMatchObject([
      {
        name: 'partition 1',
        fileSystem: { type: 'ntfs' },
        state: 'unknown',
        freeReason: expect.stringContaining('EIO'),
      },
    ]);
    expect(volumes[0]?.free).toBeUndefined();
  });
});
