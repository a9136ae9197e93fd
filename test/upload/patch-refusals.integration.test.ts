// Bases that an upload refuses before anything is written.
import { existsSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { CredentialError, DestinationError, UsageError, VerificationError } from '../../src/errors.ts';
import type { UploadOptions } from '../../src/options.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import { checkBaseOptions } from '../../src/validate-options.ts';
import { buildChain, CHAIN_SIZE, type ImageChain } from '../support/image-chain.ts';
import { internalError } from '../support/page-blob-server/faults.ts';
import { BASE, patchOptions, putForeignBase, uploadFull, urlOf } from '../support/patched-blob.ts';
import { BLOB, blobUrl, CONTAINER, server, useServer } from '../support/target-server.ts';
import { uniqueIdOf } from '../support/vhd-builder.ts';
import { failureOf } from '../support/vhd-fixtures.ts';

useServer();

let chain: ImageChain;

beforeEach(async () => {
  chain = await buildChain('vhd');
});

/** Checks that the upload is refused, and has written nothing. */
async function refusal(more: Partial<UploadOptions> = {}): Promise<Error> {
  const from = server.log.length;
  const failure = await failureOf(uploadImage(patchOptions(chain, more)));
  expect(server.log.slice(from).filter(({ committed }) => committed)).toEqual([]);
  expect(server.hasBlob(CONTAINER, BLOB)).toBe(false);
  expect(existsSync(`${chain.paths[2]}.vhdup.json`)).toBe(false);
  expect(failure.message).not.toContain('sig=');
  return failure;
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

describe('A9 PatchFirstLevelDifferencingDisk refuses', () => {
  it('a missing base', async () => {
    const failure = await refusal();
    expect(failure).toBeInstanceOf(DestinationError);
    expect(failure.message).toMatch(/base\.vhd as the base: it does not exist\. .*upload without --base/);
  });

  it('a base that is no ancestor, and names both ids', async () => {
    await putForeignBase(1, { uniqueId: uniqueIdOf(9) });
    const failure = await refusal();
    expect(failure).toBeInstanceOf(DestinationError);
    expect(failure.message).toContain(`the unique id ${hex(uniqueIdOf(9))}, which is not an ancestor of`);
    expect(failure.message).toContain(`${hex(uniqueIdOf(2))} (middle.vhd), ${hex(uniqueIdOf(1))} (base.vhd)`);
  });

  it('a base that was uploaded without its free space, which does not hold all bytes of the ancestor', async () => {
    await uploadFull(chain.paths[1], BASE);
    const base = server.blob(CONTAINER, BASE);
    base.metadata = new Map([...base.metadata, ['vhdup_skip_free', `all:${'0'.repeat(64)}`]]);
    const failure = await refusal();
    expect(failure).toBeInstanceOf(DestinationError);
    expect(failure.message).toMatch(/it was uploaded with --skip-free, .*Upload without --base/);
    expect(await refusal({ skipFree: 'all' })).toBeInstanceOf(UsageError);
  });

  it('an upload of the image itself', async () => {
    await putForeignBase(2);
    expect((await refusal()).message).toMatch(/it was made from .*child\.vhd itself .* vhdup verify/);
  });

  it('an upload of the image itself by vhdup, although all images of a VHDX chain have one id', async () => {
    chain = await buildChain('vhdx');
    await uploadFull(chain.paths[2], BASE);
    expect((await refusal()).message).toMatch(/it was made from .*child\.vhdx itself/);
  });

  it('a base whose Content-MD5 is not that of the ancestor', async () => {
    const base = await putForeignBase(1);
    base.headers = new Map([['content-md5', Buffer.alloc(16, 7).toString('base64')]]);
    const failure = await refusal();
    expect(failure).toBeInstanceOf(VerificationError);
    expect(failure.message).toMatch(
      /has the Content-MD5 BwcHBwcHBwcHBwcHBwcHBw==, but the fixed VHD of .*middle\.vhd has/,
    );
  });

  it('a base that lacks pages of the ancestor', async () => {
    const base = await putForeignBase(1);
    base.clearPages({ offset: 0, length: 4096 });
    server.touch(base);
    const failure = await refusal();
    expect(failure).toBeInstanceOf(VerificationError);
    expect(failure.message).toMatch(
      /does not hold the bytes of .*middle\.vhd: missing at 0, 4096 bytes.*without --base/,
    );
  });

  it('a base with other bytes, as a sample shows', async () => {
    const base = await putForeignBase(1);
    base.write(0, new Uint8Array(CHAIN_SIZE).fill(1));
    expect((await refusal()).message).toMatch(/does not hold the bytes of .*: content at \d+, \d+ bytes/);
  });

  it('a manifest of another upload', async () => {
    const manifest = `${chain.paths[1]}.jsonl`;
    await uploadFull(chain.paths[1], 'other.vhd', { manifest, checksum: 'crc64' });
    await uploadFull(chain.paths[1], BASE);
    const failure = await refusal({ baseManifest: manifest });
    expect(failure).toBeInstanceOf(VerificationError);
    expect(failure.message).toMatch(/are from different uploads.*leave out --base-manifest/);
  });

  it('a blob of another size, and names both', async () => {
    server.createPageBlob(CONTAINER, BASE, CHAIN_SIZE);
    expect((await refusal()).message).toContain(
      `it has ${CHAIN_SIZE} bytes, but the fixed VHD of this image has ${CHAIN_SIZE + 512}`,
    );
  });

  it('a blob without a footer', async () => {
    server.createPageBlob(CONTAINER, BASE, CHAIN_SIZE + 512);
    expect((await refusal()).message).toMatch(/its last 512 bytes are not the footer of a fixed VHD/);
  });

  it('a block blob', async () => {
    const headers = { 'x-ms-version': '2023-08-03', 'x-ms-blob-type': 'BlockBlob' };
    await fetch(urlOf(BASE, 'cw'), { method: 'PUT', headers, body: 'a block' });
    expect((await refusal()).message).toMatch(/it is a BlockBlob, not a page blob/);
  });

  it.each([
    ['uploading', /its own upload is not finished/],
    ['failed', /the verification at the end of its own upload failed/],
  ])('a base that is %s', async (state, message) => {
    const base = await putForeignBase(1);
    base.metadata = new Map([
      ['vhdup_upload_id', 'a'],
      ['vhdup_state', state],
    ]);
    expect((await refusal()).message).toMatch(message);
  });

  it('a base onto which a copy is pending', async () => {
    const source = await putForeignBase(1);
    server.createPageBlob(CONTAINER, 'other.vhd', source.size);
    server.copies.pendingLooks = 1000;
    const headers = { 'x-ms-version': '2023-08-03', 'x-ms-copy-source': urlOf('other.vhd', 'r') };
    await fetch(urlOf(BASE), { method: 'PUT', headers });
    expect((await refusal()).message).toMatch(/a copy to it is pending/);
  });

  it('a base whose SAS expires before the copy, and asks for no other SAS of the destination', async () => {
    await putForeignBase(1);
    const base = urlOf(BASE, 'r');
    const rule = server.faults.add({ operation: 'CopyBlob', times: 1 }, internalError());
    const expiring = server.when(() => rule.hits > 0).then(() => server.expireSas(base));
    const renewSas = () => Promise.reject(new Error('not needed'));
    const failure = await refusal({ base, renewSas, retryDelayMs: 300, maxRetryDelayMs: 300 });
    await expiring;
    expect(failure).toBeInstanceOf(CredentialError);
    expect(failure.message).toMatch(/CannotVerifyCopySource.*a SAS with the permission r/);
  });

  it('the destination itself as the base', async () => {
    const failure = await refusal({ base: blobUrl('r') });
    expect(failure).toBeInstanceOf(UsageError);
    expect(failure.message).toMatch(/are the same blob/);
  });

  it('a base without a SAS that the SAS of the destination does not cover', async () => {
    for (const base of [server.urlOf(CONTAINER, BASE), 'https://other.blob.core.windows.net/vhds/base.vhd']) {
      const failure = await refusal({ base });
      expect(failure).toBeInstanceOf(CredentialError);
      expect(failure.message).toMatch(/needs a SAS of its own, because .*SAS with the permission r/);
      expect(failure.message).toMatch(
        /--base ".*\?SAS".* vhdup sas .* --for marketplace .* az storage blob generate-sas/,
      );
    }
  });

  it('an image without ancestors', async () => {
    const failure = await failureOf(uploadImage(patchOptions(chain, { image: chain.paths[0] })));
    expect(failure).toBeInstanceOf(UsageError);
    expect(failure.message).toMatch(/is not a differencing image/);
  });

  it('a destination that exists, before the base is read', async () => {
    server.createPageBlob(CONTAINER, BLOB, 512);
    const failure = await failureOf(uploadImage(patchOptions(chain)));
    expect(failure.message).toMatch(/already exists\. Give --overwrite/);
    expect(server.log.filter(({ blob }) => blob === BASE)).toEqual([]);
  });

  it.each([
    [{ trustBase: true }, /trustBase .* needs base/],
    [{ baseManifest: 'x' }, /baseManifest .* needs base/],
    [{ base: 'x', baseManifest: 'x', trustBase: true }, /only one of them/],
    [{ base: 'x', resumeFromBlob: true }, /resumes only with its checkpoint.*--restart --overwrite/],
    [{ base: 'x', disk: { name: 'x' } }, /A managed disk cannot start as a copy/],
  ])('the options %j', (options, message) => {
    expect(() => checkBaseOptions({ image: 'x', ...options })).toThrow(message);
  });
});
