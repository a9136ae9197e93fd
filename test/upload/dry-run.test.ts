import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CredentialError, ImageAccessError, UsageError } from '../../src/errors.ts';
import type { UploadEvent } from '../../src/events.ts';
import type { UploadOptions } from '../../src/options.ts';
import { planUpload } from '../../src/upload/dry-run.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import { buildVhd, patternOf } from '../support/vhd-builder.ts';
import { failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;
const BLOB_URL = 'https://account.blob.core.windows.net/vhds/a.vhd';

async function makeImage(type: 'fixed' | 'dynamic', size: number, dataAt: readonly number[]): Promise<string> {
  const path = join(await temporaryFolder(), 'disk.vhd');
  const contents = dataAt.map((offset, index) => ({ offset, bytes: patternOf(index, 4096) }));
  await buildVhd(path, { type, size, contents });
  return path;
}

describe('planUpload', () => {
  it('reports what would be read, sent and skipped, and why', async () => {
    // Blocks of 2 MiB: three of them are allocated, two of these in one window.
    const image = await makeImage('dynamic', 20 * MIB + 512, [0, 2 * MIB, 12 * MIB + 4096]);
    expect(await planUpload({ image })).toMatchObject({
      format: 'vhd-dynamic',
      diskSize: 20 * MIB + 512,
      blobSize: 21 * MIB + 512,
      allocated: 6 * MIB,
      send: 3 * 4096 + 512,
      requests: 4,
      skip: { unallocated: 14 * MIB + 512, zeros: 6 * MIB - 3 * 4096, padding: MIB - 512 },
    });
  });

  it('counts every byte of the blob exactly once', async () => {
    for (const type of ['fixed', 'dynamic'] as const) {
      const image = await makeImage(type, 9 * MIB + 1536, [0, 3 * MIB, 8 * MIB]);
      const { send, skip, blobSize } = await planUpload({ image });
      expect(send + skip.unallocated + skip.zeros + skip.padding).toBe(blobSize);
    }
  });

  it('would send nothing but the footer of a disk that is all zero', async () => {
    const plan = await planUpload({ image: await makeImage('dynamic', 64 * MIB, []) });
    expect(plan).toMatchObject({ allocated: 0, send: 512, requests: 1 });
  });

  it('reports the same with any number of threads, and writes nothing', async () => {
    const image = await makeImage('fixed', 30 * MIB, [0, 9 * MIB, 29 * MIB]);
    const plans = [];
    for (const threads of [1, 4, 64]) {
      const { durationMs: _, ...plan } = await planUpload({ image, threads });
      plans.push(plan);
    }
    expect(plans[1]).toEqual(plans[0]);
    expect(plans[2]).toEqual(plans[0]);
    expect(await readdir(dirname(image))).toEqual(['disk.vhd']);
  });

  it.each<readonly [Partial<UploadOptions>, typeof UsageError | typeof CredentialError]>([
    [{ destination: 'ftp://account/vhds/a.vhd' }, UsageError],
    [{ destination: 'westeurope' }, UsageError],
    [{ destination: 'https://account.blob.core.windows.net/C/a.vhd' }, UsageError],
    [{ destination: 'https://account.file.core.windows.net/vhds/a.vhd' }, UsageError],
    [{ destination: `${BLOB_URL}?sv=2024-11-04&sp=rw&se=2020-01-01T00:00:00Z&sr=b&sig=AAAA` }, CredentialError],
    [{ destination: `${BLOB_URL}?sv=2024-11-04&sp=r&se=2999-01-01T00:00:00Z&sr=b&sig=AAAA` }, CredentialError],
    [{ destination: BLOB_URL, contentType: 'nonsense' }, UsageError],
    [{ destination: BLOB_URL, pageBlobTier: 'P5' }, UsageError],
    [{ destination: BLOB_URL, metadata: { 'not a name': 'x' } }, UsageError],
    [{ contentType: 'nonsense' }, UsageError],
  ])('refuses %j as the upload does', async (options, kind) => {
    const image = await makeImage('fixed', 21 * MIB, [0]);
    const failure = await failureOf(planUpload({ image, ...options }));
    expect(failure).toBeInstanceOf(kind);
    if (options.destination !== undefined) {
      expect(failure.message).toBe((await failureOf(uploadImage({ image, ...options }))).message);
    }
    expect(await readdir(dirname(image))).toEqual(['disk.vhd']);
  });

  it('reports what the upload would warn of', async () => {
    const events: UploadEvent[] = [];
    const image = await makeImage('fixed', MIB, [0]);
    await planUpload({ image, destination: BLOB_URL, onEvent: (event) => void events.push(event) });
    expect(events).toContainEqual(expect.objectContaining({ code: 'check-size-minimum' }));
  });

  it('throws the reason of the signal unchanged', async () => {
    const image = await makeImage('fixed', 30 * MIB, [0]);
    const reason = new Error('enough');
    expect(await failureOf(planUpload({ image, signal: AbortSignal.abort(reason) }))).toBe(reason);
  });

  it('refuses a missing image and an invalid number of threads', async () => {
    expect(await failureOf(planUpload({ image: '/absent/disk.vhd' }))).toBeInstanceOf(ImageAccessError);
    const image = await makeImage('fixed', MIB, []);
    expect(await failureOf(planUpload({ image, threads: 0 }))).toBeInstanceOf(UsageError);
  });
});
