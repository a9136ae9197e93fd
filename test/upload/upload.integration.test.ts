import { existsSync } from 'node:fs';
import { copyFile, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { DiskCheckError } from '../../src/errors.ts';
import type { UploadEvent } from '../../src/events.ts';
import { ImageFile } from '../../src/image/image-file.ts';
import type { UploadOptions } from '../../src/options.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import { internalError, operationTimedOut, serverBusy } from '../support/page-blob-server/faults.ts';
import { type PageBlobServer, startPageBlobServer } from '../support/page-blob-server/server.ts';
import {
  bigEndian32,
  buildVhd,
  diskOf,
  patchFile,
  patternOf,
  uniqueIdOf,
  type VhdContent,
} from '../support/vhd-builder.ts';
import { expectSameBytes, failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';
import { buildVhdx } from '../support/vhdx-builder.ts';

const MIB = 1024 * 1024;
const CONTAINER = 'vhds';
const BLOB = 'disk.vhd';

let server: PageBlobServer;

beforeEach(async () => {
  await server?.close();
  server = await startPageBlobServer();
  server.createContainer(CONTAINER);
});

afterAll(() => server.close());

/** An image of 24 MiB with scattered data, in its own folder. */
async function makeImage({
  size = 24 * MIB,
  seed = 1,
  contents = scattered(size, seed),
  type = 'dynamic' as 'fixed' | 'dynamic',
} = {}) {
  const path = join(await temporaryFolder(), 'disk.vhd');
  await buildVhd(path, { type, size, contents, uniqueId: uniqueIdOf(seed) });
  return { path, disk: diskOf(size, contents) };
}

function scattered(size: number, seed: number): VhdContent[] {
  return [
    { offset: 0, bytes: patternOf(seed, 512) },
    { offset: 2 * MIB, bytes: patternOf(seed + 1, 5 * MIB + 512) },
    { offset: 12 * MIB + 1024, bytes: patternOf(seed + 2, 3 * 512) },
    { offset: size - 4096, bytes: patternOf(seed + 3, 4096) },
  ];
}

function optionsFor(image: string, more: Partial<UploadOptions> = {}): UploadOptions {
  return {
    image,
    destination: server.sasUrl({ container: CONTAINER, blob: BLOB, permissions: 'rw' }),
    retryDelayMs: 1,
    maxRetryDelayMs: 5,
    ...more,
  };
}

/** Checks that the blob is the disk, padded with zeros to a whole MiB, and its footer. */
function expectBlobHolds(disk: Uint8Array, name = BLOB): void {
  const blob = server.blob(CONTAINER, name);
  const rounded = Math.ceil(disk.length / MIB) * MIB;
  expect(blob.size).toBe(rounded + 512);
  expectSameBytes(blob.read(0, disk.length), disk);
  expect(blob.read(disk.length, rounded - disk.length).every((byte) => byte === 0)).toBe(true);
  const footer = blob.read(rounded, 512);
  expect(footer.toString('latin1', 0, 8)).toBe('conectix');
  expect(footer.readBigUInt64BE(48)).toBe(BigInt(rounded));
  expect(footer.readUInt32BE(60)).toBe(2);
}

function putPages() {
  return server.log.filter(({ operation }) => operation === 'PutPage');
}

/** Stops an upload once that many pages have been committed. */
async function uploadUntil(options: UploadOptions, committedBytes: number): Promise<void> {
  const stop = new AbortController();
  const reason = new Error('stopped by the test');
  const stopped = server.when(() => server.counters.bytesCommitted >= committedBytes).then(() => stop.abort(reason));
  const failure = await failureOf(uploadImage({ ...options, signal: stop.signal }));
  await stopped;
  expect(failure).toBe(reason);
}

describe('an upload', () => {
  it('stops before the first request at a disk that Azure would refuse, unless checks are skipped', async () => {
    const path = join(await temporaryFolder(), 'disk.vhdx');
    buildVhdx(path, { size: 24 * MIB, logicalSectorSize: 4096 });
    const failure = await failureOf(uploadImage(optionsFor(path)));
    expect(failure).toBeInstanceOf(DiskCheckError);
    expect(server.counters.requests).toBe(0);
    const result = await uploadImage(optionsFor(path, { skipChecks: true }));
    expect(result.blobSize).toBe(24 * MIB + 512);
  });

  it('warns about a disk that is too small for a VM, and sends it', async () => {
    const { path, disk } = await makeImage({ size: 12 * MIB, contents: [] });
    const warnings: string[] = [];
    await uploadImage(optionsFor(path, { onEvent: (event) => event.type === 'warning' && warnings.push(event.code) }));
    expectBlobHolds(disk);
    expect(warnings).toContain('check-size-minimum');
  });

  it('creates a fixed VHD of the disk, and reports what it did', async () => {
    const { path, disk } = await makeImage();
    const result = await uploadImage(optionsFor(path));
    expectBlobHolds(disk);
    expect(result).toMatchObject({
      blobSize: 24 * MIB + 512,
      diskSize: 24 * MIB,
      retries: 0,
      sentBefore: 0,
      verified: 'ranges',
    });
    expect(result.url).toBe(server.urlOf(CONTAINER, BLOB));
    expect(result.sent).toBe(server.counters.bytesCommitted);
    expect(result.requests).toBe(server.counters.requests);
  });

  it('rounds a disk up to a whole MiB', async () => {
    const { path, disk } = await makeImage({
      size: 5 * MIB + 1536,
      contents: [{ offset: 5 * MIB, bytes: patternOf(4, 1536) }],
    });
    await uploadImage(optionsFor(path));
    expectBlobHolds(disk);
  });

  it('sends nothing but the footer of a disk that is all zero', async () => {
    for (const type of ['fixed', 'dynamic'] as const) {
      const { path, disk } = await makeImage({ size: 16 * MIB, contents: [], type });
      await uploadImage(optionsFor(path, { overwrite: true }));
      expectBlobHolds(disk);
      expect(server.blob(CONTAINER, BLOB).ranges()).toEqual([{ offset: 16 * MIB, length: 512 }]);
    }
    expect(putPages()).toHaveLength(2);
  });

  it('sends exactly the data of a disk that alternates 4 MiB of data and 4 MiB of zeros', async () => {
    const contents = [0, 8].map((mib) => ({ offset: mib * MIB, bytes: patternOf(mib, 4 * MIB) }));
    const { path, disk } = await makeImage({ size: 16 * MIB, contents, type: 'fixed' });
    await uploadImage(optionsFor(path));
    expectBlobHolds(disk);
    expect(server.blob(CONTAINER, BLOB).ranges()).toEqual([
      { offset: 0, length: 4 * MIB },
      { offset: 8 * MIB, length: 4 * MIB },
      { offset: 16 * MIB, length: 512 },
    ]);
  });

  it('covers every request with a checksum, and sends the footer last', async () => {
    const { path } = await makeImage();
    await uploadImage(optionsFor(path, { checksum: 'crc64' }));
    expect(putPages().every(({ headers }) => headers.has('x-ms-content-crc64'))).toBe(true);
    expect(putPages().at(-1)?.range).toEqual({ offset: 24 * MIB, length: 512 });
    const before = server.log.length;
    await uploadImage(optionsFor(path, { checksum: 'md5', overwrite: true }));
    const second = server.log.slice(before).filter(({ operation }) => operation === 'PutPage');
    expect(second.every(({ headers }) => headers.has('content-md5') && !headers.has('x-ms-content-crc64'))).toBe(true);
  });

  it('gives the same blob with 1, 16 and 64 threads', async () => {
    const { path, disk } = await makeImage({
      size: 200 * MIB,
      contents: [0, 1, 2, 3, 4, 5, 6].map((n) => ({ offset: n * 28 * MIB, bytes: patternOf(n, 20 * MIB) })),
    });
    const hashes = new Set<string>();
    for (const threads of [1, 16, 64]) {
      await uploadImage(optionsFor(path, { threads, overwrite: true }));
      expectBlobHolds(disk);
      hashes.add(server.blob(CONTAINER, BLOB).sha256());
    }
    expect(hashes.size).toBe(1);
  });

  it('never has more requests in flight than threads', async () => {
    const { path } = await makeImage({ size: 64 * MIB, contents: [{ offset: 0, bytes: patternOf(1, 64 * MIB) }] });
    server.model.latencyMs = 20;
    await uploadImage(optionsFor(path, { threads: 3 }));
    expect(server.counters.peakInFlight).toBe(3);
  });

  it('leaves a blob that can be resumed if there is no memory for windows', async () => {
    const { path: image } = await makeImage();
    const noMemory = vi.spyOn(WebAssembly, 'Memory').mockImplementation(() => {
      throw new RangeError('WebAssembly.Memory(): could not allocate memory');
    });
    onTestFinished(() => noMemory.mockRestore());
    expect((await failureOf(uploadImage(optionsFor(image)))).message).toContain('could not allocate memory');
    noMemory.mockRestore();
    // With another checkpoint, the run would be refused if the blob were still held.
    const checkpoint = `${image}.other.json`;
    const { verified } = await uploadImage(optionsFor(image, { checkpoint, overwrite: true }));
    expect(verified).toBe('ranges');
  });

  it('writes its own metadata and that of the user to the blob', async () => {
    const { path } = await makeImage();
    const { uploadId } = await uploadImage(optionsFor(path, { metadata: { ticket: 'A-17' } }));
    expect(Object.fromEntries(server.blob(CONTAINER, BLOB).metadata)).toMatchObject({
      ticket: 'A-17',
      vhdup_upload_id: uploadId,
      vhdup_source_format: 'vhd-dynamic',
      vhdup_source_size: String(24 * MIB),
      vhdup_state: 'complete',
    });
  });

  it('creates the container only if asked to', async () => {
    const { path } = await makeImage();
    const destination = `${server.urlOf('fresh', BLOB)}?${server.accountSas('rwc')}`;
    expect(await failureOf(uploadImage(optionsFor(path, { destination })))).toMatchObject({
      exitCode: 6,
      message: expect.stringContaining('--create-container'),
    });
    await uploadImage(optionsFor(path, { destination, createContainer: true }));
    expect(server.hasBlob('fresh', BLOB)).toBe(true);
  });

  it('accepts an account key', async () => {
    const { path, disk } = await makeImage();
    await uploadImage(
      optionsFor(path, {
        destination: `${CONTAINER}/${BLOB}`,
        serviceUrl: server.url,
        credential: { kind: 'account-key', accountName: server.account, accountKey: server.key },
      }),
    );
    expectBlobHolds(disk);
  });

  it('lists the page ranges of a fragmented blob in pages', async () => {
    await server.close();
    server = await startPageBlobServer({ rangesPerResponse: 3 });
    server.createContainer(CONTAINER);
    const contents = Array.from({ length: 20 }, (_, n) => ({ offset: n * MIB, bytes: patternOf(n, 512) }));
    const { path, disk } = await makeImage({ contents });
    await uploadImage(optionsFor(path));
    expectBlobHolds(disk);
    expect(server.counters.byOperation.get('GetPageRanges')).toBe(7);
  });

  it('detects pages that it did not send', async () => {
    const { path } = await makeImage();
    server.faults.add({ operation: 'GetPageRanges' }, { kind: 'delay-answer', delayMs: 0 });
    const upload = uploadImage(optionsFor(path));
    await server.when(() => putPages().length > 0 && putPages().at(-1)?.range?.offset === 24 * MIB);
    server.blob(CONTAINER, BLOB).markWritten({ offset: 20 * MIB, length: 512 });
    expect(await failureOf(upload)).toMatchObject({ code: 'VERIFICATION', exitCode: 10 });
  });
});

describe('an existing blob', () => {
  it.each(['fixed', 'dynamic'] as const)('is refused without overwrite, and stays unchanged (%s)', async (type) => {
    const { path } = await makeImage({ type });
    const blob = server.createPageBlob(CONTAINER, BLOB, 1024);
    const { etag } = blob;
    expect(await failureOf(uploadImage(optionsFor(path)))).toMatchObject({ code: 'DESTINATION', exitCode: 6 });
    expect(server.blob(CONTAINER, BLOB)).toBe(blob);
    expect(blob.etag).toBe(etag);
    expect(existsSync(`${path}.vhdup.json`)).toBe(false);
  });

  it('is replaced with overwrite, and none of its pages is left', async () => {
    const { path, disk } = await makeImage();
    const old = server.createPageBlob(CONTAINER, BLOB, 64 * MIB);
    old.write(20 * MIB, patternOf(9, 512));
    old.markWritten({ offset: 20 * MIB, length: 512 });
    await uploadImage(optionsFor(path, { overwrite: true }));
    expectBlobHolds(disk);
  });

  it('is never replaced if it appears between the first look and Put Blob', async () => {
    const { path } = await makeImage();
    server.faults.add({ operation: 'GetBlobProperties', nth: 1 }, { kind: 'delay-answer', delayMs: 50 });
    const upload = failureOf(uploadImage(optionsFor(path)));
    await server.when(() => server.log.some(({ operation }) => operation === 'GetBlobProperties'));
    server.createPageBlob(CONTAINER, BLOB, 1024);
    expect(await upload).toMatchObject({ code: 'DESTINATION' });
    expect(server.blob(CONTAINER, BLOB).size).toBe(1024);
  });

  it('is recognised as our own if the answer to Put Blob was lost', async () => {
    const { path, disk } = await makeImage();
    server.faults.add({ operation: 'PutBlob', nth: 1 }, { kind: 'reset-after-commit' });
    await uploadImage(optionsFor(path));
    expectBlobHolds(disk);
  });

  it.each(['BlockBlob', 'AppendBlob'])('is not replaced when it is a %s, not even with overwrite', async (type) => {
    const { path } = await makeImage();
    await fetch(server.sasUrl({ container: CONTAINER, blob: BLOB, permissions: 'cw' }), {
      method: 'PUT',
      headers: { 'x-ms-blob-type': type, 'x-ms-version': '2021-12-02' },
      ...(type === 'BlockBlob' ? { body: 'text' } : {}),
    });
    const failure = await failureOf(uploadImage(optionsFor(path, { overwrite: true })));
    expect(failure).toMatchObject({ code: 'DESTINATION', message: expect.stringContaining(type) });
    expect(server.blob(CONTAINER, BLOB).type).toBe(type);
  });

  it('is not written to once another upload has replaced it', async () => {
    const { path } = await makeImage({ contents: [{ offset: 0, bytes: patternOf(1, 24 * MIB) }] });
    const upload = failureOf(uploadImage(optionsFor(path, { threads: 1 })));
    await server.when(() => server.counters.bytesCommitted >= 8 * MIB);
    server.createPageBlob(CONTAINER, BLOB, 24 * MIB + 512);
    expect(await upload).toMatchObject({
      code: 'DESTINATION',
      message: expect.stringContaining('was replaced while the upload was running'),
    });
    expect(server.blob(CONTAINER, BLOB).ranges()).toEqual([]);
  });
});

describe('resuming', () => {
  const contents = [{ offset: 0, bytes: patternOf(1, 64 * MIB) }];
  const size = 64 * MIB;

  it('resumes where the last run left off, and resends only what was in flight', async () => {
    const { path, disk } = await makeImage({ size, contents });
    await uploadUntil(optionsFor(path, { threads: 4 }), 24 * MIB);
    const before = putPages().filter(({ committed }) => committed).length;
    const events: UploadEvent[] = [];
    const result = await uploadImage(optionsFor(path, { threads: 4, onEvent: (event) => events.push(event) }));
    expectBlobHolds(disk);
    expect(events.find(({ type }) => type === 'start')).toMatchObject({ resumedFrom: expect.any(String) });
    expect(result.sent + result.sentBefore).toBe(size + 512);
    expect(putPages().filter(({ committed }) => committed).length).toBeLessThanOrEqual(16 + 1 + 4);
    expect(result.sentBefore).toBeGreaterThanOrEqual((before - 4) * 4 * MIB);
    expect(existsSync(`${path}.vhdup.json`)).toBe(false);
  });

  it('works with another SAS after image and checkpoint were moved', async () => {
    const { path, disk } = await makeImage({ size, contents });
    await uploadUntil(optionsFor(path), 20 * MIB);
    const moved = join(await temporaryFolder(), 'renamed disk ä.vhd');
    await copyFile(path, moved);
    const { mtime } = await import('node:fs').then(({ statSync }) => statSync(path));
    await utimes(moved, mtime, mtime);
    await copyFile(`${path}.vhdup.json`, `${moved}.vhdup.json`);
    await rm(path);
    server.expireSas();
    const result = await uploadImage(
      optionsFor(moved, { destination: server.sasUrl({ container: CONTAINER, blob: BLOB, permissions: 'rwd' }) }),
    );
    expect(result.sentBefore).toBeGreaterThan(0);
    expectBlobHolds(disk);
  });

  it('starts over with restart, and may replace its own unfinished blob', async () => {
    const { path, disk } = await makeImage({ size, contents });
    await uploadUntil(optionsFor(path), 20 * MIB);
    const result = await uploadImage(optionsFor(path, { restart: true }));
    expect(result.sentBefore).toBe(0);
    expectBlobHolds(disk);
  });

  it('works if the previous run ended between the footer and the removal of the checkpoint', async () => {
    const { path, disk } = await makeImage({ size, contents });
    server.faults.add({ operation: 'SetBlobMetadata' }, { kind: 'status', status: 400, code: 'InvalidMetadata' });
    expect(await failureOf(uploadImage(optionsFor(path)))).toMatchObject({ exitCode: 9 });
    server.faults.clear();
    const result = await uploadImage(optionsFor(path));
    expect(result.sent).toBe(512);
    expectBlobHolds(disk);
  });

  it.each([
    ['was modified', async (path: string) => utimes(path, new Date(), new Date(Date.now() + 5000)), 'modified at'],
    ['has another id', async (path: string) => replaceImage(path, 7), 'disk id'],
    ['has another size', async (path: string) => replaceImage(path, 1, 65 * MIB), 'the disk had'],
  ])('is refused when the image %s, and the checkpoint stays', async (_, change, message) => {
    const { path } = await makeImage({ size, contents });
    await uploadUntil(optionsFor(path), 20 * MIB);
    await change(path);
    const requests = server.counters.requests;
    expect(await failureOf(uploadImage(optionsFor(path)))).toMatchObject({
      code: 'IMAGE_CHANGED',
      exitCode: 5,
      message: expect.stringContaining(message),
    });
    expect(server.counters.requests).toBe(requests);
    expect(existsSync(`${path}.vhdup.json`)).toBe(true);
  });

  it('is refused when the blob was deleted, replaced or resized meanwhile', async () => {
    const { path } = await makeImage({ size, contents });
    await uploadUntil(optionsFor(path), 20 * MIB);
    const blob = server.blob(CONTAINER, BLOB);
    blob.resize(32 * MIB);
    expect((await failureOf(uploadImage(optionsFor(path)))).message).toContain('resized');
    server.createPageBlob(CONTAINER, BLOB, 64 * MIB + 512);
    expect((await failureOf(uploadImage(optionsFor(path)))).message).toContain('upload id');
    expect((await failureOf(uploadImage(optionsFor(path, { overwrite: true })))).message).toContain('upload id');
    await fetch(server.sasUrl({ container: CONTAINER, blob: BLOB, permissions: 'd' }), {
      method: 'DELETE',
      headers: { 'x-ms-version': '2021-12-02' },
    });
    expect(await failureOf(uploadImage(optionsFor(path)))).toMatchObject({
      code: 'DESTINATION',
      message: expect.stringContaining('no longer exists'),
    });
    expect(server.hasBlob(CONTAINER, BLOB)).toBe(false);
  });

  it('is refused if the image would be read with other options', async () => {
    const { path } = await makeImage({ size, contents });
    await uploadUntil(optionsFor(path), 20 * MIB);
    expect(await failureOf(uploadImage(optionsFor(path, { trustUnmarkedSectors: true })))).toMatchObject({
      code: 'CHECKPOINT',
      message: expect.stringContaining('--trust-unmarked-sectors'),
    });
  });

  it('is refused with the checkpoint of another upload, or a damaged one', async () => {
    const { path } = await makeImage({ size, contents });
    await uploadUntil(optionsFor(path), 20 * MIB);
    const destination = server.sasUrl({ container: CONTAINER, blob: 'other.vhd', permissions: 'rw' });
    expect(await failureOf(uploadImage(optionsFor(path, { destination })))).toMatchObject({
      code: 'CHECKPOINT',
      exitCode: 7,
    });
    const text = await readFile(`${path}.vhdup.json`, 'utf8');
    await writeFile(`${path}.vhdup.json`, text.replace(/"bytes": \d/, '"bytes": 9'));
    expect(await failureOf(uploadImage(optionsFor(path)))).toMatchObject({ code: 'CHECKPOINT' });
    await writeFile(`${path}.vhdup.json`, text.slice(0, -40));
    expect(await failureOf(uploadImage(optionsFor(path)))).toMatchObject({ code: 'CHECKPOINT' });
  });

  it('ends with the right bytes after 50 stops at random moments, without losing acknowledged windows', async () => {
    const { path, disk } = await makeImage({ size, contents });
    const threads = 4;
    let stops = 0;
    let random = 42;
    server.model.latencyMs = 1;
    for (let round = 0; ; round++) {
      random = (Math.imul(random, 1103515245) + 12345) >>> 0;
      const stop = new AbortController();
      const target = server.counters.requests + 8 + (random % 3);
      const stopping = server
        .when(() => server.counters.requests >= target || isComplete())
        .then(() => stop.abort(new Error('stop')));
      if (round < 50) {
        await uploadImage(optionsFor(path, { threads, signal: stop.signal })).catch(() => {
          stops += 1;
        });
        await stopping;
        if (!existsSync(`${path}.vhdup.json`)) break;
      } else {
        stop.abort();
        await uploadImage(optionsFor(path, { threads }));
        break;
      }
    }
    expectBlobHolds(disk);
    const sent = putPages().filter(({ committed }) => committed).length;
    // 16 windows and the footer; each stop may cost the windows that were in flight.
    expect(sent).toBeLessThanOrEqual(17 + stops * threads);
    expect(stops).toBeGreaterThan(10);
  });
});

describe('the image', () => {
  it('is checked while it is read: a change is an error, and the footer is not written', async () => {
    const { path } = await makeImage({ size: 32 * MIB, contents: [{ offset: 0, bytes: patternOf(1, 32 * MIB) }] });
    const upload = failureOf(uploadImage(optionsFor(path, { threads: 1 })));
    await server.when(() => server.counters.bytesCommitted >= 8 * MIB);
    await patchFile(path, 20 * MIB, bigEndian32(0));
    expect(await upload).toMatchObject({ code: 'IMAGE_CHANGED', exitCode: 5 });
    expect(
      server
        .blob(CONTAINER, BLOB)
        .read(32 * MIB, 512)
        .every((byte) => byte === 0),
    ).toBe(true);
  });

  it.each([
    ['what was read meanwhile is not known', () => undefined],
    [
      'the checkpoint knows when the blob could not be told',
      () => void server.faults.add({ operation: 'SetBlobMetadata' }, { kind: 'reset-before-read' }),
    ],
  ])('is not accepted as unchanged after it was restored: %s', async (_, interfere) => {
    const { path } = await makeImage({ size: 32 * MIB, contents: [{ offset: 0, bytes: patternOf(1, 32 * MIB) }] });
    const before = await readFile(path);
    const { mtime } = await stat(path);
    const upload = failureOf(uploadImage(optionsFor(path, { threads: 1 })));
    await server.when(() => server.counters.bytesCommitted >= 8 * MIB);
    interfere();
    await patchFile(path, 20 * MIB, bigEndian32(0));
    expect(await upload).toMatchObject({ code: 'IMAGE_CHANGED' });
    server.faults.clear();
    await writeFile(path, before);
    await utimes(path, mtime, mtime);
    expect(await failureOf(uploadImage(optionsFor(path)))).toMatchObject({
      code: 'DESTINATION',
      message: expect.stringMatching(/cannot be trusted.*--restart/),
    });
    await uploadImage(optionsFor(path, { restart: true }));
  });

  it('is read once, and only in allocated ranges', async () => {
    const { path } = await makeImage({
      size: 1024 * MIB,
      contents: [{ offset: 512 * MIB, bytes: patternOf(1, 2 * MIB) }],
    });
    const { read } = ImageFile.prototype;
    let bytes = 0;
    ImageFile.prototype.read = function (position, into) {
      bytes += into.length;
      return read.call(this, position, into);
    };
    try {
      await uploadImage(optionsFor(path));
    } finally {
      ImageFile.prototype.read = read;
    }
    expect(bytes).toBeLessThan(2 * MIB + 64 * 1024);
  });
});

describe('faults of the network and the service', () => {
  const contents = [{ offset: 0, bytes: patternOf(1, 40 * MIB) }];

  it.each([
    ['500 InternalError', internalError()],
    ['500 OperationTimedOut', operationTimedOut()],
    ['503 ServerBusy', serverBusy()],
    ['408', { kind: 'status', status: 408, code: 'RequestTimeout' } as const],
    ['429', { kind: 'status', status: 429, code: 'TooManyRequests' } as const],
    ['502', { kind: 'status', status: 502, code: 'BadGateway' } as const],
    ['504', { kind: 'status', status: 504, code: 'GatewayTimeout' } as const],
    ['a reset before the request', { kind: 'reset-before-read' } as const],
    ['a reset after the commit', { kind: 'reset-after-commit' } as const],
    ['a truncated answer', { kind: 'truncated-answer' } as const],
    ['an answer that is not HTTP', { kind: 'garbled-answer', form: 'not-http' } as const],
    ['an answer of nonsense', { kind: 'garbled-answer', form: 'wrong-content' } as const],
    ['a proxy page with 200', { kind: 'proxy-page', status: 200 } as const],
    ['a proxy page with 502', { kind: 'proxy-page', status: 502 } as const],
    ['a proxy page with 407', { kind: 'proxy-page', status: 407 } as const],
    ['a flipped bit', { kind: 'flip-received-bit', bit: 12345 } as const],
  ])('%s: affected requests are repeated, and the bytes are right', async (_, fault) => {
    const { path, disk } = await makeImage({ size: 40 * MIB, contents });
    server.faults.add({ probability: 0.3 }, fault);
    const result = await uploadImage(optionsFor(path));
    expectBlobHolds(disk);
    expect(result.retries).toBeGreaterThan(0);
    if (fault.kind === 'flip-received-bit') expect(result.checksumMismatches).toBe(result.retries);
  });

  it.each(['stall-body', 'stall-answer'] as const)(
    '%s: the connection is closed, and the request is repeated',
    async (kind) => {
      const { path, disk } = await makeImage({ size: 40 * MIB, contents });
      server.faults.add({ operation: 'PutPage', nth: [2, 5] }, { kind });
      const result = await uploadImage(optionsFor(path, { stallTimeoutMs: 300 }));
      expectBlobHolds(disk);
      expect(result.retries).toBe(2);
    },
  );

  it('does not treat a slow connection as stalled forever: the time-out grows until an answer arrives', async () => {
    const { path, disk } = await makeImage({ size: 4 * MIB, contents: [{ offset: 0, bytes: patternOf(1, 2 * MIB) }] });
    server.model.bytesPerSecond = 2 * MIB;
    const result = await uploadImage(optionsFor(path, { stallTimeoutMs: 200 }));
    expectBlobHolds(disk);
    expect(result.retries).toBeLessThan(6);
  });

  it('waits as long as Retry-After says', async () => {
    const { path } = await makeImage();
    server.faults.add({ operation: 'PutPage', nth: 1 }, serverBusy(1));
    const delays: number[] = [];
    await uploadImage(optionsFor(path, { onEvent: (event) => event.type === 'retry' && delays.push(event.delayMs) }));
    expect(delays).toEqual([1000]);
  });

  it('does not wait for an untrusted certificate, and says how to trust it', async () => {
    const { path } = await makeImage({ size: 4 * MIB, contents: [] });
    const untrusted = await startPageBlobServer({ tls: true });
    try {
      const destination = untrusted.sasUrl({ container: CONTAINER, blob: BLOB, permissions: 'rw' });
      const { retryDelayMs: _, ...patient } = optionsFor(path, { destination, giveUpAfterMs: 3_600_000 });
      expect(await failureOf(uploadImage(patient))).toMatchObject({
        code: 'SERVICE',
        message: expect.stringContaining('NODE_EXTRA_CA_CERTS'),
      });
    } finally {
      await untrusted.close();
    }
  });

  it('survives a server that is unreachable for a while', async () => {
    const { path, disk } = await makeImage({ size: 40 * MIB, contents });
    const events: UploadEvent[] = [];
    const upload = uploadImage(optionsFor(path, { onEvent: (event) => events.push(event) }));
    await server.when(() => server.counters.bytesCommitted >= 8 * MIB);
    await server.refuseConnections(true);
    const refused = () => events.filter((event) => event.type === 'retry' && event.reason === 'ECONNREFUSED').length;
    while (refused() < 20) await new Promise((resolve) => setImmediate(resolve));
    await server.refuseConnections(false);
    await upload;
    expectBlobHolds(disk);
  });

  it('gives up after the given time, keeps the progress, and the next run resumes', async () => {
    const { path, disk } = await makeImage({ size: 40 * MIB, contents });
    const rule = server.faults.add({ operation: 'PutPage', nth: [4, 5, 6, 7, 8, 9, 10, 11, 12] }, internalError());
    expect(await failureOf(uploadImage(optionsFor(path, { retries: 2, threads: 1 })))).toMatchObject({
      code: 'SERVICE',
      exitCode: 9,
    });
    rule.remove();
    const result = await uploadImage(optionsFor(path));
    expect(result.sentBefore).toBe(12 * MIB);
    expectBlobHolds(disk);
  });

  it('does not retry permanent refusals of the service', async () => {
    const { path } = await makeImage();
    server.faults.add({ operation: 'PutPage' }, { kind: 'status', status: 403, code: 'AuthorizationFailure' });
    expect(await failureOf(uploadImage(optionsFor(path, { threads: 1 })))).toMatchObject({
      code: 'CREDENTIALS',
      exitCode: 8,
    });
    expect(putPages()).toHaveLength(1);
  });

  it.each(Array.from({ length: 15 }, (_, index) => index + 1))(
    'needs only read and write permission in a SAS (mask %i)',
    async (mask) => {
      const { path } = await makeImage();
      const permissions = ['r', 'w', 'd', 'l'].filter((_, bit) => mask & (1 << bit)).join('');
      // A SAS for a blob cannot list, so the SAS is for the container.
      const destination = server.sasUrl({ container: CONTAINER, permissions }).replace('?', `/${BLOB}?`);
      const upload = uploadImage(optionsFor(path, { destination, overwrite: mask >= 8 }));
      if ((mask & 3) === 3) await expect(upload).resolves.toMatchObject({ verified: 'ranges' });
      else
        expect(await failureOf(upload)).toMatchObject({
          exitCode: 8,
          message: expect.stringMatching(/missing (r|w|r, w)\.$/),
        });
    },
  );

  it('names the letters that a SAS lacks, before it sends anything', async () => {
    const { path } = await makeImage();
    const destination = server.sasUrl({ container: CONTAINER, blob: BLOB, permissions: 'r' });
    expect(await failureOf(uploadImage(optionsFor(path, { destination })))).toMatchObject({
      code: 'CREDENTIALS',
      message: expect.stringContaining('missing w'),
    });
    expect(server.counters.requests).toBe(0);
  });
});

function isComplete(): boolean {
  return server.hasBlob(CONTAINER, BLOB) && server.blob(CONTAINER, BLOB).metadata.get('vhdup_state') === 'complete';
}

async function replaceImage(path: string, seed: number, size = 64 * MIB): Promise<void> {
  await buildVhd(path, {
    type: 'dynamic',
    size,
    contents: [{ offset: 0, bytes: patternOf(1, 64 * MIB) }],
    uniqueId: uniqueIdOf(seed),
  });
}
