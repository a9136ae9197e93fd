import { existsSync, statSync, utimesSync } from 'node:fs';
import { copyFile, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { WINDOW_SIZE } from '../../src/base/byte-range.ts';
import { DiskCheckError } from '../../src/errors.ts';
import type { UploadEvent } from '../../src/events.ts';
import { ImageFile } from '../../src/image/image-file.ts';
import type { UploadOptions } from '../../src/options.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import { holdFrom } from '../support/contested-blob.ts';
import { internalError, operationTimedOut, serverBusy } from '../support/page-blob-server/faults.ts';
import { startPageBlobServer } from '../support/page-blob-server/server.ts';
import { buildImage, expectBlobIs, PIECE, SMALL_DISK, spreadDisk, type TestDisk } from '../support/spread-disk.ts';
import {
  BLOB,
  blobUrl,
  CONTAINER,
  hasCommitted,
  isComplete,
  requestsOf,
  restartServer,
  server,
  stopWhen,
  storedBlob,
  useServer,
} from '../support/target-server.ts';
import { bigEndian32, buildVhd, patchFile, patternOf, uniqueIdOf } from '../support/vhd-builder.ts';
import { failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';
import { buildVhdx } from '../support/vhdx-builder.ts';

const MIB = 1024 * 1024;

useServer();

/** 24 MiB with data of several lengths, across a border of windows, and at both ends. */
const SCATTERED: TestDisk = {
  size: 24 * MIB,
  contents: [
    { offset: 0, bytes: patternOf(1, 512) },
    { offset: 4 * MIB - PIECE, bytes: patternOf(2, 2 * PIECE + 512) },
    { offset: 12 * MIB + 1024, bytes: patternOf(3, 3 * 512) },
    { offset: 24 * MIB - 4096, bytes: patternOf(4, 4096) },
  ],
};

const EMPTY: TestDisk = { size: 16 * MIB, contents: [] };

function optionsFor(image: string, more: Partial<UploadOptions> = {}): UploadOptions {
  return { image, destination: blobUrl(), threads: 2, retryDelayMs: 1, maxRetryDelayMs: 5, ...more };
}

function putPages() {
  return requestsOf('PutPage');
}

/** Stops an upload once that many bytes have been committed. */
async function uploadUntil(options: UploadOptions, committedBytes: number): Promise<void> {
  await stopWhen(
    () => hasCommitted(committedBytes),
    (signal) => uploadImage({ ...options, signal }),
  );
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
    const disk = { size: 12 * MIB, contents: [] };
    const path = await buildImage(disk);
    const warnings: string[] = [];
    await uploadImage(optionsFor(path, { onEvent: (event) => event.type === 'warning' && warnings.push(event.code) }));
    expectBlobIs(disk, storedBlob());
    expect(warnings).toContain('check-size-minimum');
  });

  it('creates a fixed VHD of the disk, and reports what it did', async () => {
    const path = await buildImage(SCATTERED);
    const result = await uploadImage(optionsFor(path, { threads: 'auto' }));
    expectBlobIs(SCATTERED, storedBlob());
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
    const disk = { size: 5 * MIB + 1536, contents: [{ offset: 5 * MIB, bytes: patternOf(4, 1536) }] };
    await uploadImage(optionsFor(await buildImage(disk)));
    expectBlobIs(disk, storedBlob());
  });

  it('B1 sparse: sends nothing but the footer of a disk that is all zero', async () => {
    for (const type of ['fixed', 'dynamic'] as const) {
      await uploadImage(optionsFor(await buildImage(EMPTY, { type }), { overwrite: true }));
      expectBlobIs(EMPTY, storedBlob());
      expect(storedBlob().ranges()).toEqual([{ offset: 16 * MIB, length: 512 }]);
    }
    expect(putPages()).toHaveLength(2);
  });

  it('B2 partial sparse: sends exactly the data of a disk that alternates 4 MiB of data and 4 MiB of zeros', async () => {
    const contents = [0, 8].map((mib) => ({ offset: mib * MIB, bytes: patternOf(mib, 4 * MIB) }));
    const disk = { size: 16 * MIB, contents };
    await uploadImage(optionsFor(await buildImage(disk, { type: 'fixed' })));
    expectBlobIs(disk, storedBlob());
    expect(storedBlob().ranges()).toEqual([
      { offset: 0, length: 4 * MIB },
      { offset: 8 * MIB, length: 4 * MIB },
      { offset: 16 * MIB, length: 512 },
    ]);
  });

  it('covers every request with a checksum, and sends the footer last', async () => {
    const path = await buildImage(SCATTERED);
    await uploadImage(optionsFor(path, { checksum: 'crc64' }));
    expect(putPages().every(({ headers }) => headers.has('x-ms-content-crc64'))).toBe(true);
    expect(putPages().at(-1)?.range).toEqual({ offset: 24 * MIB, length: 512 });
    const before = server.log.length;
    await uploadImage(optionsFor(path, { checksum: 'md5', overwrite: true }));
    const second = server.log.slice(before).filter(({ operation }) => operation === 'PutPage');
    expect(second.every(({ headers }) => headers.has('content-md5') && !headers.has('x-ms-content-crc64'))).toBe(true);
  });

  it('gives the same blob with 1, 16 and 64 threads', async () => {
    // Several runs in each window: more requests than threads.
    const contents = Array.from({ length: 96 }, (_, index) => ({
      offset: index * MIB,
      bytes: patternOf(index, 4096),
    })).filter((_, index) => index % 12 < 9);
    const disk = { size: 96 * MIB, contents };
    const image = await buildImage(disk);
    const footers = new Set<string>();
    for (const threads of [1, 16, 64]) {
      await uploadImage(optionsFor(image, { threads, overwrite: true }));
      expectBlobIs(disk, storedBlob());
      footers.add(storedBlob().read(disk.size, 512).toString('hex'));
    }
    expect(footers.size).toBe(1);
  });

  it('never has more requests in flight than threads', async () => {
    const image = await buildImage(spreadDisk(8));
    server.model.latencyMs = 20;
    // On a busy machine, the first answer may come before the third request.
    const until = server.when(() => putPages().length >= 3);
    server.faults.add({ operation: 'PutPage', nth: [1, 2, 3] }, { kind: 'delay-answer', until });
    await uploadImage(optionsFor(image, { threads: 3 }));
    expect(server.counters.peakInFlight).toBe(3);
  });

  it('leaves a blob that can be resumed if there is no memory for windows', async () => {
    const image = await buildImage(SMALL_DISK);
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
    const path = await buildImage(SMALL_DISK);
    const { uploadId } = await uploadImage(optionsFor(path, { metadata: { ticket: 'A-17' } }));
    expect(Object.fromEntries(storedBlob().metadata)).toMatchObject({
      ticket: 'A-17',
      vhdup_upload_id: uploadId,
      vhdup_source_format: 'vhd-dynamic',
      vhdup_source_size: String(MIB),
      vhdup_state: 'complete',
    });
  });

  it('creates the container only if asked to', async () => {
    const path = await buildImage(SMALL_DISK);
    const destination = `${server.urlOf('fresh', BLOB)}?${server.accountSas('rwc')}`;
    expect(await failureOf(uploadImage(optionsFor(path, { destination })))).toMatchObject({
      exitCode: 6,
      message: expect.stringContaining('--create-container'),
    });
    await uploadImage(optionsFor(path, { destination, createContainer: true }));
    expect(server.hasBlob('fresh', BLOB)).toBe(true);
  });

  it('accepts an account key', async () => {
    const path = await buildImage(SMALL_DISK);
    await uploadImage(
      optionsFor(path, {
        destination: `${CONTAINER}/${BLOB}`,
        serviceUrl: server.url,
        credential: { kind: 'account-key', accountName: server.account, accountKey: server.key },
      }),
    );
    expectBlobIs(SMALL_DISK, storedBlob());
  });

  it('lists the page ranges of a fragmented blob in pages', async () => {
    await restartServer({ rangesPerResponse: 3 });
    const contents = Array.from({ length: 20 }, (_, n) => ({ offset: n * MIB, bytes: patternOf(n, 512) }));
    const disk = { size: 24 * MIB, contents };
    await uploadImage(optionsFor(await buildImage(disk)));
    expectBlobIs(disk, storedBlob());
    expect(server.counters.byOperation.get('GetPageRanges')).toBe(7);
  });

  it('detects pages that it did not send', async () => {
    const path = await buildImage(SCATTERED);
    server.faults.add({ operation: 'GetPageRanges' }, { kind: 'delay-answer', delayMs: 0 });
    const upload = uploadImage(optionsFor(path));
    await server.when(() => putPages().length > 0 && putPages().at(-1)?.range?.offset === 24 * MIB);
    storedBlob().markWritten({ offset: 20 * MIB, length: 512 });
    expect(await failureOf(upload)).toMatchObject({ code: 'VERIFICATION', exitCode: 10 });
  });
});

