// Whole uploads of images with holes, with and without a system that reports the holes.
import { spawn } from 'node:child_process';
import { open, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { UploadOptions } from '../../src/options.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import { verifyBlob } from '../../src/verify/verify.ts';
import { ROOT } from '../support/command-line.ts';
import { canTellHoles } from '../support/sparse-files.ts';
import { buildImage, expectBlobIs, type TestDisk } from '../support/spread-disk.ts';
import { blobUrl, hasCommitted, stopWhen, storedBlob, useServer } from '../support/target-server.ts';
import { buildVhd, patternOf, uniqueIdOf } from '../support/vhd-builder.ts';

const MIB = 1024 * 1024;
const SIZE = 48 * MIB;
/** Holes are reported in whole MiB, and asked for if they are longer than 4 MiB. */
const DISK: TestDisk = {
  size: SIZE,
  contents: [0, 12, 24, 40].map((at, seed) => ({ offset: at * MIB, bytes: patternOf(seed + 1, MIB) })),
};
const DATA_SIZE = 4 * MIB;

const canAsk = await canTellHoles(tmpdir());

useServer();

const makeImage = () => buildImage(DISK, { type: 'fixed' });

/** Fills the holes with written zeros, and preserves everything else, including the modification time. */
async function fillHoles(path: string): Promise<void> {
  const { atime, mtime } = await stat(path);
  const bytes = await readFile(path);
  const file = await open(`${path}.full`, 'w');
  try {
    await file.write(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await utimes(`${path}.full`, atime, mtime);
  await rm(path);
  await rename(`${path}.full`, path);
  const { blocks, size } = await stat(path);
  expect(blocks * 512).toBeGreaterThanOrEqual(size);
}

/** One request at a time: when the second one has arrived, the first window is done. */
function optionsFor(image: string, more: Partial<UploadOptions> = {}): UploadOptions {
  return { image, destination: blobUrl(), threads: 1, retryDelayMs: 1, maxRetryDelayMs: 5, ...more };
}

async function uploadSome(path: string): Promise<void> {
  await stopWhen(
    () => hasCommitted(2 * MIB),
    (signal) => uploadImage(optionsFor(path, { signal })),
  );
}

describe.skipIf(!canAsk)('a fixed VHD with holes (needs Linux, koffi and a file system that makes holes)', () => {
  it('arrives as it is, and its holes are not read', async () => {
    const path = await makeImage();
    const result = await uploadImage(optionsFor(path, { contentMd5: true }));
    expectBlobIs(DISK, storedBlob());
    expect(result).toMatchObject({ read: DATA_SIZE, sent: DATA_SIZE + 512, zeros: 0, unallocated: SIZE - DATA_SIZE });
    const verified = await verifyBlob({ image: path, destination: blobUrl(), full: true });
    expect(verified).toMatchObject({ matches: true });
  });

  it('resumes after it was copied to a place where it has no holes', async () => {
    const path = await makeImage();
    await uploadSome(path);
    await fillHoles(path);
    const result = await uploadImage(optionsFor(path));
    expectBlobIs(DISK, storedBlob());
    expect(result.sent + result.sentBefore).toBe(DATA_SIZE + 512);
    expect(result.sentBefore).toBeGreaterThan(0);
  });

  it('resumes with holes after a stop without them', async () => {
    const path = await makeImage();
    const sparse = `${path}.sparse`;
    const { atime, mtime } = await stat(path);
    await rename(path, sparse);
    await buildVhd(path, { type: 'fixed', uniqueId: uniqueIdOf(1), ...DISK });
    await utimes(path, atime, mtime);
    await fillHoles(path);
    await uploadSome(path);
    await rm(path);
    await rename(sparse, path);
    await utimes(path, atime, mtime);
    const result = await uploadImage(optionsFor(path));
    expectBlobIs(DISK, storedBlob());
    expect(result.sent + result.sentBefore).toBe(DATA_SIZE + 512);
    expect(result.read).toBeLessThan(DATA_SIZE);
  });
});

describe('without koffi', () => {
  it('a fixed VHD with holes arrives as well; all of it is read', async () => {
    const path = await makeImage();
    // The error of Node for a missing package.
    const hooks = `export async function resolve(name, context, next) {
      if (name === 'koffi') throw Object.assign(new Error("Cannot find package 'koffi'"), { code: 'ERR_MODULE_NOT_FOUND' });
      return next(name, context);
    }`;
    const hook = `data:text/javascript,${encodeURIComponent(hooks)}`;
    const register = `import { register } from 'node:module'; register(${JSON.stringify(hook)});`;
    const args = ['--import', `data:text/javascript,${encodeURIComponent(register)}`, join(ROOT, 'bin/vhdup.js')];
    const child = spawn(process.execPath, [...args, 'upload', path, blobUrl(), '--json'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (data) => {
      output += data;
    });
    const exitCode = await new Promise((resolve) => child.once('close', resolve));
    expect(exitCode).toBe(0);
    expectBlobIs(DISK, storedBlob());
    const result = JSON.parse(output.trim().split('\n').at(-1) ?? '');
    expect(result).toMatchObject({ read: SIZE, sent: DATA_SIZE + 512, zeros: SIZE - DATA_SIZE, unallocated: 0 });
  });
});
