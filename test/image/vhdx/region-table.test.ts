import { describe, expect, it } from 'vitest';
import { Crc32c } from '../../../src/base/crc32c.ts';
import { CorruptImageError, UnsupportedImageError } from '../../../src/errors.ts';
import type { ImageWarning } from '../../../src/image/disk-image.ts';
import { type Regions, readRegions } from '../../../src/image/vhdx/region-table.ts';
import {
  buildVhdx,
  editSealed,
  encodeRegionTable,
  ID,
  KIB,
  MIB,
  nextGuid,
  patchFile,
  REGION_TABLE_1,
  REGION_TABLE_2,
  type RegionSpec,
} from '../../support/vhdx-builder.ts';
import { withFile, workspace } from '../../support/vhdx-workspace.ts';

const at = workspace();
const LOG = { offset: MIB, length: MIB };
const METADATA = { id: ID.metadata, offset: 2 * MIB, length: MIB };
const BAT = { id: ID.bat, offset: 3 * MIB, length: MIB };
let count = 0;

/** Writes a file of 8 MiB with two copies of this table. */
function fileWith(regions: readonly RegionSpec[]): string {
  const path = at(`regions-${count++}.vhdx`);
  buildVhdx(path, { size: MIB, extraLength: 4 * MIB });
  for (const offset of [REGION_TABLE_1, REGION_TABLE_2]) patchFile(path, offset, encodeRegionTable(regions));
  return path;
}

async function read(path: string, warnings: string[] = []): Promise<Regions> {
  const onWarning = ({ code, message }: ImageWarning): void => void warnings.push(`${code}: ${message}`);
  return await withFile(path, async (file) => await readRegions(file, LOG, await Crc32c.create(), { onWarning }));
}

describe('readRegions', () => {
  it('finds the BAT and the metadata, in any order, even if not marked as required (as qemu-img writes them)', async () => {
    const regions = await read(fileWith([{ ...BAT, required: true }, METADATA]));
    expect(regions.bat).toMatchObject({ offset: BAT.offset, length: BAT.length });
    expect(regions.metadata).toMatchObject({ offset: METADATA.offset, length: METADATA.length });
    expect(regions.all.map(({ name }) => name)).toEqual(['the header section', 'the log', 'the metadata', 'the BAT']);
  });

  it.each([
    ['first', REGION_TABLE_1, REGION_TABLE_2],
    ['second', REGION_TABLE_2, REGION_TABLE_1],
  ])('reads the other copy when the %s is damaged, and warns', async (_, offset, other) => {
    const path = fileWith([METADATA, BAT]);
    patchFile(path, offset + 100, Buffer.from([1]));
    const warnings: string[] = [];
    expect((await read(path, warnings)).bat.offset).toBe(BAT.offset);
    expect(warnings).toEqual([
      expect.stringMatching(`^region-table-damaged: .*at ${offset} the checksum is 0x.* The table at ${other} is used`),
    ]);
  });

  it('reads the first of two valid copies that differ, and warns', async () => {
    const path = fileWith([METADATA, BAT]);
    patchFile(path, REGION_TABLE_2, encodeRegionTable([METADATA, { ...BAT, offset: 4 * MIB }]));
    const warnings: string[] = [];
    expect((await read(path, warnings)).bat.offset).toBe(BAT.offset);
    expect(warnings).toEqual([expect.stringContaining('they differ. The table at 196608 is used')]);
  });

  it('does not warn when both copies are valid', async () => {
    const warnings: string[] = [];
    await read(fileWith([METADATA, BAT]), warnings);
    expect(warnings).toEqual([]);
  });

  it('refuses a file whose copies are both damaged, and names the damage', async () => {
    const path = fileWith([METADATA, BAT]);
    patchFile(path, REGION_TABLE_1 + 100, Buffer.from([1]));
    patchFile(path, REGION_TABLE_2, Buffer.from('x'));
    await expect(read(path)).rejects.toThrow(CorruptImageError);
    await expect(read(path)).rejects.toThrow(/at 196608 the checksum is 0x.*at 262144 the signature "regi" is missing/);
  });

  it('ignores an unknown region, unless it is required', async () => {
    const extra = { id: nextGuid(), offset: 5 * MIB, length: MIB };
    expect((await read(fileWith([METADATA, BAT, extra]))).all).toHaveLength(5);
    const required = read(fileWith([METADATA, BAT, { ...extra, required: true }]));
    await expect(required).rejects.toThrow(UnsupportedImageError);
    await expect(required).rejects.toThrow(extra.id);
  });

  it.each([
    ['two entries for one region', [METADATA, BAT, BAT], /two entries for the BAT/],
    ['no BAT', [METADATA], /no entry for the BAT/],
    ['no metadata', [BAT], /no entry for the metadata/],
    ['no entries', [], /no entry for the BAT/],
    [
      'a region in the header section',
      [METADATA, { ...BAT, offset: 0 }],
      /the BAT begins at 0, inside the header section|the header section begins at 0, inside the BAT/,
    ],
    [
      'a region that is not aligned to 1 MiB',
      [METADATA, { ...BAT, offset: 3 * MIB + 64 * KIB }],
      /the BAT must consist of whole MiBs/,
    ],
    [
      'a region that is not a whole number of MiB',
      [{ ...METADATA, length: 64 * KIB }, BAT],
      /the metadata must consist of whole MiBs/,
    ],
    ['an empty region', [METADATA, { ...BAT, length: 0 }], /but has 0 bytes/],
    ['a region over the log', [METADATA, { ...BAT, offset: MIB }], /inside/],
    ['regions over each other', [METADATA, { ...BAT, offset: 2 * MIB }], /begins at 2097152, inside/],
    [
      'a region after the end of the file',
      [METADATA, { ...BAT, offset: 8 * MIB }],
      /the BAT must end inside the file, but ends at 9437184 of 8388608/,
    ],
    ['a region beyond 8 PiB', [METADATA, { ...BAT, offset: 2 ** 60 }], /region offset is 1152921504606846976/],
  ])('refuses %s', async (_, regions, message) => {
    await expect(read(fileWith(regions))).rejects.toThrow(CorruptImageError);
    await expect(read(fileWith(regions))).rejects.toThrow(message);
  });

  it('refuses more entries than the table has room for', async () => {
    const path = fileWith([METADATA, BAT]);
    editSealed(path, REGION_TABLE_1, 64 * KIB, (table) => table.writeUInt32LE(2048, 8));
    await expect(read(path)).rejects.toThrow(/2048 entries; at most 2047/);
  });
});
