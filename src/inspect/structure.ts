// Structure: one structure of an image file, field by field, whether or not it is valid.
import { CorruptImageError } from '../errors.ts';
import type { Fields } from '../image/fields.ts';

/** The structures that can be shown. Not every format has each. */
export const STRUCTURE_KINDS = ['footer', 'header', 'bat', 'bitmap', 'regions', 'metadata', 'log'] as const;
export type StructureKind = (typeof STRUCTURE_KINDS)[number];

export interface StructureField {
  /** Name in the specification. */
  readonly name: string;
  /** A number if it is exact, otherwise "0x..."; bytes as hexadecimal digits; texts unescaped, as stored. */
  readonly value: string | number;
  /** The value in words. */
  readonly meaning?: string;
}

/** A row of a table in a structure. All rows of a table have the same names, but a value may be absent. */
export type StructureRow = Readonly<Record<string, string | number | undefined>>;

export interface Structure {
  readonly name: string;
  /** Offset of its first byte in the file. */
  readonly offset: number;
  /** In bytes. */
  readonly length: number;
  /** Faults: sentences without a full stop. */
  readonly problems: readonly string[];
  readonly fields: readonly StructureField[];
  readonly rows?: readonly StructureRow[];
  /** Number of rows that are not listed. */
  readonly rowsLeftOut?: number;
}

/** Options for reading a table. */
export interface TableRequest {
  /** Lists every range, not only the first ones. */
  readonly all: boolean;
  /** Shows only this block. */
  readonly block?: number;
  readonly signal: AbortSignal;
  /** Called with the number of table bytes read and the total. */
  readonly onProgress: (done: number, planned: number) => void;
}

/** Ranges listed by default. */
const SHORT_LIST = 64;

/** Ranges listed at most, so that any table fits in memory. */
const LONG_LIST = 2 ** 20;

/** Stores the first rows and counts the others. */
export class RowList {
  readonly rows: StructureRow[] = [];
  leftOut = 0;
  readonly #limit: number;

  constructor({ all }: Pick<TableRequest, 'all'>) {
    this.#limit = all ? LONG_LIST : SHORT_LIST;
  }

  add(row: StructureRow): void {
    if (this.rows.length < this.#limit) this.rows.push(row);
    else this.leftOut += 1;
  }

  /** The rows for the structure. */
  get listed(): Pick<Structure, 'rows' | 'rowsLeftOut'> {
    return { rows: this.rows, ...(this.leftOut === 0 ? {} : { rowsLeftOut: this.leftOut }) };
  }
}

/** Reads one field. */
export type FieldReader = (fields: Fields) => StructureField;

export function numberField(
  name: string,
  offset: number,
  bits: 8 | 16 | 32 | 64,
  meaning?: (value: number) => string | undefined,
): FieldReader {
  return (fields) => {
    const value = numberAt(fields, offset, bits);
    const words = typeof value === 'number' ? meaning?.(value) : undefined;
    return { name, value, ...(words === undefined ? {} : { meaning: words }) };
  };
}

export function textField(
  name: string,
  offset: number,
  length: number,
  meaning?: (text: string) => string | undefined,
): FieldReader {
  return (fields) => {
    const value = fields.ascii(offset, length);
    const words = meaning?.(value);
    return { name, value, ...(words === undefined ? {} : { meaning: words }) };
  };
}

/** Bytes as hexadecimal digits. */
export function bytesField(name: string, offset: number, length: number): FieldReader {
  return (fields) => ({ name, value: Buffer.from(fields.slice(offset, length)).toString('hex') });
}

/** A stored checksum, and whether it is correct. */
export function checksumField(offset: number, compute: (fields: Fields) => number): FieldReader {
  return (fields) => {
    const [stored, computed] = [fields.u32(offset), compute(fields)];
    const meaning = stored === computed ? 'correct' : `wrong: its bytes give ${hex32(computed)}`;
    return { name: 'Checksum', value: hex32(stored), meaning };
  };
}

export function readFields(fields: Fields, readers: readonly FieldReader[]): StructureField[] {
  return readers.map((read) => read(fields));
}

export function hex32(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}

/** A 64-bit value as a number if that is exact, otherwise as hexadecimal digits. */
export function exact(value: bigint): number | string {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : `0x${value.toString(16)}`;
}

function numberAt(fields: Fields, offset: number, bits: 8 | 16 | 32 | 64): number | string {
  if (bits === 64) return exact(fields.bigU64(offset));
  return bits === 32 ? fields.u32(offset) : bits === 16 ? fields.u16(offset) : fields.u8(offset);
}

/** @throws {CorruptImageError} a structure that is needed to show another one is missing or damaged. */
export function cannotShow(what: string, path: string, problem: string): never {
  throw new CorruptImageError(`Cannot show the ${what} of ${path}: ${problem}.`);
}
