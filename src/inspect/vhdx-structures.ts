// The file identifier, the headers and the region tables of a VHDX, field by field (MS-VHDX 2.2).
import { decodeForeignText, plainUtf16 } from '../base/foreign-text.ts';
import type { Fields } from '../image/fields.ts';
import { guidAt, ZERO_GUID } from '../image/vhdx/guid.ts';
import {
  checksumField,
  exact,
  type FieldReader,
  hex32,
  numberField,
  readFields,
  type Structure,
  type StructureRow,
  textField,
} from './structure.ts';
import { fieldsAt, type VhdxReading } from './vhdx-reading.ts';

export const IDENTIFIER_LENGTH = 520;
export const HEADER_OFFSETS = [64 * 1024, 128 * 1024];
export const HEADER_LENGTH = 4096;
const REGION_TABLE_OFFSETS = [192 * 1024, 256 * 1024];
const REGION_TABLE_LENGTH = 64 * 1024;
const MAX_REGIONS = 2047;

const REGION_NAMES: Readonly<Record<string, string>> = {
  '2dc27766-f623-4200-9d64-115e9bfd4a08': 'BAT',
  '8b7ca206-4790-4b9a-b8fe-575f050f886e': 'Metadata',
};

export function guidField(name: string, offset: number, meaning?: (guid: string) => string | undefined): FieldReader {
  return (fields) => {
    const value = guidAt(fields, offset);
    const words = meaning?.(value);
    return { name, value, ...(words === undefined ? {} : { meaning: words }) };
  };
}

function headerFields({ crc32c }: VhdxReading): readonly FieldReader[] {
  return [
    textField('Signature', 0, 4),
    checksumField(4, ({ bytes }) => crc32c.of(bytes)),
    numberField('SequenceNumber', 8, 64),
    guidField('FileWriteGuid', 16),
    guidField('DataWriteGuid', 32),
    guidField('LogGuid', 48, (guid) => (guid === ZERO_GUID ? 'the log is empty' : 'the log must be replayed')),
    numberField('LogVersion', 64, 16),
    numberField('Version', 66, 16),
    numberField('LogLength', 68, 32),
    numberField('LogOffset', 72, 64),
  ];
}

/** The identifier and both headers. */
export async function headerStructures(reading: VhdxReading): Promise<Structure[]> {
  const { file, header } = reading;
  const structures: Structure[] = [];
  const identifier = await fieldsAt(file, 'file identifier', 0, IDENTIFIER_LENGTH);
  if (identifier !== undefined) {
    structures.push({
      name: 'file identifier',
      offset: 0,
      length: IDENTIFIER_LENGTH,
      problems: identifier.ascii(0, 8) === 'vhdxfile' ? [] : ['it must begin with "vhdxfile"'],
      fields: [
        ...readFields(identifier, [textField('Signature', 0, 8)]),
        { name: 'Creator', value: creatorOf(identifier) },
      ],
    });
  }
  let isActiveFound = false;
  for (const [index, offset] of HEADER_OFFSETS.entries()) {
    const fields = await fieldsAt(file, 'header', offset, HEADER_LENGTH);
    if (fields === undefined) continue;
    const problems = integrityProblems(fields, 'head', reading);
    // If both have the same number, the first one is active.
    const isActive = !isActiveFound && problems.length === 0 && fields.bigU64(8) === header?.sequenceNumber;
    if (isActive) isActiveFound = true;
    structures.push({
      name: `header ${index + 1}${isActive ? ' (active)' : ''}`,
      offset,
      length: HEADER_LENGTH,
      problems,
      fields: readFields(fields, headerFields(reading)),
    });
  }
  return structures;
}

/** UTF-16, up to the first NUL; some writers use another encoding. */
export function creatorOf(identifier: Fields): string {
  const bytes = identifier.slice(8, 512);
  return decodeForeignText(bytes, 'utf-16le') ?? plainUtf16(bytes, 'utf-16le');
}

/** Both copies, with the log replayed. */
export async function regionStructures(reading: VhdxReading): Promise<Structure[]> {
  const structures: Structure[] = [];
  for (const [index, offset] of REGION_TABLE_OFFSETS.entries()) {
    const fields = await fieldsAt(reading.bytes, 'region table', offset, REGION_TABLE_LENGTH);
    if (fields === undefined) continue;
    const isTable = fields.ascii(0, 4) === 'regi';
    structures.push({
      name: `region table ${index + 1}`,
      offset,
      length: REGION_TABLE_LENGTH,
      problems: integrityProblems(fields, 'regi', reading),
      fields: readFields(fields, [
        textField('Signature', 0, 4),
        checksumField(4, ({ bytes }) => reading.crc32c.of(bytes)),
        numberField('EntryCount', 8, 32),
      ]),
      rows: isTable ? regionRows(fields) : [],
    });
  }
  return structures;
}

function regionRows(table: Fields): StructureRow[] {
  const rows: StructureRow[] = [];
  const count = Math.min(table.u32(8), MAX_REGIONS);
  for (let index = 0; index < count; index++) {
    const at = 16 + index * 32;
    const guid = guidAt(table, at);
    rows.push({
      region: REGION_NAMES[guid] ?? 'unknown',
      guid,
      fileOffset: exact(table.bigU64(at + 16)),
      length: table.u32(at + 24),
      required: table.u32(at + 28) & 1,
    });
  }
  return rows;
}

function integrityProblems(fields: Fields, signature: string, { crc32c }: VhdxReading): string[] {
  if (fields.ascii(0, 4) !== signature) return [`it must begin with "${signature}"`];
  const [stored, computed] = [fields.u32(4), crc32c.of(fields.bytes)];
  return stored === computed ? [] : [`its checksum is ${hex32(stored)}, but its bytes give ${hex32(computed)}`];
}
