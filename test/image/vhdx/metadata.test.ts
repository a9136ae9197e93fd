import { describe, expect, it } from 'vitest';
import { CorruptImageError, UnsupportedImageError } from '../../../src/errors.ts';
import { type DiskParameters, readDiskParameters } from '../../../src/image/vhdx/metadata.ts';
import {
  buildVhdx,
  guidBytes,
  ID,
  KIB,
  type MetadataItem,
  MIB,
  nextGuid,
  patchFile,
  TIB,
  u32s,
  type VhdxSpec,
} from '../../support/vhdx-builder.ts';
import { withFile, workspace } from '../../support/vhdx-workspace.ts';

const at = workspace();
let count = 0;

async function readWith(
  spec: Partial<VhdxSpec>,
  edit?: (path: string, metadata: number) => void,
): Promise<DiskParameters> {
  const path = at(`metadata-${count++}.vhdx`);
  const { metadata } = buildVhdx(path, { size: 8 * MIB, ...spec });
  edit?.(path, metadata.offset);
  return await withFile(path, async (file) => await readDiskParameters(file, { name: 'the metadata', ...metadata }));
}

function replacing(id: string, change: Partial<MetadataItem>): Partial<VhdxSpec> {
  return { items: (standard) => standard.map((item) => (item.id === id ? { ...item, ...change } : item)) };
}

function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}