describe('an existing blob', () => {
  it.each(['fixed', 'dynamic'] as const)('is refused without overwrite, and stays unchanged (%s)', async (type) => {
    const path = await buildImage(SMALL_DISK, { type });
    const blob = server.createPageBlob(CONTAINER, BLOB, 1024);
    const { etag } = blob;
    expect(await failureOf(uploadImage(optionsFor(path)))).toMatchObject({ code: 'DESTINATION', exitCode: 6 });
    expect(storedBlob()).toBe(blob);
    expect(blob.etag).toBe(etag);
    expect(existsSync(`${path}.vhdup.json`)).toBe(false);
  });

  it('is replaced with overwrite, and none of its pages is left', async () => {
    const path = await buildImage(SMALL_DISK);
    const old = server.createPageBlob(CONTAINER, BLOB, 64 * MIB);
    old.write(20 * MIB, patternOf(9, 512));
    old.markWritten({ offset: 20 * MIB, length: 512 });
    await uploadImage(optionsFor(path, { overwrite: true }));
    expectBlobIs(SMALL_DISK, storedBlob());
  });

  it('is never replaced if it appears between the first look and Put Blob', async () => {
    const path = await buildImage(SMALL_DISK);
    const upload = failureOf(uploadImage(optionsFor(path)));
    await server.when(() => server.log.some(({ errorCode }) => errorCode === 'BlobNotFound'));
    server.createPageBlob(CONTAINER, BLOB, 1024);
    expect(await upload).toMatchObject({ code: 'DESTINATION' });
    expect(storedBlob().size).toBe(1024);
  });

  it('is recognised as our own if the answer to Put Blob was lost', async () => {
    const path = await buildImage(SMALL_DISK);
    server.faults.add({ operation: 'PutBlob', nth: 1 }, { kind: 'reset-after-commit' });
    await uploadImage(optionsFor(path));
    expectBlobIs(SMALL_DISK, storedBlob());
  });

  it.each(['BlockBlob', 'AppendBlob'])(
    'B6 CopyToWrongBlobType: is not replaced when it is a %s, not even with overwrite',
    async (type) => {
      const path = await buildImage(SMALL_DISK);
      await fetch(blobUrl('cw'), {
        method: 'PUT',
        headers: { 'x-ms-blob-type': type, 'x-ms-version': '2021-12-02' },
        ...(type === 'BlockBlob' ? { body: 'text' } : {}),
      });
      const failure = await failureOf(uploadImage(optionsFor(path, { overwrite: true })));
      expect(failure).toMatchObject({ code: 'DESTINATION', message: expect.stringContaining(type) });
      expect(storedBlob().type).toBe(type);
    },
  );

  it('is not written to once another upload has replaced it', async () => {
    const path = await buildImage(spreadDisk(6));
    const upload = failureOf(uploadImage(optionsFor(path, { threads: 1 })));
    await server.when(() => hasCommitted(2 * PIECE));
    server.createPageBlob(CONTAINER, BLOB, 24 * MIB + 512);
    expect(await upload).toMatchObject({
      code: 'DESTINATION',
      message: expect.stringContaining('was replaced while the upload was running'),
    });
    expect(storedBlob().ranges()).toEqual([]);
  });
});

