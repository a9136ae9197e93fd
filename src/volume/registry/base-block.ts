// The base block: the first 512 bytes of a hive, and of each of its transaction logs (msuhanov/regf, "Base block").
import { UnreadableError } from '../file-systems/opened-file-system.ts';
import { exactly, type RangedFile } from './ranged-file.ts';

/** Length of the base block of a hive, in bytes. Offsets in the hive count from its end. */
export const BASE_BLOCK_LENGTH = 4096;

/** Length of the copy of the base block in a log, and the alignment of everything in a log, in bytes. */
export const SECTOR = 512;

/** A hive consists of bins, whose sizes are multiples of this, in bytes. */
export const BIN_ALIGNMENT = 4096;

/** Limit of Windows for one hive: 4 GiB cannot be addressed, and bit 31 of an offset means volatile storage. */
const MAX_BINS_SIZE = 2 ** 31;

export const FILE_TYPE = { hive: 0, oldLogs: [1, 2], newLog: 6 } as const;

export interface BaseBlock {
  /** Incremented when a write to the hive starts. */
  readonly primarySequence: number;
  /** Incremented when a write to the hive ends. */
  readonly secondarySequence: number;
  /** FILETIME of the last write. Windows 10 leaves it 0. */
  readonly written: bigint;
  readonly minorVersion: number;
  readonly fileType: number;
  /** Offset of the cell of the root key. */
  readonly root: number;
  /** Size of the bins in bytes. */
  readonly binsSize: number;
}

/** Undefined if the signature or the checksum is wrong. @throws {UnreadableError} it is intact, but not supported. */
export async function readBaseBlock(file: RangedFile): Promise<BaseBlock | undefined> {
  if (file.size < SECTOR) return undefined;
  const bytes = await exactly(file, 0, SECTOR);
  if (bytes.toString('latin1', 0, 4) !== 'regf' || bytes.readUInt32LE(508) !== checksumOf(bytes)) return undefined;
  requireSupported(bytes);
  return {
    primarySequence: bytes.readUInt32LE(4),
    secondarySequence: bytes.readUInt32LE(8),
    written: bytes.readBigUInt64LE(12),
    minorVersion: bytes.readUInt32LE(24),
    fileType: bytes.readUInt32LE(28),
    root: bytes.readUInt32LE(36),
    binsSize: bytes.readUInt32LE(40),
  };
}

function requireSupported(bytes: Buffer): void {
  const [major, minor] = [bytes.readUInt32LE(20), bytes.readUInt32LE(24)];
  // Version 1.2 and earlier are those of Windows NT before 4.0.
  if (major !== 1 || minor < 3 || minor > 6)
    throw new UnreadableError(`its version is ${major}.${minor}, not 1.3 to 1.6`);
  const format = bytes.readUInt32LE(32);
  if (format !== 1) throw new UnreadableError(`its format is ${format}, not 1`);
  requireBinsSize(bytes.readUInt32LE(40));
}

/** @throws {UnreadableError} */
export function requireBinsSize(size: number): void {
  if (isBinsSize(size)) return;
  throw new UnreadableError(`the size of its bins is ${size}, not a multiple of ${BIN_ALIGNMENT}`);
}

export function isBinsSize(size: number): boolean {
  return size >= BIN_ALIGNMENT && size % BIN_ALIGNMENT === 0 && size <= MAX_BINS_SIZE;
}

/** All 32-bit words before the checksum, combined by exclusive or. 0 and -1 are never stored. */
function checksumOf(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < 508; at += 4) sum ^= bytes.readInt32LE(at);
  if (sum === 0) return 1;
  return sum === -1 ? 0xfffffffe : sum >>> 0;
}
