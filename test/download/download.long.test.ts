// Downloads from the strict server: formats, faults, changes, and what stays behind.
import { createHash } from 'node:crypto';
import { closeSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { downloadImage } from '../../src/download/download.ts';
import type { UploadEvent } from '../../src/events.ts';
import { openDiskImage } from '../../src/image/open-disk-image.ts';
import type { DownloadOptions } from '../../src/options.ts';
import { decodeDownload } from '../../src/state/download-checkpoint.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import { CONTENTS, diskBytes, FOOTER, LISTED, LISTED_ZEROS, SIZE, storeDisk, writeTo } from '../support/downloads.ts';
import { internalError, serverBusy } from '../support/page-blob-server/faults.ts';
import { hasQemuImg, qemuImg } from '../support/qemu.ts';
import { buildImage, SMALL_DISK, spreadDisk } from '../support/spread-disk.ts';
import { BLOB, blobUrl, CONTAINER, requestsOf, server, storedBlob, useServer } from '../support/target-server.ts';
import { patternOf, uniqueIdOf } from '../support/vhd-builder.ts';
import { expectSameBytes, failureOf, openWatched, readDisk, temporaryFolder } from '../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;
const FORMATS = ['vhd', 'vhd-dynamic', 'vhdx', 'raw'] as const;
const DRIVERS = { vhd: 'vpc', 'vhd-dynamic': 'vpc', vhdx: 'vhdx', raw: 'raw' } as const;
const FAST = { threads: 2, retryDelayMs: 1, maxRetryDelayMs: 5 } as const;

useServer();

async function newFile(name = 'disk.vhd'): Promise<string> {
  return join(await temporaryFolder(), name);
}

function download(output: string, more: Partial<DownloadOptions> = {}) {
  return downloadImage({ source: blobUrl('r'), output, ...FAST, ...more });
}

const reads = () => requestsOf('GetBlob');
const filesBeside = (path: string) => readdir(dirname(path));

/** Stops a download as soon as it has done that many bytes. */
async function downloadUntil(bytes: number, output: string, more: Partial<DownloadOptions> = {}): Promise<void> {
  const stop = new AbortController();
  const reason = new Error('stopped by the test');
  const onEvent = (event: UploadEvent) => {
    if (event.type === 'progress' && event.done >= bytes) stop.abort(reason);
  };
  expect(await failureOf(download(output, { threads: 1, ...more, signal: stop.signal, onEvent }))).toBe(reason);
}

async function checkpointOf(output: string) {
  const path = `${output}.vhdup.json`;
  return decodeDownload(await readFile(path, 'utf8'), path);
}

async function expectDisk(output: string): Promise<void> {
  const { image } = await openWatched(output);
  expectSameBytes(await readDisk(image), diskBytes());
}

describe('a download', () => {
  it.each(FORMATS)('writes the disk as %s, and leaves nothing else behind', async (format) => {
    storeDisk();
    const output = await newFile();
    const result = await download(output, { format });
    expect(result).toMatchObject({
      ...{ url: server.urlOf(CONTAINER, BLOB), output, format, diskSize: SIZE, blobSize: SIZE + 512 },
      ...{ receivedBefore: 0, alreadyComplete: false, retries: 0 },
      verified: ['unchanged', 'checksums'],
    });
    expect(result.size).toBe((await stat(output)).size);
    const { image } = await openWatched(output, format === 'raw' ? { format: 'raw' } : {});
    expect(image.size).toBe(SIZE);
    expectSameBytes(await readDisk(image), diskBytes());
    if (format !== 'raw') expectSameBytes(image.diskId, uniqueIdOf(7));
    expect(await filesBeside(output)).toEqual(['disk.vhd']);
  });

  it.skipIf(!hasQemuImg).each(FORMATS)('is read by qemu-img as %s', async (format) => {
    storeDisk();
    const output = await newFile();
    await download(output, { format });
    const raw = join(dirname(output), 'disk.raw');
    await writeFile(raw, diskBytes());
    const opened = `driver=${DRIVERS[format]},file.filename=${output}`;
    // Without it, qemu-img takes the geometry of a fixed VHD for its size.
    const sized = DRIVERS[format] === 'vpc' ? `${opened},force_size_calc=current_size` : opened;
    const said = await qemuImg('compare', '--image-opts', sized, `driver=raw,file.filename=${raw}`);
    expect(said).toContain('Images are identical');
  });

  it('writes a VHDX if the name of the file asks for one', async () => {
    storeDisk();
    const output = await newFile('disk.vhdx');
    expect(await download(output)).toMatchObject({ format: 'vhdx' });
    expect((await openWatched(output)).image.format).toBe('vhdx-dynamic');
  });

  it('writes a fixed VHD byte for byte, with the footer of the blob', async () => {
    const footer = Buffer.from(FOOTER);
    const blob = storeDisk(footer);
    const output = await newFile();
    await download(output);
    expectSameBytes(await readFile(output), blob.read(0, SIZE + 512));
  });

  it('requests only what the blob lists, each byte once, with checksums', async () => {
    storeDisk();
    const output = await newFile();
    const result = await download(output, { threads: 'auto' });
    const asked = reads().map(({ range }) => range?.length ?? 0);
    // The gaps of 64 KiB and less between ranges are cheaper than a request.
    const gaps = 200 * 1024 - 1024;
    expect(gaps).toBeGreaterThan(64 * 1024);
    expect(asked.reduce((sum, length) => sum + length, 0)).toBe(LISTED + 512);
    expect(result.received).toBe(LISTED);
    expect(result.written).toBe(LISTED - LISTED_ZEROS.length);
    expect(reads().every(({ headers }) => headers.get('x-ms-range-get-content-crc64') === 'true')).toBe(true);
    expect(reads().every(({ headers }) => headers.get('if-match') === storedBlob().etag)).toBe(true);
  });

  it.runIf(process.platform === 'linux')(
    'leaves holes where the disk is zero, also where the blob lists zeros',
    async () => {
      storeDisk();
      const output = await newFile();
      await download(output);
      const { blocks } = await stat(output);
      expect(blocks * 512).toBeLessThan(LISTED - LISTED_ZEROS.length + 512 * 1024);
    },
  );

  it('never has more requests in flight than threads', async () => {
    storeDisk();
    server.counters.peakInFlight = 0;
    server.model.latencyMs = 10;
    await download(await newFile(), { threads: 2 });
    expect(server.counters.peakInFlight).toBe(2);
  });

  it('lists a fragmented blob in parts', async () => {
    const blob = server.createPageBlob(CONTAINER, BLOB, SIZE + 512);
    for (let offset = 0; offset < SIZE; offset += 256 * 1024) writeTo(blob, offset, patternOf(offset, 512));
    writeTo(blob, SIZE, FOOTER);
    const output = await newFile();
    await download(output);
    expectSameBytes(await readFile(output), blob.read(0, SIZE + 512));
  });

  it('reports its start, its progress and its saves', async () => {
    storeDisk();
    const events: UploadEvent[] = [];
    const output = await newFile();
    await download(output, { onEvent: (event) => events.push(event) });
    expect(events.find(({ type }) => type === 'start-download')).toMatchObject({
      ...{ url: server.urlOf(CONTAINER, BLOB), output, format: 'vhd', diskSize: SIZE, blobSize: SIZE + 512 },
      checkpoint: `${output}.vhdup.json`,
    });
    const progress = events.filter((event) => event.type === 'progress').at(-1);
    expect(progress).toMatchObject({ planned: 20 * MIB + 4 * MIB - 4 * MIB, done: 20 * MIB, read: LISTED });
    expect(events.some(({ type }) => type === 'saved')).toBe(true);
    expect(events.filter((event) => event.type === 'phase').map(({ phase }) => phase)).toEqual([
      'sending',
      'verifying',
    ]);
  });

  it('keeps to a rate', async () => {
    const blob = storeDisk();
    const output = await newFile();
    const startMs = performance.now();
    await download(output, { maxRate: 24 * MIB });
    // Only a lower bound: a busy machine may take longer.
    expect(performance.now() - startMs).toBeGreaterThan(((LISTED - MIB) * 1000) / (24 * MIB));
    expectSameBytes(await readFile(output), blob.read(0, SIZE + 512));
  });
});

describe('faults', () => {
  it.each([
    ['a reset', { kind: 'reset-before-read' }],
    ['a lost answer', { kind: 'reset-after-commit' }],
    ['a truncated answer', { kind: 'truncated-answer' }],
    ['a garbled answer', { kind: 'garbled-answer', form: 'wrong-content' }],
    ['the page of a proxy', { kind: 'proxy-page', status: 502 }],
    ['503', serverBusy()],
    ['500', internalError()],
    ['a flipped bit', { kind: 'flip-sent-bit', bit: 4321 }],
  ] as const)('are overcome: %s', async (_, fault) => {
    storeDisk();
    server.faults.add({ operation: 'GetBlob', nth: [1, 3, 5] }, fault);
    server.faults.add({ operation: 'GetPageRanges', nth: 1 }, fault.kind === 'flip-sent-bit' ? internalError() : fault);
    const output = await newFile();
    const result = await download(output);
    expect(result.retries).toBeGreaterThanOrEqual(4);
    if (fault.kind === 'flip-sent-bit') expect(result.checksumMismatches).toBe(3);
    expectSameBytes(await readFile(output), storedBlob().read(0, SIZE + 512));
  });

  it('do not leave data out if the list of pages lacks some that are known', async () => {
    storeDisk();
    const output = await newFile();
    const body = '<?xml version="1.0"?><PageList><PageRange><Start>0</Start><End>4095</End></PageRange></PageList>';
    server.faults.add({ operation: 'GetPageRanges', times: 1 }, { kind: 'answer', isDone: true, body });
    const failure = await failureOf(download(output));
    expect(failure).toMatchObject({ exitCode: 9 });
    expect(failure.message).toContain(`ends at 4096, but the blob holds data up to ${SIZE + 512}`);
    await download(output);
    await expectDisk(output);
  });

  it('wait for a new SAS when the old one has expired', async () => {
    storeDisk();
    const output = await newFile();
    const old = blobUrl('r');
    let renewals = 0;
    const renewSas = () => {
      renewals += 1;
      return Promise.resolve(new URL(blobUrl('r')).search.slice(1));
    };
    const onEvent = (event: UploadEvent) => {
      if (event.type === 'start-download') server.expireSas(old);
    };
    await download(output, { source: old, renewSas, onEvent });
    expect(renewals).toBe(1);
    await expectDisk(output);
  });

  it('keep the progress when the SAS has expired and there is no other', async () => {
    storeDisk();
    const output = await newFile();
    const old = blobUrl('r');
    const onEvent = (event: UploadEvent) => {
      if (event.type === 'progress' && event.done >= 8 * MIB) server.expireSas(old);
    };
    const failure = await failureOf(download(output, { source: old, threads: 1, onEvent }));
    expect(failure).toMatchObject({ exitCode: 8, isExpired: true });
    const { done, received } = await checkpointOf(output);
    expect(done.length).toBeGreaterThan(0);
    const result = await download(output);
    expect(result.receivedBefore).toBe(received);
    await expectDisk(output);
  });
});

describe('a stopped download', () => {
  it.each(FORMATS)('resumes as %s, and receives nothing again that is done', async (format) => {
    storeDisk();
    const output = await newFile();
    await downloadUntil(4 * MIB, output, { format });
    const { done, received } = await checkpointOf(output);
    expect(received).toBeGreaterThan(0);
    expect((await filesBeside(output)).length).toBe(2);
    const before = reads().length;
    const events: UploadEvent[] = [];
    const result = await download(output, { format, onEvent: (event) => events.push(event) });
    expect(events.find((event) => event.type === 'start-download')).toHaveProperty('resumedFrom');
    expect(result.receivedBefore).toBe(received);
    expect(result.received + received).toBe(LISTED);
    const again = reads()
      .slice(before)
      .filter(({ range }) =>
        done.some((one) => range !== undefined && range.offset >= one.offset && range.offset < one.offset + one.length),
      );
    expect(again).toEqual([]);
    const { image } = await openWatched(output, format === 'raw' ? { format: 'raw' } : {});
    expectSameBytes(await readDisk(image), diskBytes());
    expect(await filesBeside(output)).toEqual(['disk.vhd']);
  });

  it('starts over with --restart, and removes what it had', async () => {
    storeDisk();
    const output = await newFile();
    await downloadUntil(4 * MIB, output);
    const result = await download(output, { restart: true });
    expect(result).toMatchObject({ received: LISTED, receivedBefore: 0 });
    await expectDisk(output);
    expect(await filesBeside(output)).toEqual(['disk.vhd']);
  });

  it.each([
    ['with its temporary file', /^disk/, {}],
    ['without its temporary file', /^disk\.vhd\.vhdup/, {}],
    ['and starts over with --restart', /^disk\.vhd\.vhdup/, { restart: true }],
  ])('resumes after its checkpoint was renamed, %s', async (_, renamed, more) => {
    storeDisk();
    const old = await newFile();
    await downloadUntil(4 * MIB, old);
    const folder = dirname(old);
    for (const name of await filesBeside(old)) {
      if (renamed.test(name)) await rename(join(folder, name), join(folder, name.replace('disk', 'web01')));
    }
    const output = join(folder, 'web01.vhd');
    const { receivedBefore } = await download(output, more);
    expect(receivedBefore > 0).toBe(!('restart' in more));
    await expectDisk(output);
    expect(await filesBeside(output)).toEqual(['web01.vhd']);
  });

  it('refuses to resume what has changed, and what is another download', async () => {
    const blob = storeDisk();
    const output = await newFile();
    await downloadUntil(4 * MIB, output);
    expect(await failureOf(download(output, { format: 'raw' }))).toMatchObject({ exitCode: 7 });
    storeDisk(FOOTER, 'other.vhd');
    const other = server.sasUrl({ container: CONTAINER, blob: 'other.vhd', permissions: 'r' });
    const failure = await failureOf(download(output, { source: other }));
    expect(failure).toMatchObject({ exitCode: 7 });
    expect(failure.message).toContain('--restart');
    server.touch(blob);
    const changed = await failureOf(download(output));
    expect(changed).toMatchObject({ exitCode: 6 });
    expect(changed.message).toContain('--restart');
    // None of the refusals has lost the progress.
    expect((await checkpointOf(output)).done.length).toBeGreaterThan(0);
  });

  it('is not resumed without its temporary file', async () => {
    storeDisk();
    const output = await newFile();
    await downloadUntil(4 * MIB, output);
    const { file } = await checkpointOf(output);
    await rm(join(dirname(output), file.temporary));
    const failure = await failureOf(download(output));
    expect(failure).toMatchObject({ exitCode: 11 });
    expect(failure.message).toContain('--restart');
  });

  it('refuses a second run of the same file, and a damaged checkpoint', async () => {
    storeDisk();
    const output = await newFile();
    const hold = server.faults.add({ operation: 'GetBlob' }, internalError());
    const first = download(output);
    await server.when(() => hold.hits > 0);
    expect(await failureOf(download(output))).toMatchObject({ exitCode: 12 });
    hold.remove();
    await first;
    await writeFile(`${output}.vhdup.json`, '{\n "vhdupDownload": 1, "broken');
    expect(await failureOf(download(`${output}`))).toMatchObject({ exitCode: 7 });
    await writeFile(`${output}.vhdup.json`, 'notes');
    expect(await failureOf(download(output, { restart: true, overwrite: true }))).toMatchObject({ exitCode: 7 });
    const image = await buildImage(SMALL_DISK);
    await writeFile(`${image}.vhdup.json`, '{\n "vhdupDownload": 1');
    const failure = await failureOf(uploadImage({ image, destination: blobUrl(), ...FAST }));
    expect(failure).toMatchObject({ exitCode: 7, message: expect.stringContaining('is the checkpoint of a download') });
    expect(await readFile(`${output}.vhdup.json`, 'utf8')).toBe('notes');
  });
});

describe('a blob that changes', () => {
  it.each([
    ['between two ranges', 3],
    ['after the last range', 100],
  ])('is noticed, %s', async (_, requests) => {
    const blob = storeDisk();
    const output = await newFile();
    const onEvent = (event: UploadEvent) => {
      if (requests === 3 && event.type === 'progress' && event.done > 0) server.touch(blob);
      if (requests === 100 && event.type === 'phase' && event.phase === 'verifying') server.touch(blob);
    };
    const failure = await failureOf(download(output, { threads: 1, onEvent }));
    expect(failure).toMatchObject({ exitCode: 6 });
    expect(failure.message).toContain('was changed while it was downloaded');
    expect(await filesBeside(output)).toEqual([]);
  });

  it('keeps the progress if it was deleted', async () => {
    storeDisk();
    const output = await newFile();
    const onEvent = (event: UploadEvent) => {
      if (event.type === 'progress' && event.done > 0) server.deleteBlob(CONTAINER, BLOB);
    };
    expect(await failureOf(download(output, { threads: 1, onEvent }))).toMatchObject({ exitCode: 6 });
    expect((await filesBeside(output)).length).toBe(2);
  });
});

describe('Content-MD5', () => {
  function withMd5(bytes: Uint8Array): void {
    const md5 = createHash('md5').update(bytes).digest('base64');
    storedBlob().headers = new Map([['content-md5', md5]]);
  }

  it.each(FORMATS)('is compared with the disk in the file (%s), also after a stop', async (format) => {
    const blob = storeDisk();
    withMd5(blob.read(0, SIZE + 512));
    const output = await newFile();
    await downloadUntil(4 * MIB, output, { format });
    const result = await download(output, { format });
    expect(result.verified).toEqual(['unchanged', 'checksums', 'content-md5']);
    const { image } = await openWatched(output, format === 'raw' ? { format: 'raw' } : {});
    expectSameBytes(await readDisk(image), diskBytes());
  });

  it.each(FORMATS)('fails if it differs, and no file gets the name (%s)', async (format) => {
    storeDisk();
    withMd5(FOOTER);
    const output = await newFile();
    const failure = await failureOf(download(output, { format }));
    expect(failure).toMatchObject({ exitCode: 10 });
    expect(failure.message).toContain('--verify none');
    expect(await filesBeside(output)).toEqual([]);
    expect((await download(output, { verify: 'none' })).verified).toEqual(['unchanged', 'checksums']);
    await expectDisk(output);
  });

  it.each(FORMATS)('shows a byte that the local disk changed (%s)', async (format) => {
    const blob = storeDisk();
    withMd5(blob.read(0, SIZE + 512));
    const output = await newFile();
    const onEvent = (event: UploadEvent) => {
      if (event.type === 'phase' && event.phase === 'verifying') damage(output);
    };
    const failure = await failureOf(download(output, { format, onEvent }));
    expect(failure).toMatchObject({ exitCode: 10 });
    expect(await filesBeside(output)).toEqual([]);
  });

  /** Changes one byte of the data at 2 windows, wherever the file stores it. */
  function damage(output: string): void {
    const name = readdirSync(dirname(output)).find((one) => one.endsWith('.download')) ?? '';
    const path = join(dirname(output), name);
    const bytes = readFileSync(path);
    const at = bytes.indexOf(Buffer.from(CONTENTS[3]?.bytes ?? []).subarray(0, 4096));
    expect(at).toBeGreaterThan(0);
    const file = openSync(path, 'r+');
    writeSync(file, Uint8Array.of((bytes[at] ?? 0) ^ 1), 0, 1, at);
    closeSync(file);
  }
});

describe('a manifest', () => {
  async function uploaded() {
    const image = await buildImage(spreadDisk(3));
    const manifest = join(dirname(image), 'manifest.jsonl');
    await uploadImage({ image, destination: blobUrl(), manifest, ...FAST });
    return { image, manifest };
  }

  it('is compared with everything that arrives, also after a stop', async () => {
    const { image, manifest } = await uploaded();
    const output = await newFile();
    await downloadUntil(4 * MIB, output, { manifest });
    expect((await download(output, { manifest })).verified).toContain('manifest');
    const first = await openDiskImage(image);
    const { image: second } = await openWatched(output);
    expectSameBytes(await readDisk(second), await readDisk(first));
    await first.close();
  });

  it.each([
    ['other data', (offset: number) => storedBlob().write(offset, Uint8Array.of(1, 2, 3))],
    ['missing data', (offset: number) => storedBlob().clearPages({ offset, length: 64 * 1024 })],
  ])('shows %s', async (_, damage) => {
    const { manifest } = await uploaded();
    damage(4 * MIB);
    const output = await newFile();
    const failure = await failureOf(download(output, { manifest }));
    expect(failure).toMatchObject({ exitCode: 10 });
    expect(failure.message).toContain('manifest');
    expect(await filesBeside(output)).toEqual([]);
  });

  it('of another upload is refused', async () => {
    const { manifest } = await uploaded();
    const image = await buildImage(spreadDisk(3));
    await uploadImage({ image, destination: blobUrl(), overwrite: true, ...FAST });
    expect(await failureOf(download(await newFile(), { manifest }))).toMatchObject({ exitCode: 10 });
  });
});

describe('blobs that are no disks', () => {
  it('are refused with the reason, and saved whole as raw', async () => {
    const blob = server.createPageBlob(CONTAINER, BLOB, 2 * MIB);
    writeTo(blob, MIB, patternOf(1, 512));
    const output = await newFile();
    const failure = await failureOf(download(output));
    expect(failure).toMatchObject({ exitCode: 6 });
    expect(failure.message).toContain('its last 512 bytes are zeros');
    expect(failure.message).toContain('--format raw');
    const codes: string[] = [];
    const onEvent = (event: UploadEvent) => event.type === 'warning' && codes.push(event.code);
    const result = await download(output, { format: 'raw', onEvent });
    expect(result).toMatchObject({ size: 2 * MIB, diskSize: 2 * MIB });
    expect(codes).toEqual(['no-footer']);
    expectSameBytes(await readFile(output), blob.read(0, 2 * MIB));
  });

  it.each([
    ['a damaged footer', (footer: Buffer) => footer.writeUInt8(9, 100), 'checksum'],
    [
      'the footer of a dynamic VHD',
      (footer: Buffer) => withChecksum(footer, () => footer.writeUInt32BE(3, 60)),
      'dynamic VHD',
    ],
    [
      'the footer of another size',
      (footer: Buffer) => withChecksum(footer, () => footer.writeBigUInt64BE(512n, 48)),
      'a disk of 512 bytes',
    ],
  ])('are refused: %s', async (_, change, reason) => {
    const footer = Buffer.from(FOOTER);
    change(footer);
    storeDisk(footer);
    const failure = await failureOf(download(await newFile()));
    expect(failure).toMatchObject({ exitCode: 6 });
    expect(failure.message).toContain(reason);
  });

  it('are refused: a block blob, an unfinished upload, and nothing', async () => {
    await fetch(server.sasUrl({ container: CONTAINER, blob: BLOB, permissions: 'cw' }), {
      method: 'PUT',
      headers: { 'x-ms-blob-type': 'BlockBlob', 'x-ms-version': '2021-12-02' },
      body: 'text',
    });
    const output = await newFile();
    expect((await failureOf(download(output))).message).toContain('block blob');
    storeDisk().metadata = new Map([
      ['vhdup_upload_id', 'x'],
      ['vhdup_state', 'uploading'],
    ]);
    expect((await failureOf(download(output))).message).toContain('not finished');
    server.deleteBlob(CONTAINER, BLOB);
    expect((await failureOf(download(output))).message).toContain('does not exist');
    expect(await filesBeside(output)).toEqual([]);
  });

  function withChecksum(footer: Buffer, change: () => void): void {
    change();
    footer.writeUInt32BE(0, 64);
    const sum = footer.reduce((total, byte) => total + byte, 0);
    footer.writeUInt32BE(~sum >>> 0, 64);
  }
});

describe('the file', () => {
  it('is replaced only with --overwrite, and refused before anything is sent', async () => {
    storeDisk();
    const output = await newFile();
    await writeFile(output, 'mine');
    const failure = await failureOf(download(output));
    expect(failure).toMatchObject({ exitCode: 11 });
    expect(failure.message).toContain('--overwrite');
    expect(server.log).toEqual([]);
    expect(await filesBeside(output)).toEqual(['disk.vhd']);
    await download(output, { overwrite: true });
    await expectDisk(output);
  });

  it('is not a link, a folder, or another file of the download', async () => {
    storeDisk();
    const output = await newFile();
    await writeFile(`${output}.other`, '');
    await symlink(`${output}.other`, output);
    expect(await failureOf(download(output, { overwrite: true }))).toMatchObject({ exitCode: 11 });
    expect(await failureOf(download(dirname(output), { overwrite: true }))).toMatchObject({ exitCode: 11 });
    expect(await failureOf(download(join(output, 'no', 'disk.vhd')))).toMatchObject({ exitCode: 11 });
    const checkpoint = join(dirname(output), 'c.json');
    expect(await failureOf(download(checkpoint, { checkpoint }))).toMatchObject({ exitCode: 2 });
    expect(server.log).toEqual([]);
  });

  it('is finished if a kill came after its renaming', async () => {
    storeDisk();
    const output = await newFile();
    let last: string | undefined;
    const onEvent = (event: UploadEvent) => {
      if (event.type === 'saved') last = event.checkpoint;
    };
    const kept: string[] = [];
    await download(output, {
      onEvent: (event) => {
        onEvent(event);
        // At once: the next step removes it.
        if (event.type === 'saved') kept.push(readFileSync(event.checkpoint, 'utf8'));
      },
    });
    const finishing = kept.find((text) => text.includes('"finishing"'));
    if (finishing === undefined || last === undefined) throw new Error('The last state was not saved.');
    await writeFile(last, finishing);
    const before = reads().length;
    expect(await download(output)).toMatchObject({ alreadyComplete: true, size: SIZE + 512, received: 0 });
    expect(reads().length - before, 'only the footer').toBe(1);
    expect(await filesBeside(output)).toEqual(['disk.vhd']);
  });

  it('keeps to options that make sense', async () => {
    storeDisk();
    const output = await newFile();
    expect(await failureOf(downloadImage({ output }))).toMatchObject({ exitCode: 2 });
    const both = { source: blobUrl('r'), disk: 'web01', output };
    expect(await failureOf(downloadImage(both))).toMatchObject({ exitCode: 2 });
    expect(await failureOf(download(output, { maxRate: 1 }))).toMatchObject({ exitCode: 2 });
    expect(await failureOf(download(output, { threads: 0 }))).toMatchObject({ exitCode: 2 });
    if (process.platform !== 'win32')
      expect(await failureOf(download(output, { sparse: false }))).toMatchObject({ exitCode: 2 });
  });

  it('of an upload is the image that was uploaded', async () => {
    const image = await buildImage(SMALL_DISK);
    await uploadImage({ image, destination: blobUrl(), contentMd5: true, ...FAST });
    const output = await newFile();
    expect((await download(output)).verified).toContain('content-md5');
    const { image: first } = await openWatched(image);
    const { image: second } = await openWatched(output);
    expectSameBytes(await readDisk(second), await readDisk(first));
    expect(CONTENTS.length).toBeGreaterThan(0);
  });
});
