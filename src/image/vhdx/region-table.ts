// The region table, of which a VHDX has two copies: where the BAT and the metadata are (MS-VHDX 2.2.3).
import { type ByteRange, endOf, MIB } from '../../base/byte-range.ts';
import { printable } from '../../base/printable.ts';
import { CorruptImageError, UnsupportedImageError } from '../../errors.ts';
import type { OpenDiskImageOptions } from '../disk-image.ts';
import { Fields } from '../fields.ts';
import type { ImageBytes } from '../image-bytes.ts';
import type { Crc32c } from './crc32c.ts';
import { type Guid, guidAt } from './guid.ts';
import { HEADER_SECTION_LENGTH, hex } from './headers.ts';

const TABLE_OFFSETS = [192 * 1024, 256 * 1024];
const TABLE_LENGTH = 64 * 1024;
const MAX_ENTRIES = 2047;
const ENTRIES_OFFSET = 16;
const ENTRY_LENGTH = 32;

const BAT_REGION: Guid = '2dc27766-f623-4200-9d64-115e9bfd4a08';
const METADATA_REGION: Guid = '8b7ca206-4790-4b9a-b8fe-575f050f886e';

/** A part of the file that no block may lie in. */
export interface Region extends ByteRange {
  /** As messages name it. */
  readonly name: string;
}

/** The regions of a file that we need, and all that the file has. */
export interface Regions {
  readonly bat: Region;
  readonly metadata: Region;
  /** Ascending: every region of the table, the log and the header section. */
  readonly all: readonly Region[];
}

/**
 * Reads the region table: the first copy, or the second where the first is damaged. To be read through a replayed log.
 * @param log Where the header says that the log is; its length may be 0.
 * @throws {CorruptImageError} both copies are damaged, or regions lie where they cannot.
 * @throws {UnsupportedImageError} a region that is required and that we do not know.
 */
export async function readRegions(
  file: ImageBytes,
  log: ByteRange,
  crc32c: Crc32c,
  { onWarning }: OpenDiskImageOptions,
): Promise<Regions> {
  const sound: Fields[] = [];
  const problems: string[] = [];
  for (const offset of TABLE_OFFSETS) {
    const bytes = new Uint8Array(TABLE_LENGTH);
    await file.read(offset, bytes);
    const fields = new Fields(bytes, { path: file.path, structure: 'region table', offset }, 'little');
    const problem = checkSeal(fields, crc32c);
    if (problem === undefined) sound.push(fields);
    else problems.push(`at ${offset} ${problem}`);
  }
  const [table, copy] = sound;
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
      message: `The two region tables of ${path} should be the same: ${damage}. The one at ${table.location.offset} is used.`,
    });
  }
  return regions;
}

function checkSeal(fields: Fields, crc32c: Crc32c): string | undefined {
  if (fields.ascii(0, 4) !== 'regi') return 'there is no signature "regi"';
  const stored = fields.u32(4);
  const computed = crc32c.of(fields.bytes);
  return stored === computed ? undefined : `the checksum is ${hex(stored)}, its bytes give ${hex(computed)}`;
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
    // qemu-img leaves the bit unset on the BAT and the metadata: it only matters for regions that we do not know.
    const required = (fields.u32(at + 28) & 1) === 1;
    if (required && guid !== BAT_REGION && guid !== METADATA_REGION) {
      throw new UnsupportedImageError(
        `Cannot read ${printable(file.path)}: it needs the region ${guid}, which is not known. Convert it with the program that wrote it.`,
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
      `${name} must end inside the file, but ends at ${endOf(region)} of ${file.size}: the file was cut, copy it again`,
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

function regionName(guid: Guid): string {
  if (guid === BAT_REGION) return 'the BAT';
  return guid === METADATA_REGION ? 'the metadata' : `the region ${guid}`;
}
