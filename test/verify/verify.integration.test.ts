import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { UploadEvent } from '../../src/events.ts';
import type { UploadOptions, VerifyOptions } from '../../src/options.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import { verifyBlob } from '../../src/verify/verify.ts';
import { type Azurite, startAzurite } from '../support/azurite.ts';
import { internalError, serverBusy } from '../support/page-blob-server/faults.ts';
import { type PageBlobServer, startPageBlobServer } from '../support/page-blob-server/server.ts';
import { serviceClient } from '../support/storage-account.ts';
import { buildVhd, patchFile, patternOf, uniqueIdOf } from '../support/vhd-builder.ts';
import { failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;
const CONTAINER = 'vhds';
const BLOB = 'disk.vhd';
const SIZE = 40 * MIB;
const FAST = { retryDelayMs: 1, maxRetryDelayMs: 5 };

/** Runs in several windows, with a short gap that is sent too, a window of zeros and a full window. */
const CONTENTS = [
  { offset: 0, bytes: patternOf(1, 512) },
  { offset: 32 * 1024, bytes: patternOf(2, 512) },
  { offset: 3 * MIB, bytes: patternOf(3, 9 * MIB) },
  { offset: 20 * MIB, bytes: patternOf(4, 4096) },
  { offset: SIZE - 512, bytes: patternOf(5, 512) },
];

let server: PageBlobServer;

beforeEach(async () => {
  await server?.close();
  server = await startPageBlobServer();
  server.createContainer(CONTAINER);
});

afterAll(() => server.close());

async function makeImage(type: 'fixed' | 'dynamic' = 'dynamic', contents = CONTENTS): Promise<string> {
  const path = join(await temporaryFolder(), 'disk.vhd');
  await buildVhd(path, { type, size: SIZE, contents, uniqueId: uniqueIdOf(1) });
  return path;
}

function upload(image: string, more: Partial<UploadOptions> = {}) {
  const destination = server.sasUrl({ container: CONTAINER, blob: BLOB, permissions: 'rw' });
  return uploadImage({ image, destination, ...FAST, ...more });
}

function verify(image: string, more: Partial<VerifyOptions> = {}) {
  const destination = server.sasUrl({ container: CONTAINER, blob: BLOB, permissions: 'r' });
  return verifyBlob({ image, destination, ...FAST, ...more });
}

const stored = () => server.blob(CONTAINER, BLOB);
const reads = () => server.log.filter(({ operation }) => operation === 'GetBlob');

/** Changes a stored byte without a request. */
function corrupt(offset: number): void {
  const [byte = 0] = stored().read(offset, 1);
  stored().write(offset, Uint8Array.of(byte ^ 0x40));
}

describe('verify', () => {
  it.each(['fixed', 'dynamic'] as const)(
    'finds that a blob matches its image, by its page ranges and in full (%s)',
    async (type) => {
      const image = await makeImage(type);
      await upload(image);
      const map = await verify(image);
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
      const listed = stored()
        .ranges()
        .reduce((sum, { length }) => sum + length, 0);
      const full = await verify(image, { full: true });
      expect(full).toMatchObject({ method: 'full', matches: true, readBack: listed - 512, notCompared: 0 });
      expect(existsSync(`${image}.vhdup-verify.json`)).toBe(false);
    },
  );

  it('covers every request of a read-back with a checksum', async () => {
    const image = await makeImage();
    await upload(image);
    await verify(image, { full: true });
    expect(reads().every(({ headers }) => headers.get('x-ms-range-get-content-crc64') === 'true')).toBe(true);
    const before = server.log.length;
    await verify(image, { full: true, checksum: 'md5' });
    const second = server.log.slice(before).filter(({ operation }) => operation === 'GetBlob');
    expect(second.every(({ headers }) => headers.get('x-ms-range-get-content-md5') === 'true')).toBe(true);
  });

  it.each([1, 16, 'auto'] as const)('finds changed bytes at their offsets, in order (%s threads)', async (threads) => {
    const image = await makeImage();
    await upload(image);
    for (const offset of [SIZE - 1, 7 * MIB + 12345, 32 * 1024 + 511, 0]) corrupt(offset);
    const { matches, differences } = await verify(image, { full: true, threads });
    expect(matches).toBe(false);
    expect(differences).toEqual({
      count: 4,
      bytes: 4,
      first: [0, 32 * 1024 + 511, 7 * MIB + 12345, SIZE - 1].map((offset) => ({ kind: 'content', offset, length: 1 })),
    });
  });

  it('never has more requests in flight than threads', async () => {
    const image = await makeImage('dynamic', [{ offset: 0, bytes: patternOf(1, SIZE) }]);
    await upload(image);
    server.counters.peakInFlight = 0;
    server.model.latencyMs = 20;
    await verify(image, { full: true, threads: 3 });
    expect(server.counters.peakInFlight).toBe(3);
  });

  it('counts all differences, and reports the first ten', async () => {
    const image = await makeImage();
    await upload(image);
    for (let page = 0; page < 40; page += 2) corrupt(4 * MIB + page * 512);
    const { differences } = await verify(image, { full: true });
    expect(differences).toMatchObject({ count: 20, bytes: 20 });
    expect(differences.first.map(({ offset }) => offset)).toEqual(
      Array.from({ length: 10 }, (_, index) => 4 * MIB + index * 1024),
    );
  });

  it('finds missing pages, by page ranges and in full', async () => {
    const image = await makeImage();
    await upload(image);
    stored().clearPages({ offset: 20 * MIB + 512, length: 1024 });
    const gone = { offset: 20 * MIB + 512, length: 1024 };
    expect((await verify(image)).differences.first).toEqual([{ kind: 'missing', ...gone }]);
    const { differences } = await verify(image, { full: true });
    expect(differences.first).toMatchObject([{ kind: 'content' }]);
    expect(differences.first[0]?.offset).toBeLessThan(gone.offset + 2);
  });

  it.each([
    ['between data', 21 * MIB],
    ['where the image has zeros', 15 * MIB],
    ['where the image allocates nothing', 30 * MIB],
  ])('finds pages that vhdup does not write, %s', async (_, offset) => {
    const image = await makeImage();
    await upload(image);
    stored().markWritten({ offset, length: 512 });
    expect((await verify(image)).differences.first).toEqual([{ kind: 'unexpected', offset, length: 512 }]);
    // These pages are zero, as in the image.
    expect(await verify(image, { full: true })).toMatchObject({ matches: true });
    stored().write(offset + 7, Uint8Array.of(1));
    expect((await verify(image, { full: true })).differences.first).toEqual([
      { kind: 'content', offset: offset + 7, length: 1 },
    ]);
  });

  it('accepts the blob of another program, which may write zeros, and reports what it did not compare', async () => {
    const image = await makeImage('fixed');
    const bytes = await readFile(image);
    const blob = server.createPageBlob(CONTAINER, BLOB, bytes.length);
    blob.write(0, bytes);
    // The footer of the file, which differs from the footer that vhdup writes.
    blob.markWritten({ offset: 0, length: bytes.length });
    const map = await verify(image);
    expect(map).toMatchObject({ matches: true });
    expect(map.notCompared).toBe(SIZE - CONTENTS.reduce((sum, content) => sum + content.bytes.length, 0));
    expect(await verify(image, { full: true })).toMatchObject({ matches: true, readBack: SIZE, notCompared: 0 });
    blob.clearPages({ offset: 4 * MIB, length: 512 });
    expect((await verify(image)).differences.first).toEqual([{ kind: 'missing', offset: 4 * MIB, length: 512 }]);
  });

  it('always compares the footer', async () => {
    const image = await makeImage();
    await upload(image);
    corrupt(SIZE + 100);
    const footer = { kind: 'footer', offset: SIZE, length: 512 };
    for (const full of [false, true]) expect((await verify(image, { full })).differences.first).toEqual([footer]);
    stored().metadata = new Map();
    expect((await verify(image)).differences.first).toEqual([footer]);
  });

  it('lists a fragmented blob in parts, and reads neighbouring ranges together', async () => {
    await server.close();
    server = await startPageBlobServer({ rangesPerResponse: 3 });
    server.createContainer(CONTAINER);
    const image = await makeImage(
      'dynamic',
      Array.from({ length: 40 }, (_, index) => ({ offset: index * MIB, bytes: patternOf(index, 512) })),
    );
    await upload(image, { verify: 'none' });
    expect(server.counters.byOperation.get('GetPageRanges')).toBeUndefined();
    expect(await verify(image, { full: true })).toMatchObject({ matches: true, readBack: 40 * 512 });
    expect(server.counters.byOperation.get('GetPageRanges')).toBe(14);
  });

  it('refuses a blob that cannot match the image', async () => {
    const image = await makeImage();
    expect(await failureOf(verify(image))).toMatchObject({ code: 'DESTINATION' });
    server.createPageBlob(CONTAINER, BLOB, SIZE);
    expect(await failureOf(verify(image))).toMatchObject({
      code: 'VERIFICATION',
      exitCode: 10,
      message: expect.stringContaining(`${SIZE + 512}`),
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
    const image = await makeImage();
    const stop = new AbortController();
    const stopping = server.when(() => server.counters.bytesCommitted > 0).then(() => stop.abort(new Error('stop')));
    await failureOf(upload(image, { signal: stop.signal, threads: 1 }));
    await stopping;
    expect(await failureOf(verify(image))).toMatchObject({
      code: 'VERIFICATION',
      message: expect.stringContaining('not finished'),
    });
  });

  it('needs only read permission in a SAS', async () => {
    const image = await makeImage();
    const destination = server.sasUrl({ container: CONTAINER, blob: BLOB, permissions: 'w' });
    expect(await failureOf(verify(image, { destination }))).toMatchObject({
      exitCode: 8,
      message: expect.stringMatching(/missing r\.$/),
    });
  });

  it('fails when the blob is changed meanwhile', async () => {
    const image = await makeImage();
    await upload(image);
    server.model.latencyMs = 5;
    const running = failureOf(verify(image, { full: true, threads: 1 }));
    await server.when(() => reads().length >= 1);
    stored().etag = '"other"';
    expect(await running).toMatchObject({ code: 'DESTINATION', message: expect.stringContaining('modified') });
  });

  it('fails when the blob is changed while only its page ranges are compared', async () => {
    const image = await makeImage();
    await upload(image);
    const running = failureOf(verify(image));
    await server.when(() => reads().length >= 1);
    stored().etag = '"other"';
    expect(await running).toMatchObject({ code: 'DESTINATION', message: expect.stringContaining('modified') });
  });
});

describe('a read-back', () => {
  const contents = [{ offset: 0, bytes: patternOf(1, SIZE) }];

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
    const image = await makeImage('dynamic', contents);
    await upload(image);
    server.faults.add({ operation: 'GetBlob', probability: 0.4 }, fault);
    const result = await verify(image, { full: true });
    expect(result.differences.first).toEqual([]);
    expect(result).toMatchObject({ matches: true, readBack: SIZE });
    expect(result.retries).toBeGreaterThan(0);
    if (fault.kind === 'flip-sent-bit') expect(result.checksumMismatches).toBe(result.retries);
  });

  it('continues with another SAS, which needs only read permission, when the current one has expired', async () => {
    const image = await makeImage('dynamic', contents);
    await upload(image);
    server.model.latencyMs = 5;
    let renewals = 0;
    const running = verify(image, {
      full: true,
      threads: 2,
      renewSas: () => {
        renewals += 1;
        return Promise.resolve(server.sasUrl({ container: CONTAINER, blob: BLOB, permissions: 'r' }));
      },
    });
    await server.when(() => reads().length >= 3);
    server.expireSas();
    expect(await running).toMatchObject({ matches: true, readBack: SIZE });
    expect(renewals).toBe(1);
  });

  it('gives up when something changes the bytes every time', async () => {
    const image = await makeImage('dynamic', contents);
    await upload(image);
    server.faults.add({ operation: 'GetBlob' }, { kind: 'flip-sent-bit', bit: 3 });
    expect(await failureOf(verify(image, { full: true }))).toMatchObject({
      code: 'SERVICE',
      message: expect.stringContaining('wrong checksum'),
    });
  });

  it('reads differing data twice if no checksum covers it', async () => {
    const image = await makeImage('dynamic', contents);
    await upload(image);
    server.faults.add({ operation: 'GetBlob', nth: 1 }, { kind: 'flip-sent-bit', bit: 3 });
    expect(await verify(image, { full: true, checksum: 'none', threads: 1 })).toMatchObject({ matches: true });
    server.faults.clear();
    corrupt(5 * MIB);
    expect((await verify(image, { full: true, checksum: 'none' })).differences.first).toEqual([
      { kind: 'content', offset: 5 * MIB, length: 1 },
    ]);
  });

  it('finds an intact blob intact although two readings of it were damaged at different places', async () => {
    const image = await makeImage('dynamic', contents);
    await upload(image);
    server.faults.add({ operation: 'GetBlob', nth: 1 }, { kind: 'flip-sent-bit', bit: 3 });
    server.faults.add({ operation: 'GetBlob', nth: 2 }, { kind: 'flip-sent-bit', bit: 9000 });
    const result = await verify(image, { full: true, checksum: 'none', threads: 1 });
    expect(result).toMatchObject({ matches: true, differences: { count: 0 } });
  });

  it('finds the footer intact although two readings of it were damaged at different places', async () => {
    const image = await makeImage('dynamic', contents);
    await upload(image);
    server.faults.add({ operation: 'GetBlob', nth: 1 }, { kind: 'flip-sent-bit', bit: 3 });
    server.faults.add({ operation: 'GetBlob', nth: 2 }, { kind: 'flip-sent-bit', bit: 900 });
    expect(await verify(image, { checksum: 'none' })).toMatchObject({ matches: true });
  });

  it('gives up a connection that stalls in the middle of an answer', async () => {
    const image = await makeImage('dynamic', contents);
    await upload(image);
    server.faults.add({ operation: 'GetBlob', nth: [2, 4] }, { kind: 'stall-answer' });
    const result = await verify(image, { full: true, stallTimeoutMs: 300 });
    expect(result).toMatchObject({ matches: true, retries: 2 });
  });

  it('resumes where it left off, and keeps the differences it had found', async () => {
    const image = await makeImage('dynamic', contents);
    await upload(image);
    corrupt(100);
    corrupt(SIZE - 1);
    const reason = new Error('stopped by the test');
    let before = 0;
    for (const share of [2, 4]) {
      const stop = new AbortController();
      const target = reads().length + share;
      const stopping = server.when(() => reads().length >= target).then(() => stop.abort(reason));
      expect(await failureOf(verify(image, { full: true, threads: 1, signal: stop.signal }))).toBe(reason);
      await stopping;
      expect(existsSync(`${image}.vhdup-verify.json`)).toBe(true);
    }
    const events: UploadEvent[] = [];
    const result = await verify(image, { full: true, onEvent: (event) => events.push(event) });
    before = result.readBackBefore;
    expect(events.find(({ type }) => type === 'start-verify')).toMatchObject({ resumedFrom: expect.any(String) });
    expect(before).toBeGreaterThanOrEqual(8 * MIB);
    expect(result.readBack + before).toBe(SIZE);
    expect(result.differences.first.map(({ offset }) => offset)).toEqual([100, SIZE - 1]);
    expect(existsSync(`${image}.vhdup-verify.json`)).toBe(false);
  });

  it.each([
    ['the blob was changed', () => server.blob(CONTAINER, BLOB), undefined],
    ['the image was changed', undefined, (path: string) => utimes(path, new Date(), new Date(Date.now() + 5000))],
  ])('starts over if %s meanwhile', async (_, blobOf, changeImage) => {
    const image = await makeImage('dynamic', contents);
    await upload(image);
    await stopAfter(3, (signal) => verify(image, { full: true, threads: 1, signal }));
    const blob = blobOf?.();
    if (blob !== undefined) blob.etag = '"other"';
    await changeImage?.(image);
    const events: UploadEvent[] = [];
    const result = await verify(image, { full: true, onEvent: (event) => events.push(event) });
    expect(result).toMatchObject({ matches: true, readBack: SIZE, readBackBefore: 0 });
    expect(events.filter(({ type }) => type === 'warning')).toMatchObject([{ code: 'verification-restarted' }]);
  });

  it('warns once that its state cannot be saved, and continues', async () => {
    const image = await makeImage();
    await upload(image);
    let warnings = 0;
    const onEvent = (event: UploadEvent) => {
      if (event.type === 'warning' && event.code === 'checkpoint-not-saved') warnings += 1;
    };
    const checkpoint = join(image, '..', 'no', 'folder.json');
    expect(await verify(image, { full: true, checkpoint, onEvent })).toMatchObject({ matches: true });
    expect(warnings).toBe(1);
  });

  it('is refused while another verification of the same image runs, which is not disturbed', async () => {
    const image = await makeImage('dynamic', contents);
    await upload(image);
    const hold = server.faults.add({ operation: 'GetBlob' }, internalError());
    const first = verify(image, { full: true, threads: 1 });
    await server.when(() => hold.hits > 0);
    expect(await failureOf(verify(image, { full: true }))).toMatchObject({ code: 'IN_USE', exitCode: 12 });
    hold.remove();
    expect(await first).toMatchObject({ matches: true, readBack: SIZE });
    expect(await verify(image, { full: true })).toMatchObject({ matches: true });
  });

  it('starts over with restart, or when its checkpoint is damaged, and never replaces another file', async () => {
    const image = await makeImage('dynamic', contents);
    const checkpoint = `${image}.vhdup-verify.json`;
    await upload(image);
    const stopped = () => stopAfter(3, (signal) => verify(image, { full: true, threads: 1, signal }));
    await stopped();
    expect(await verify(image, { full: true, restart: true })).toMatchObject({ readBack: SIZE, readBackBefore: 0 });
    await stopped();
    const text = await readFile(checkpoint, 'utf8');
    await writeFile(checkpoint, text.replace('"readBack": ', '"readBack": 1'));
    expect(await verify(image, { full: true })).toMatchObject({ readBack: SIZE, readBackBefore: 0 });
    // The digest is right, but a field is missing.
    const fields = { vhdupVerification: 1, startedAt: '2026-01-01T00:00:00.000Z' };
    const sha256 = createHash('sha256').update(JSON.stringify(fields)).digest('hex');
    await writeFile(checkpoint, JSON.stringify({ ...fields, sha256 }, undefined, 1));
    expect(await verify(image, { full: true })).toMatchObject({ readBack: SIZE, readBackBefore: 0 });
    await writeFile(checkpoint, 'mine');
    expect(await failureOf(verify(image, { full: true, restart: true }))).toMatchObject({ code: 'CHECKPOINT' });
    expect(await readFile(checkpoint, 'utf8')).toBe('mine');
  });
});

/** Stops the work once that many more ranges have been requested. */
async function stopAfter(requests: number, work: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
  const stop = new AbortController();
  const target = reads().length + requests;
  const stopping = server.when(() => reads().length >= target).then(() => stop.abort(new Error('stop')));
  expect((await failureOf(work(stop.signal))).message).toBe('stop');
  await stopping;
}

describe('upload --verify', () => {
  it('none compares nothing, full reads every page back', async () => {
    const image = await makeImage();
    expect(await upload(image, { verify: 'none' })).toMatchObject({ verified: 'none' });
    expect(server.counters.byOperation.get('GetPageRanges')).toBeUndefined();
    expect(reads()).toEqual([]);
    const result = await upload(image, { verify: 'full', overwrite: true });
    expect(result).toMatchObject({ verified: 'full', sent: expect.any(Number) });
    expect(reads().length).toBeGreaterThan(4);
    expect(server.blob(CONTAINER, BLOB).metadata.get('vhdup_state')).toBe('complete');
  });

  it('full finds bytes that changed after they were acknowledged, and no later run resumes', async () => {
    const image = await makeImage();
    const running = upload(image, { verify: 'full' });
    await server.when(() => server.log.some(({ range }) => range?.offset === SIZE));
    corrupt(4 * MIB + 77);
    expect(await failureOf(running)).toMatchObject({
      code: 'VERIFICATION',
      message: expect.stringContaining(`content at ${4 * MIB + 77}, 1 bytes`),
    });
    expect(stored().metadata.get('vhdup_state')).toBe('failed');
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
    const image = await makeImage();
    expect(await failureOf(upload(image, { verify: 'some' as 'full' }))).toMatchObject({ code: 'USAGE' });
  });
});

describe('a manifest', () => {
  it.each(['crc64', 'md5'] as const)(
    'records what was sent, and proves that the image matches (%s)',
    async (checksum) => {
      const image = await makeImage();
      const manifest = join(await temporaryFolder(), 'manifest.jsonl');
      const { uploadId } = await upload(image, { manifest, checksum });
      const lines = (await readFile(manifest, 'utf8')).trim().split('\n');
      expect(JSON.parse(lines[0] ?? '')).toMatchObject({ vhdupManifest: 1, uploadId, blobSize: SIZE + 512, checksum });
      expect(lines.join()).not.toContain('sig=');
      const last = JSON.parse(lines.at(-1) ?? '');
      const algorithm = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex');
      if (checksum === 'md5') expect(last.end.footer).toEqual([SIZE, 512, algorithm(stored().read(SIZE, 512))]);
      const runs = lines.slice(1, -1).flatMap((line) => JSON.parse(line).runs as [number, number, string][]);
      expect(runs.reduce((sum, [, length]) => sum + length, 512)).toBe(last.end.bytes);
      if (checksum === 'md5') {
        for (const [offset, length, md5] of runs) expect(algorithm(stored().read(offset, length))).toBe(md5);
      }
      for (const full of [false, true])
        expect(await verify(image, { manifest, full })).toMatchObject({ matches: true });
    },
  );

  it('shows a change that was made to both image and blob', async () => {
    const image = await makeImage('fixed');
    const manifest = join(await temporaryFolder(), 'manifest.jsonl');
    await upload(image, { manifest });
    await patchFile(image, 5 * MIB + 3, Uint8Array.of(0x55));
    corrupt(5 * MIB + 3);
    stored().write(5 * MIB + 3, Uint8Array.of(0x55));
    expect(await verify(image, { full: true })).toMatchObject({ matches: true });
    expect((await verify(image, { full: true, manifest })).differences.first).toEqual([
      { kind: 'manifest', offset: 4 * MIB, length: 4 * MIB },
    ]);
  });

  it('shows data that was removed from both image and blob', async () => {
    const image = await makeImage('fixed');
    const manifest = join(await temporaryFolder(), 'manifest.jsonl');
    await upload(image, { manifest });
    await patchFile(image, 20 * MIB, new Uint8Array(4096));
    stored().clearPages({ offset: 20 * MIB, length: 4096 });
    expect(await verify(image)).toMatchObject({ matches: true });
    expect((await verify(image, { manifest })).differences.first).toEqual([
      { kind: 'manifest', offset: 20 * MIB, length: 4096 },
    ]);
  });

  it('survives a kill at any line: it has every window that the checkpoint counts', async () => {
    const image = await makeImage('dynamic', [{ offset: 0, bytes: patternOf(1, SIZE) }]);
    const manifest = join(await temporaryFolder(), 'manifest.jsonl');
    for (const bytes of [4, 12, 20, 28]) {
      const stop = new AbortController();
      const target = bytes * MIB;
      const stopping = server
        .when(() => server.counters.bytesCommitted >= target)
        .then(() => stop.abort(new Error('stop')));
      await failureOf(upload(image, { manifest, threads: 2, signal: stop.signal }));
      await stopping;
      // The state after a kill in the middle of a write.
      await writeFile(manifest, '{"window":[0,4194304],"ru', { flag: 'a' });
    }
    expect(await failureOf(verify(image, { manifest }))).toMatchObject({ code: 'VERIFICATION' });
    await upload(image, { manifest });
    expect(await verify(image, { manifest })).toMatchObject({ matches: true });
  });

  it('holds every window that the checkpoint counts as done, at each moment', async () => {
    const image = await makeImage('dynamic', [{ offset: 0, bytes: patternOf(1, SIZE) }]);
    const manifest = join(await temporaryFolder(), 'manifest.jsonl');
    server.model.latencyMs = 250;
    const counts: number[] = [];
    const onEvent = (event: UploadEvent) => {
      if (event.type !== 'saved') return;
      const { done } = JSON.parse(readFileSync(event.checkpoint, 'utf8')) as { done: [number, number][] };
      const lines = readFileSync(manifest, 'utf8').trim().split('\n');
      const windows = lines.flatMap((line) => (JSON.parse(line).window?.[0] as number | undefined) ?? []);
      for (const [offset, length] of done) {
        for (let at = offset; at < offset + length; at += 4 * MIB) expect(windows).toContain(at);
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
    expect(counts.at(-1)).toBe(SIZE / (4 * MIB));
  });

  it.each([true, false])('is complete after the checkpoint was lost (started before: %s)', async (isBegun) => {
    const image = await makeImage('dynamic', [{ offset: 0, bytes: patternOf(1, SIZE) }]);
    const manifest = join(await temporaryFolder(), 'manifest.jsonl');
    const stop = new AbortController();
    const stopping = server
      .when(() => server.counters.bytesCommitted >= 12 * MIB)
      .then(() => stop.abort(new Error('stop')));
    await failureOf(upload(image, { ...(isBegun ? { manifest } : {}), threads: 1, signal: stop.signal }));
    await stopping;
    await rm(`${image}.vhdup.json`);
    const { sentBefore } = await upload(image, { manifest, resumeFromBlob: true });
    expect(sentBefore).toBeGreaterThanOrEqual(12 * MIB);
    expect(await verify(image, { manifest, full: true })).toMatchObject({ matches: true });
  });

  it('names neither a lease nor who holds it', async () => {
    const image = await makeImage();
    const manifest = join(await temporaryFolder(), 'manifest.jsonl');
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
    const image = await makeImage();
    const manifest = join(await temporaryFolder(), 'manifest.jsonl');
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
    const image = await makeImage();
    for (const more of [{}, { restart: true, overwrite: true }]) {
      expect(await failureOf(upload(image, { manifest: image, ...more }))).toMatchObject({ code: 'LOCAL_FILE' });
    }
    const missing = join(image, '..', 'no', 'folder');
    expect(await failureOf(upload(image, { manifest: missing }))).toMatchObject({ code: 'LOCAL_FILE' });
    expect(server.counters.requests).toBe(0);
  });

  it('cannot start in the middle of an upload, resume with other checksums, or contain no checksums', async () => {
    const image = await makeImage('dynamic', [{ offset: 0, bytes: patternOf(1, SIZE) }]);
    const manifest = join(await temporaryFolder(), 'manifest.jsonl');
    const stopUpload = async (more: Partial<UploadOptions>) => {
      const stop = new AbortController();
      const target = server.counters.bytesCommitted + 12 * MIB;
      const stopping = server
        .when(() => server.counters.bytesCommitted >= target)
        .then(() => stop.abort(new Error('stop')));
      await failureOf(upload(image, { threads: 1, signal: stop.signal, ...more }));
      await stopping;
    };
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
    const image = await makeImage();
    const manifest = join(await temporaryFolder(), 'manifest.jsonl');
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
    ]);
    expect(await failureOf(verify(image, { manifest: `${manifest}.no` }))).toMatchObject({ code: 'LOCAL_FILE' });
  });
});

describe('--content-md5', () => {
  const md5OfBlob = () =>
    createHash('md5')
      .update(stored().read(0, SIZE + 512))
      .digest('base64');

  it.each(['fixed', 'dynamic'] as const)(
    'is the MD5 of the whole blob, and leaves its type as it is (%s)',
    async (type) => {
      const image = await makeImage(type);
      const { contentMd5 } = await upload(image, { contentMd5: true });
      expect(stored().contentMd5).toBe(md5OfBlob());
      expect(contentMd5).toBe(md5OfBlob());
      expect(stored().headers.get('content-type')).toBe('application/octet-stream');
      expect(await verify(image, { full: true })).toMatchObject({ matches: true });
    },
  );

  it('is right after an interruption too', async () => {
    const image = await makeImage('dynamic', [{ offset: 0, bytes: patternOf(1, SIZE) }]);
    const stop = new AbortController();
    const stopping = server
      .when(() => server.counters.bytesCommitted >= 12 * MIB)
      .then(() => stop.abort(new Error('stop')));
    expect((await failureOf(upload(image, { contentMd5: true, threads: 1, signal: stop.signal }))).message).toBe(
      'stop',
    );
    await stopping;
    await upload(image, { contentMd5: true });
    expect(stored().contentMd5).toBe(md5OfBlob());
  });

  it('is not set without it', async () => {
    const image = await makeImage();
    expect(await upload(image)).not.toHaveProperty('contentMd5');
    expect(stored().contentMd5).toBeUndefined();
  });

  it('fails the upload when the image cannot be read', async () => {
    const image = await makeImage('dynamic', [{ offset: 0, bytes: patternOf(1, SIZE) }]);
    await truncate(image, 30 * MIB);
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
    const image = await makeImage();
    const manifest = join(await temporaryFolder(), 'manifest.jsonl');
    const destination = azurite.sasUrl({ container: CONTAINER, blob: BLOB, permissions: 'rw' });
    const options = { image, destination, ...FAST };
    const { contentMd5 } = await uploadImage({ ...options, manifest, contentMd5: true, verify: 'full' });
    const blob = serviceClient(azurite).getContainerClient(CONTAINER).getPageBlobClient(BLOB);
    const bytes = await blob.downloadToBuffer();
    expect(createHash('md5').update(bytes).digest('base64')).toBe(contentMd5);
    expect(Buffer.from((await blob.getProperties()).contentMD5 ?? []).toString('base64')).toBe(contentMd5);
    expect(await verifyBlob({ ...options, manifest })).toMatchObject({ matches: true });
    expect(await verifyBlob({ ...options, manifest, full: true })).toMatchObject({ matches: true });
    await blob.clearPages(20 * MIB, 512);
    const page = Buffer.from(bytes.subarray(8 * MIB, 8 * MIB + 512));
    page.writeUInt8(page.readUInt8(9) ^ 1, 9);
    await blob.uploadPages(page, 8 * MIB, 512);
    expect((await verifyBlob(options)).differences.first).toEqual([{ kind: 'missing', offset: 20 * MIB, length: 512 }]);
    const { first } = (await verifyBlob({ ...options, full: true })).differences;
    expect(first[0]).toEqual({ kind: 'content', offset: 8 * MIB + 9, length: 1 });
    expect(first).toHaveLength(2);
  });
});