describe('resuming', () => {
  const disk = spreadDisk(8);
  const { size } = disk;
  /** The last run is stopped here. */
  const stopAt = 3 * PIECE;

  it('resumes where the last run left off, and resends only what was in flight', async () => {
    const path = await buildImage(disk);
    await uploadUntil(optionsFor(path), 4 * PIECE);
    const before = putPages().filter(({ committed }) => committed).length;
    const events: UploadEvent[] = [];
    const result = await uploadImage(optionsFor(path, { onEvent: (event) => events.push(event) }));
    expectBlobIs(disk, storedBlob());
    expect(events.find(({ type }) => type === 'start')).toMatchObject({ resumedFrom: expect.any(String) });
    expect(result.sent + result.sentBefore).toBe(8 * PIECE + 512);
    expect(putPages().filter(({ committed }) => committed).length).toBeLessThanOrEqual(8 + 1 + 2);
    expect(result.sentBefore).toBeGreaterThanOrEqual((before - 2) * PIECE);
    expect(existsSync(`${path}.vhdup.json`)).toBe(false);
  });

  it('works with another SAS after image and checkpoint were moved', async () => {
    const path = await buildImage(disk);
    await uploadUntil(optionsFor(path), stopAt);
    const moved = join(await temporaryFolder(), 'renamed disk ä.vhd');
    await copyFile(path, moved);
    const { mtime } = statSync(path);
    await utimes(moved, mtime, mtime);
    await copyFile(`${path}.vhdup.json`, `${moved}.vhdup.json`);
    await rm(path);
    server.expireSas();
    const result = await uploadImage(optionsFor(moved, { destination: blobUrl('rwd') }));
    expect(result.sentBefore).toBeGreaterThan(0);
    expectBlobIs(disk, storedBlob());
  });

  it('starts over with restart, and may replace its own unfinished blob', async () => {
    const path = await buildImage(disk);
    await uploadUntil(optionsFor(path), stopAt);
    const result = await uploadImage(optionsFor(path, { restart: true }));
    expect(result.sentBefore).toBe(0);
    expectBlobIs(disk, storedBlob());
  });

  it('works if the previous run ended between the footer and the removal of the checkpoint', async () => {
    const path = await buildImage(disk);
    server.faults.add({ operation: 'SetBlobMetadata' }, { kind: 'status', status: 400, code: 'InvalidMetadata' });
    expect(await failureOf(uploadImage(optionsFor(path)))).toMatchObject({ exitCode: 9 });
    server.faults.clear();
    const result = await uploadImage(optionsFor(path));
    expect(result.sent).toBe(512);
    expectBlobIs(disk, storedBlob());
  });

  it.each([
    ['was modified', async (path: string) => utimes(path, new Date(), new Date(Date.now() + 5000)), 'modified at'],
    ['has another id', (path: string) => replaceImage(path, 7), 'disk id'],
    ['has another size', (path: string) => replaceImage(path, 1, size + MIB), 'the disk had'],
  ])('is refused when the image %s, and the checkpoint stays', async (_, change, message) => {
    const path = await buildImage(disk);
    await uploadUntil(optionsFor(path), stopAt);
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
    const path = await buildImage(disk);
    await uploadUntil(optionsFor(path), stopAt);
    const blob = storedBlob();
    blob.resize(16 * MIB);
    expect((await failureOf(uploadImage(optionsFor(path)))).message).toContain('resized');
    server.createPageBlob(CONTAINER, BLOB, size + 512);
    expect((await failureOf(uploadImage(optionsFor(path)))).message).toContain('upload id');
    expect((await failureOf(uploadImage(optionsFor(path, { overwrite: true })))).message).toContain('upload id');
    await fetch(blobUrl('d'), {
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
    const path = await buildImage(disk);
    await uploadUntil(optionsFor(path), stopAt);
    expect(await failureOf(uploadImage(optionsFor(path, { trustUnmarkedSectors: true })))).toMatchObject({
      code: 'CHECKPOINT',
      message: expect.stringContaining('--trust-unmarked-sectors'),
    });
  });

  it('is refused with the checkpoint of another upload, or a damaged one', async () => {
    const path = await buildImage(disk);
    await uploadUntil(optionsFor(path), stopAt);
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

  it('ends with the right bytes after up to 50 stops at random moments, without losing acknowledged windows', async () => {
    const many = spreadDisk(16);
    const path = await buildImage(many);
    const threads = 2;
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
    expectBlobIs(many, storedBlob());
    const sent = putPages().filter(({ committed }) => committed).length;
    // 16 windows and the footer; each stop may cost the windows that were in flight.
    expect(sent).toBeLessThanOrEqual(17 + stops * threads);
    expect(stops).toBeGreaterThan(10);
  });
});

describe('the image', () => {
  const disk = spreadDisk(8);

  it('B7 DetectFileChangedDuringTransfer: a change before the first read is an error, and the footer is not written', async () => {
    const path = await buildImage(disk);
    const change = ({ type }: UploadEvent) => {
      if (type === 'start') utimesSync(path, new Date(), new Date(Date.now() + 5000));
    };
    expect(await failureOf(uploadImage(optionsFor(path, { onEvent: change })))).toMatchObject({
      ...{ code: 'IMAGE_CHANGED', exitCode: 5 },
    });
    // On a busy machine, the change may be noticed before anything is sent.
    expect(storedBlob().ranges().at(-1)?.offset ?? 0).toBeLessThan(disk.size);
  });

  it('B7 DetectFileChangedDuringTransfer: is checked while it is read: a change is an error, and the footer is not written', async () => {
    const path = await buildImage(disk);
    const hold = holdFrom(2 * WINDOW_SIZE);
    const upload = failureOf(uploadImage(optionsFor(path, { threads: 1 })));
    await hold.reached;
    await patchFile(path, 5 * MIB, bigEndian32(0));
    hold.release();
    expect(await upload).toMatchObject({ code: 'IMAGE_CHANGED', exitCode: 5 });
    expect(storedBlob().ranges().at(-1)?.offset).toBeLessThan(disk.size);
  });

  it.each([
    ['what was read meanwhile is not known', () => undefined],
    [
      'the checkpoint knows when the blob could not be told',
      () => void server.faults.add({ operation: 'SetBlobMetadata' }, { kind: 'reset-before-read' }),
    ],
  ])('is not accepted as unchanged after it was restored: %s', async (_, interfere) => {
    const path = await buildImage(disk);
    const before = `${path}.before`;
    await copyFile(path, before);
    const { mtime } = statSync(path);
    const hold = holdFrom(2 * WINDOW_SIZE);
    const upload = failureOf(uploadImage(optionsFor(path, { threads: 1 })));
    await hold.reached;
    interfere();
    await patchFile(path, 5 * MIB, bigEndian32(0));
    hold.release();
    expect(await upload).toMatchObject({ code: 'IMAGE_CHANGED' });
    server.faults.clear();
    await copyFile(before, path);
    await utimes(path, mtime, mtime);
    expect(await failureOf(uploadImage(optionsFor(path)))).toMatchObject({
      code: 'DESTINATION',
      message: expect.stringMatching(/cannot be trusted.*--restart/),
    });
    await uploadImage(optionsFor(path, { restart: true }));
  });

  it('is read once, and only in allocated ranges', async () => {
    const path = await buildImage({
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
  const disk = spreadDisk(6);

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
    const path = await buildImage(disk);
    server.faults.add({ probability: 0.3 }, fault);
    const result = await uploadImage(optionsFor(path));
    expectBlobIs(disk, storedBlob());
    expect(result.retries).toBeGreaterThan(0);
    if (fault.kind === 'flip-received-bit') expect(result.checksumMismatches).toBe(result.retries);
  });

  it.each(['stall-body', 'stall-answer'] as const)(
    '%s: the connection is closed, and the request is repeated',
    async (kind) => {
      const path = await buildImage(disk);
      server.faults.add({ operation: 'PutPage', nth: [2, 5] }, { kind });
      const result = await uploadImage(optionsFor(path, { stallTimeoutMs: 300 }));
      expectBlobIs(disk, storedBlob());
      // On a slow machine, other requests may take too long too.
      expect(result.retries).toBeGreaterThanOrEqual(2);
      const stalled = putPages().filter(({ fault }) => fault === kind);
      expect(stalled).toMatchObject([{ aborted: true }, { aborted: true }]);
      for (const { range } of stalled) {
        const requests = putPages().filter((request) => request.range?.offset === range?.offset);
        expect(requests.at(-1)).toMatchObject({ fault: undefined, committed: true });
      }
    },
  );

  it('does not treat a slow connection as stalled forever: the time-out grows until an answer arrives', async () => {
    const slow = { size: 4 * MIB, contents: [{ offset: 0, bytes: patternOf(1, MIB / 2) }] };
    const path = await buildImage(slow);
    server.model.bytesPerSecond = MIB;
    // The only Put Page with data takes at least 500 ms.
    await uploadImage(optionsFor(path, { stallTimeoutMs: 200 }));
    expectBlobIs(slow, storedBlob());
  });

  it('waits as long as Retry-After says', async () => {
    const path = await buildImage(SMALL_DISK);
    server.faults.add({ operation: 'PutPage', nth: 1 }, serverBusy(1));
    const delays: number[] = [];
    await uploadImage(optionsFor(path, { onEvent: (event) => event.type === 'retry' && delays.push(event.delayMs) }));
    expect(delays).toEqual([1000]);
  });

  it('does not wait for an untrusted certificate, and says how to trust it', async () => {
    const path = await buildImage(EMPTY);
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
    const path = await buildImage(disk);
    let upload: Promise<unknown> | undefined;
    const refusedOften = new Promise<void>((resolve) => {
      let refused = 0;
      const onEvent = (event: UploadEvent) => {
        if (event.type === 'retry' && event.reason === 'ECONNREFUSED') refused += 1;
        if (refused === 20) resolve();
      };
      upload = uploadImage(optionsFor(path, { onEvent }));
    });
    await server.when(() => hasCommitted(2 * PIECE));
    await server.refuseConnections(true);
    await refusedOften;
    await server.refuseConnections(false);
    await upload;
    expectBlobIs(disk, storedBlob());
  });

  it('gives up after the given time, keeps the progress, and the next run resumes', async () => {
    const path = await buildImage(disk);
    const rule = server.faults.add({ operation: 'PutPage', nth: [4, 5, 6, 7, 8, 9] }, internalError());
    expect(await failureOf(uploadImage(optionsFor(path, { retries: 2, threads: 1 })))).toMatchObject({
      code: 'SERVICE',
      exitCode: 9,
    });
    rule.remove();
    const result = await uploadImage(optionsFor(path));
    expect(result.sentBefore).toBe(3 * PIECE);
    expectBlobIs(disk, storedBlob());
  });

  it('does not retry permanent refusals of the service', async () => {
    const path = await buildImage(SMALL_DISK);
    server.faults.add({ operation: 'PutPage' }, { kind: 'status', status: 403, code: 'AuthorizationFailure' });
    expect(await failureOf(uploadImage(optionsFor(path, { threads: 1 })))).toMatchObject({
      code: 'CREDENTIALS',
      exitCode: 8,
    });
    expect(putPages()).toHaveLength(1);
  });
});

/** Writes another image of the same contents to the same place. */
async function replaceImage(path: string, seed: number, size?: number): Promise<void> {
  const { contents, size: usual } = spreadDisk(8);
  await buildVhd(path, { type: 'dynamic', size: size ?? usual, contents, uniqueId: uniqueIdOf(seed) });
}
