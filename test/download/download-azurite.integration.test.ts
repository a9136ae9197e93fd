// A download from Azurite, whose answers this project did not write.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { downloadImage } from '../../src/download/download.ts';
import { abortUnfinished } from '../../src/manage/abort-unfinished.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import { type Azurite, startAzurite } from '../support/azurite.ts';
import { buildImage, spreadDisk } from '../support/spread-disk.ts';
import { serviceClient } from '../support/storage-account.ts';
import { expectSameBytes, failureOf, openWatched, readDisk, temporaryFolder } from '../support/vhd-fixtures.ts';

const CONTAINER = 'vhds';
let azurite: Azurite;

beforeAll(async () => {
  azurite = await startAzurite();
  await azurite.createContainer(CONTAINER);
});

afterAll(() => azurite.close());

describe('Azurite', () => {
  it('gives back the disk that was uploaded, and its MD5', async () => {
    const image = await buildImage(spreadDisk(4));
    const destination = azurite.sasUrl({ container: CONTAINER, blob: 'disk.vhd', permissions: 'rw' });
    const { contentMd5 } = await uploadImage({ image, destination, contentMd5: true });
    const source = azurite.sasUrl({ container: CONTAINER, blob: 'disk.vhd', permissions: 'r' });
    const folder = await temporaryFolder();
    const output = join(folder, 'disk.vhd');
    const result = await downloadImage({ source, output, checksum: 'md5' });
    expect(result.verified).toEqual(expect.arrayContaining(['unchanged', 'content-md5']));
    expect(
      createHash('md5')
        .update(await readFile(output))
        .digest('base64'),
    ).toBe(contentMd5);
    const dynamic = join(folder, 'disk.vhdx');
    await downloadImage({ source, output: dynamic, format: 'vhdx' });
    const { image: first } = await openWatched(image);
    const { image: second } = await openWatched(dynamic);
    expectSameBytes(await readDisk(second), await readDisk(first));
  });

  it('gives back a snapshot, after the blob was overwritten', async () => {
    const image = await buildImage(spreadDisk(3));
    const destination = azurite.sasUrl({ container: CONTAINER, blob: 'kept.vhd', permissions: 'rw' });
    await uploadImage({ image, destination });
    const blob = serviceClient(azurite).getContainerClient(CONTAINER).getPageBlobClient('kept.vhd');
    const { snapshot = '' } = await blob.createSnapshot();
    await blob.clearPages(0, 4 * 1024 * 1024);
    // With a SAS of the blob or the container, Azurite expects a signature of the time of the snapshot too.
    const { account: accountName, key: accountKey } = azurite;
    const credential = { kind: 'account-key', accountName, accountKey } as const;
    const source = `${destination.replace(/\?.*/, '')}?snapshot=${snapshot}`;
    const output = join(await temporaryFolder(), 'kept.vhd');
    await downloadImage({ source, output, credential });
    const { image: first } = await openWatched(image);
    const { image: second } = await openWatched(output);
    expectSameBytes(await readDisk(second), await readDisk(first));
  });

  it('gives back a public blob without a credential', async () => {
    const client = serviceClient(azurite).getContainerClient('public');
    await client.create({ access: 'blob' });
    const image = await buildImage(spreadDisk(2));
    const destination = azurite.sasUrl({ container: 'public', blob: 'disk.vhd', permissions: 'rw' });
    await uploadImage({ image, destination });
    const output = join(await temporaryFolder(), 'disk.vhd');
    const source = destination.replace(/\?.*/, '');
    const { received } = await downloadImage({ source, output, credential: { kind: 'anonymous' } });
    expect(received).toBe(2 * 64 * 1024);
  });

  it('deletes the blob of an upload that is aborted', async () => {
    const image = await buildImage(spreadDisk(6));
    const blob = 'unfinished.vhd';
    const destination = azurite.sasUrl({ container: CONTAINER, blob, permissions: 'rwd' });
    const stop = new AbortController();
    const onEvent = ({ type }: { readonly type: string }) => {
      if (type === 'saved') stop.abort(new Error('stopped by the test'));
    };
    await failureOf(uploadImage({ image, destination, threads: 1, signal: stop.signal, onEvent }));
    expect(await abortUnfinished({ path: image, destination })).toMatchObject({ target: 'delete' });
    expect(await serviceClient(azurite).getContainerClient(CONTAINER).getBlobClient(blob).exists()).toBe(false);
  });
});
