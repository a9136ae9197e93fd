// Whole uploads of images with holes, with and without a system that reports the holes.
import { spawn } from 'node:child_process';
import { open, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { UploadOptions } from '../../src/options.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import { verifyBlob } from '../../src/verify/verify.ts';
import { type PageBlobServer, startPageBlobServer } from '../support/page-blob-server/server.ts';
import { canTellHoles } from '../support/sparse-files.ts';
import { buildVhd, patternOf } from '../support/vhd-builder.ts';
import { expectSameBytes, failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';

const ROOT = join(import.meta.dirname, '../..');
const MIB = 1024 * 1024;
const SIZE = 200 * MIB;
/** 16 MiB of data, in windows of 4 MiB without other data. */
const CONTENTS = [0, 40, 96, 180].map((at, seed) => ({ offset: at * MIB, bytes: patternOf(seed + 1, 4 * MIB) }));
const DATA_SIZE = 16 * MIB;

const canAsk = await canTellHoles(tmpdir());

let server: PageBlobServer;

beforeEach(async () => {
  await server?.close();
  server = await startPageBlobServer();
  server.createContainer('vhds');
});

afterAll(() => server.close());

async function makeImage(): Promise<string> {
  const path = join(await temporaryFolder(), 'disk.vhd');
  await buildVhd(path, { type: 'fixed', size: SIZE, contents: CONTENTS });
  return path;
}

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

function destination(): string {
  return server.sasUrl({ container: 'vhds', blob: 'disk.vhd', permissions: 'rw' });
}

/** One request at a time: when the second one has arrived, the first window is done. */
function optionsFor(image: string, more: Partial<UploadOptions> = {}): UploadOptions {
  return { image, destination: destination(), threads: 1, retryDelayMs: 1, maxRetryDelayMs: 5, ...more };
}

async function expectBlobIs(path: string): Promise<void> {
  const blob = server.blob('vhds', 'disk.vhd');
  const file = await readFile(path);
  expect(blob.size).toBe(file.length);
  // vhdup writes its own footer.
  expectSameBytes(blob.read(0, SIZE), file.subarray(0, SIZE));
}

async function uploadSome(path: string): Promise<void> {
  const stop = new AbortController();
  const reason = new Error('stopped by the test');
  const stopped = server.when(() => server.counters.bytesCommitted >= 8 * MIB).then(() => stop.abort(reason));
  expect(await failureOf(uploadImage(optionsFor(path, { signal: stop.signal })))).toBe(reason);
  await stopped;
}

describe.skipIf(!canAsk)('a fixed VHD with holes (needs Linux, koffi and a file system that makes holes)', () => {
  it('arrives as it is, and its holes are not read', async () => {
    const path = await makeImage();
    const result = await uploadImage(optionsFor(path, { contentMd5: true }));
    await expectBlobIs(path);
    expect(result).toMatchObject({ read: DATA_SIZE, sent: DATA_SIZE + 512, zeros: 0, unallocated: SIZE - DATA_SIZE });
    const verified = await verifyBlob({ image: path, destination: destination(), full: true });
    expect(verified).toMatchObject({ matches: true });
  });

  it('resumes after it was copied to a place where it has no holes', async () => {
    const path = await makeImage();
    await uploadSome(path);
    await fillHoles(path);
    const result = await uploadImage(optionsFor(path));
    await expectBlobIs(path);
    expect(result.sent + result.sentBefore).toBe(DATA_SIZE + 512);
    expect(result.sentBefore).toBeGreaterThan(0);
  });

  it('resumes with holes after a stop without them', async () => {
    const path = await makeImage();
    const sparse = `${path}.sparse`;
    const { atime, mtime } = await stat(path);
    await rename(path, sparse);
    await buildVhd(path, { type: 'fixed', size: SIZE, contents: CONTENTS });
    await utimes(path, atime, mtime);
    await fillHoles(path);
    await uploadSome(path);
    await rm(path);
    await rename(sparse, path);
    await utimes(path, atime, mtime);
    const result = await uploadImage(optionsFor(path));
    await expectBlobIs(path);
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
    const child = spawn(process.execPath, [...args, 'upload', path, destination(), '--json'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (data) => {
      output += data;
    });
    const exitCode = await new Promise((resolve) => child.once('close', resolve));
    expect(exitCode).toBe(0);
    await expectBlobIs(path);
    const result = JSON.parse(output.trim().split('\n').at(-1) ?? '');
    expect(result).toMatchObject({ read: SIZE, sent: DATA_SIZE + 512, zeros: SIZE - DATA_SIZE, unallocated: 0 });
  });
});
