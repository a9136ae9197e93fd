// Finds the end of a zstd frame (RFC 8878), because the decompressor refuses what follows it.
import { UnreadableError } from '../file-systems/opened-file-system.ts';
import type { ByteSource } from './byte-source.ts';

/** Bytes of memory that the decompressor needs at least: more is refused. `zstd -19`, the most that distributions use, needs 8 MiB. */
const MAX_WINDOW = 32 * 1024 * 1024;

const RAW = 0;
const RUN_LENGTH = 1;
const COMPRESSED = 2;

/** Moves behind the frame that begins at the current byte. @throws {UnreadableError} it is damaged, cut, or needs too much memory. */
export async function skipZstdFrame(source: ByteSource): Promise<void> {
  await source.skip(4);
  const [descriptor] = await exactly(source, 1);
  if (descriptor === undefined) return;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const dictionary = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const sizeLength = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  let window = 0;
  if (!isSingleSegment) {
    const [byte = 0] = await exactly(source, 1);
    const base = 2 ** (10 + (byte >> 3));
    window = base + (base / 8) * (byte & 7);
  }
  await exactly(source, dictionary);
  const size = await exactly(source, sizeLength);
  if (isSingleSegment) window = sizeOf(size);
  if (window > MAX_WINDOW) throw new UnreadableError(`its zstd data needs a window of ${window} bytes`);
  await skipBlocks(source);
  if ((descriptor & 4) !== 0) await exactly(source, 4);
}

async function skipBlocks(source: ByteSource): Promise<void> {
  for (;;) {
    const header = (await exactly(source, 3)).readUIntLE(0, 3);
    const type = (header >> 1) & 3;
    if (type !== RAW && type !== RUN_LENGTH && type !== COMPRESSED)
      throw new UnreadableError('its zstd data is damaged');
    await source.skip(type === RUN_LENGTH ? 1 : header >> 3);
    if ((header & 1) === 1) return;
  }
}

/** A size of 2 bytes counts from 256. */
function sizeOf(bytes: Buffer): number {
  if (bytes.length === 8) return Number(bytes.readBigUInt64LE());
  const size = bytes.length === 0 ? 0 : bytes.readUIntLE(0, bytes.length);
  return bytes.length === 2 ? size + 256 : size;
}

async function exactly(source: ByteSource, length: number): Promise<Buffer> {
  const bytes = await source.take(length);
  if (bytes.length < length) throw new UnreadableError('its zstd data was cut');
  return bytes;
}