describe('readDiskParameters', () => {
  it('reads the parameters of a dynamic disk', async () => {
    const page83 = nextGuid();
    const disk = await readWith({ size: 5 * MIB + 512, blockSize: 32 * MIB, page83 });
    expect(disk).toMatchObject({
      size: 5 * MIB + 512,
      blockSize: 32 * MIB,
      logicalSectorSize: 512,
      leaveBlocksAllocated: false,
      parentLocator: undefined,
    });
    expect(Buffer.from(disk.page83Id)).toEqual(guidBytes(page83));
  });

  it('reads the flags of a fixed disk and the parent locator of a differencing one', async () => {
    expect((await readWith({ leaveBlocksAllocated: true })).leaveBlocksAllocated).toBe(true);
    expect((await readWith({ parent: { parent_linkage: '{}' } })).parentLocator?.bytes.length).toBeGreaterThan(20);
  });

  it('finds the items in any order and anywhere in the region', async () => {
    const disk = await readWith({
      items: (standard) => standard.toReversed().map((item, index) => ({ ...item, offset: MIB - 64 - index * 64 })),
    });
    expect(disk.size).toBe(8 * MIB);
  });

  it('accepts the largest disk and block', async () => {
    expect(await readWith({ size: 64 * TIB, blockSize: 256 * MIB, batLength: 3 * MIB })).toMatchObject({
      size: 64 * TIB,
    });
  });

  it('ignores unknown items, user items with the id of a system item, and empty items', async () => {
    const disk = await readWith({
      extraItems: [
        { id: nextGuid(), bytes: Buffer.alloc(16), flags: 0 },
        { id: ID.diskSize, bytes: u64(1n), flags: 1 },
        { id: ID.incompleteFile, bytes: u64(1n), flags: 1 },
        { id: nextGuid(), bytes: Buffer.alloc(0), flags: 0, offset: 0 },
      ],
    });
    expect(disk.size).toBe(8 * MIB);
  });

  it.each([
    ['that is unknown', { id: nextGuid(), bytes: Buffer.alloc(4), flags: 4 }, /requires the metadata item 11223344/],
    ['of a user', { id: ID.diskSize, bytes: Buffer.alloc(8), flags: 5 }, /requires the metadata item 2fa54224/],
    [
      'that marks an unfinished file',
      { id: ID.incompleteFile, bytes: Buffer.alloc(4), flags: 0 },
      /creation did not finish/,
    ],
  ])('refuses a required item %s', async (_, item, message) => {
    const reading = readWith({ extraItems: [item] });
    await expect(reading).rejects.toThrow(UnsupportedImageError);
    await expect(reading).rejects.toThrow(message);
  });

  it.each([ID.fileParameters, ID.diskSize, ID.logicalSectorSize, ID.physicalSectorSize, ID.page83])(
    'refuses a file without the item %s',
    async (id) => {
      const reading = readWith({ items: (standard) => standard.filter((item) => item.id !== id) });
      await expect(reading).rejects.toThrow(/has no entry for/);
    },
  );

  it('refuses a differencing disk without a parent locator', async () => {
    const reading = readWith({ ...replacing(ID.fileParameters, { bytes: u32s(MIB, 2) }) });
    await expect(reading).rejects.toThrow(/no entry for parent locator/);
  });

  it.each([
    ['block size 0', ID.fileParameters, u32s(0, 0), /block size .* is 0/],
    ['a block size below 1 MiB', ID.fileParameters, u32s(512 * KIB, 0), /is 524288/],
    ['a block size above 256 MiB', ID.fileParameters, u32s(512 * MIB, 0), /is 536870912/],
    ['the largest power of two', ID.fileParameters, u32s(0x80000000, 0), /is 2147483648/],
    ['a block size that is not a power of two', ID.fileParameters, u32s(3 * MIB, 0), /is 3145728/],
    ['unknown flags', ID.fileParameters, u32s(MIB, 4), /the flags are 0x4/],
    ['a short item', ID.fileParameters, u32s(MIB), /must have 8 bytes, but has 4/],
    ['logical sectors of 520 bytes', ID.logicalSectorSize, u32s(520), /must be 512 or 4096, but is 520/],
    ['physical sectors of 0 bytes', ID.physicalSectorSize, u32s(0), /but is 0/],
    ['disk size 0', ID.diskSize, u64(0n), /but is 0/],
    ['a disk size with half a sector', ID.diskSize, u64(256n), /but is 256/],
    ['a disk size above 64 TiB', ID.diskSize, u64(BigInt(64 * TIB) + 512n), /but is 70368744178176/],
    ['a disk size beyond 2^53', ID.diskSize, u64(1n << 63n), /value is 9223372036854775808/],
    ['a page 83 id of 8 bytes', ID.page83, u64(1n), /must have 16 bytes, but has 8/],
  ])('refuses %s', async (_, id, bytes, message) => {
    const reading = readWith(replacing(id, { bytes }));
    await expect(reading).rejects.toThrow(CorruptImageError);
    await expect(reading).rejects.toThrow(message);
  });

  it('refuses a disk size that is not a multiple of the 4 KiB sector', async () => {
    await expect(readWith({ size: 4096 + 512, logicalSectorSize: 4096 })).rejects.toThrow(
      /sector size 4096 .* is 4608/,
    );
  });

  it.each([
    ['in the table', { offset: 4096 }, /between the table and the end/],
    ['after the region', { offset: MIB - 4, length: 8 }, /8 bytes at 1048572/],
    ['around 2^32', { offset: 0xfffffffc, length: 8 }, /8 bytes at 4294967292/],
    ['of more than 1 MiB', { length: MIB + 1 }, /may have at most 1048576 bytes, but has 1048577/],
  ])('refuses an item %s', async (_, place, message) => {
    await expect(readWith(replacing(ID.diskSize, place))).rejects.toThrow(message);
  });

  it('refuses items that overlap, and two items with the same id', async () => {
    await expect(readWith(replacing(ID.diskSize, { offset: 64 * KIB + 4 }))).rejects.toThrow(/inside file parameters/);
    const twice = readWith({ extraItems: [{ id: ID.diskSize, bytes: u64(1n) }] });
    await expect(twice).rejects.toThrow(/two entries for virtual disk size/);
  });

  it('refuses a table without its signature, or with more entries than fit', async () => {
    const unsigned = readWith({}, (path, metadata) => patchFile(path, metadata, Buffer.from('M')));
    await expect(unsigned).rejects.toThrow(/signature "metadata" is missing/);
    const many = readWith({}, (path, metadata) => patchFile(path, metadata + 10, Buffer.from([0, 8])));
    await expect(many).rejects.toThrow(/2048 entries; at most 2047/);
  });
});
