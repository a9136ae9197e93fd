// An upload onto a base against Azurite, whose Copy Blob and sequence numbers are not those of the test server.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { uploadImage } from '../../src/upload/upload.ts';
import { verifyBlob } from '../../src/verify/verify.ts';
import { type Azurite, startAzurite } from '../support/azurite.ts';
import { buildChain, CHAIN_SIZE, CHANGED_BY_CHILD } from '../support/image-chain.ts';
import { serviceClient } from '../support/storage-account.ts';
import { expectSameBytes } from '../support/vhd-fixtures.ts';

const CONTAINER = 'vhds';
let azurite: Azurite;

beforeAll(async () => {
  azurite = await startAzurite();
  await azurite.createContainer(CONTAINER);
});

afterAll(() => azurite.close());

it('ends with the bytes and the page list of a full upload', async () => {
  const chain = await buildChain('vhd');
  const url = (blob: string) => azurite.sasUrl({ container: CONTAINER, blob, permissions: 'rw' });
  await uploadImage({ image: chain.paths[1], destination: url('base.vhd'), contentMd5: true });
  const destination = url('child.vhd');
  const result = await uploadImage({ image: chain.paths[2], destination, base: url('base.vhd') });
  expect(result).toMatchObject({ sent: CHANGED_BY_CHILD + 512, cleared: 320 * 1024, verified: 'unverified' });
  const body = Buffer.from(await (await fetch(destination)).arrayBuffer());
  expectSameBytes(body.subarray(0, CHAIN_SIZE), chain.disk);
  const verified = await verifyBlob({ image: chain.paths[2], destination, full: true });
  expect(verified.matches).toBe(true);
  const head = await fetch(destination, { method: 'HEAD' });
  expect(head.headers.get('content-md5')).toBeNull();
});

it('can start as a copy of a snapshot, with a content type and tags of its own', async () => {
  const chain = await buildChain('vhd');
  const url = (blob: string) => azurite.sasUrl({ container: CONTAINER, blob, permissions: 'rwt' });
  await uploadImage({ image: chain.paths[1], destination: url('kept.vhd') });
  const client = serviceClient(azurite).getContainerClient(CONTAINER);
  const kept = client.getPageBlobClient('kept.vhd');
  const { snapshot = '' } = await kept.createSnapshot();
  await kept.clearPages(0, CHAIN_SIZE);
  const destination = url('patched.vhd');
  const plain = (address: string) => address.replace(/\?.*/, '');
  const base = `${plain(url('kept.vhd'))}?snapshot=${snapshot}`;
  const { account: accountName, key: accountKey } = azurite;
  const options = {
    ...{ contentType: 'application/x-vhd', blobTags: { a: 'b' } },
    // With a SAS of the blob or the container, Azurite expects a signature of the time of the snapshot too.
    credential: { kind: 'account-key', accountName, accountKey } as const,
  };
  const result = await uploadImage({ image: chain.paths[2], destination: plain(destination), base, ...options });
  expect(result).toMatchObject({ sent: CHANGED_BY_CHILD + 512, verified: 'unverified' });
  const body = Buffer.from(await (await fetch(destination)).arrayBuffer());
  expectSameBytes(body.subarray(0, CHAIN_SIZE), chain.disk);
  const patched = client.getPageBlobClient('patched.vhd');
  expect((await patched.getProperties()).contentType).toBe('application/x-vhd');
  expect((await patched.getTags()).tags).toEqual({ a: 'b' });
});
