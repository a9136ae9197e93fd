// --content-type, --page-blob-tier and --blob-tags: applied when the blob is created.
import { describe, expect, it } from 'vitest';
import { CredentialError, DestinationError, UsageError } from '../../src/errors.ts';
import type { UploadOptions } from '../../src/options.ts';
import { checkBlobOptions } from '../../src/upload/blob-options.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import { buildImage, PIECE, SMALL_DISK, spreadDisk } from '../support/spread-disk.ts';
import {
  blobUrl,
  hasCommitted,
  requestsOf,
  restartServer,
  server,
  stopWhen,
  storedBlob,
  useServer,
} from '../support/target-server.ts';
import { failureOf } from '../support/vhd-fixtures.ts';

useServer();

const ALL = { contentType: 'application/x-vhd', pageBlobTier: 'p10', blobTags: { project: 'a b', 'c+d': '' } };

function optionsFor(image: string, more: Partial<UploadOptions> = {}): UploadOptions {
  return { image, destination: blobUrl('rwt'), threads: 1, retryDelayMs: 1, skipChecks: true, ...more };
}

describe('a new blob', () => {
  it('gets content type, tier and tags, and keeps the content type when its MD5 is set', async () => {
    await restartServer({ isPremium: true });
    await uploadImage(optionsFor(await buildImage(SMALL_DISK), { ...ALL, contentMd5: true }));
    const blob = storedBlob();
    expect(blob.headers.get('content-type')).toBe('application/x-vhd');
    expect(blob.contentMd5).toBeDefined();
    expect(blob.tier).toBe('P10');
    expect(Object.fromEntries(blob.tags)).toEqual(ALL.blobTags);
  });

  it('has no tags, no tier and the usual content type without the options', async () => {
    await uploadImage(optionsFor(await buildImage(SMALL_DISK), { destination: blobUrl('rw'), pageBlobTier: 'None' }));
    expect(storedBlob().headers.get('content-type')).toBe('application/octet-stream');
    const [request] = requestsOf('PutBlob');
    expect(request?.headers.has('x-ms-tags') || request?.headers.has('x-ms-access-tier')).toBe(false);
  });

  it('needs t in a SAS for tags', async () => {
    const options = optionsFor(await buildImage(SMALL_DISK), { destination: blobUrl('rw'), blobTags: { a: 'b' } });
    const failure = await failureOf(uploadImage(options));
    expect(failure).toBeInstanceOf(CredentialError);
    expect(failure.message).toContain('missing t (t: tags, for Put Blob with tags (--blob-tags)).');
    expect(server.counters.requests).toBe(0);
  });

  it('has no tier in a standard account: nothing is sent, and the message says which accounts have tiers', async () => {
    const failure = await failureOf(uploadImage(optionsFor(await buildImage(SMALL_DISK), { pageBlobTier: 'P10' })));
    expect(failure).toBeInstanceOf(DestinationError);
    expect(failure.message).toMatch(/BlobAccessTierNotSupportedForAccountType.*Omit --page-blob-tier/);
    expect(requestsOf('PutPage')).toHaveLength(0);
  });
});

describe('a resumed upload', () => {
  const disk = spreadDisk(3);

  async function interrupted(options: Partial<UploadOptions>): Promise<string> {
    const image = await buildImage(disk);
    await stopWhen(
      () => hasCommitted(PIECE),
      (signal) => uploadImage(optionsFor(image, { ...options, signal })),
    );
    return image;
  }

  it('accepts the options that its blob already has', async () => {
    await restartServer({ isPremium: true });
    const image = await interrupted(ALL);
    const warnings: string[] = [];
    const onEvent: UploadOptions['onEvent'] = (event) => event.type === 'warning' && warnings.push(event.code);
    await uploadImage(optionsFor(image, { ...ALL, contentMd5: true, onEvent }));
    expect(warnings).not.toContain('blob-options');
    expect(storedBlob().headers.get('content-type')).toBe('application/x-vhd');
    expect(requestsOf('PutBlob')).toHaveLength(1);
  });

  it('keeps the content type of its blob, with a warning if another one is given', async () => {
    const image = await interrupted({ contentType: 'application/x-vhd' });
    const warnings: string[] = [];
    const onEvent: UploadOptions['onEvent'] = (event) => event.type === 'warning' && warnings.push(event.message);
    await uploadImage(optionsFor(image, { contentType: 'text/plain', contentMd5: true, onEvent }));
    expect(warnings).toContainEqual(
      expect.stringContaining(
        '--content-type text/plain is not applied: the upload resumes, and its blob was created with application/x-vhd.',
      ),
    );
    expect(storedBlob().headers.get('content-type')).toBe('application/x-vhd');
  });
});

describe('checkBlobOptions', () => {
  const options = (more: Partial<UploadOptions>) => ({ image: 'disk.vhd', destination: 'vhds/disk.vhd', ...more });
  const tags = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`tag${index}`, 'x']));

  it.each([
    [{ blobTags: tags(10) }],
    [{ blobTags: { ['n'.repeat(128)]: 'v'.repeat(256), 'a +-./:=_Z9': 'a +-./:=_Z9' } }],
    [{ contentType: 'text/plain; charset=utf-8' }],
    [{ pageBlobTier: 'P80' }],
  ])('accepts %j', (more) => {
    expect(() => checkBlobOptions(options(more))).not.toThrow();
  });

  it.each([
    [{ blobTags: tags(11) }, 'at most 10 tags'],
    [{ blobTags: { '': 'x' } }, '1 to 128 characters'],
    [{ blobTags: { ['n'.repeat(129)]: 'x' } }, '1 to 128 characters'],
    [{ blobTags: { a: 'v'.repeat(257) } }, 'at most 256 characters'],
    [{ blobTags: { 'a&b': 'x' } }, 'character that Azure does not allow'],
    [{ blobTags: { a: 'ü' } }, 'character that Azure does not allow'],
    [{ blobTags: JSON.parse('{"__proto__":"x"}') as Record<string, string> }, 'character that Azure does not allow'],
    [{ contentType: 'vhd' }, 'media type'],
    [{ contentType: 'a/b\r\nx-ms-evil: 1' }, 'media type'],
    [{ contentType: '' }, 'media type'],
    [{ pageBlobTier: 'Hot' }, 'P4, P6, P10'],
    [{ pageBlobTier: 'P11' }, 'P4, P6, P10'],
  ])('refuses %j', (more, message) => {
    expect(() => checkBlobOptions(options(more))).toThrow(UsageError);
    expect(() => checkBlobOptions(options(more))).toThrow(message);
  });

  it('refuses them for a managed disk', async () => {
    const disk = { name: 'web01', location: 'westeurope' };
    for (const [name, value] of Object.entries(ALL)) {
      const failure = await failureOf(uploadImage({ image: 'disk.vhd', disk, [name]: value }));
      expect(failure).toBeInstanceOf(UsageError);
      expect(failure.message).toContain(`A managed disk does not have ${name}`);
    }
  });
});
