// Disks with a little data in many windows. They cause the same requests as full ones, at a small part of the cost.
import { expect } from 'vitest';
import { type ByteRange, endOf, MIB, WINDOW_SIZE } from '../../src/base/byte-range.ts';
import type { StoredBlob } from './page-blob-server/store.ts';
import { buildVhd, patternOf, uniqueIdOf, type VhdContent, type VhdDescription } from './vhd-builder.ts';
import { expectSameBytes, temporaryFolder } from './vhd-fixtures.ts';

/** The data of a window, in bytes: the length of its Put Page. */
export const PIECE = 64 * 1024;

/** A disk of zeros, except for its contents. */
export interface TestDisk {
  /** In bytes. */
  readonly size: number;
  readonly contents: readonly VhdContent[];
}

/** For tests that are not about its contents: one short window. */
export const SMALL_DISK: TestDisk = { size: MIB, contents: [{ offset: 4096, bytes: patternOf(1, 4096) }] };

/** A disk with one piece of data at the start of each window of 4 MiB. */
export function spreadDisk(windows: number, seed = 1): TestDisk {
  const contents = Array.from({ length: windows }, (_, index) => ({
    offset: index * WINDOW_SIZE,
    bytes: patternOf(seed * 1000 + index, PIECE),
  }));
  return { size: windows * WINDOW_SIZE, contents };
}

/** Writes a VHD of the disk into a new folder. @returns its path. */
export async function buildImage(
  disk: TestDisk,
  { name = 'disk.vhd', ...more }: Partial<VhdDescription> & { readonly name?: string } = {},
): Promise<string> {
  const path = `${await temporaryFolder()}/${name}`;
  await buildVhd(path, { type: 'dynamic', uniqueId: uniqueIdOf(1), ...disk, ...more });
  return path;
}

/** Checks that the blob is the disk, padded with zeros to a whole MiB, and the footer of a fixed VHD. */
export function expectBlobIs(disk: TestDisk, blob: StoredBlob): void {
  const size = Math.ceil(disk.size / MIB) * MIB;
  expect(blob.size).toBe(size + 512);
  // Everything else was never written, so it is zero on both sides.
  for (const range of [...disk.contents.map(rangeOf), ...blob.ranges()]) {
    for (let offset = range.offset; offset < Math.min(endOf(range), size); offset += PIECE) {
      const length = Math.min(PIECE, endOf(range) - offset, size - offset);
      expectSameBytes(blob.read(offset, length), bytesOf(disk, { offset, length }));
    }
  }
  const footer = blob.read(size, 512);
  expect(footer.toString('latin1', 0, 8)).toBe('conectix');
  expect(footer.readBigUInt64BE(48)).toBe(BigInt(size));
  expect(footer.readUInt32BE(60)).toBe(2);
}

function rangeOf({ offset, bytes }: VhdContent): ByteRange {
  return { offset, length: bytes.length };
}

function bytesOf({ contents }: TestDisk, { offset, length }: ByteRange): Uint8Array {
  const all = new Uint8Array(length);
  for (const content of contents) {
    const from = Math.max(offset, content.offset);
    const to = Math.min(offset + length, content.offset + content.bytes.length);
    if (from < to) all.set(content.bytes.subarray(from - content.offset, to - content.offset), from - offset);
  }
  return all;
}
