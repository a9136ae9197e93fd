// The footers and the dynamic header of a VHD, field by field (VHD specification, "Hard Disk Footer Format", "Dynamic Disk Header Format").
import { Fields } from '../image/fields.ts';
import type { ImageFile } from '../image/image-file.ts';
import { checksumOf } from '../image/vhd/checksum.ts';
import { DYNAMIC_HEADER_LENGTH, decodeParentName } from '../image/vhd/dynamic-header.ts';
import { checksumProblem, DISK_TYPE, FOOTER_LENGTH, footerFields, hasFooterCookie } from '../image/vhd/footer.ts';
import { capacityOf } from '../image/vhd/geometry.ts';
import { decodeLocators, readLocator } from '../image/vhd/parent-locator.ts';
import { creatorName, creatorSystem, versionText, vhdTime } from './creators.ts';
import {
  bytesField,
  checksumField,
  type FieldReader,
  hex32,
  numberField,
  readFields,
  type Structure,
  type StructureRow,
  textField,
} from './structure.ts';

/** A footer with the right cookie. */
export interface FooterCopy {
  readonly place: 'end' | 'beginning';
  readonly fields: Fields;
  /** Undefined if the checksum is correct. */
  readonly problem: string | undefined;
}

const TYPE_NAMES: Readonly<Record<number, string>> = {
  0: 'none',
  [DISK_TYPE.fixed]: 'fixed',
  [DISK_TYPE.dynamic]: 'dynamic',
  [DISK_TYPE.differencing]: 'differencing',
};

const FOOTER_FIELDS: readonly FieldReader[] = [
  textField('Cookie', 0, 8),
  numberField('Features', 8, 32, (value) => ((value & 1) === 0 ? undefined : 'temporary')),
  numberField('File Format Version', 12, 32, versionText),
  numberField('Data Offset', 16, 64),
  numberField('Time Stamp', 24, 32, (value) => vhdTime(value) ?? 'not stated'),
  textField('Creator Application', 28, 4, creatorName),
  numberField('Creator Version', 32, 32, versionText),
  textField('Creator Host OS', 36, 4, creatorSystem),
  numberField('Original Size', 40, 64),
  numberField('Current Size', 48, 64),
  (fields) => {
    const geometry = { cylinders: fields.u16(56), heads: fields.u8(58), sectorsPerTrack: fields.u8(59) };
    const value = `${geometry.cylinders}/${geometry.heads}/${geometry.sectorsPerTrack}`;
    return { name: 'Disk Geometry', value, meaning: `${capacityOf(geometry)} bytes` };
  },
  numberField('Disk Type', 60, 32, (value) => TYPE_NAMES[value] ?? 'unknown or deprecated'),
  checksumField(64, ({ bytes }) => checksumOf(bytes, 64)),
  bytesField('Unique Id', 68, 16),
  numberField('Saved State', 84, 8, (value) => (value === 1 ? 'the machine was suspended' : undefined)),
];

const HEADER_FIELDS: readonly FieldReader[] = [
  textField('Cookie', 0, 8),
  numberField('Data Offset', 8, 64),
  numberField('Table Offset', 16, 64),
  numberField('Header Version', 24, 32, versionText),
  numberField('Max Table Entries', 28, 32),
  numberField('Block Size', 32, 32),
  checksumField(36, ({ bytes }) => checksumOf(bytes, 36)),
  bytesField('Parent Unique ID', 40, 16),
  numberField('Parent Time Stamp', 56, 32, (value) => vhdTime(value) ?? 'not stated'),
  (fields) => ({ name: 'Parent Unicode Name', value: decodeParentName(fields) }),
];

