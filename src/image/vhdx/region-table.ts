// The region table, stored twice in a VHDX: the places of the BAT and the metadata (MS-VHDX 2.2.3).
import { type ByteRange, endOf, MIB } from '../../base/byte-range.ts';
import type { Crc32c } from '../../base/crc32c.ts';
import { printable } from '../../base/printable.ts';
import { CorruptImageError, UnsupportedImageError } from '../../errors.ts';
import type { PlacedBytes } from '../block-layout.ts';
import type { OpenDiskImageOptions } from '../disk-image.ts';
import { Fields } from '../fields.ts';
import type { ImageBytes } from '../image-bytes.ts';
import { type Guid, guidAt, guidBytes } from './guid.ts';
import { HEADER_SECTION_LENGTH, hex } from './headers.ts';

const TABLE_OFFSETS = [192 * 1024, 256 * 1024];
const TABLE_LENGTH = 64 * 1024;
const MAX_ENTRIES = 2047;
const ENTRIES_OFFSET = 16;
const ENTRY_LENGTH = 32;
const IS_REQUIRED = 1;
const SIGNATURE = 'regi';

const BAT_REGION: Guid = '2dc27766-f623-4200-9d64-115e9bfd4a08';
const METADATA_REGION: Guid = '8b7ca206-4790-4b9a-b8fe-575f050f886e';

/** A part of the file that no block may overlap. */
export interface Region extends ByteRange {
  /** Name for messages. */
  readonly name: string;
}

/** The regions that a reader needs, and all regions of the file. */
export interface Regions {
  readonly bat: Region;
  readonly metadata: Region;
  /** All regions of the table, the log and the header section, ascending. */
  readonly all: readonly Region[];
}

/**
 * Reads the region table: the first copy, or the second if the first is damaged. `file` must be read through its replayed log.
 * @param log Range of the log according to the header; its length may be 0.
 * @throws {CorruptImageError} both copies are damaged, or a region has an impossible place.
 * @throws {UnsupportedImageError} a required region is unknown.
 */
export async function readRegions(
  file: ImageBytes,
  log: ByteRange,
  crc32c: Crc32c,
  { onWarning }: OpenDiskImageOptions,
): Promise<Regions> {
  const intact: Fields[] = [];
  const problems: string[] = [];
  for (const offset of TABLE_OFFSETS) {
    const bytes = new Uint8Array(TABLE_LENGTH);
    await file.read(offset, bytes);
    const fields = new Fields(bytes, { path: file.path, structure: 'region table', offset }, 'little');
    const problem = problemOf(fields, crc32c);
    if (problem === undefined) intact.push(fields);
    else problems.push(`at ${offset} ${problem}`);
  }
  const [table, copy] = intact;
  const path = printable(file.path);
  if (table === undefined) {
    throw new CorruptImageError(
      `Cannot read ${path}: neither of its two region tables is valid (${problems.join('; ')}).`,
    );
  }
  const regions = decodeRegions(table, file, log);
  const damage = copy === undefined ? problems[0] : differenceOf(table, copy);
  if (damage !== undefined) {
    onWarning?.({
      code: 'region-table-damaged',
      message: `The two region tables of ${path} should be identical: ${damage}. The table at ${table.location.offset} is used.`,
    });
  }
  return regions;
}

function problemOf(fields: Fields, crc32c: Crc32c): string | undefined {
  if (fields.ascii(0, 4) !== SIGNATURE) return `the signature "${SIGNATURE}" is missing`;
  const stored = fields.u32(4);
  const computed = crc32c.of(fields.bytes);
  return stored === computed ? undefined : `the checksum is ${hex(stored)}, but its bytes give ${hex(computed)}`;
}

function differenceOf(table: Fields, copy: Fields): string | undefined {
  return Buffer.compare(table.bytes, copy.bytes) === 0 ? undefined : 'they differ';
}

