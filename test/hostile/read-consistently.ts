// Reads a disk in several ways that must agree, in bounded time whatever size the image claims.
import { createHash } from 'node:crypto';
import type { DiskImage } from '../../src/image/disk-image.ts';

const MIB = 1024 * 1024;
/** Of a larger disk, only the ends and the first extents are read. */
const MAX_WHOLE = 16 * MIB;
const PIECE = MIB;
const SAMPLE = 8 * 1024;
const SAMPLES = 6;
const SECTOR = 512;

/**
 * Checks that the extents ascend and lie within the disk, and that pieces read whole and sector by sector are equal.
 * Reads a small disk in full: it must be zero outside of its extents.
 * @returns a checksum of the bytes read. Throws an Error if the readings contradict one another.
 */
export async function readConsistently(image: DiskImage): Promise<string> {
  const isSmall = image.size <= MAX_WHOLE;
  const byExtents = isSmall ? Buffer.alloc(image.size) : undefined;
  const starts = [0, Math.max(0, image.size - SAMPLE)];
  let end = 0;
  for await (const { offset, length } of image.extents()) {
    if (offset < end || length <= 0) throw new Error(`The extent at ${offset} begins before ${end}, or is empty.`);
    end = offset + length;
    if (end > image.size) throw new Error(`The extent at ${offset} ends beyond the disk, which has ${image.size}.`);
    if (byExtents !== undefined) await read(image, offset, byExtents.subarray(offset, end));
    if (starts.length < SAMPLES) starts.push(offset);
  }
  const hash = createHash('sha256');
  for (const offset of starts) hash.update(await sample(image, offset));
  if (byExtents !== undefined) {
    const whole = Buffer.alloc(image.size, 0xa5);
    await read(image, 0, whole);
    if (!whole.equals(byExtents)) throw new Error('The disk is not zeros outside of its extents.');
    hash.update(whole);
  }
  return hash.digest('hex');
}

async function sample(image: DiskImage, offset: number): Promise<Buffer> {
  const length = Math.min(SAMPLE, image.size - offset);
  // Not zeros, so that bytes which a reader fails to fill do not look correct.
  const whole = Buffer.alloc(length, 0xee);
  await image.read({ offset, length }, whole);
  const sectors = Buffer.alloc(length, 0xa5);
  for (let at = 0; at < length; at += SECTOR) {
    const sector = sectors.subarray(at, at + SECTOR);
    await image.read({ offset: offset + at, length: sector.length }, sector);
  }
  if (!whole.equals(sectors)) throw new Error(`What is at ${offset} reads otherwise sector by sector.`);
  return whole;
}

async function read(image: DiskImage, offset: number, into: Buffer): Promise<void> {
  for (let at = 0; at < into.length; at += PIECE) {
    const piece = into.subarray(at, at + PIECE);
    await image.read({ offset: offset + at, length: piece.length }, piece);
  }
}
