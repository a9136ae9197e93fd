// Removes what only debuggers use from a Linux program: a seventh of Node's. Source: as in elf.ts.
import {
  FLAGS_AT,
  INFO_AT,
  LINK_AT,
  NAMES_INDEX_AT,
  OFFSET_AT,
  SECTION_COUNT_AT,
  SECTION_OFFSET_AT,
  sectionsOf,
} from './elf.ts';

/** sh_info is the number of a section. */
const FLAG_INFO_LINK = 0x40n;
const ALIGNMENT = 16;

/** @returns the program with the sections that are loaded, and their names. @throws {Error} if it is no such program. */
export function stripElf(file: Buffer): Buffer {
  const sections = sectionsOf(file);
  const names = sections[file.readUInt16LE(NAMES_INDEX_AT)];
  const [none] = sections;
  if (none === undefined || names === undefined) throw new Error('The program has no sections.');
  const loaded = sections.filter(({ isLoaded }) => isLoaded);
  const kept = [none, ...loaded, names];
  const numberOf = (old: number) => Math.max(0, kept.indexOf(sections[old] ?? none));

  // What is loaded stays where it is. The names follow, then the headers.
  const loadedEnd = Math.max(...loaded.map(({ end }) => end));
  const namesText = file.subarray(names.offset, names.end);
  names.header.writeBigUInt64LE(BigInt(loadedEnd), OFFSET_AT);
  const table = Math.ceil((loadedEnd + namesText.length) / ALIGNMENT) * ALIGNMENT;
  for (const { header } of kept) {
    header.writeUInt32LE(numberOf(header.readUInt32LE(LINK_AT)), LINK_AT);
    if ((header.readBigUInt64LE(FLAGS_AT) & FLAG_INFO_LINK) === 0n) continue;
    header.writeUInt32LE(numberOf(header.readUInt32LE(INFO_AT)), INFO_AT);
  }
  const stripped = Buffer.concat([
    file.subarray(0, loadedEnd),
    namesText,
    Buffer.alloc(table - loadedEnd - namesText.length),
    ...kept.map(({ header }) => header),
  ]);
  stripped.writeBigUInt64LE(BigInt(table), SECTION_OFFSET_AT);
  stripped.writeUInt16LE(kept.length, SECTION_COUNT_AT);
  stripped.writeUInt16LE(kept.length - 1, NAMES_INDEX_AT);
  return stripped;
}
