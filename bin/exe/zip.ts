// Writes a small zip: all files deflated, without ZIP64. Source: APPNOTE.TXT 6.3.10 of PKWARE.
// The same files give the same bytes: there are no times in it.
import { constants, crc32, deflateRawSync } from 'node:zlib';

export interface ZipFile {
  /** ASCII; with / after each folder. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** For Linux and macOS. */
  readonly isProgram?: boolean;
}

const VERSION_NEEDED = 20;
/** Made by a Unix system, so that the mode of the files is kept. */
const VERSION_MADE_BY = (3 << 8) | VERSION_NEEDED;
const DEFLATED = 8;
/** 1980-01-01, the first date that MS-DOS knows. */
const DATE = (1 << 5) | 1;
const REGULAR_FILE = 0o100000;

export function zip(files: readonly ZipFile[]): Buffer {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const { name, bytes, isProgram = false } of files) {
    const data = deflateRawSync(bytes, { level: constants.Z_BEST_COMPRESSION });
    const common = Buffer.alloc(26);
    common.writeUInt16LE(VERSION_NEEDED, 0);
    common.writeUInt16LE(DEFLATED, 4);
    common.writeUInt16LE(DATE, 8);
    common.writeUInt32LE(crc32(bytes), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(bytes.length, 18);
    common.writeUInt16LE(name.length, 22);
    local.push(Buffer.from('PK\x03\x04', 'latin1'), common, Buffer.from(name, 'latin1'), data);
    const madeBy = Buffer.alloc(2);
    madeBy.writeUInt16LE(VERSION_MADE_BY);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(((REGULAR_FILE | (isProgram ? 0o755 : 0o644)) << 16) >>> 0, 6);
    rest.writeUInt32LE(offset, 10);
    central.push(Buffer.from('PK\x01\x02', 'latin1'), madeBy, common, rest, Buffer.from(name, 'latin1'));
    offset += 4 + common.length + name.length + data.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...local, directory, end]);
}
