// The sections of a Linux program. Source: ELF-64 Object File Format 1.5; only little-endian files of 64 bits.

export const SECTION_OFFSET_AT = 0x28;
export const SECTION_COUNT_AT = 0x3c;
export const NAMES_INDEX_AT = 0x3e;
/** In a header. */
export const FLAGS_AT = 8;
export const OFFSET_AT = 0x18;
export const LINK_AT = 0x28;
export const INFO_AT = 0x2c;

const HEADER_LENGTH = 64;
const TYPE_NOBITS = 8;
const FLAG_ALLOC = 2n;

export interface Section {
  /** A copy of its header. */
  readonly header: Buffer;
  readonly type: number;
  readonly isLoaded: boolean;
  /** In the file. */
  readonly offset: number;
  readonly end: number;
}

/** @returns in the order of their numbers. @throws {Error} if it is no such program. */
export function sectionsOf(file: Buffer): Section[] {
  // Magic number, 64 bits, little-endian.
  if (file.readUInt32BE(0) !== 0x7f454c46 || file.readUInt16LE(4) !== 0x0102) throw new Error('Not an ELF-64 program.');
  const table = Number(file.readBigUInt64LE(SECTION_OFFSET_AT));
  return Array.from({ length: file.readUInt16LE(SECTION_COUNT_AT) }, (_, index) => {
    const at = table + index * HEADER_LENGTH;
    const header = Buffer.from(file.subarray(at, at + HEADER_LENGTH));
    const offset = Number(header.readBigUInt64LE(OFFSET_AT));
    const type = header.readUInt32LE(4);
    return {
      header,
      type,
      isLoaded: (header.readBigUInt64LE(FLAGS_AT) & FLAG_ALLOC) !== 0n,
      offset,
      end: type === TYPE_NOBITS ? offset : offset + Number(header.readBigUInt64LE(0x20)),
    };
  });
}
