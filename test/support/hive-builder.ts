// Builds registry hives and their transaction logs (msuhanov/regf, "Windows registry file format specification").
import { Marvin32 } from '../../src/volume/registry/marvin32.ts';
import type { RangedFile } from '../../src/volume/registry/ranged-file.ts';

export interface BuiltValue {
  readonly type: number;
  readonly data: Buffer;
}

/** Subkeys are objects, values are buffers with a type. Their order is that of the hive. */
export interface BuiltKey {
  readonly values?: Readonly<Record<string, BuiltValue>>;
  readonly keys?: Readonly<Record<string, BuiltKey>>;
}

export interface HiveForm {
  /** Signature of the lists of subkeys. `ri` is a list of two or more leaves `lh`. Default: `lh`. */
  readonly list?: 'li' | 'lf' | 'lh' | 'ri';
  /** Default: 5. */
  readonly minorVersion?: number;
  /** Default: both 1. */
  readonly sequences?: readonly [primary: number, secondary: number];
  /** FILETIME. Default: 0. */
  readonly written?: bigint;
}

export const sz = (text: string): BuiltValue => ({ type: 1, data: Buffer.from(`${text}\0`, 'utf16le') });
export const expandSz = (text: string): BuiltValue => ({ ...sz(text), type: 2 });
export const binary = (data: Uint8Array): BuiltValue => ({ type: 3, data: Buffer.from(data) });
export const multiSz = (...texts: string[]): BuiltValue => ({
  type: 7,
  data: Buffer.from(`${texts.map((text) => `${text}\0`).join('')}\0`, 'utf16le'),
});

export function dword(number: number): BuiltValue {
  const data = Buffer.alloc(4);
  data.writeUInt32LE(number);
  return { type: 4, data };
}

export function qword(number: bigint): BuiltValue {
  const data = Buffer.alloc(8);
  data.writeBigUInt64LE(number);
  return { type: 11, data };
}

const NIL = 0xffffffff;
const SEGMENT = 16_344;

/** A hive with the content of `root` in one bin. */
export function buildHive(root: BuiltKey, form: HiveForm = {}): Buffer {
  const cells = new Cells();
  const rootOffset = writeKey(cells, 'ROOT', root, NIL, form);
  const bin = cells.toBin();
  return Buffer.concat([baseBlock(4096, 0, rootOffset, bin.length, form), bin]);
}

class Cells {
  readonly #contents: Buffer[] = [];
  #end = 32;

  /** Reserves a cell, and returns its offset and its content, which can be filled later. */
  reserve(length: number): readonly [offset: number, content: Buffer] {
    const size = Math.ceil((length + 4) / 8) * 8;
    const cell = Buffer.alloc(size);
    cell.writeInt32LE(-size);
    const offset = this.#end;
    this.#contents.push(cell);
    this.#end += size;
    return [offset, cell.subarray(4)];
  }

  add(content: Buffer): number {
    const [offset, cell] = this.reserve(content.length);
    content.copy(cell);
    return offset;
  }

