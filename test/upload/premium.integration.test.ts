// B4: what AzCopy tests as "Scenario_SetPageBlobTier" on premium accounts, here against the strict server in the way of a premium
// account for page blobs. A real premium account was never used.
import { describe, expect, it } from 'vitest';
import { DestinationError } from '../../src/errors.ts';
import type { UploadOptions } from '../../src/options.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import { rawRequest } from '../support/raw-request.ts';
import { buildImage, expectBlobIs, SMALL_DISK } from '../support/spread-disk.ts';
import {
  blobUrl,
  CONTAINER,
  requestsOf,
  restartServer,
  server,
  storedBlob,
  useServer,
} from '../support/target-server.ts';
import { failureOf } from '../support/vhd-fixtures.ts';

useServer();

const GIB = 1024 ** 3;

async function upload(more: Partial<UploadOptions> = {}, disk = SMALL_DISK): Promise<void> {
  const image = await buildImage(disk);
  await uploadImage({ image, destination: blobUrl(), threads: 1, retryDelayMs: 1, skipChecks: true, ...more });
}

async function tierOf(): Promise<readonly [string | undefined, string | undefined]> {
  const { headers } = await rawRequest(blobUrl('r'), { method: 'HEAD' });
  return [headers.get('x-ms-access-tier'), headers.get('x-ms-access-tier-inferred')];
}

describe('B4: SetPageBlobTier on a premium account', () => {
  it.each(['P4', 'P6', 'P10', 'P15', 'P20', 'P30', 'P40', 'P50'])('creates the blob with the tier %s', async (tier) => {
    await restartServer({ isPremium: true });
    await upload({ pageBlobTier: tier });
    expect(await tierOf()).toEqual([tier, undefined]);
    expectBlobIs(SMALL_DISK, storedBlob());
  });

  it('leaves the tier to the service by default', async () => {
    await restartServer({ isPremium: true });
    await upload();
    expect(requestsOf('PutBlob')[0]?.headers.has('x-ms-access-tier')).toBe(false);
    expect(await tierOf()).toEqual(['P10', 'true']);
  });

  it('refuses a tier that is too small for the disk before anything is sent, and says what to do', async () => {
    await restartServer({ isPremium: true });
    const failure = await failureOf(upload({ pageBlobTier: 'P4' }, { ...SMALL_DISK, size: 33 * GIB }));
    expect(failure).toBeInstanceOf(DestinationError);
    expect(failure.message).toMatch(/BlobTierInadequateForContentLength.*Give a larger --page-blob-tier/);
    expect(requestsOf('PutPage')).toEqual([]);
    expect(server.hasBlob(CONTAINER, 'disk.vhd')).toBe(false);
  });

  it('replaces a blob that has snapshots, and keeps them', async () => {
    await restartServer({ isPremium: true });
    await upload();
    storedBlob().addSnapshot(server.now());
    await upload({ overwrite: true, pageBlobTier: 'P20' });
    expect(storedBlob().snapshots.size).toBe(1);
    expect(await tierOf()).toEqual(['P20', undefined]);
  });
});

describe('the strict server as a premium account', () => {
  it('takes one snapshot in ten minutes', async () => {
    await restartServer({ isPremium: true });
    await upload();
    const snapshot = () => rawRequest(blobUrl('rw').replace('?', '?comp=snapshot&'), { method: 'PUT' });
    expect((await snapshot()).status).toBe(201);
    expect((await snapshot()).errorCode).toBe('SnapshotOperationRateExceeded');
  });
});
