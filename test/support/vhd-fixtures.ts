// Helpers for tests of VHDs: a temporary folder, an image that is closed again, its whole disk, its warnings.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { DiskImage, Extent, OpenDiskImageOptions } from '../../src/image/disk-image.ts';
import { openDiskImage } from '../../src/image/open-disk-image.ts';
import { readImage } from './read-image.ts';
import { type BuiltVhd, buildVhd, type VhdDescription } from './vhd-builder.ts';

/** A folder that exists until the test ends. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'vhdup-vhd-'));
  onTestFinished(async () => await rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Builds a VHD in a new temporary folder. */
export async function buildTemporary(description: VhdDescription, name = 'disk.vhd'): Promise<BuiltVhd> {
  return await buildVhd(join(await temporaryFolder(), name), description);
}

export interface OpenedImage {
  readonly image: DiskImage;
  /** Codes of the warnings so far. */
  readonly warnings: string[];
  /** Their messages. */
  readonly messages: string[];
  /** The messages of onDebug so far. */
  readonly notes: string[];
}

/** Opens an image that is closed when the test ends. */
export async function openWatched(path: string, options: OpenDiskImageOptions = {}): Promise<OpenedImage> {
  const warnings: string[] = [];
  const messages: string[] = [];
  const notes: string[] = [];
  const image = await openDiskImage(path, {
    ...options,
    onWarning: ({ code, message }) => {
      warnings.push(code);
      messages.push(message);
    },
    onDebug: (message) => notes.push(message),
  });
  onTestFinished(async () => await image.close());
  return { image, warnings, messages, notes };
}

/** The whole disk, read in pieces of `step` bytes. */
export async function readDisk(image: DiskImage, step = 4 * 1024 * 1024): Promise<Uint8Array> {
  const disk = Buffer.alloc(image.size, 0xee);
  for (let offset = 0; offset < image.size; offset += step) {
    const length = Math.min(step, image.size - offset);
    await readImage(image, { offset, length }, disk.subarray(offset, offset + length));
  }
  return disk;
}

export async function listExtents(extents: AsyncIterable<Extent>): Promise<Extent[]> {
  const list: Extent[] = [];
  for await (const extent of extents) list.push(extent);
  return list;
}

/** Fails with the first byte that differs, because a diff of megabytes is useless. */
export function expectSameBytes(actual: Uint8Array, expected: Uint8Array): void {
  if (Buffer.compare(actual, expected) === 0) return;
  const at = actual.findIndex((byte, index) => byte !== expected[index]);
  throw new Error(
    at < 0
      ? `${actual.length} bytes, but ${expected.length} were expected`
      : `byte ${at} of ${actual.length} is ${actual[at]}, but ${expected[at]} of ${expected.length} was expected`,
  );
}

/** The error of `action`. @throws if it succeeds. */
export async function failureOf(action: Promise<unknown>): Promise<Error> {
  try {
    await action;
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
  throw new Error('It was expected to fail, and did not.');
}
