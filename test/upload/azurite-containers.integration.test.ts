// Containers, blob options and the SAS for the Marketplace with Azurite, an independent server.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { marketplaceSas } from '../../src/azure/auth/marketplace-sas.ts';
import { parseDestination } from '../../src/azure/destination.ts';
import { checkImage } from '../../src/check/check-image.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import { type Azurite, startAzurite } from '../support/azurite.ts';
import { rawRequest } from '../support/raw-request.ts';
import { buildImage, SMALL_DISK } from '../support/spread-disk.ts';
import { serviceClient } from '../support/storage-account.ts';

const DAY_MS = 86_400_000;

let azurite: Azurite;

beforeAll(async () => {
  azurite = await startAzurite();
});

afterAll(() => azurite?.close());

function keyCredential() {
  return { kind: 'account-key', accountName: azurite.account, accountKey: azurite.key } as const;
}

describe('with Azurite', () => {
  it('a public container, tags and content type arrive, and the check sees that everyone can read the blob', async () => {
    const image = await buildImage(SMALL_DISK);
    const destination = azurite.urlOf('public', 'disk.vhd');
    const credential = keyCredential();
    const own = { contentType: 'application/x-vhd', blobTags: { 'a b': 'c+d' }, contentMd5: true, skipChecks: true };
    await uploadImage({ image, destination, credential, createContainer: true, publicAccess: 'blob', ...own });
    const blob = serviceClient(azurite).getContainerClient('public').getBlobClient('disk.vhd');
    expect((await blob.getProperties()).contentType).toBe('application/x-vhd');
    expect((await blob.getTags()).tags).toEqual({ 'a b': 'c+d' });
    const report = await checkImage({ image, purpose: 'marketplace', target: { destination, credential } });
    const target = report.findings.filter(({ group }) => group === 'target');
    expect(target.map(({ id, result }) => [id, result])).toEqual(target.map(({ id }) => [id, 'pass']));
  });

  it('a private container is readable with the SAS for the Marketplace, and not without', async () => {
    const image = await buildImage(SMALL_DISK);
    const destination = azurite.urlOf('private', 'disk.vhd');
    const credential = keyCredential();
    await uploadImage({ image, destination, credential, createContainer: true, skipChecks: true });
    const { url } = marketplaceSas(parseDestination(destination).address, credential, 30 * DAY_MS);
    const read = await rawRequest(url, { method: 'GET' });
    expect(read.status).toBe(200);
    expect(read.body.subarray(-512).toString('latin1', 0, 8)).toBe('conectix');
    const report = await checkImage({ image, purpose: 'marketplace', target: { destination, credential } });
    expect(report.findings.find(({ id }) => id === 'target-access')).toMatchObject({
      result: 'warn',
      found: 'private (no public access)',
    });
  });
});
