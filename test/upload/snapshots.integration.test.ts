// Blobs with snapshots in Azurite, which keeps them when the blob is replaced, as standard accounts do.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { uploadImage } from '../../src/upload/upload.ts';
import { type Azurite, startAzurite } from '../support/azurite.ts';
import { buildImage, SMALL_DISK } from '../support/spread-disk.ts';
import { serviceClient } from '../support/storage-account.ts';

let azurite: Azurite;

beforeAll(async () => {
  azurite = await startAzurite();
  await azurite.createContainer('vhds');
});

afterAll(() => azurite?.close());

async function snapshotsOf(blob: string): Promise<number> {
  const items = serviceClient(azurite)
    .getContainerClient('vhds')
    .listBlobsFlat({ prefix: blob, includeSnapshots: true });
  let count = 0;
  for await (const { snapshot = '' } of items) count += snapshot === '' ? 0 : 1;
  return count;
}

it.each([true, false])(
  '--delete-snapshots deletes them before the blob is replaced, and needs none (any: %s)',
  async (hasAny) => {
    const blob = `disk-${hasAny}.vhd`;
    const image = await buildImage(SMALL_DISK);
    const destination = azurite.sasUrl({ container: 'vhds', blob, permissions: 'rwd' });
    await uploadImage({ image, destination });
    const client = serviceClient(azurite).getContainerClient('vhds').getPageBlobClient(blob);
    if (hasAny) await client.createSnapshot();
    await uploadImage({ image, destination, overwrite: true });
    expect(await snapshotsOf(blob)).toBe(hasAny ? 1 : 0);
    await uploadImage({ image, destination, overwrite: true, deleteSnapshots: true });
    expect(await snapshotsOf(blob)).toBe(0);
    expect(await client.exists()).toBe(true);
  },
);
