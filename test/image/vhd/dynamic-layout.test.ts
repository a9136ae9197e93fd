import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../src/errors.ts';
import type { BlockLayout } from '../../../src/image/block-layout.ts';
import { dynamicVhdLayout } from '../../../src/image/vhd/dynamic-layout.ts';
import { uniqueIdOf } from '../../support/vhd-builder.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

function layoutOf(size: number): BlockLayout {
  return dynamicVhdLayout({ size, uniqueId: uniqueIdOf(1), timestamp: 655_986_198 });
}

describe('dynamicVhdLayout', () => {
  it('places the data of each block at a multiple of 4 KiB, after all structures', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 0xff000000 }), fc.nat(1000), (sectors, count) => {
        const { blockCount, blockHeader, blockSize, firstBlock, stride, tableLength, tableOffset } = layoutOf(
          sectors * 512,
        );
        expect(blockCount).toBe(Math.ceil((sectors * 512) / blockSize));
        expect(tableOffset).toBe(1536);
        expect(tableLength).toBeGreaterThanOrEqual(blockCount * 4);
        expect(firstBlock).toBeGreaterThanOrEqual(tableOffset + tableLength);
        expect((firstBlock + count * stride + blockHeader.length) % 4096).toBe(0);
        expect(stride).toBeGreaterThanOrEqual(blockHeader.length + blockSize);
      }),
    );
  });

  it('states the sizes in the dynamic header', () => {
    const [header] = layoutOf(127 * GIB).structures;
    const bytes = Buffer.from(header?.bytes ?? []);
    expect(header?.offset).toBe(512);
    expect(bytes).toHaveLength(1024);
    expect(bytes.toString('latin1', 0, 8)).toBe('cxsparse');
    expect(bytes.toString('hex', 8, 28)).toBe('ffffffffffffffff000000000000060000010000');
    expect(bytes.readUInt32BE(28)).toBe(127 * 512);
    expect(bytes.readUInt32BE(32)).toBe(2 * MIB);
    expect(bytes.subarray(40).every((byte) => byte === 0)).toBe(true);
  });

  it('ends with a footer directly after the last block, and begins with a copy of it', () => {
    const { firstBlock, seal, stride } = layoutOf(4 * MIB);
    const { length, structures } = seal(firstBlock + 2 * stride);
    const footerOffset = firstBlock + stride + 512 + 2 * MIB;
    expect(structures.map(({ offset }) => offset)).toEqual([footerOffset, 0]);
    expect(length).toBe(footerOffset + 512);
    const [last, first] = structures.map(({ bytes }) => Buffer.from(bytes));
    expect(last).toEqual(first);
    // Header at 512, creator "win " 10.0, disk type dynamic.
    expect(last?.toString('hex', 16, 24)).toBe('0000000000000200');
    expect(last?.toString('latin1', 28, 40)).toBe('win \0\n\0\0Wi2k');
    expect(last?.readUInt32BE(60)).toBe(3);
  });

  it('ends with a footer directly after the BAT if the disk has no data', () => {
    const { firstBlock, seal, tableLength, tableOffset } = layoutOf(4 * MIB);
    expect(seal(firstBlock)).toMatchObject({ length: tableOffset + tableLength + 512 });
  });

  it('accepts 2,040 GiB and no more', () => {
    expect(layoutOf(2040 * GIB).blockCount).toBe(1_044_480);
    expect(() => layoutOf(2040 * GIB + 512)).toThrow(UsageError);
  });
});
