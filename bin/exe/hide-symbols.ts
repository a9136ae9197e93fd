// Clears the symbols that Node exports for addons that use V8, OpenSSL or others of its parts directly. Ours, koffi, uses Node-API
// and libuv. What is cleared becomes zeros, and nothing moves: a zip of Node is smaller by 7 %.
// Sources: ELF-64 Object File Format 1.5 and, for the hash table, dl-lookup.c of the GNU C library.
import { LINK_AT, type Section, sectionsOf } from './elf.ts';

const TYPE_RELA = 4;
const TYPE_DYNSYM = 11;
const TYPE_GNU_HASH = 0x6ffffff6;
const RELA_LENGTH = 24;
const SYMBOL_LENGTH = 24;
/** In a symbol. */
const INFO_AT = 4;
const SECTION_AT = 6;
const UNDEFINED = 0;
/** Of a symbol that all libraries of the process share. */
const BINDING_UNIQUE = 10;
/**
 * Names of C++ begin with _Z; others with an underscore belong to the C library. Names of libraries and versions are in the same
 * table. They contain dots, so no part of a cleared name is one of them.
 */
const UNUSED = /^(?!(?:napi|node_api|uv)_)(?:_Z|[A-Za-z])\w+$/;

/** @returns a copy of the program. @throws {Error} if it is no program for Linux that exports symbols. */
export function hideSymbols(program: Buffer): Buffer {
  const file = Buffer.from(program);
  const sections = sectionsOf(file);
  const symbols = sections.find(({ type }) => type === TYPE_DYNSYM);
  const names = symbols && sections[symbols.header.readUInt32LE(LINK_AT)];
  const hash = sections.find(({ type }) => type === TYPE_GNU_HASH);
  if (symbols === undefined || names === undefined || hash === undefined) {
    throw new Error('The program exports no symbols in a GNU hash table.');
  }
  const relocated = relocatedSymbols(file, sections);
  const nameAt = (number: number): [start: number, end: number] => {
    const start = names.offset + file.readUInt32LE(symbols.offset + number * SYMBOL_LENGTH);
    return [start, file.indexOf(0, start)];
  };
  const isHidden = (number: number): boolean => {
    const at = symbols.offset + number * SYMBOL_LENGTH;
    const isDefined = file.readUInt16LE(at + SECTION_AT) !== UNDEFINED;
    const isShared = file.readUInt8(at + INFO_AT) >> 4 === BINDING_UNIQUE || relocated.has(number);
    return isDefined && !isShared && UNUSED.test(file.toString('latin1', ...nameAt(number)));
  };
  const numbers = Array.from({ length: (symbols.end - symbols.offset) / SYMBOL_LENGTH }, (_, number) => number);
  const hidden = new Set(numbers.filter(isHidden));

  // The end of a name can be the whole name of another symbol.
  const cleared = new Uint8Array(names.end - names.offset);
  const mark = (number: number, value: 0 | 1) =>
    cleared.fill(value, ...(nameAt(number).map((at) => at - names.offset) as [number, number]));
  for (const number of hidden) mark(number, 1);
  for (const number of numbers) if (!hidden.has(number)) mark(number, 0);
  for (const number of hidden)
    file.fill(0, symbols.offset + number * SYMBOL_LENGTH, symbols.offset + (number + 1) * SYMBOL_LENGTH);
  for (const [index, isCleared] of cleared.entries()) if (isCleared === 1) file[names.offset + index] = 0;
  clearHashes(file, hash, hidden);
  return file;
}

/** Those that the loader writes the addresses of into this program, such as data of libraries. */
function relocatedSymbols(file: Buffer, sections: readonly Section[]): Set<number> {
  const numbers = new Set<number>();
  for (const { offset, end } of sections.filter(({ type, isLoaded }) => type === TYPE_RELA && isLoaded)) {
    for (let at = offset; at < end; at += RELA_LENGTH) numbers.add(file.readUInt32LE(at + 12));
  }
  return numbers;
}

/** Keeps the lowest bit of each, which ends a chain. The loader compares the other bits, then the name, which is empty now. */
function clearHashes(file: Buffer, { offset }: Section, hidden: ReadonlySet<number>): void {
  const [buckets, firstSymbol, filterWords] = [0, 4, 8].map((at) => file.readUInt32LE(offset + at)) as [
    number,
    number,
    number,
  ];
  const values = offset + 16 + filterWords * 8 + buckets * 4;
  for (const number of hidden) {
    const at = values + (number - firstSymbol) * 4;
    if (number >= firstSymbol) file.writeUInt32LE(file.readUInt32LE(at) & 1, at);
  }
}
