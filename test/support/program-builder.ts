// A program for Windows that consists of its version alone.
import type { FileVersion } from '../../src/volume/portable-executable/file-version.ts';

const HEADER = 0x80;
const OPTIONAL_LENGTH = 240;
const SECTIONS = HEADER + 24 + OPTIONAL_LENGTH;
const RESOURCES_AT = 0x400;
const ADDRESS = 0x1000;

export interface ProgramForm {
  /** Magic of the optional header: 0x20b for 64 bits, 0x10b for 32 bits. */
  readonly magic?: number;
  /** Type of its only resource. @default 16, a version */
  readonly resourceType?: number;
}

export function buildProgram(version: FileVersion, { magic = 0x20b, resourceType = 16 }: ProgramForm = {}): Buffer {
  const bytes = Buffer.alloc(0x800);
  bytes.write('MZ');
  bytes.writeUInt32LE(HEADER, 60);
  bytes.write('PE\0\0', HEADER, 'latin1');
  bytes.writeUInt16LE(1, HEADER + 6);
  bytes.writeUInt16LE(OPTIONAL_LENGTH, HEADER + 20);
  bytes.writeUInt16LE(magic, HEADER + 24);
  const directories = HEADER + 24 + (magic === 0x20b ? 112 : 96);
  bytes.writeUInt32LE(16, directories - 4);
  bytes.writeUInt32LE(ADDRESS, directories + 2 * 8);
  bytes.writeUInt32LE(0x400, directories + 2 * 8 + 4);
  bytes.write('.rsrc', SECTIONS);
  for (const [at, value] of [
    [8, 0x400],
    [12, ADDRESS],
    [16, 0x400],
    [20, RESOURCES_AT],
  ] as const) {
    bytes.writeUInt32LE(value, SECTIONS + at);
  }
  writeFolder(bytes, 0, resourceType, 0x80000018);
  writeFolder(bytes, 0x18, 1, 0x80000030);
  writeFolder(bytes, 0x30, 1033, 0x48);
  bytes.writeUInt32LE(ADDRESS + 0x60, RESOURCES_AT + 0x48);
  bytes.writeUInt32LE(92, RESOURCES_AT + 0x4c);
  const resource = RESOURCES_AT + 0x60;
  bytes.write('VS_VERSION_INFO', resource + 6, 'utf16le');
  bytes.writeUInt32LE(0xfeef04bd, resource + 40);
  const [major, minor, build, revision] = version;
  bytes.writeUInt32LE((major << 16) + minor, resource + 48);
  bytes.writeUInt32LE(build * 0x10000 + revision, resource + 52);
  return bytes;
}

/** A folder of resources with one entry. */
function writeFolder(bytes: Buffer, at: number, id: number, target: number): void {
  bytes.writeUInt16LE(1, RESOURCES_AT + at + 14);
  bytes.writeUInt32LE(id, RESOURCES_AT + at + 16);
  bytes.writeUInt32LE(target, RESOURCES_AT + at + 20);
}
