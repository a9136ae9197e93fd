// --skip-free through every command: what is sent, remembered, resumed and compared.
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { convertImage } from '../../src/convert/convert.ts';
import { downloadImage } from '../../src/download/download.ts';
import { CheckpointError, DestinationError, UsageError, VerificationError } from '../../src/errors.ts';
import type { UploadEvent } from '../../src/events.ts';
import { openDiskImage } from '../../src/image/open-disk-image.ts';
import type { UploadOptions } from '../../src/options.ts';
import { decodeCheckpoint, encodeCheckpoint } from '../../src/state/checkpoint.ts';
import { planUpload } from '../../src/upload/dry-run.ts';
import { SkippableSpace } from '../../src/upload/skippable.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import { verifyBlob } from '../../src/verify/verify.ts';
import { captureOutput } from '../support/captured-output.ts';
import { freeSpaceOfFile } from '../support/free-space.ts';
import { NO_DISK_TOOLS } from '../support/guest-disk.ts';
import { type JunkDisk, junkDisk } from '../support/junk-disk.ts';
import { blobUrl, hasCommitted, stopWhen, storedBlob, useServer } from '../support/target-server.ts';
import { failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;
const FAST = { threads: 2, retryDelayMs: 1, maxRetryDelayMs: 5, skipChecks: true, format: 'raw' } as const;

useServer();

describe.skipIf(NO_DISK_TOOLS !== undefined)(`without free space ${NO_DISK_TOOLS ?? ''}`, () => {
  let disk: JunkDisk;
  let home: string;
  let folder: string;
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'vhdup-skip-free-'));
    disk = await junkDisk(join(home, 'disk.img'));
  });
  afterAll(async () => await rm(home, { recursive: true, force: true }));
  beforeEach(async () => {
    folder = await temporaryFolder();
  });

  function options(more: Partial<UploadOptions> = {}): UploadOptions {
    return { image: disk.path, destination: blobUrl(), checkpoint: join(folder, 'checkpoint'), ...FAST, ...more };
  }

  function verify(more: object = {}) {
    const { image, threads, format } = { image: disk.path, ...FAST };
    return verifyBlob({ image, threads, format, destination: blobUrl(), checkpoint: join(folder, 'verify'), ...more });
  }

  function blobDisk(): Buffer {
    return Buffer.from(storedBlob().read(0, storedBlob().size - 512));
  }

  it('an upload sends what is in use, and records what it left out', async () => {
    const events: UploadEvent[] = [];
    const result = await uploadImage(options({ skipFree: 'all', onEvent: (event) => events.push(event) }));
    expect(blobDisk().subarray(0, disk.clean.length).equals(disk.clean)).toBe(true);
    expect(storedBlob().metadata.get('vhdup_skip_free')).toBe(`all:${disk.free.digest()}`);
    const { freeSpace } = result;
    expect(freeSpace).toMatchObject({
      mode: 'all',
      digest: disk.free.digest(),
      bytes: disk.free.bytes,
      leftOut: disk.free.bytes,
    });
    expect(freeSpace?.volumes).toMatchObject([{ name: 'partition 1', type: 'ext4', pageFiles: 0 }]);
    expect(events.filter(({ type }) => type === 'free-space')).toHaveLength(1);
    expect(result.sent).toBeLessThan(8 * MIB);
    expect(result.skippable).toBeUndefined();
  });

  it('an upload with it is compared as it was sent, without being told', async () => {
    await uploadImage(options({ skipFree: 'all' }));
    for (const full of [false, true]) {
      const result = await verify({ full });
      expect(result).toMatchObject({ matches: true, freeSpace: { digest: disk.free.digest() } });
    }
    expect((await verify({ skipFree: 'all' })).matches).toBe(true);
    const wrong = await failureOf(verify({ skipFree: 'free' }));
    expect(wrong).toBeInstanceOf(UsageError);
    expect(wrong.message).toContain('was uploaded with --skip-free, not with --skip-free=free');
    storedBlob().metadata = new Map([...storedBlob().metadata, ['vhdup_skip_free', `all:${'0'.repeat(64)}`]]);
    const other = await failureOf(verify());
    expect(other).toBeInstanceOf(VerificationError);
    expect(other.message).toContain(disk.free.digest());
  });

  it('an upload without it is not compared with it', async () => {
    await uploadImage(options());
    expect((await failureOf(verify({ skipFree: 'all' }))).message).toContain('was uploaded with no --skip-free');
    expect((await verify({ full: true })).freeSpace).toBeUndefined();
  });

  it('a verification finds a change in the free space that was left out', async () => {
    await uploadImage(options({ skipFree: 'all' }));
    const [first] = disk.free.ranges();
    storedBlob().write(first?.offset ?? 0, Buffer.alloc(512, 1));
    storedBlob().markWritten({ offset: first?.offset ?? 0, length: 512 });
    expect((await verify({ full: true })).differences).toMatchObject({ count: 1, bytes: 512 });
  });

  it('an upload resumes only with the same option', async () => {
    const begin = options({ skipFree: 'all', maxRate: 3 * MIB });
    await stopWhen(
      () => hasCommitted(1),
      (signal) => uploadImage({ ...begin, signal }),
    );
    const without = await failureOf(uploadImage(options()));
    expect(without).toBeInstanceOf(CheckpointError);
    expect(without.message).toMatch(
      /started with --skip-free, but this run has no --skip-free.*Give --skip-free to resume it/,
    );
    const other = await failureOf(uploadImage(options({ skipFree: 'free' })));
    expect(other.message).toContain('started with --skip-free, but this run has --skip-free=free');
    const checkpoint = join(folder, 'checkpoint');
    const stored = await readFile(checkpoint, 'utf8');
    const decoded = decodeCheckpoint(stored, checkpoint);
    expect(decoded.skipFree).toEqual({ mode: 'all', digest: disk.free.digest() });
    await writeFile(checkpoint, encodeCheckpoint({ ...decoded, skipFree: { mode: 'all', digest: '1'.repeat(64) } }));
    const changed = await failureOf(uploadImage(options({ skipFree: 'all' })));
    expect(changed).toBeInstanceOf(CheckpointError);
    expect(changed.message).toMatch(/is unchanged, but this version of vhdup finds other free space/);
    await writeFile(checkpoint, stored);
    await uploadImage(options({ skipFree: 'all' }));
    expect(blobDisk().subarray(0, disk.clean.length).equals(disk.clean)).toBe(true);
    expect((await verify({ full: true })).matches).toBe(true);
  });

  it('an upload that started without it does not resume with it, but starts over', async () => {
    await stopWhen(
      () => hasCommitted(1),
      (signal) => uploadImage({ ...options({ maxRate: 3 * MIB }), signal }),
    );
    const failure = await failureOf(uploadImage(options({ skipFree: 'all' })));
    expect(failure.message).toMatch(/started with no --skip-free, but this run has --skip-free.*Leave that option out/);
    await uploadImage(options({ skipFree: 'all', restart: true, overwrite: true }));
    expect(blobDisk().subarray(0, disk.clean.length).equals(disk.clean)).toBe(true);
  });

  it('an upload resumes from the blob only with the same option', async () => {
    await stopWhen(
      () => hasCommitted(1),
      (signal) => uploadImage({ ...options({ skipFree: 'all', maxRate: 3 * MIB }), signal }),
    );
    const lost = { checkpoint: join(folder, 'new'), resumeFromBlob: true, breakLease: true };
    const without = await failureOf(uploadImage(options(lost)));
    expect(without).toBeInstanceOf(DestinationError);
    expect(without.message).toContain(
      'its upload started with --skip-free. Run the same command with --skip-free to resume it',
    );
    await uploadImage(options({ ...lost, skipFree: 'all' }));
    expect(blobDisk().subarray(0, disk.clean.length).equals(disk.clean)).toBe(true);
    expect((await verify({ full: true })).matches).toBe(true);
  });

  it('an upload with a manifest and an MD5 proves what was sent', async () => {
    const manifest = join(folder, 'manifest');
    const result = await uploadImage(options({ skipFree: 'all', manifest, contentMd5: true, verify: 'full' }));
    const whole = Buffer.from(storedBlob().read(0, storedBlob().size));
    expect(result.contentMd5).toBe(createHash('md5').update(whole).digest('base64'));
    const [header = ''] = (await readFile(manifest, 'utf8')).split('\n');
    expect(JSON.parse(header)).toMatchObject({ skipFree: { mode: 'all', digest: disk.free.digest() } });
    expect((await verify({ full: true, manifest })).matches).toBe(true);
    const output = join(folder, 'back.vhd');
    const { verified } = await downloadImage({ source: blobUrl(), output, manifest });
    expect(verified).toEqual(expect.arrayContaining(['manifest', 'content-md5']));
    expect((await readFile(output)).equals(whole)).toBe(true);
  });

  it('an upload and a dry run without it say what it would save', async () => {
    const plain = await planUpload({ image: disk.path, ...FAST });
    const bytes = plain.skippable?.bytes ?? 0;
    expect(plain.skippable?.volumes).toBe(1);
    // Zeros are not sent anyway; everything else in the free space is old data.
    expect(bytes).toBe(disk.free.bytes);
    const plan = await planUpload({ image: disk.path, skipFree: 'all', ...FAST });
    expect(plan).toMatchObject({ skip: { free: disk.free.bytes }, freeSpace: { digest: disk.free.digest() } });
    expect(plan.skippable).toBeUndefined();
    expect(plan.send).toBeLessThan(plain.send - bytes / 2);
    const written = captureOutput();
    await main(['upload', '--dry-run', '--format=raw', disk.path], {});
    expect(written.out).toMatch(/--skip-free would leave out [\d.]+ MiB of this: free space in 1 volume\./);
  });

  it('what it would save is counted only if its metadata is within the limit', async () => {
    const image = await openDiskImage(disk.path, { format: 'raw' });
    const bytesWithin = async (...limit: readonly number[]) => {
      const space = new SkippableSpace(image, [], new AbortController().signal, ...limit);
      await space.ready();
      space.runSent({ offset: 0, length: image.size });
      await space.close();
      return space.found?.bytes;
    };
    expect(await bytesWithin()).toBe(disk.free.bytes);
    expect(await bytesWithin(Number.POSITIVE_INFINITY)).toBe(disk.free.bytes);
    expect(await bytesWithin(128 * 1024)).toBeUndefined();
    await image.close();
  });

  it('the option works without a value in front of an argument', async () => {
    const written = captureOutput();
    expect(await main(['upload', '--dry-run', '--format=raw', '--skip-free', disk.path], {})).toBe(0);
    expect(written.out).toMatch(/would skip, free space +[\d.]+ MiB/);
    expect(written.out).toMatch(/partition 1: [\d.]+ MiB free/);
    expect(await main(['upload', '--dry-run', '--skip-free=some', disk.path], {})).toBe(2);
  });

  it('a conversion writes the disk without it', async () => {
    const output = join(folder, 'out.raw');
    const { format: _, ...rest } = FAST;
    const result = await convertImage({
      image: disk.path,
      imageFormat: 'raw',
      output,
      format: 'raw',
      skipFree: 'all',
      threads: rest.threads,
    });
    expect((await readFile(output)).equals(disk.clean)).toBe(true);
    expect(result.freeSpace?.bytes).toBe(disk.free.bytes);
    expect((await freeSpaceOfFile(output)).map.digest()).toBe(disk.free.digest());
  });

  it('a download receives only what is in use', async () => {
    await uploadImage(options());
    const output = join(folder, 'back.raw');
    const plain = await downloadImage({ source: blobUrl(), output: join(folder, 'plain.raw'), format: 'raw' });
    expect(
      (await readFile(join(folder, 'plain.raw'))).subarray(0, disk.clean.length).equals(await readFile(disk.path)),
    ).toBe(true);
    const result = await downloadImage({ source: blobUrl(), output, format: 'raw', skipFree: 'all' });
    expect((await readFile(output)).subarray(0, disk.clean.length).equals(disk.clean)).toBe(true);
    expect(result.freeSpace?.bytes).toBe(disk.free.bytes);
    expect(result.received).toBeLessThan(plain.received - disk.free.bytes / 2);
    const both = downloadImage({ source: blobUrl(), output, manifest: 'x', skipFree: 'all' });
    expect(await failureOf(both)).toBeInstanceOf(UsageError);
  });

  it('a download resumes only with the same option', async () => {
    await uploadImage(options());
    const output = join(folder, 'back.raw');
    const download = { source: blobUrl(), output, format: 'raw', checkpoint: join(folder, 'download') } as const;
    const stop = new AbortController();
    const stopping = downloadImage({
      ...download,
      ...{ skipFree: 'all', maxRate: 2 * MIB, threads: 1, signal: stop.signal },
      onEvent: (event) => event.type === 'saved' && stop.abort(new Error('stopped')),
    });
    expect((await failureOf(stopping)).message).toBe('stopped');
    const failure = await failureOf(downloadImage(download));
    expect(failure).toBeInstanceOf(CheckpointError);
    expect(failure.message).toContain('it was started with --skip-free');
    await downloadImage({ ...download, skipFree: 'all' });
    expect((await readFile(output)).subarray(0, disk.clean.length).equals(disk.clean)).toBe(true);
  });
});
