import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../src/errors.ts';
import { dynamicVhdxLayout } from '../../../src/image/vhdx/dynamic-layout.ts';
import { uniqueIdOf } from '../../support/vhd-builder.ts';
import { crc32c, guidBytes, ID } from '../../support/vhdx-builder.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const TIB = 1024 * GIB;

const layoutOf = (size: number) => dynamicVhdxLayout({ size, page83Id: uniqueIdOf(1) });

/** Whether the checksum of a structure is that of its bytes. */
function isSealed(structure: Uint8Array): boolean {
  const bytes = Buffer.from(structure);
  const stored = bytes.readUInt32LE(4);
  bytes.writeUInt32LE(0, 4);
  return crc32c(bytes) === stored;
}

describe('dynamicVhdxLayout', () => {
  it.each([
    [512, 2 * MIB, 1, MIB],
    [4 * GIB, 2 * MIB, 2048, MIB],
    [TIB, 2 * MIB, 524_288, 5 * MIB],
    [TIB + 512, 32 * MIB, 32_769, MIB],
    [64 * TIB, 32 * MIB, 2_097_152, 17 * MIB],
  ])('gives a disk of %i bytes blocks of %i', async (size, blockSize, blockCount, tableLength) => {
    const layout = await layoutOf(size);
    expect(layout).toMatchObject({ blockSize, blockCount, tableLength, stride: blockSize, tableOffset: 3 * MIB });
    expect(layout.firstBlock).toBe(3 * MIB + tableLength);
    expect(layout.entryOf(blockCount - 1)).toBeLessThan(tableLength);
  });

  it('leaves one entry for the sector bitmap after the blocks of each chunk', async () => {
    const { entryOf } = await layoutOf(TIB);
    expect([0, 2047, 2048, 4095, 4096].map(entryOf)).toEqual([0, 2047 * 8, 2049 * 8, 4096 * 8, 4098 * 8]);
  });

  it('stores positions up to the end of the largest file, with state 6', async () => {
    const { positionAt, setPositionAt } = await layoutOf(64 * TIB);
    const table = new DataView(new ArrayBuffer(16));
    expect(positionAt(table, 8)).toBeUndefined();
    for (const position of [4 * MIB, 64 * TIB + 20 * MIB]) {
      setPositionAt(table, 8, position);
      expect(table.getBigUint64(8, true)).toBe(BigInt(position) + 6n);
      expect(positionAt(table, 8)).toBe(position);
    }
    setPositionAt(table, 8, undefined);
    expect(table.getBigUint64(8, true)).toBe(0n);
  });

  it('has sealed structures: two region tables first, two headers and the identifier last', async () => {
    const { seal, structures } = await layoutOf(GIB);
    expect(structures.map(({ offset }) => offset)).toEqual([192 * KIB, 256 * KIB, 2 * MIB]);
    expect(structures.slice(0, 2).every(({ bytes }) => isSealed(bytes))).toBe(true);
    const { structures: sealing } = seal(4 * MIB);
    const [first, second, identifier] = sealing;
    expect([first, second, identifier].map((one) => one?.offset)).toEqual([64 * KIB, 128 * KIB, 0]);
    const headers = [first, second].map((one) => Buffer.from(one?.bytes ?? []));
    expect(headers.every(isSealed)).toBe(true);
    expect(headers.map((header) => header.readBigUInt64LE(8))).toEqual([1n, 2n]);
    expect(headers.map((header) => header.toString('hex', 48, 64))).toEqual(['0'.repeat(32), '0'.repeat(32)]);
    expect(Buffer.from(identifier?.bytes ?? []).toString('latin1', 0, 8)).toBe('vhdxfile');
    const [guids, others] = await Promise.all([layoutOf(GIB), layoutOf(GIB)]);
    expect(guids.seal(0).structures[0]?.bytes).not.toEqual(others.seal(0).structures[0]?.bytes);
  });

  it('states the parameters of the disk, each required', async () => {
    const { structures } = await layoutOf(GIB + 512);
    const metadata = Buffer.from(structures[2]?.bytes ?? []);
    expect(metadata.toString('latin1', 0, 8)).toBe('metadata');
    const items = [0, 1, 2, 3, 4].map((index) => {
      const at = 32 + index * 32;
      const [offset, length] = [metadata.readUInt32LE(at + 16), metadata.readUInt32LE(at + 20)];
      return [
        metadata.toString('hex', at, at + 16),
        metadata.readUInt32LE(at + 24),
        metadata.toString('hex', offset, offset + length),
      ];
    });
    const id = (name: keyof typeof ID) => guidBytes(ID[name]).toString('hex');
    expect(metadata.readUInt16LE(10)).toBe(items.length);
    expect(items).toEqual([
      [id('fileParameters'), 4, '0000200000000000'],
      [id('diskSize'), 6, '0002004000000000'],
      [id('logicalSectorSize'), 6, '00020000'],
      [id('physicalSectorSize'), 6, '00100000'],
      [id('page83'), 6, Buffer.from(uniqueIdOf(1)).toString('hex')],
    ]);
  });

  it('accepts 64 TiB and no more', async () => {
    await expect(layoutOf(64 * TIB + 512)).rejects.toThrow(UsageError);
  });
});
