// Decompresses extents (Linux kernel, fs/btrfs/compression.c, zlib.c, lzo.c, zstd.c).
import * as zlib from 'node:zlib';
import { UnreadableError } from '../opened-file-system.ts';
import type { Compression } from './file-extents.ts';
import { decompressLzo } from './lzo.ts';
import { zstdFrameOf } from './zstd-frame.ts';

type Decompress = (bytes: Uint8Array, options: { readonly maxOutputLength: number }) => Buffer;

/** Node.js has it from version 22.15 on. */
const zstd = (zlib as { readonly zstdDecompressSync?: Decompress }).zstdDecompressSync;

/** In bytes: more than any extent has. */
const MAX_OUTPUT = 256 * 1024;

/**
 * @param stored The whole extent, padded to sectors.
 * @param length Of the result, in bytes. What is missing is zeros.
 * @throws {UnreadableError}
 */
export function decompress(compression: Compression, stored: Buffer, length: number, sectorSize: number): Buffer {
  const whole = unpack(compression, stored, length, sectorSize);
  if (whole.length >= length) return whole.subarray(0, length);
  return Buffer.concat([whole], length);
}

function unpack(compression: Compression, stored: Buffer, length: number, sectorSize: number): Buffer {
  switch (compression) {
    case 'none':
      return stored;
    case 'lzo':
      return decompressLzo(stored, length, sectorSize);
    case 'zlib':
      return attempt(compression, () => zlib.inflateSync(stored, { maxOutputLength: MAX_OUTPUT }));
    case 'zstd':
      if (zstd === undefined) {
        throw new UnreadableError(
          `a file is compressed with zstd, which Node.js ${process.version} cannot read: use 22.15 or later`,
        );
      }
      return attempt(compression, () => zstd(zstdFrameOf(stored), { maxOutputLength: MAX_OUTPUT }));
  }
}

function attempt(name: string, work: () => Buffer): Buffer {
  try {
    return work();
  } catch (error) {
    if (error instanceof UnreadableError) throw error;
    throw new UnreadableError(`a part of a file that is compressed with ${name} is damaged`, { cause: error });
  }
}
