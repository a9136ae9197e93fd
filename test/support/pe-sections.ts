// Reads the section table of a Windows program by hand, to compare with what a library has written. Source: "PE Format", Microsoft Learn.

const OPTIONAL_HEADER_AT = 24;
const SECTION_HEADER_LENGTH = 40;
/** Of the data directories in the optional header of a 64-bit program; entry 4 is the certificate, 5 the relocations. */
const DIRECTORIES_AT = 112;
const CERTIFICATE = 4;
const RELOCATIONS = 5;

export interface PeLayout {
  /** Contents by name. */
  readonly sections: ReadonlyMap<string, Buffer>;
  /** Address and length of the relocations; the address is that of the section .reloc. */
  readonly relocations: { readonly address: number; readonly length: number };
  readonly relocationSection: number;
  /** 0 without a signature. */
  readonly certificateLength: number;
}

export function peLayout(file: Buffer): PeLayout {
  const header = file.readUInt32LE(0x3c);
  const optional = header + OPTIONAL_HEADER_AT;
  const first = optional + file.readUInt16LE(header + 20);
  const directory = (number: number) => ({
    address: file.readUInt32LE(optional + DIRECTORIES_AT + number * 8),
    length: file.readUInt32LE(optional + DIRECTORIES_AT + number * 8 + 4),
  });
  const sections = new Map<string, Buffer>();
  let relocationSection = 0;
  for (let index = 0; index < file.readUInt16LE(header + 6); index++) {
    const at = first + index * SECTION_HEADER_LENGTH;
    const name = file.toString('latin1', at, at + 8).replace(/\0+$/, '');
    const start = file.readUInt32LE(at + 20);
    sections.set(name, file.subarray(start, start + file.readUInt32LE(at + 16)));
    if (name === '.reloc') relocationSection = file.readUInt32LE(at + 12);
  }
  const relocations = directory(RELOCATIONS);
  return { sections, relocations, relocationSection, certificateLength: directory(CERTIFICATE).length };
}
