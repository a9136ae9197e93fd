// Formats recognised by few bytes, or by the last ones, which a disk may contain by chance: only for a file without a partition table.
import type { ImageFile } from '../image-file.ts';
import { advise, decompress, type ForeignFormat, INSTALL } from './foreign-format.ts';

const HEAD_LENGTH = 64;
const TAIL_LENGTH = 64;
/** Frames that a decoder skips, before the first frame with data. pzstd writes one. */
const MAX_SKIPPED = 16;

const ZSTD = decompress('a Zstandard archive', 'zstd -dc');
const LZ4 = decompress('an LZ4 archive', 'lz4 -dc');
const LZMA = decompress('an LZMA archive', 'xz --format=lzma -dc');
const COMPRESS = decompress('a file of compress (.Z)', 'gzip -dc');
const PROGRAM = advise(
  'a program for Windows (.exe)',
  'Use the disk image itself. If it is an archive that extracts itself, run it, or unpack it: 7z x SOURCE',
);
const NERO = advise('a CD or DVD image of Nero (NRG)', INSTALL);
const UIF = advise('a CD or DVD image of MagicISO (UIF)', INSTALL);

/** The format of `file`, which has no partition table. */
export async function byWeakSignature(file: ImageFile): Promise<ForeignFormat | undefined> {
  if (file.size < HEAD_LENGTH) return undefined;
  const head = await bytesOf(file, 0, HEAD_LENGTH);
  const tail = await bytesOf(file, file.size - TAIL_LENGTH, TAIL_LENGTH);
  if (isLzma(head)) return LZMA;
  if (isCompress(head)) return COMPRESS;
  if (tail.toString('latin1', 52, 56) === 'NER5' || tail.toString('latin1', 56, 60) === 'NERO') return NERO;
  if (tail.toString('latin1', 0, 4) === 'bbis') return UIF;
  return (await isProgram(file, head)) ? PROGRAM : await afterSkippedFrames(file);
}

async function bytesOf(file: ImageFile, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  await file.read(offset, bytes);
  return bytes;
}

/**
 * LZMA has no signature, so the same values are required as by xz: a dictionary of 2^n or 2^n + 2^(n-1) bytes, an unknown size or
 * one below 256 GiB, and the first byte of the range coder, which is 0. Its first byte is 0x5d with the parameters of every preset.
 */
function isLzma(head: Buffer): boolean {
  if (head.readUInt8(0) !== 0x5d || head.readUInt8(13) !== 0) return false;
  const dictionary = head.readUInt32LE(1);
  const size = head.readBigUInt64LE(5);
  const highest = 2 ** Math.floor(Math.log2(dictionary));
  if (dictionary < 4096 || (dictionary !== highest && dictionary !== highest * 1.5)) return false;
  return size === 0xffff_ffff_ffff_ffffn || (size > 0n && size < 1n << 38n);
}

/** The third byte contains the width of codes, 9 to 16 bits, two reserved bits and the block mode. */
function isCompress(head: Buffer): boolean {
  const flags = head.readUInt8(2);
  return head.readUInt16BE(0) === 0x1f9d && (flags & 0x60) === 0 && (flags & 0x1f) >= 9 && (flags & 0x1f) <= 16;
}

/** A program for DOS with the header of one for Windows, whose place is stored at 0x3c. */
async function isProgram(file: ImageFile, head: Buffer): Promise<boolean> {
  const at = head.readUInt32LE(0x3c);
  if (head.toString('latin1', 0, 2) !== 'MZ' || at + 4 > file.size) return false;
  return (await bytesOf(file, at, 4)).toString('latin1') === 'PE\0\0';
}

/** The same frames may precede Zstandard and LZ4 data (RFC 8878, 3.1.2). */
async function afterSkippedFrames(file: ImageFile): Promise<ForeignFormat | undefined> {
  let at = 0;
  for (let skipped = 0; skipped <= MAX_SKIPPED && at + 8 <= file.size; skipped++) {
    const frame = await bytesOf(file, at, 8);
    const magic = frame.readUInt32LE(0);
    if (magic === 0xfd2fb528) return ZSTD;
    if (magic === 0x184d2204) return LZ4;
    if (magic >>> 4 !== 0x184d2a5) return undefined;
    at += 8 + frame.readUInt32LE(4);
  }
  return undefined;
}
