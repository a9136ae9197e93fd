// --base together with --content-type, --page-blob-tier and --blob-tags.
import { describe, expect, it } from 'vitest';
import type { UploadEvent } from '../../src/events.ts';
import type { UploadOptions } from '../../src/options.ts';
import { buildChain, type ImageChain } from '../support/image-chain.ts';
import { BASE, patch, uploadFull } from '../support/patched-blob.ts';
import {
  blobUrl,
  CONTAINER,
  requestsOf,
  restartServer,
  server,
  storedBlob,
  useServer,
} from '../support/target-server.ts';
import { expectSameBytes, failureOf } from '../support/vhd-fixtures.ts';

useServer();

const ALL = { contentType: 'application/x-vhd', pageBlobTier: 'P20', blobTags: { project: 'a b' } };

async function baseOf(isPremium: boolean): Promise<ImageChain> {
  await restartServer({ isPremium });
  const chain = await buildChain('vhd');
  await uploadFull(chain.paths[1], BASE);
  server.blob(CONTAINER, BASE).tags = new Map([['of', 'the base']]);
  server.log.length = 0;
  return chain;
}

function expectAll(chain: ImageChain): void {
  const blob = storedBlob();
  expect(blob.headers.get('content-type')).toBe('application/x-vhd');
  expect(blob.tier).toBe('P20');
  expect(Object.fromEntries(blob.tags)).toEqual(ALL.blobTags);
  expect(blob.metadata.get('vhdup_state')).toBe('complete');
  expectSameBytes(blob.read(0, chain.disk.length), chain.disk);
}

describe('a copy of a base', () => {
  it('gets content type, tier and tags, also if a Content-MD5 is set at the end', async () => {
    const chain = await baseOf(true);
    await patch(chain, { destination: blobUrl('rwt'), ...ALL, contentMd5: true });
    expectAll(chain);
    expect(storedBlob().contentMd5).toBeDefined();
    const base = server.blob(CONTAINER, BASE);
    expect(base.headers.get('content-type')).toBe('application/octet-stream');
    expect(Object.fromEntries(base.tags)).toEqual({ of: 'the base' });
  });

  it('has neither the tags of the base nor other options than it', async () => {
    const chain = await baseOf(false);
    await patch(chain);
    expect(storedBlob().tags.size).toBe(0);
    expect(storedBlob().headers.get('content-type')).toBe('application/octet-stream');
    const [request] = requestsOf('CopyBlob');
    expect(request?.headers.has('x-ms-tags') || request?.headers.has('x-ms-access-tier')).toBe(false);
  });

  it.each<[string, (event: UploadEvent) => boolean]>([
    ['while Azure copies', ({ type }) => type === 'copying'],
    ['before the first change is sent', (event) => event.type === 'phase' && event.phase === 'sending'],
  ])('that is stopped %s has them in the end', async (_, wanted) => {
    const chain = await baseOf(true);
    server.copies.pendingLooks = 3;
    const stop = new AbortController();
    const reason = new Error('stopped by the test');
    const warnings: string[] = [];
    const onEvent: UploadOptions['onEvent'] = (event) => {
      if (wanted(event)) stop.abort(reason);
      if (event.type === 'warning') warnings.push(event.code);
    };
    const options = { destination: blobUrl('rwt'), ...ALL, onEvent };
    expect(await failureOf(patch(chain, { ...options, signal: stop.signal }))).toBe(reason);
    await patch(chain, options);
    expectAll(chain);
    expect(warnings).not.toContain('blob-options');
    expect(requestsOf('CopyBlob')).toHaveLength(1);
  });

  it('keeps its tier, with a warning if another one is given when it resumes', async () => {
    const chain = await baseOf(true);
    server.copies.pendingLooks = 3;
    const stop = new AbortController();
    const reason = new Error('stopped by the test');
    const options = { destination: blobUrl('rwt'), ...ALL };
    const onEvent = ({ type }: UploadEvent) => type === 'copying' && stop.abort(reason);
    expect(await failureOf(patch(chain, { ...options, signal: stop.signal, onEvent }))).toBe(reason);
    const { events } = await patchWatched(chain, { ...options, pageBlobTier: 'P30' });
    expect(events).toContainEqual(expect.objectContaining({ code: 'blob-options' }));
    expectAll(chain);
  });

  it('is refused before the copy if the SAS may not set tags', async () => {
    const chain = await baseOf(false);
    const failure = await failureOf(patch(chain, { destination: blobUrl('rw'), blobTags: { a: 'b' } }));
    expect(failure.message).toContain('missing t');
    expect(server.log).toEqual([]);
  });

  it('has no tier in a standard account, and the message says which accounts have tiers', async () => {
    const chain = await baseOf(false);
    const failure = await failureOf(patch(chain, { pageBlobTier: 'P20' }));
    expect(failure.message).toMatch(/BlobAccessTierNotSupportedForAccountType.*Omit --page-blob-tier/);
    expect(requestsOf('PutPage')).toEqual([]);
  });
});

async function patchWatched(chain: ImageChain, more: Partial<UploadOptions>) {
  const events: UploadEvent[] = [];
  await patch(chain, { ...more, onEvent: (event) => void events.push(event) });
  return { events };
}