  toBin(): Buffer {
    const bin = Buffer.alloc(Math.ceil((this.#end + 8) / 4096) * 4096);
    bin.write('hbin');
    bin.writeUInt32LE(bin.length, 8);
    Buffer.concat(this.#contents).copy(bin, 32);
    bin.writeInt32LE(bin.length - this.#end, this.#end);
    return bin;
  }
}

/** Names are Latin-1 where they can be. */
function encodeName(name: string): readonly [bytes: Buffer, isLatin1: boolean] {
  const isLatin1 = !/[\u0100-\uffff]/.test(name);
  return [Buffer.from(name, isLatin1 ? 'latin1' : 'utf16le'), isLatin1];
}

function writeKey(cells: Cells, name: string, key: BuiltKey, parent: number, form: HiveForm): number {
  const [bytes, isLatin1] = encodeName(name);
  const [offset, node] = cells.reserve(76 + bytes.length);
  const values = Object.entries(key.values ?? {}).map(([valueName, value]) =>
    writeValue(cells, valueName, value, form),
  );
  const subkeys = Object.entries(key.keys ?? {}).map(
    ([subkeyName, subkey]) => [writeKey(cells, subkeyName, subkey, offset, form), subkeyName] as const,
  );
  node.write('nk');
  node.writeUInt16LE(isLatin1 ? 0x20 : 0, 2);
  node.writeUInt32LE(parent, 16);
  node.writeUInt32LE(subkeys.length, 20);
  node.writeUInt32LE(subkeys.length === 0 ? NIL : writeList(cells, subkeys, form.list ?? 'lh'), 28);
  node.writeUInt32LE(values.length, 36);
  node.writeUInt32LE(values.length === 0 ? NIL : cells.add(words(values)), 40);
  node.writeUInt16LE(bytes.length, 72);
  bytes.copy(node, 76);
  return offset;
}

type Entries = readonly (readonly [offset: number, name: string])[];

function writeList(cells: Cells, entries: Entries, list: 'li' | 'lf' | 'lh' | 'ri'): number {
  if (list !== 'ri') return writeLeaf(cells, entries, list);
  const half = Math.ceil(entries.length / 2);
  const leaves = [entries.slice(0, half), entries.slice(half)].filter(({ length }) => length > 0);
  return writeElements(cells, 'ri', leaves.length, words(leaves.map((leaf) => writeLeaf(cells, leaf, 'lh'))));
}

function writeLeaf(cells: Cells, entries: Entries, list: 'li' | 'lf' | 'lh'): number {
  const elements = entries.flatMap(([offset, name]) => (list === 'li' ? [offset] : [offset, hintOf(name, list)]));
  return writeElements(cells, list, entries.length, words(elements));
}

function hintOf(name: string, list: 'lf' | 'lh'): number {
  if (list === 'lf') return Buffer.from(name.padEnd(4, '\0').slice(0, 4), 'latin1').readUInt32LE();
  // Letters of which the upper case is two letters (ß), or an ASCII letter (ı), stay as they are.
  const upper = (letter: string) => (/[ßı]/.test(letter) ? letter : letter.toUpperCase());
  return [...name].reduce((hash, letter) => (hash * 37 + upper(letter).charCodeAt(0)) % 2 ** 32, 0);
}

function writeElements(cells: Cells, signature: string, count: number, elements: Buffer): number {
  const header = Buffer.alloc(4);
  header.write(signature, 'latin1');
  header.writeUInt16LE(count, 2);
  return cells.add(Buffer.concat([header, elements]));
}

function writeValue(cells: Cells, name: string, { type, data }: BuiltValue, form: HiveForm): number {
  const [bytes, isLatin1] = encodeName(name);
  const value = Buffer.alloc(20 + bytes.length);
  value.write('vk');
  value.writeUInt16LE(bytes.length, 2);
  if (data.length <= 4) {
    value.writeUInt32LE((data.length | 0x8000_0000) >>> 0, 4);
    data.copy(value, 8);
  } else {
    value.writeUInt32LE(data.length, 4);
    value.writeUInt32LE(writeData(cells, data, form), 8);
  }
  value.writeUInt32LE(type, 12);
  value.writeUInt16LE(isLatin1 ? 1 : 0, 16);
  bytes.copy(value, 20);
  return cells.add(value);
}

function writeData(cells: Cells, data: Buffer, { minorVersion = 5 }: HiveForm): number {
  if (data.length <= SEGMENT || minorVersion < 4) return cells.add(data);
  const segments: number[] = [];
  for (let at = 0; at < data.length; at += SEGMENT) segments.push(cells.add(data.subarray(at, at + SEGMENT)));
  const list = cells.add(words(segments));
  const header = Buffer.alloc(8);
  header.write('db');
  header.writeUInt16LE(segments.length, 2);
  header.writeUInt32LE(list, 4);
  return cells.add(header);
}

function words(numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(numbers.length * 4);
  for (const [index, number] of numbers.entries()) bytes.writeUInt32LE(number, index * 4);
  return bytes;
}

function baseBlock(length: number, fileType: number, root: number, binsSize: number, form: HiveForm): Buffer {
  const block = Buffer.alloc(length);
  const [primary, secondary] = form.sequences ?? [1, 1];
  block.write('regf');
  block.writeUInt32LE(primary, 4);
  block.writeUInt32LE(secondary, 8);
  block.writeBigUInt64LE(form.written ?? 0n, 12);
  block.writeUInt32LE(1, 20);
  block.writeUInt32LE(form.minorVersion ?? 5, 24);
  block.writeUInt32LE(fileType, 28);
  block.writeUInt32LE(1, 32);
  block.writeUInt32LE(root, 36);
  block.writeUInt32LE(binsSize, 40);
  block.writeUInt32LE(1, 44);
  return withChecksum(block);
}

/** Corrects the checksum of a base block that a test has changed. */
export function withChecksum(block: Buffer): Buffer {
  let sum = 0;
  for (let at = 0; at < 508; at += 4) sum ^= block.readInt32LE(at);
  block.writeInt32LE(sum === 0 ? 1 : sum === -1 ? -2 : sum, 508);
  return block;
}

/** The pages of 4096 bytes that turn the bins of `before` into those of `after`. */
function changedPages(before: Buffer, after: Buffer): number[] {
  const pages: number[] = [];
  for (let at = 4096; at < after.length; at += 4096) {
    if (!before.subarray(at, at + 4096).equals(after.subarray(at, at + 4096))) pages.push(at - 4096);
  }
  return pages;
}

/** A log of Windows 8.1 and later, with one entry for each step from one state to the next. */
export function newLog(states: readonly Buffer[], sequence: number, form: HiveForm = {}): Buffer {
  const entries = states.slice(1).map((after, index) => {
    const before = states[index] ?? after;
    return logEntry(before, after, (sequence + index) % 2 ** 32);
  });
  const last = states.at(-1) ?? Buffer.alloc(4096);
  const base = baseBlock(512, 6, last.readUInt32LE(36), last.length - 4096, {
    ...form,
    sequences: [sequence, sequence],
  });
  return Buffer.concat([base, ...entries]);
}

function logEntry(before: Buffer, after: Buffer, sequence: number): Buffer {
  const pages = changedPages(before, after);
  const references = words(pages.flatMap((at) => [at, 4096]));
  const length = 40 + references.length + pages.length * 4096;
  const entry = Buffer.alloc(Math.ceil(length / 512) * 512);
  entry.write('HvLE');
  entry.writeUInt32LE(entry.length, 4);
  entry.writeUInt32LE(sequence, 12);
  entry.writeUInt32LE(after.length - 4096, 16);
  entry.writeUInt32LE(pages.length, 20);
  references.copy(entry, 40);
  for (const [index, at] of pages.entries()) {
    after.copy(entry, 40 + references.length + index * 4096, 4096 + at, 8192 + at);
  }
  entry.writeBigUInt64LE(new Marvin32().update(entry.subarray(40)).digest(), 24);
  entry.writeBigUInt64LE(new Marvin32().update(entry.subarray(0, 32)).digest(), 32);
  return entry;
}

/** A log of Windows before 8.1, for the step from `before` to `after`. */
export function oldLog(before: Buffer, after: Buffer, form: HiveForm = {}): Buffer {
  const binsSize = after.length - 4096;
  const vector = Buffer.alloc(Math.ceil((4 + binsSize / 4096) / 512) * 512);
  vector.write('DIRT');
  const pages = changedPages(before, after);
  for (const at of pages) vector.writeUInt8(0xff, 4 + at / 4096);
  const contents = pages.map((at) => after.subarray(4096 + at, 8192 + at));
  return Buffer.concat([baseBlock(512, 1, after.readUInt32LE(36), binsSize, form), vector, ...contents]);
}

/** A file in memory that counts how it is read. */
export interface CountingFile extends RangedFile {
  reads: number;
}

export function memoryFile(bytes: Uint8Array): CountingFile {
  return {
    size: bytes.length,
    reads: 0,
    read(offset, length) {
      this.reads++;
      return Promise.resolve(bytes.subarray(offset, offset + length));
    },
  };
}
