// Helpers for tests of disk images: a temporary folder, and functions that open and read an image.
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { endOf } from '../../src/base/byte-range.ts';
import type { DiskImage, Extent, ImageWarning, OpenDiskImageOptions } from '../../src/image/disk-image.ts';
import { ImageFile } from '../../src/image/image-file.ts';
import { openDiskImage } from '../../src/image/open-disk-image.ts';
import { readImage } from './read-image.ts';

const WINDOW = 4 * 1024 * 1024;

/** A folder that exists until the tests of the file have ended. Returns paths in it. */
export function workspace(): (name: string) => string {
  const folder = mkdtempSync(join(tmpdir(), 'vhdup-test-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return (name) => join(folder, name);
}

/** Opens the file, passes it to the callback, and closes it in any case. */
export async function withFile<T>(path: string, use: (file: ImageFile) => Promise<T>): Promise<T> {
  const file = await ImageFile.open(path);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

/** Opens the image with its parents, passes it to the callback, and closes it in any case. */
export async function withImage<T>(
  path: string,
  use: (image: DiskImage, warnings: readonly ImageWarning[]) => Promise<T>,
  options: OpenDiskImageOptions = {},
): Promise<T> {
  const warnings: ImageWarning[] = [];
  const image = await openDiskImage(path, { onWarning: (warning) => warnings.push(warning), ...options });
  try {
    return await use(image, warnings);
  } finally {
    await image.close();
  }
}

export async function readRange(image: DiskImage, offset: number, length: number): Promise<Buffer> {
  // Not zeros, so that bytes that a reader does not fill are noticed.
  const into = Buffer.alloc(length, 0xa5);
  await readImage(image, { offset, length }, into);
  return into;
}

export async function extentsOf(image: DiskImage): Promise<Extent[]> {
  const extents: Extent[] = [];
  for await (const extent of image.extents()) extents.push(extent);
  return extents;
}

/** The whole disk, read by its extents. For small disks. */
export async function contentsOf(image: DiskImage): Promise<Buffer> {
  const contents = Buffer.alloc(image.size);
  for (const { offset, length } of await extentsOf(image)) {
    for (let at = offset; at < offset + length; at += WINDOW) {
      const part = contents.subarray(at, Math.min(at + WINDOW, offset + length));
      await readImage(image, { offset: at, length: part.length }, part);
    }
  }
  return contents;
}

/** The sha256 of the whole disk in hexadecimal. Bytes outside of the extents count as zeros and are not read. */
export async function sha256Of(image: DiskImage): Promise<string> {
  const hash = createHash('sha256');
  const zeros = Buffer.alloc(WINDOW);
  const buffer = Buffer.alloc(WINDOW);
  let position = 0;
  const skipTo = (offset: number): void => {
    while (position < offset) {
      const length = Math.min(WINDOW, offset - position);
      hash.update(zeros.subarray(0, length));
      position += length;
    }
  };
  for await (const extent of image.extents()) {
    skipTo(extent.offset);
    while (position < endOf(extent)) {
      const part = buffer.subarray(0, Math.min(WINDOW, endOf(extent) - position));
      await readImage(image, { offset: position, length: part.length }, part);
      hash.update(part);
      position += part.length;
    }
  }
  skipTo(image.size);
  return hash.digest('hex');
}

/** The first offset at which the disk differs from the raw disk at `path`; undefined if they are the same. */
export async function firstDifference(image: DiskImage, path: string): Promise<number | undefined> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    if (size !== image.size) return Math.min(size, image.size);
    const [theirs, ours] = [Buffer.alloc(WINDOW), Buffer.alloc(WINDOW)];
    for (let offset = 0; offset < size; offset += WINDOW) {
      const length = Math.min(WINDOW, size - offset);
      const [one, other] = [theirs.subarray(0, length), ours.subarray(0, length)];
      await file.read(one, 0, length, offset);
      await readImage(image, { offset, length }, other);
      if (!one.equals(other)) return offset + one.findIndex((byte, index) => byte !== other[index]);
    }
    return undefined;
  } finally {
    await file.close();
  }
}