function decodeRegions(fields: Fields, file: ImageBytes, log: ByteRange): Regions {
  const count = fields.u32(8);
  if (count > MAX_ENTRIES) throw fields.corrupt(`it has ${count} entries; at most ${MAX_ENTRIES} fit`);
  const regions = new Map<Guid, Region>();
  for (let index = 0; index < count; index++) {
    const at = ENTRIES_OFFSET + index * ENTRY_LENGTH;
    const guid = guidAt(fields, at);
    if (regions.has(guid)) throw fields.corrupt(`it has two entries for ${regionName(guid)}`);
    // qemu-img does not set the bit for the BAT and the metadata. It matters only for unknown regions.
    const required = (fields.u32(at + 28) & IS_REQUIRED) !== 0;
    if (required && guid !== BAT_REGION && guid !== METADATA_REGION) {
      throw new UnsupportedImageError(
        `Cannot read ${printable(file.path)}: it requires the region ${guid}, which vhdup does not support. Convert it with the program that wrote it.`,
      );
    }
    const region = {
      name: regionName(guid),
      offset: fields.u64(at + 16, 'region offset'),
      length: fields.u32(at + 24),
    };
    checkPlace(fields, region, file);
    regions.set(guid, region);
  }
  const bat = regions.get(BAT_REGION);
  const metadata = regions.get(METADATA_REGION);
  if (bat === undefined || metadata === undefined) {
    throw fields.corrupt(`it has no entry for ${bat === undefined ? 'the BAT' : 'the metadata'}`);
  }
  const headers = { name: 'the header section', offset: 0, length: HEADER_SECTION_LENGTH };
  const all = [headers, ...regions.values(), ...(log.length > 0 ? [{ name: 'the log', ...log }] : [])];
  all.sort((a, b) => a.offset - b.offset);
  checkApart(fields, all);
  return { bat, metadata, all };
}

function checkPlace(fields: Fields, region: Region, file: ImageBytes): void {
  const { name, offset, length } = region;
  if (offset % MIB !== 0 || length % MIB !== 0 || length === 0) {
    throw fields.corrupt(`${name} must consist of whole MiBs, but has ${length} bytes at ${offset}`);
  }
  if (endOf(region) > file.size) {
    throw fields.corrupt(
      `${name} must end inside the file, but ends at ${endOf(region)} of ${file.size}: the file was truncated, copy it again`,
    );
  }
}

function checkApart(fields: Fields, ascending: readonly Region[]): void {
  for (const [index, region] of ascending.entries()) {
    const before = ascending[index - 1];
    if (before !== undefined && region.offset < endOf(before)) {
      throw fields.corrupt(
        `${region.name} begins at ${region.offset}, inside ${before.name}, which ends at ${endOf(before)}`,
      );
    }
  }
}

/** Encodes both copies of the table of a new file. */
export function encodeRegionTables(bat: ByteRange, metadata: ByteRange, crc32c: Crc32c): PlacedBytes[] {
  const table = Buffer.alloc(TABLE_LENGTH);
  table.write(SIGNATURE, 0, 'latin1');
  const entries = [
    { guid: BAT_REGION, ...bat },
    { guid: METADATA_REGION, ...metadata },
  ];
  table.writeUInt32LE(entries.length, 8);
  for (const [index, { guid, offset, length }] of entries.entries()) {
    const at = ENTRIES_OFFSET + index * ENTRY_LENGTH;
    table.set(guidBytes(guid), at);
    table.writeBigUInt64LE(BigInt(offset), at + 16);
    table.writeUInt32LE(length, at + 24);
    table.writeUInt32LE(IS_REQUIRED, at + 28);
  }
  const bytes = crc32c.seal(table);
  return TABLE_OFFSETS.map((offset) => ({ offset, bytes }));
}

function regionName(guid: Guid): string {
  if (guid === BAT_REGION) return 'the BAT';
  return guid === METADATA_REGION ? 'the metadata' : `the region ${guid}`;
}
