// Uploads onto a base: the result is that of a full upload, and only what the newer images change is sent.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { VerificationError } from '../../src/errors.ts';
import type { UploadEvent } from '../../src/events.ts';
import { planUpload } from '../../src/upload/dry-run.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import { verifyBlob } from '../../src/verify/verify.ts';
import { buildChain, CHAIN_SIZE, CHANGED_BY_CHILD, CHANGED_BY_MIDDLE } from '../support/image-chain.ts';
import { startPageBlobServer } from '../support/page-blob-server/server.ts';
import {
  BASE,
  expectLikeFull,
  patch,
  patchOptions,
  putForeignBase,
  uploadFull,
  urlOf,
} from '../support/patched-blob.ts';
import { BLOB, blobUrl, CONTAINER, requestsOf, server, storedBlob, useServer } from '../support/target-server.ts';
import { failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';

useServer();

const FOOTER = 512;
/** In a run of 1 MiB of the base, of which a sample reads a quarter. The last image does not change it. */
const KEPT_PAGE = (4 << 20) + (512 << 10);
/** Bytes of data in the last image of the chain. */
const DATA = 256 * 1024 + 1024 * 1024 + 128 * 1024 + 256 * 1024 + 8 * 1024;

describe.each(['vhd', 'vhdx'] as const)('A8 PatchFirstLevelDifferencingDisk: a %s onto its parent', (format) => {
  it('equals a full upload, and sends only what the image changes', async () => {
    const chain = await buildChain(format);
    await uploadFull(chain.paths[1], BASE);
    const { result, sentBytes, events } = await patch(chain);
    expect(sentBytes).toBe(CHANGED_BY_CHILD + FOOTER);
    expect(result).toMatchObject({
      ...{ sent: CHANGED_BY_CHILD + FOOTER, sentBefore: 0, verified: 'unverified', alreadyComplete: false },
      ...{ copied: DATA - CHANGED_BY_CHILD, cleared: 320 * 1024 },
    });
    const phases = events.flatMap((event) => (event.type === 'phase' ? [event.phase] : []));
    expect(phases).toEqual(['checking-base', 'copying', 'sending', 'finishing', 'verifying']);
    await expectLikeFull(chain);
  });

  it('onto the blob of its grandparent sends what both images change', async () => {
    const chain = await buildChain(format);
    await uploadFull(chain.paths[0], BASE);
    const { sentBytes } = await patch(chain);
    expect(sentBytes).toBe(CHANGED_BY_CHILD + CHANGED_BY_MIDDLE + FOOTER);
    await expectLikeFull(chain);
  });
});

function warningsOf(events: readonly UploadEvent[]): (readonly [string, string])[] {
  return events.flatMap((event) => (event.type === 'warning' ? [[event.code, event.message] as const] : []));
}

describe('a base', () => {
  it('that another program made may list zero pages, have another footer and a Content-MD5', async () => {
    const chain = await buildChain('vhd');
    await putForeignBase(1, { creatorApplication: 'qemu' });
    const { result, sentBytes } = await patch(chain);
    expect(sentBytes).toBe(CHANGED_BY_CHILD + FOOTER);
    expect(result.cleared).toBe(CHAIN_SIZE - DATA);
    expect(result.verified).toBe('unverified');
    await expectLikeFull(chain);
  });

  it('is compared with its Content-MD5, which the copy does not keep', async () => {
    const chain = await buildChain('vhd');
    await uploadFull(chain.paths[1], BASE, { contentMd5: true });
    await patch(chain);
    expect(storedBlob().contentMd5).toBeUndefined();
    await expectLikeFull(chain);
  });

  it('is proven by its manifest, and the manifest of the patch proves the result', async () => {
    const chain = await buildChain('vhdx');
    const folder = await temporaryFolder();
    const [baseManifest, manifest] = [join(folder, 'base.jsonl'), join(folder, 'child.jsonl')];
    await uploadFull(chain.paths[1], BASE, { manifest: baseManifest, checksum: 'crc64' });
    const { result } = await patch(chain, { baseManifest, manifest, checksum: 'crc64' });
    expect(result.verified).toBe('ranges');
    await expectLikeFull(chain);
    const verified = await verifyBlob({ image: chain.paths[2], destination: blobUrl('r'), manifest });
    expect(verified.matches).toBe(true);
  });

  it.each([
    ['its Content-MD5', { contentMd5: true }, (_: string) => ({})],
    ['its manifest', {}, (baseManifest: string) => ({ baseManifest })],
  ])('that was changed after its upload is found, although %s is that of the upload', async (_, more, options) => {
    const chain = await buildChain('vhd');
    const manifest = join(await temporaryFolder(), 'base.jsonl');
    await uploadFull(chain.paths[1], BASE, { manifest, checksum: 'crc64', ...more });
    const blob = server.blob(CONTAINER, BASE);
    blob.write(KEPT_PAGE, new Uint8Array(FOOTER).fill(7));
    const found: string[] = [];
    for (let attempt = 0; attempt < 8; attempt++) {
      server.touch(blob);
      const failure = await failureOf(patch(chain, { checksum: 'crc64', restart: true, ...options(manifest) }));
      expect(failure).toBeInstanceOf(VerificationError);
      found.push(failure.message.includes('The base ') ? 'sample' : 'read back');
      if (found.at(-1) === 'read back') break;
    }
    expect(found).toContain('read back');
    expect(storedBlob().metadata.get('vhdup_state')).toBe('failed');
  });

  it('whose metadata was changed since its manifest was written is read back, not refused', async () => {
    const chain = await buildChain('vhd');
    const baseManifest = join(await temporaryFolder(), 'base.jsonl');
    await uploadFull(chain.paths[1], BASE, { manifest: baseManifest, checksum: 'crc64' });
    const headers = new Headers({ 'x-ms-version': '2023-08-03', 'x-ms-meta-owner': 'me' });
    for (const [name, value] of server.blob(CONTAINER, BASE).metadata) headers.set(`x-ms-meta-${name}`, value);
    const changed = await fetch(`${urlOf(BASE)}&comp=metadata`, { method: 'PUT', headers });
    expect(changed.ok).toBe(true);
    const { result, events } = await patch(chain, { baseManifest, checksum: 'crc64' });
    expect(result.verified).toBe('unverified');
    expect(warningsOf(events)).toEqual([
      ['base-not-proved', expect.stringMatching(/no longer has the ETag that the manifest .* is read back at the end/)],
    ]);
    await expectLikeFull(chain);
  });

  it('whose manifest records no ETag, as an older version wrote it, is read back', async () => {
    const chain = await buildChain('vhd');
    const baseManifest = join(await temporaryFolder(), 'base.jsonl');
    await uploadFull(chain.paths[1], BASE, { manifest: baseManifest, checksum: 'crc64' });
    const text = await readFile(baseManifest, 'utf8');
    const older = text.replace(/,"etag":"[^}]*"/, '');
    expect(older).not.toBe(text);
    await writeFile(baseManifest, older);
    const { result, events } = await patch(chain, { baseManifest, checksum: 'crc64' });
    expect(result.verified).toBe('unverified');
    expect(warningsOf(events)).toEqual([['base-not-proved', expect.stringContaining('does not record the ETag')]]);
    await expectLikeFull(chain);
  });

  it('that is not proven is compared by its page list and a sample only if --verify ranges asks for that', async () => {
    const chain = await buildChain('vhd');
    await uploadFull(chain.paths[1], BASE);
    const { result, events } = await patch(chain, { verify: 'ranges' });
    expect(result.verified).toBe('ranges');
    expect(warningsOf(events)).toEqual([
      ['base-not-proved', expect.stringContaining('--verify ranges skips the read-back')],
    ]);
    await expectLikeFull(chain);
  });

  it('that may be an upload of several images is read back at the end', async () => {
    const chain = await buildChain('vhdx');
    await uploadFull(chain.paths[1], BASE);
    server.blob(CONTAINER, BASE).metadata = new Map();
    const { result } = await patch(chain);
    expect(result.verified).toBe('unverified');
    await expectLikeFull(chain);
  });

  it('in another account is copied with its own SAS, which appears nowhere', async () => {
    const chain = await buildChain('vhd');
    const other = await startPageBlobServer({ account: 'otheraccount' });
    try {
      other.createContainer(CONTAINER);
      const destination = other.sasUrl({ container: CONTAINER, blob: BASE, permissions: 'rw' });
      await uploadImage({ image: chain.paths[1], destination, threads: 2 });
      server.copiesFrom(other);
      const base = other.sasUrl({ container: CONTAINER, blob: BASE, permissions: 'r' });
      const { events, result } = await patch(chain, { base });
      const signature = new URL(base).searchParams.get('sig') ?? '';
      expect(signature).not.toBe('');
      expect(JSON.stringify([events, result])).not.toContain(signature.slice(0, 12));
      await expectLikeFull(chain);
    } finally {
      await other.close();
    }
  });

  it('can be a snapshot, whatever was written to the blob since', async () => {
    const chain = await buildChain('vhd');
    await uploadFull(chain.paths[1], BASE);
    const blob = server.blob(CONTAINER, BASE);
    const snapshot = blob.addSnapshot(server.now());
    blob.clearPages({ offset: 0, length: CHAIN_SIZE });
    server.touch(blob);
    const { result } = await patch(chain, { base: urlOf(BASE, 'r').replace('?', `?snapshot=${snapshot}&`) });
    expect(result.copied).toBe(DATA - CHANGED_BY_CHILD);
    expect(requestsOf('CopyBlob')[0]?.headers.get('x-ms-copy-source')).toContain(`?snapshot=${snapshot}&`);
    await expectLikeFull(chain);
  });

  it('needs no SAS if the SAS of the container, the account or the key covers it', async () => {
    const chain = await buildChain('vhd');
    await uploadFull(chain.paths[1], BASE);
    const base = server.urlOf(CONTAINER, BASE);
    const ofContainer = new URL(server.sasUrl({ container: CONTAINER, permissions: 'rw' })).search;
    const { account: accountName, key: accountKey } = server;
    const plain = server.urlOf(CONTAINER, BLOB);
    for (const more of [
      { destination: `${plain}${ofContainer}` },
      { destination: `${plain}?${server.accountSas('rw')}` },
      { destination: plain, credential: { kind: 'account-key', accountName, accountKey } as const },
    ]) {
      await patch(chain, { base, overwrite: true, ...more });
      expect(storedBlob().metadata.get('vhdup_state')).toBe('complete');
    }
    expect(requestsOf('CopyBlob').length).toBe(3);
  });

  it('is only read by a dry run, which shows what would be sent', async () => {
    const chain = await buildChain('vhd');
    await uploadFull(chain.paths[1], BASE);
    const from = server.log.length;
    const plan = await planUpload({ image: chain.paths[2], base: urlOf(BASE, 'r') });
    expect(plan).toMatchObject({
      ...{ send: CHANGED_BY_CHILD + FOOTER, copied: DATA - CHANGED_BY_CHILD, cleared: 320 * 1024, requests: 3 },
    });
    const methods = new Set(server.log.slice(from).map(({ method }) => method));
    expect([...methods].sort()).toEqual(['GET', 'HEAD']);
  });

  it('is trusted when asked: what the copy contains is read back at the end', async () => {
    const chain = await buildChain('vhd');
    await putForeignBase(1);
    const { result, events } = await patch(chain, { trustBase: true });
    expect(result.verified).toBe('unverified');
    expect(events.flatMap((event) => (event.type === 'warning' ? [event.code] : []))).toContain('trust-base');
    expect(patchOptions(chain).base).toBeDefined();
    await expectLikeFull(chain);
  });
});
