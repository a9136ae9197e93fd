// The metadata of a VHDX: the table, its items, and the parent locator (MS-VHDX 2.6).

import { decodeForeignText, plainUtf16 } from '../base/foreign-text.ts';
import { printable } from '../base/printable.ts';
import type { Fields } from '../image/fields.ts';
import { guidAt } from '../image/vhdx/guid.ts';
import {
  cannotShow,
  exact,
  numberField,
  readFields,
  type Structure,
  type StructureField,
  type StructureRow,
  textField,
} from './structure.ts';
import { fieldsAt, type VhdxReading } from './vhdx-reading.ts';
import { guidField } from './vhdx-structures.ts';

const TABLE_LENGTH = 64 * 1024;
const ENTRY_LENGTH = 32;
const MAX_ENTRIES = 2047;
/** Decoded items are short, and a locator contains a few paths. */
const MAX_ITEM_LENGTH = 1024 * 1024;
const PARENT_LOCATOR = 'a8d35f2d-b30b-454d-abf7-d3d84834ab0c';

type Decode = (item: Fields) => string | number;

const ITEMS: Readonly<Record<string, readonly [name: string, length: number, decode: Decode]>> = {
  'caa16737-fa36-4d43-b3b6-33f0aa44e76b': ['File Parameters', 8, fileParameters],
  '2fa54224-cd1b-4876-b211-5dbed83bf4b8': ['Virtual Disk Size', 8, (item) => exact(item.bigU64(0))],
  '8141bf1d-a96f-4709-ba47-f233a8faab5f': ['Logical Sector Size', 4, (item) => item.u32(0)],
  'cda348c7-445d-4471-9cc9-e9885251c556': ['Physical Sector Size', 4, (item) => item.u32(0)],
  'beca12ab-b2e6-4523-93ef-c309e000c746': ['Virtual Disk ID', 16, (item) => guidAt(item, 0)],
  [PARENT_LOCATOR]: ['Parent Locator', 20, () => 'shown as a separate table'],
};

function fileParameters(item: Fields): string {
  const flags = item.u32(4);
  const words = [(flags & 1) !== 0 ? 'fixed' : '', (flags & 2) !== 0 ? 'has a parent' : ''].filter(
    (word) => word !== '',
  );
  return `block size ${item.u32(0)}${words.map((word) => `, ${word}`).join('')}`;
}

/** The table with its items, and the parent locator if present. @throws {CorruptImageError} no region table locates it. */
export async function metadataStructures(reading: VhdxReading): Promise<Structure[]> {
  const { bytes, regions, problems } = reading;
  const path = printable(bytes.path);
  if (regions === undefined) cannotShow('metadata', path, `no region table locates it (${problems.join(' ')})`);
  const { offset } = regions.metadata;
  const table = await fieldsAt(bytes, 'metadata table', offset, TABLE_LENGTH);
  if (table === undefined)
    cannotShow('metadata', path, `it should be at ${offset}, but the file ends at ${bytes.size}`);
  const isTable = table.ascii(0, 8) === 'metadata';
  const structures: Structure[] = [];
  const rows: StructureRow[] = [];
  const values: StructureField[] = [];
  const count = isTable ? Math.min(table.u16(10), MAX_ENTRIES) : 0;
  for (let index = 0; index < count; index++) {
    const at = ENTRY_LENGTH + index * ENTRY_LENGTH;
    const [id, itemOffset, length] = [guidAt(table, at), table.u32(at + 16), table.u32(at + 20)];
    const [name, minLength, decode] = ITEMS[id] ?? [undefined, 0, undefined];
    const isReadable = length >= minLength && length <= MAX_ITEM_LENGTH && decode !== undefined;
    const item = isReadable ? await fieldsAt(bytes, name ?? id, offset + itemOffset, length) : undefined;
    rows.push({ item: name ?? id, offset: itemOffset, length, flags: table.u32(at + 24) });
    if (item !== undefined && name !== undefined && decode !== undefined) values.push({ name, value: decode(item) });
    if (item !== undefined && id === PARENT_LOCATOR) structures.push(locatorStructure(item));
  }
  const fields = [...readFields(table, [textField('Signature', 0, 8), numberField('EntryCount', 10, 16)]), ...values];
  const tableProblems = isTable ? [] : ['it must begin with "metadata"'];
  return [
    { name: 'metadata table', offset, length: TABLE_LENGTH, problems: tableProblems, fields, rows },
    ...structures,
  ];
}

function locatorStructure(item: Fields): Structure {
  const { bytes, location } = item;
  const problems: string[] = [];
  const rows: StructureRow[] = [];
  const fits = Math.floor((bytes.length - 20) / 12);
  const count = item.u16(18);
  if (count > fits) problems.push(`it has ${count} entries, but only ${fits} fit in it`);
  const text = (offset: number, length: number) => {
    const stored = item.slice(offset, length);
    return decodeForeignText(stored, 'utf-16le') ?? plainUtf16(stored, 'utf-16le');
  };
  for (let at = 20; at < 20 + Math.min(count, fits) * 12; at += 12) {
    rows.push({ key: text(item.u32(at), item.u16(at + 8)), value: text(item.u32(at + 4), item.u16(at + 10)) });
  }
  return {
    name: 'parent locator',
    offset: location.offset,
    length: bytes.length,
    problems,
    fields: readFields(item, [guidField('LocatorType', 0), numberField('KeyValueCount', 18, 16)]),
    rows,
  };
}
