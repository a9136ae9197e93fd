import { describe, expect, it } from 'vitest';
import { CredentialError, ServiceError, UsageError } from '../../src/errors.ts';
import { lookAtDestination } from '../../src/manage/look-at-destination.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import { withoutProxies } from '../support/forwarding-proxy.ts';
import { BLOB, blobUrl, CONTAINER, server, storedBlob, useServer } from '../support/target-server.ts';
import { buildVhd, patternOf } from '../support/vhd-builder.ts';
import { failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;
const { signal } = new AbortController();

withoutProxies();
useServer();

const look = (destination: string) => lookAtDestination({ destination, signal });

/** A key sees what no SAS for a container does. */
function byKey(container: string) {
  const { account: accountName, key: accountKey } = server;
  return lookAtDestination({
    destination: `${server.url}/${container}/${BLOB}`,
    credential: { kind: 'account-key', accountName, accountKey },
    signal,
  });
}

async function uploaded(): Promise<void> {
  const image = `${await temporaryFolder()}/disk.vhd`;
  await buildVhd(image, { type: 'dynamic', size: MIB, contents: [{ offset: 0, bytes: patternOf(1, 512) }] });
  await uploadImage({ image, destination: blobUrl() });
}

describe('the destination of an upload', () => {
  it('is free, and whether its container exists is known only to some credentials', async () => {
    expect(await byKey(CONTAINER)).toEqual({
      url: `${server.url}/${CONTAINER}/${BLOB}`,
      is: 'free',
      container: 'exists',
    });
    expect(await byKey('other')).toMatchObject({ is: 'free', container: 'absent' });
    expect(await look(blobUrl())).toMatchObject({ is: 'free', container: 'unknown' });
  });

  it('is a blob, with what its last upload says of it', async () => {
    await uploaded();
    expect(await look(blobUrl())).toEqual({
      url: `${server.url}/${CONTAINER}/${BLOB}`,
      is: 'blob',
      type: 'PageBlob',
      size: MIB + 512,
      state: 'complete',
    });
    for (const [stored, state] of [
      ['failed', 'failed'],
      ['uploading', 'unfinished'],
    ] as const) {
      storedBlob().metadata = new Map([...storedBlob().metadata, ['vhdup_state', stored]]);
      expect(await look(blobUrl())).toMatchObject({ state });
    }
    storedBlob().metadata = new Map([['localmetadata', 'x']]);
    expect(await look(blobUrl())).toMatchObject({ state: 'other', otherUploader: 'Add-AzureVhd or Add-AzVhd' });
  });

  it('is not seen with a SAS that cannot read', async () => {
    expect(await look(blobUrl('w'))).toMatchObject({ is: 'unseen' });
    expect(server.log).toEqual([]);
  });

  it('is refused as an upload would refuse it', async () => {
    expect(await failureOf(look(blobUrl('r')))).toBeInstanceOf(CredentialError);
    expect(await failureOf(look('nonsense'))).toBeInstanceOf(UsageError);
    const { origin } = new URL(server.url);
    const closed = blobUrl().replace(origin, 'http://127.0.0.1:1');
    const failure = lookAtDestination({ destination: closed, signal, giveUpAfterMs: 1, retryDelayMs: 1 });
    expect(await failureOf(failure)).toBeInstanceOf(ServiceError);
  });
});
