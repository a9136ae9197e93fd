import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UploadEvent } from '../../src/events.ts';
import type { UploadOptions, VerifyOptions } from '../../src/options.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import { verifyBlob } from '../../src/verify/verify.ts';
import { type Azurite, startAzurite } from '../support/azurite.ts';
import { internalError, serverBusy } from '../support/page-blob-server/faults.ts';
import type { StoredBlob } from '../support/page-blob-server/store.ts';
import { buildImage, PIECE, SMALL_DISK, spreadDisk, type TestDisk } from '../support/spread-disk.ts';
import { serviceClient } from '../support/storage-account.ts';
import {
  BLOB,
  blobUrl,
  CONTAINER,
  hasCommitted,
  requestsOf,
  restartServer,
  server,
  stopWhen,
  storedBlob,
  useServer,
} from '../support/target-server.ts';
import { patchFile, patternOf } from '../support/vhd-builder.ts';
import { failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;
const WINDOW = 4 * MIB;
const SIZE = 24 * MIB;
const FAST = { threads: 2, retryDelayMs: 1, maxRetryDelayMs: 5 } as const;

/** Runs in several windows, with a short gap that is sent too, data across a border, and windows of zeros. */
const DISK: TestDisk = {
  size: SIZE,
  contents: [
    { offset: 0, bytes: patternOf(1, 512) },
    { offset: 32 * 1024, bytes: patternOf(2, 512) },
    { offset: WINDOW - PIECE, bytes: patternOf(3, 2 * PIECE) },
    { offset: 20 * MIB, bytes: patternOf(4, 4096) },
    { offset: SIZE - 512, bytes: patternOf(5, 512) },
  ],
};

/** For tests that read all of it, zeros too. */
const COMPACT: TestDisk = {
  size: 2 * WINDOW,
  contents: [
    { offset: WINDOW - PIECE, bytes: patternOf(8, 2 * PIECE) },
    { offset: 7 * MIB, bytes: patternOf(9, 4096) },
  ],
};

useServer();

function upload(image: string, more: Partial<UploadOptions> = {}) {
  return uploadImage({ image, destination: blobUrl(), ...FAST, ...more });
}

/** What the uploads of disks without options left. */
const uploads = new Map<TestDisk, StoredBlob>();

/** An image of the disk, and its blob on the server: the first test uploads it, others get a copy. */
async function uploadedImage(disk: TestDisk): Promise<string> {
  const image = await buildImage(disk);
  const known = uploads.get(disk);
  if (known === undefined) {
    await upload(image);
    const blob = server.createPageBlob(CONTAINER, 'kept', storedBlob().size);
    copyBlob(storedBlob(), blob);
    uploads.set(disk, blob);
  } else {
    copyBlob(known, server.createPageBlob(CONTAINER, BLOB, known.size));
  }
  return image;
}

function copyBlob(from: StoredBlob, to: StoredBlob): void {
  for (const range of from.ranges()) {
    to.write(range.offset, from.read(range.offset, range.length));
    to.markWritten(range);
  }
  to.metadata = from.metadata;
  to.headers = from.headers;
}

/** Stops an upload when that many bytes have been committed since the server started. */
async function uploadUntil(bytes: number, image: string, more: Partial<UploadOptions> = {}): Promise<void> {
  await stopWhen(
    () => hasCommitted(bytes),
    (signal) => upload(image, { ...more, signal }),
  );
}

function verify(image: string, more: Partial<VerifyOptions> = {}) {
  return verifyBlob({ image, destination: blobUrl('r'), ...FAST, ...more });
}

const reads = () => requestsOf('GetBlob');

/** Stops a verification in full when that many more ranges have been requested. */
async function verifyUntil(requests: number, image: string): Promise<void> {
  const target = reads().length + requests;
  await stopWhen(
    () => reads().length >= target,
    (signal) => verify(image, { full: true, threads: 1, signal }),
  );
}

/** Changes a stored byte without a request. */
function corrupt(offset: number): void {
  const [byte = 0] = storedBlob().read(offset, 1);
  storedBlob().write(offset, Uint8Array.of(byte ^ 0x40));
}

async function newManifest(): Promise<string> {
  return join(await temporaryFolder(), 'manifest.jsonl');
}

describe('verify', () => {
  const withFullWindow: TestDisk = {
    size: SIZE,
    contents: [...DISK.contents, { offset: 2 * WINDOW, bytes: patternOf(7, WINDOW) }],
  };

  it.each(['fixed', 'dynamic'] as const)(
    'finds that a blob matches its image, by its page ranges and in full (%s)',
    async (type) => {
      const image = await buildImage(withFullWindow, { type });
      await upload(image, { threads: 'auto' });
      const map = await verify(image, { threads: 'auto' });
      expect(map).toMatchObject({
        method: 'ranges',
        matches: true,
        differences: { count: 0, bytes: 0, first: [] },
        blobSize: SIZE + 512,
        diskSize: SIZE,
        readBack: 0,
        notCompared: 0,
        retries: 0,
      });
      expect(reads().map(({ range }) => range)).toEqual([{ offset: SIZE, length: 512 }]);
      const listed = storedBlob()
        .ranges()
        .reduce((sum, { length }) => sum + length, 0);
      const full = await verify(image, { full: true, threads: 'auto' });
      expect(full).toMatchObject({ method: 'full', matches: true, readBack: listed - 512, notCompared: 0 });
      expect(existsSync(`${image}.vhdup-verify.json`)).toBe(false);
    },
  );

  it('covers every request of a read-back with a checksum', async () => {
    const image = await uploadedImage(DISK);
    await verify(image, { full: true });
    expect(reads().every(({ headers }) => headers.get('x-ms-range-get-content-crc64') === 'true')).toBe(true);
    const before = server.log.length;
    await verify(image, { full: true, checksum: 'md5' });
    const second = server.log.slice(before).filter(({ operation }) => operation === 'GetBlob');
    expect(second.every(({ headers }) => headers.get('x-ms-range-get-content-md5') === 'true')).toBe(true);
  });

  it.each([1, 16, 'auto'] as const)('finds changed bytes at their offsets, in order (%s threads)', async (threads) => {
    const image = await uploadedImage(DISK);
    for (const offset of [SIZE - 1, WINDOW + 12345, 32 * 1024 + 511, 0]) corrupt(offset);
    const { matches, differences } = await verify(image, { full: true, threads });
    expect(matches).toBe(false);
    expect(differences).toEqual({
      count: 4,
      bytes: 4,
      first: [0, 32 * 1024 + 511, WINDOW + 12345, SIZE - 1].map((offset) => ({ kind: 'content', offset, length: 1 })),
    });
  });

  it('never has more requests in flight than threads', async () => {
    const image = await uploadedImage(spreadDisk(8));
    server.counters.peakInFlight = 0;
    server.model.latencyMs = 20;
    // On a busy machine, the first answer may come before the third request.
    const first = { offset: 0, length: 3 * WINDOW };
    const until = server.when(() => reads().filter(({ range }) => (range?.offset ?? SIZE) < first.length).length >= 3);
    server.faults.add({ operation: 'GetBlob', range: first }, { kind: 'delay-answer', until });
    await verify(image, { full: true, threads: 3 });
    expect(server.counters.peakInFlight).toBe(3);
  });

  it('counts all differences, and reports the first ten', async () => {
    const image = await uploadedImage(DISK);
    for (let page = 0; page < 40; page += 2) corrupt(WINDOW + page * 512);
    const { differences } = await verify(image, { full: true });
    expect(differences).toMatchObject({ count: 20, bytes: 20 });
    expect(differences.first.map(({ offset }) => offset)).toEqual(
      Array.from({ length: 10 }, (_, index) => WINDOW + index * 1024),
    );
  });

  it('finds missing pages, by page ranges and in full', async () => {
    const image = await uploadedImage(DISK);
    storedBlob().clearPages({ offset: 20 * MIB + 512, length: 1024 });
    const gone = { offset: 20 * MIB + 512, length: 1024 };
    expect((await verify(image)).differences.first).toEqual([{ kind: 'missing', ...gone }]);
    const { differences } = await verify(image, { full: true });
    expect(differences.first).toMatchObject([{ kind: 'content' }]);
    expect(differences.first[0]?.offset).toBeLessThan(gone.offset + 2);
  });

  it.each([
    ['between data', 21 * MIB],
    ['where the image has zeros', 5 * MIB],
    ['where the image allocates nothing', 13 * MIB],
  ])('finds pages that vhdup does not write, %s', async (_, offset) => {
    const image = await uploadedImage(DISK);
    storedBlob().markWritten({ offset, length: 512 });
    expect((await verify(image)).differences.first).toEqual([{ kind: 'unexpected', offset, length: 512 }]);
    // These pages are zero, as in the image.
    expect(await verify(image, { full: true })).toMatchObject({ matches: true });
    storedBlob().write(offset + 7, Uint8Array.of(1));
    expect((await verify(image, { full: true })).differences.first).toEqual([
      { kind: 'content', offset: offset + 7, length: 1 },
    ]);
  });

  it('accepts the blob of another program, which may write zeros, and reports what it did not compare', async () => {
    const image = await buildImage(COMPACT, { type: 'fixed' });
    const bytes = await readFile(image);
    const blob = server.createPageBlob(CONTAINER, BLOB, bytes.length);
    blob.write(0, bytes);
    // The footer of the file, which differs from the footer that vhdup writes.
    blob.markWritten({ offset: 0, length: bytes.length });
    const map = await verify(image);
    expect(map).toMatchObject({ matches: true });
    expect(map.notCompared).toBe(COMPACT.size - 2 * PIECE - 4096);
    expect(await verify(image, { full: true })).toMatchObject({
      matches: true,
      readBack: COMPACT.size,
      notCompared: 0,
    });
    blob.clearPages({ offset: WINDOW, length: 512 });
    expect((await verify(image)).differences.first).toEqual([{ kind: 'missing', offset: WINDOW, length: 512 }]);
  });

  it('always compares the footer', async () => {
    const image = await uploadedImage(SMALL_DISK);
    corrupt(SMALL_DISK.size + 100);
    const footer = { kind: 'footer', offset: SMALL_DISK.size, length: 512 };
    for (const full of [false, true]) expect((await verify(image, { full })).differences.first).toEqual([footer]);
    storedBlob().metadata = new Map();
    expect((await verify(image)).differences.first).toEqual([footer]);
  });

  it('lists a fragmented blob in parts, and reads neighbouring ranges together', async () => {
    await restartServer({ rangesPerResponse: 3 });
    const contents = Array.from({ length: 24 }, (_, index) => ({ offset: index * MIB, bytes: patternOf(index, 512) }));
    const image = await buildImage({ size: SIZE, contents });
    await upload(image, { verify: 'none' });
    expect(requestsOf('GetPageRanges')).toEqual([]);
    expect(await verify(image, { full: true })).toMatchObject({ matches: true, readBack: 24 * 512 });
    expect(requestsOf('GetPageRanges')).toHaveLength(9);
  });

  it('refuses a blob that cannot match the image', async () => {
    const image = await buildImage(SMALL_DISK);
    expect(await failureOf(verify(image))).toMatchObject({ code: 'DESTINATION' });
    server.createPageBlob(CONTAINER, BLOB, SMALL_DISK.size);
    expect(await failureOf(verify(image))).toMatchObject({
      code: 'VERIFICATION',
      exitCode: 10,
      message: expect.stringContaining(`${SMALL_DISK.size + 512}`),
    });
    await fetch(server.sasUrl({ container: CONTAINER, blob: 'block', permissions: 'cw' }), {
      method: 'PUT',
      headers: { 'x-ms-blob-type': 'BlockBlob', 'x-ms-version': '2021-12-02' },
      body: 'text',
    });
    const destination = server.sasUrl({ container: CONTAINER, blob: 'block', permissions: 'r' });
    expect(await failureOf(verify(image, { destination }))).toMatchObject({
      message: expect.stringContaining('BlockBlob'),
    });
  });

  it('refuses the blob of an unfinished upload', async () => {
    const image = await buildImage(DISK);
    await uploadUntil(1, image, { threads: 1 });
    expect(await failureOf(verify(image))).toMatchObject({
      code: 'VERIFICATION',
      message: expect.stringContaining('not finished'),
    });
  });

  it('needs only read permission in a SAS', async () => {
    const image = await buildImage(SMALL_DISK);
    const destination = blobUrl('w');
    expect(await failureOf(verify(image, { destination }))).toMatchObject({
      exitCode: 8,
      message: expect.stringContaining('missing r (r: read, for Get Blob Properties'),
    });
  });

  it('fails when the blob is changed meanwhile', async () => {
    const image = await uploadedImage(DISK);
    server.model.latencyMs = 5;
    const running = failureOf(verify(image, { full: true, threads: 1 }));
    await server.when(() => reads().length >= 1);
    storedBlob().etag = '"other"';
    expect(await running).toMatchObject({ code: 'DESTINATION', message: expect.stringContaining('modified') });
  });

  it('fails when the blob is changed while only its page ranges are compared', async () => {
    const image = await uploadedImage(SMALL_DISK);
    const running = failureOf(verify(image));
    await server.when(() => reads().length >= 1);
    storedBlob().etag = '"other"';
    expect(await running).toMatchObject({ code: 'DESTINATION', message: expect.stringContaining('modified') });
  });
});

describe('a read-back', () => {
  const disk = spreadDisk(8);
  const data = 8 * PIECE;

  it.each([
    ['500 InternalError', internalError()],
    ['503 ServerBusy', serverBusy()],
    ['a reset', { kind: 'reset-before-read' } as const],
    ['an answer that is cut', { kind: 'truncated-answer' } as const],
    ['an answer that is not HTTP', { kind: 'garbled-answer', form: 'not-http' } as const],
    ['an answer of nonsense', { kind: 'garbled-answer', form: 'wrong-content' } as const],
    ['a proxy page with 200', { kind: 'proxy-page', status: 200 } as const],
    ['a flipped bit', { kind: 'flip-sent-bit', bit: 123_457 } as const],
  ])('repeats a read after %s, and never accepts the damaged bytes', async (_, fault) => {
    const image = await uploadedImage(disk);
    server.faults.add({ operation: 'GetBlob', probability: 0.4 }, fault);
    const result = await verify(image, { full: true });
    expect(result.differences.first).toEqual([]);
    expect(result).toMatchObject({ matches: true, readBack: data });
    expect(result.retries).toBeGreaterThan(0);
    if (fault.kind === 'flip-sent-bit') expect(result.checksumMismatches).toBe(result.retries);
  });

  it('continues with another SAS, which needs only read permission, when the current one has expired', async () => {
    const image = await uploadedImage(disk);
    server.model.latencyMs = 5;
    let renewals = 0;
    const running = verify(image, {
      full: true,
      threads: 2,
      renewSas: () => {
        renewals += 1;
        return Promise.resolve(blobUrl('r'));
      },
    });
    await server.when(() => reads().length >= 3);
    server.expireSas();
    expect(await running).toMatchObject({ matches: true, readBack: data });
    expect(renewals).toBe(1);
  });

  it('gives up when something changes the bytes every time', async () => {
    const image = await uploadedImage(disk);
    server.faults.add({ operation: 'GetBlob' }, { kind: 'flip-sent-bit', bit: 3 });
    expect(await failureOf(verify(image, { full: true }))).toMatchObject({
      code: 'SERVICE',
      message: expect.stringContaining('wrong checksum'),
    });
  });

  it('reads differing data twice if no checksum covers it', async () => {
    const image = await uploadedImage(disk);
    server.faults.add({ operation: 'GetBlob', nth: 1 }, { kind: 'flip-sent-bit', bit: 3 });
    expect(await verify(image, { full: true, checksum: 'none', threads: 1 })).toMatchObject({ matches: true });
    server.faults.clear();
    corrupt(WINDOW);
    expect((await verify(image, { full: true, checksum: 'none' })).differences.first).toEqual([
      { kind: 'content', offset: WINDOW, length: 1 },
    ]);
  });

  it('finds an intact blob intact although two readings of it were damaged at different places', async () => {
    const image = await uploadedImage(disk);
    server.faults.add({ operation: 'GetBlob', nth: 1 }, { kind: 'flip-sent-bit', bit: 3 });
    server.faults.add({ operation: 'GetBlob', nth: 2 }, { kind: 'flip-sent-bit', bit: 9000 });
    const result = await verify(image, { full: true, checksum: 'none', threads: 1 });
    expect(result).toMatchObject({ matches: true, differences: { count: 0 } });
  });

  it('finds the footer intact although two readings of it were damaged at different places', async () => {
    const image = await uploadedImage(disk);
    server.faults.add({ operation: 'GetBlob', nth: 1 }, { kind: 'flip-sent-bit', bit: 3 });
    server.faults.add({ operation: 'GetBlob', nth: 2 }, { kind: 'flip-sent-bit', bit: 900 });
    expect(await verify(image, { checksum: 'none' })).toMatchObject({ matches: true });
  });

  it('gives up a connection that stalls in the middle of an answer', async () => {
    const image = await uploadedImage(disk);
    server.faults.add({ operation: 'GetBlob', nth: [2, 4] }, { kind: 'stall-answer' });
    expect(await verify(image, { full: true, stallTimeoutMs: 300 })).toMatchObject({ matches: true, readBack: data });
    const stalled = reads().filter(({ fault }) => fault === 'stall-answer');
    expect(stalled).toMatchObject([{ aborted: true }, { aborted: true }]);
  });

  it('resumes where it left off, and keeps the differences it had found', async () => {
    const image = await uploadedImage(disk);
    const last = 7 * WINDOW + PIECE - 1;
    corrupt(100);
    corrupt(last);
    for (const requests of [2, 4]) {
      await verifyUntil(requests, image);
      expect(existsSync(`${image}.vhdup-verify.json`)).toBe(true);
    }
    const events: UploadEvent[] = [];
    const result = await verify(image, { full: true, onEvent: (event) => events.push(event) });
    const before = result.readBackBefore;
    expect(events.find(({ type }) => type === 'start-verify')).toMatchObject({ resumedFrom: expect.any(String) });
    expect(before).toBeGreaterThanOrEqual(2 * PIECE);
    expect(result.readBack + before).toBe(data);
    expect(result.differences.first.map(({ offset }) => offset)).toEqual([100, last]);
    expect(existsSync(`${image}.vhdup-verify.json`)).toBe(false);
  });

  it.each([
    ['the blob was changed', () => storedBlob(), undefined],
    ['the image was changed', undefined, (path: string) => utimes(path, new Date(), new Date(Date.now() + 5000))],
  ])('starts over if %s meanwhile', async (_, blobOf, changeImage) => {
    const image = await uploadedImage(disk);
    await verifyUntil(3, image);
    const blob = blobOf?.();
    if (blob !== undefined) blob.etag = '"other"';
    await changeImage?.(image);
    const events: UploadEvent[] = [];
    const result = await verify(image, { full: true, onEvent: (event) => events.push(event) });
    expect(result).toMatchObject({ matches: true, readBack: data, readBackBefore: 0 });
    expect(events.filter(({ type }) => type === 'warning')).toMatchObject([{ code: 'verification-restarted' }]);
  });

  it('warns once that its state cannot be saved, and continues', async () => {
    const image = await uploadedImage(SMALL_DISK);
    let warnings = 0;
    const onEvent = (event: UploadEvent) => {
      if (event.type === 'warning' && event.code === 'checkpoint-not-saved') warnings += 1;
    };
    const checkpoint = join(image, '..', 'no', 'folder.json');
    expect(await verify(image, { full: true, checkpoint, onEvent })).toMatchObject({ matches: true });
    expect(warnings).toBe(1);
  });

  it('is refused while another verification of the same image runs, which is not disturbed', async () => {
    const image = await uploadedImage(disk);
    const hold = server.faults.add({ operation: 'GetBlob' }, internalError());
    const first = verify(image, { full: true, threads: 1 });
    await server.when(() => hold.hits > 0);
    expect(await failureOf(verify(image, { full: true }))).toMatchObject({ code: 'IN_USE', exitCode: 12 });
    hold.remove();
    expect(await first).toMatchObject({ matches: true, readBack: data });
    expect(await verify(image, { full: true })).toMatchObject({ matches: true });
  });

  it('starts over with restart, or when its checkpoint is damaged, and never replaces another file', async () => {
    const image = await uploadedImage(disk);
    const checkpoint = `${image}.vhdup-verify.json`;
    const stopped = () => verifyUntil(3, image);
    await stopped();
    expect(await verify(image, { full: true, restart: true })).toMatchObject({ readBack: data, readBackBefore: 0 });
    await stopped();
    const text = await readFile(checkpoint, 'utf8');
    await writeFile(checkpoint, text.replace('"readBack": ', '"readBack": 1'));
    expect(await verify(image, { full: true })).toMatchObject({ readBack: data, readBackBefore: 0 });
    // The digest is right, but a field is missing.
    const fields = { vhdupVerification: 1, startedAt: '2026-01-01T00:00:00.000Z' };
    const sha256 = createHash('sha256').update(JSON.stringify(fields)).digest('hex');
    await writeFile(checkpoint, JSON.stringify({ ...fields, sha256 }, undefined, 1));
    expect(await verify(image, { full: true })).toMatchObject({ readBack: data, readBackBefore: 0 });
    await writeFile(checkpoint, 'mine');
    expect(await failureOf(verify(image, { full: true, restart: true }))).toMatchObject({ code: 'CHECKPOINT' });
    expect(await readFile(checkpoint, 'utf8')).toBe('mine');
  });
});

describe('upload --verify', () => {
  it('none compares nothing, full reads every page back', async () => {
    const image = await buildImage(DISK);
    expect(await upload(image, { verify: 'none' })).toMatchObject({ verified: 'none' });
    expect(requestsOf('GetPageRanges')).toEqual([]);
    expect(reads()).toEqual([]);
    const result = await upload(image, { verify: 'full', overwrite: true });
    expect(result).toMatchObject({ verified: 'full', sent: expect.any(Number) });
    expect(reads().length).toBeGreaterThan(4);
    expect(storedBlob().metadata.get('vhdup_state')).toBe('complete');
  });

  it('full finds bytes that changed after they were acknowledged, and no later run resumes', async () => {
    const image = await buildImage(DISK);
    const running = upload(image, { verify: 'full' });
    await server.when(() => server.log.some(({ range }) => range?.offset === SIZE));
    corrupt(WINDOW + 77);
    expect(await failureOf(running)).toMatchObject({
      code: 'VERIFICATION',
      message: expect.stringContaining(`content at ${WINDOW + 77}, 1 bytes`),
    });
    expect(storedBlob().metadata.get('vhdup_state')).toBe('failed');
    // Not even a run that would not compare them.
    const refused = { code: 'DESTINATION', message: expect.stringContaining('--restart') };
    expect(await failureOf(upload(image))).toMatchObject(refused);
    const checkpoint = join(await temporaryFolder(), 'lost.json');
    expect(await failureOf(upload(image, { checkpoint, resumeFromBlob: true }))).toMatchObject({
      code: 'DESTINATION',
      message: expect.stringContaining('its verification failed'),
    });
    expect(await failureOf(verify(image))).toMatchObject({
      code: 'VERIFICATION',
      message: expect.stringContaining('--full'),
    });
    expect(await verify(image, { full: true })).toMatchObject({ matches: false });
    await upload(image, { verify: 'full', restart: true });
    expect(await verify(image, { full: true })).toMatchObject({ matches: true });
  });

  it('is refused at another level', async () => {
    const image = await buildImage(SMALL_DISK);
    expect(await failureOf(upload(image, { verify: 'some' as 'full' }))).toMatchObject({ code: 'USAGE' });
  });
});

describe('a manifest', () => {
  const disk = spreadDisk(8);

  it.each(['crc64', 'md5'] as const)(
    'records what was sent, and proves that the image matches (%s)',
    async (checksum) => {
      const image = await buildImage(DISK);
      const manifest = await newManifest();
      const { uploadId } = await upload(image, { manifest, checksum });
      const lines = (await readFile(manifest, 'utf8')).trim().split('\n');
      expect(JSON.parse(lines[0] ?? '')).toMatchObject({ vhdupManifest: 1, uploadId, blobSize: SIZE + 512, checksum });
      expect(lines.join()).not.toContain('sig=');
      const last = JSON.parse(lines.at(-1) ?? '');
      const algorithm = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex');
      if (checksum === 'md5') expect(last.end.footer).toEqual([SIZE, 512, algorithm(storedBlob().read(SIZE, 512))]);
      const runs = lines.slice(1, -1).flatMap((line) => JSON.parse(line).runs as [number, number, string][]);
      expect(runs.reduce((sum, [, length]) => sum + length, 512)).toBe(last.end.bytes);
      if (checksum === 'md5') {
        for (const [offset, length, md5] of runs) expect(algorithm(storedBlob().read(offset, length))).toBe(md5);
      }
      for (const full of [false, true])
        expect(await verify(image, { manifest, full })).toMatchObject({ matches: true });
    },
  );

  it('shows a change that was made to both image and blob', async () => {
    const image = await buildImage(DISK, { type: 'fixed' });
    const manifest = await newManifest();
    await upload(image, { manifest });
    await patchFile(image, WINDOW + 3, Uint8Array.of(0x55));
    corrupt(WINDOW + 3);
    storedBlob().write(WINDOW + 3, Uint8Array.of(0x55));
    expect(await verify(image, { full: true })).toMatchObject({ matches: true });
    expect((await verify(image, { full: true, manifest })).differences.first).toEqual([
      { kind: 'manifest', offset: WINDOW, length: PIECE },
    ]);
  });

  it('shows data that was removed from both image and blob', async () => {
    const image = await buildImage(DISK, { type: 'fixed' });
    const manifest = await newManifest();
    await upload(image, { manifest });
    await patchFile(image, 20 * MIB, new Uint8Array(4096));
    storedBlob().clearPages({ offset: 20 * MIB, length: 4096 });
    expect(await verify(image)).toMatchObject({ matches: true });
    expect((await verify(image, { manifest })).differences.first).toEqual([
      { kind: 'manifest', offset: 20 * MIB, length: 4096 },
    ]);
  });

  it('survives a kill at any line: it has every window that the checkpoint counts', async () => {
    const image = await buildImage(disk);
    const manifest = await newManifest();
    for (const pieces of [1, 3, 5, 7]) {
      await uploadUntil(pieces * PIECE, image, { manifest });
      // The state after a kill in the middle of a write.
      await writeFile(manifest, '{"window":[0,4194304],"ru', { flag: 'a' });
    }
    expect(await failureOf(verify(image, { manifest }))).toMatchObject({ code: 'VERIFICATION' });
    await upload(image, { manifest });
    expect(await verify(image, { manifest })).toMatchObject({ matches: true });
  });

  it('holds every window that the checkpoint counts as done, at each moment', async () => {
    const image = await buildImage(disk);
    const manifest = await newManifest();
    server.model.latencyMs = 250;
    const counts: number[] = [];
    const onEvent = (event: UploadEvent) => {
      if (event.type !== 'saved') return;
      const { done } = JSON.parse(readFileSync(event.checkpoint, 'utf8')) as { done: [number, number][] };
      const lines = readFileSync(manifest, 'utf8').trim().split('\n');
      const windows = lines.flatMap((line) => (JSON.parse(line).window?.[0] as number | undefined) ?? []);
      for (const [offset, length] of done) {
        for (let at = offset; at < offset + length; at += WINDOW) expect(windows).toContain(at);
      }
      counts.push(windows.length);
    };
    const failures: unknown[] = [];
    await upload(image, {
      manifest,
      threads: 1,
      onEvent: (event) => {
        try {
          onEvent(event);
        } catch (error) {
          failures.push(error);
        }
      },
    });
    expect(failures).toEqual([]);
    expect(counts.at(-1)).toBe(8);
  });

  it.each([true, false])('is complete after the checkpoint was lost (started before: %s)', async (isBegun) => {
    const image = await buildImage(disk);
    const manifest = await newManifest();
    await uploadUntil(3 * PIECE, image, { ...(isBegun ? { manifest } : {}), threads: 1 });
    await rm(`${image}.vhdup.json`);
    const { sentBefore } = await upload(image, { manifest, resumeFromBlob: true });
    expect(sentBefore).toBeGreaterThanOrEqual(3 * PIECE);
    expect(await verify(image, { manifest, full: true })).toMatchObject({ matches: true });
  });

  it('names neither a lease nor who holds it', async () => {
    const image = await buildImage(SMALL_DISK);
    const manifest = await newManifest();
    await upload(image, { manifest });
    const header = JSON.parse((await readFile(manifest, 'utf8')).split('\n')[0] ?? '');
    expect(Object.keys(header).sort()).toEqual(
      [
        ...['vhdupManifest', 'uploadId', 'startedAt', 'image', 'diskSize', 'trustUnmarkedSectors'],
        ...['blobUrl', 'blobSize', 'checksum'],
      ].sort(),
    );
  });

  it('is refused if it belongs to another upload, unless that may be replaced', async () => {
    const image = await buildImage(SMALL_DISK);
    const manifest = await newManifest();
    await upload(image, { manifest });
    const other = server.sasUrl({ container: CONTAINER, blob: 'other.vhd', permissions: 'rw' });
    expect(await failureOf(upload(image, { manifest, destination: other }))).toMatchObject({
      code: 'LOCAL_FILE',
      message: expect.stringContaining('another upload'),
    });
    await upload(image, { manifest, destination: other, restart: true });
    expect(await failureOf(verify(image, { manifest }))).toMatchObject({
      code: 'VERIFICATION',
      message: expect.stringContaining('upload id'),
    });
    await upload(image, { manifest, overwrite: true });
    expect(await verify(image, { manifest })).toMatchObject({ matches: true });
  });

  it('never replaces a file that is not a manifest, and creates nothing then', async () => {
    const image = await buildImage(SMALL_DISK);
    for (const more of [{}, { restart: true, overwrite: true }]) {
      expect(await failureOf(upload(image, { manifest: image, ...more }))).toMatchObject({ code: 'LOCAL_FILE' });
    }
    const missing = join(image, '..', 'no', 'folder');
    expect(await failureOf(upload(image, { manifest: missing }))).toMatchObject({ code: 'LOCAL_FILE' });
    expect(server.counters.requests).toBe(0);
  });

  it('cannot start in the middle of an upload, resume with other checksums, or contain no checksums', async () => {
    const image = await buildImage(disk);
    const manifest = await newManifest();
    const stopUpload = (more: Partial<UploadOptions>) =>
      uploadUntil(server.counters.bytesCommitted + 3 * PIECE, image, { threads: 1, ...more });
    await stopUpload({});
    expect(await failureOf(upload(image, { manifest }))).toMatchObject({
      message: expect.stringContaining('it does not contain the data that earlier runs sent'),
    });
    await stopUpload({ manifest, restart: true });
    expect(await failureOf(upload(image, { manifest, checksum: 'md5' }))).toMatchObject({
      message: expect.stringContaining('--checksum crc64'),
    });
    expect(await failureOf(upload(image, { manifest, checksum: 'none' }))).toMatchObject({ code: 'USAGE' });
    await upload(image, { manifest });
    expect(await verify(image, { manifest })).toMatchObject({ matches: true });
  });

  it('is refused by verify if it is truncated, damaged or missing', async () => {
    const image = await buildImage(DISK);
    const manifest = await newManifest();
    await upload(image, { manifest });
    const text = await readFile(manifest, 'utf8');
    await truncate(manifest, text.length - 10);
    expect(await failureOf(verify(image, { manifest }))).toMatchObject({ code: 'VERIFICATION' });
    await writeFile(manifest, text.replace('"window":[0,', '"window":[1,'));
    expect(await failureOf(verify(image, { manifest }))).toMatchObject({ code: 'LOCAL_FILE' });
    const lines = text.trim().split('\n');
    const withoutRuns = lines.filter((line) => !line.includes(`"window":[${20 * MIB},`));
    await writeFile(manifest, `${withoutRuns.join('\n')}\n`);
    expect((await verify(image, { manifest })).differences.first).toEqual([
      { kind: 'manifest', offset: 20 * MIB, length: 4096 },
      { kind: 'manifest', offset: SIZE - 512, length: 512 },
    ]);
    expect(await failureOf(verify(image, { manifest: `${manifest}.no` }))).toMatchObject({ code: 'LOCAL_FILE' });
  });
});

describe('--content-md5', () => {
  const disk = spreadDisk(4);

  function md5OfBlob(): string {
    const hash = createHash('md5');
    const blob = storedBlob();
    for (const piece of blob.pieces({ offset: 0, length: blob.size })) hash.update(piece);
    return hash.digest('base64');
  }

  it.each(['fixed', 'dynamic'] as const)(
    'is the MD5 of the whole blob, and leaves its type as it is (%s)',
    async (type) => {
      const image = await buildImage(COMPACT, { type });
      const { contentMd5 } = await upload(image, { contentMd5: true });
      expect(storedBlob().contentMd5).toBe(md5OfBlob());
      expect(contentMd5).toBe(md5OfBlob());
      expect(storedBlob().headers.get('content-type')).toBe('application/octet-stream');
      expect(await verify(image, { full: true })).toMatchObject({ matches: true });
    },
  );

  it('is right after an interruption too', async () => {
    const image = await buildImage(disk);
    await uploadUntil(2 * PIECE, image, { contentMd5: true, threads: 1 });
    await upload(image, { contentMd5: true });
    expect(storedBlob().contentMd5).toBe(md5OfBlob());
  });

  it('is not set without it', async () => {
    const image = await buildImage(SMALL_DISK);
    expect(await upload(image)).not.toHaveProperty('contentMd5');
    expect(storedBlob().contentMd5).toBeUndefined();
  });

  it('fails the upload when the image cannot be read', async () => {
    const image = await buildImage(disk);
    await truncate(image, 5 * MIB);
    const failure = await failureOf(upload(image, { contentMd5: true }));
    expect(failure).toMatchObject({ exitCode: 3 });
  });
});

describe('Azurite', () => {
  let azurite: Azurite;

  beforeAll(async () => {
    azurite = await startAzurite();
    await azurite.createContainer(CONTAINER);
  });
  afterAll(() => azurite?.close());

  it('stores a blob that verify accepts, and verify finds damage to it', async () => {
    const image = await buildImage(COMPACT);
    const manifest = await newManifest();
    const destination = azurite.sasUrl({ container: CONTAINER, blob: BLOB, permissions: 'rw' });
    const options = { image, destination, ...FAST };
    const { contentMd5 } = await uploadImage({ ...options, manifest, contentMd5: true, verify: 'full' });
    const blob = serviceClient(azurite).getContainerClient(CONTAINER).getPageBlobClient(BLOB);
    const bytes = await blob.downloadToBuffer();
    expect(createHash('md5').update(bytes).digest('base64')).toBe(contentMd5);
    expect(Buffer.from((await blob.getProperties()).contentMD5 ?? []).toString('base64')).toBe(contentMd5);
    expect(await verifyBlob({ ...options, manifest })).toMatchObject({ matches: true });
    expect(await verifyBlob({ ...options, manifest, full: true })).toMatchObject({ matches: true });
    await blob.clearPages(7 * MIB, 512);
    const page = Buffer.from(bytes.subarray(WINDOW, WINDOW + 512));
    page.writeUInt8(page.readUInt8(9) ^ 1, 9);
    await blob.uploadPages(page, WINDOW, 512);
    expect((await verifyBlob(options)).differences.first).toEqual([{ kind: 'missing', offset: 7 * MIB, length: 512 }]);
    const { first } = (await verifyBlob({ ...options, full: true })).differences;
    expect(first[0]).toEqual({ kind: 'content', offset: WINDOW + 9, length: 1 });
    expect(first).toHaveLength(2);
  });
});
