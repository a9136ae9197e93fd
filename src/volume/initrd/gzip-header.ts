// Skips the header of a gzip member (RFC 1952).
import { UnreadableError } from '../file-systems/opened-file-system.ts';
import type { ByteSource } from './byte-source.ts';

const DEFLATE = 8;
const HAS_CHECKSUM = 0x02;
const HAS_EXTRA = 0x04;
const HAS_NAME = 0x08;
const HAS_COMMENT = 0x10;

/** In bytes: a CRC-32 and a length. */
export const GZIP_TRAILER = 8;

/** A name or a comment, in bytes. */
const MAX_TEXT = 64 * 1024;

/** @throws {UnreadableError} the header is damaged, or too long. */
export async function skipGzipHeader(source: ByteSource): Promise<void> {
  const header = await source.take(10);
  const flags = header[3] ?? 0xff;
  if (header.length < 10 || header[2] !== DEFLATE || (flags & 0xe0) !== 0) {
    throw new UnreadableError('the header of its gzip data is damaged');
  }
  if ((flags & HAS_EXTRA) !== 0) {
    const length = await source.take(2);
    await source.skip(length.length < 2 ? 0 : length.readUInt16LE());
  }
  for (const flag of [HAS_NAME, HAS_COMMENT]) if ((flags & flag) !== 0) await skipText(source);
  if ((flags & HAS_CHECKSUM) !== 0) await source.skip(2);
}

async function skipText(source: ByteSource): Promise<void> {
  for (let length = 0; length < MAX_TEXT; length++) {
    const [byte] = await source.take(1);
    if (byte === undefined || byte === 0) return;
  }
  throw new UnreadableError('a text in the header of its gzip data does not end');
}