/** The copies of the footer that have its cookie, the one at the end first. A fixed disk has no copy at the beginning. */
export async function readFooterCopies(file: ImageFile): Promise<FooterCopy[]> {
  const copies: FooterCopy[] = [];
  const tail =
    (await readCopy(file, 'end', file.size - FOOTER_LENGTH, FOOTER_LENGTH)) ??
    // Old versions of Virtual PC omitted the last byte.
    (await readCopy(file, 'end', file.size - (FOOTER_LENGTH - 1), FOOTER_LENGTH - 1));
  if (tail !== undefined) copies.push(tail);
  if (tail === undefined || tail.fields.u32(60) !== DISK_TYPE.fixed || tail.problem !== undefined) {
    const head = await readCopy(file, 'beginning', 0, FOOTER_LENGTH);
    if (head !== undefined && head.fields.u32(60) !== DISK_TYPE.fixed) copies.push(head);
  }
  return copies;
}

async function readCopy(
  file: ImageFile,
  place: FooterCopy['place'],
  offset: number,
  length: number,
): Promise<FooterCopy | undefined> {
  if (offset < 0 || offset + length > file.size) return undefined;
  const bytes = new Uint8Array(FOOTER_LENGTH);
  await file.read(offset, bytes.subarray(0, length));
  if (!hasFooterCookie(bytes)) return undefined;
  const fields = footerFields(bytes, file.path, offset);
  return { place, fields, problem: checksumProblem(fields) };
}

/** The copy that is used: the first intact one, otherwise the first one. */
export function usedCopy(copies: readonly FooterCopy[]): FooterCopy | undefined {
  return copies.find(({ problem }) => problem === undefined) ?? copies[0];
}

export function footerStructures(copies: readonly FooterCopy[]): Structure[] {
  const [first, second] = copies;
  const differ =
    first !== undefined && second !== undefined && Buffer.compare(first.fields.bytes, second.fields.bytes) !== 0;
  return copies.map(({ place, fields, problem }) => ({
    name: place === 'end' ? 'footer' : 'copy of the footer at the beginning',
    offset: fields.location.offset,
    length: FOOTER_LENGTH,
    problems: [
      ...(problem === undefined ? [] : [problem]),
      ...(differ && place === 'beginning' ? ['it differs from the footer at the end'] : []),
    ],
    fields: readFields(fields, FOOTER_FIELDS),
  }));
}

/** The dynamic header that `footer` points to, or undefined for a fixed disk or an offset outside of the file. */
export async function readHeaderFields(file: ImageFile, footer: Fields): Promise<Fields | undefined> {
  const offset = footer.bigU64(16);
  if (footer.u32(60) === DISK_TYPE.fixed || offset + BigInt(DYNAMIC_HEADER_LENGTH) > BigInt(file.size))
    return undefined;
  const bytes = new Uint8Array(DYNAMIC_HEADER_LENGTH);
  await file.read(Number(offset), bytes);
  return new Fields(bytes, { path: file.path, structure: 'dynamic header', offset: Number(offset) }, 'big');
}

export async function headerStructure(file: ImageFile, header: Fields): Promise<Structure> {
  const problems: string[] = [];
  if (header.ascii(0, 8) !== 'cxsparse') problems.push('it must begin with "cxsparse"');
  const [stored, computed] = [header.u32(36), checksumOf(header.bytes, 36)];
  if (stored !== computed) problems.push(`its checksum is ${hex32(stored)}, but its bytes give ${hex32(computed)}`);
  return {
    name: 'dynamic header',
    offset: header.location.offset,
    length: DYNAMIC_HEADER_LENGTH,
    problems,
    fields: readFields(header, HEADER_FIELDS),
    rows: await locatorRows(file, header),
  };
}

async function locatorRows(file: ImageFile, header: Fields): Promise<StructureRow[]> {
  const rows: StructureRow[] = [];
  for (const locator of decodeLocators(header)) {
    const { slot, platformCode, length } = locator;
    const read = await readLocator(file, locator);
    rows.push({
      parentLocator: slot,
      platformCode,
      length,
      text: 'text' in read ? read.text : `(${read.problem})`,
    });
  }
  return rows;
}
