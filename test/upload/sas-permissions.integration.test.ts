// Every combination of the permissions r, w, c, d and l in a SAS, against a server that checks each letter as the service does.

import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CredentialError, DestinationError } from '../../src/errors.ts';
import type { UploadOptions } from '../../src/options.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import { serverBusy } from '../support/page-blob-server/faults.ts';
import { accountSasWith, sasWith } from '../support/sas-samples.ts';
import { buildImage, expectBlobIs, PIECE, SMALL_DISK, spreadDisk } from '../support/spread-disk.ts';
import { exactSasUrl } from '../support/storage-account.ts';
import {
  BLOB,
  blobUrl,
  CONTAINER,
  hasCommitted,
  requestsOf,
  server,
  stopWhen,
  storedBlob,
  useServer,
} from '../support/target-server.ts';
import { failureOf } from '../support/vhd-fixtures.ts';

useServer();

/** In the order that the service requires. */
const LETTERS = ['r', 'c', 'w', 'd', 'l'];
const COMBINATIONS = Array.from({ length: 32 }, (_, mask) => LETTERS.filter((_, bit) => mask & (1 << bit)).join(''));

/** The URL of the blob with a service SAS for the blob (b) or its container (c). */
function urlWith(permissions: string, resource: 'b' | 'c'): string {
  const blob = resource === 'b' ? { blob: BLOB } : {};
  const url = new URL(exactSasUrl(server, { container: CONTAINER, ...blob, permissions }));
  if (resource === 'c') url.pathname += `/${BLOB}`;
  return url.href;
}

function optionsFor(image: string, destination: string, more: Partial<UploadOptions> = {}): UploadOptions {
  return { image, destination, threads: 1, retryDelayMs: 1, skipChecks: true, ...more };
}

/** The missing letters that the message must name. */
function missingIn(permissions: string, needed: string): string {
  return [...needed].filter((letter) => !permissions.includes(letter)).join(', ');
}

async function expectRefused(options: UploadOptions, missing: string): Promise<void> {
  const failure = await failureOf(uploadImage(options));
  expect(failure).toBeInstanceOf(CredentialError);
  expect(failure).toMatchObject({ message: expect.stringContaining(`missing ${missing} (`) });
  expect(server.counters.requests).toBe(0);
}

describe.each(['b', 'c'] as const)('an upload to a new blob with a SAS for sr=%s', (resource) => {
  it.each(COMBINATIONS.filter((letters) => letters.includes('w')))('succeeds with sp=%s', async (permissions) => {
    const image = await buildImage(SMALL_DISK);
    const warnings: string[] = [];
    const onEvent: UploadOptions['onEvent'] = (event) => event.type === 'warning' && warnings.push(event.code);
    const result = await uploadImage(optionsFor(image, urlWith(permissions, resource), { contentMd5: true, onEvent }));
    const canRead = permissions.includes('r');
    expect(result.verified).toBe(canRead ? 'ranges' : 'none');
    expect(warnings.filter((code) => code === 'write-only-sas')).toHaveLength(canRead ? 0 : 1);
    expectBlobIs(SMALL_DISK, storedBlob());
    expect(storedBlob().metadata.get('vhdup_state')).toBe('complete');
    expect(server.log.filter(({ status = 0 }) => status >= 400 && status !== 404)).toEqual([]);
  });

  it.each(COMBINATIONS.filter((letters) => !letters.includes('w')))(
    'names the missing letters of sp=%s before it sends anything',
    async (permissions) => {
      const image = await buildImage(SMALL_DISK);
      await expectRefused(optionsFor(image, urlWith(permissions, resource)), missingIn(permissions, 'rw'));
    },
  );
});

describe('an upload that replaces a blob', () => {
  it.each(COMBINATIONS)('needs r and w, and has sp=%s', async (permissions) => {
    server.createPageBlob(CONTAINER, BLOB, 1024);
    const options = optionsFor(await buildImage(SMALL_DISK), urlWith(permissions, 'b'), { overwrite: true });
    const missing = missingIn(permissions, 'rw');
    if (missing !== '') {
      await expectRefused(options, missing);
    } else {
      expect(await uploadImage(options)).toMatchObject({ verified: 'ranges' });
      expectBlobIs(SMALL_DISK, storedBlob());
    }
  });
});

describe('a SAS that can only write', () => {
  it.each([
    ['resumeFromBlob', { resumeFromBlob: true }],
    ['breakLease', { breakLease: true }],
    ['verify ranges', { verify: 'ranges' as const }],
    ['verify full', { verify: 'full' as const }],
  ])('is refused with %s', async (_, more) => {
    await expectRefused(optionsFor(await buildImage(SMALL_DISK), urlWith('w', 'b'), more), 'r');
  });

  it('never replaces an existing blob, and says what would', async () => {
    const before = server.createPageBlob(CONTAINER, BLOB, 1024);
    const image = await buildImage(SMALL_DISK);
    const failure = await failureOf(uploadImage(optionsFor(image, urlWith('w', 'b'))));
    expect(failure).toBeInstanceOf(DestinationError);
    expect(failure).toMatchObject({
      message: expect.stringMatching(/already exists.*lacks r.*sp=rw, and --overwrite/),
    });
    expect(storedBlob()).toBe(before);
    // No checkpoint of this attempt stays in the way.
    await uploadImage(optionsFor(image, blobUrl('rw'), { overwrite: true }));
    expectBlobIs(SMALL_DISK, storedBlob());
  });

  it('recognises the blob that it created when the answer was lost', async () => {
    server.faults.add({ operation: 'PutBlob', times: 1 }, { kind: 'reset-after-commit' });
    await uploadImage(optionsFor(await buildImage(SMALL_DISK), urlWith('w', 'b')));
    expect(requestsOf('PutBlob').map(({ errorCode }) => errorCode)).toEqual([undefined, 'BlobAlreadyExists']);
    expectBlobIs(SMALL_DISK, storedBlob());
  });

  it.each<readonly [string, () => Partial<UploadOptions>]>([
    [
      'a missing container',
      () => ({ destination: server.sasUrl({ container: 'typo', blob: BLOB, permissions: 'w' }) }),
    ],
    [
      'a missing container that the SAS may not create',
      () => ({
        destination: server.sasUrl({ container: 'typo', blob: BLOB, permissions: 'w' }),
        createContainer: true,
      }),
    ],
    [
      'a firewall',
      () => {
        const refusal = { kind: 'status', status: 403, code: 'AuthorizationFailure' } as const;
        server.faults.add({ operation: 'PutBlob', times: 1 }, refusal);
        return {};
      },
    ],
  ])('leaves no checkpoint after %s, which would refuse the corrected command', async (_, wrong) => {
    const image = await buildImage(SMALL_DISK);
    const options = optionsFor(image, urlWith('w', 'b'));
    await failureOf(uploadImage({ ...options, ...wrong() }));
    expect(existsSync(`${image}.vhdup.json`)).toBe(false);
    await uploadImage(options);
    expect(storedBlob().metadata.get('vhdup_state')).toBe('complete');
  });

  it.each([
    ['the retry was refused', 'PutBlob'],
    ['the retry found it, and the write that shows whose it is was refused', 'ClearPages'],
  ] as const)('keeps the checkpoint of a blob that was created with the answer 503 if %s', async (_, operation) => {
    const busy = { kind: 'answer', status: 503, code: 'ServerBusy', isDone: true } as const;
    server.faults.add({ operation: 'PutBlob', times: 1 }, busy);
    server.faults.add({ operation, times: 1 }, { kind: 'status', status: 403, code: 'AuthorizationFailure' });
    const image = await buildImage(SMALL_DISK);
    await failureOf(uploadImage(optionsFor(image, urlWith('w', 'b'))));
    await uploadImage(optionsFor(image, blobUrl('rw')));
    expectBlobIs(SMALL_DISK, storedBlob());
  });

  it('keeps no checkpoint if a retry finds the blob of another program', async () => {
    server.createPageBlob(CONTAINER, BLOB, 1024);
    server.faults.add({ operation: 'PutBlob', times: 1 }, serverBusy());
    const image = await buildImage(SMALL_DISK);
    const failure = await failureOf(uploadImage(optionsFor(image, urlWith('w', 'b'))));
    expect(failure.message).toMatch(/already exists.*nor replace it\. Choose/);
    expect(existsSync(`${image}.vhdup.json`)).toBe(false);
  });

  it('does not resume, but another SAS does', async () => {
    const disk = spreadDisk(4);
    const image = await buildImage(disk);
    const writeOnly = urlWith('w', 'b');
    await stopWhen(
      () => hasCommitted(2 * PIECE),
      (signal) => uploadImage(optionsFor(image, writeOnly, { signal })),
    );
    const before = server.counters.requests;
    expect(await failureOf(uploadImage(optionsFor(image, writeOnly)))).toMatchObject({
      code: 'CREDENTIALS',
      message: expect.stringMatching(/Cannot resume .* lacks r .* sp=rw/),
    });
    expect(server.counters.requests).toBe(before);
    const result = await uploadImage(optionsFor(image, blobUrl('rw')));
    expect(result.sentBefore).toBeGreaterThanOrEqual(PIECE);
    expectBlobIs(disk, storedBlob());
    expect(requestsOf('PutBlob')).toHaveLength(1);
  });

  it('says that another SAS resumes also if nothing is done yet', async () => {
    const image = await buildImage(SMALL_DISK);
    await stopWhen(
      () => server.hasBlob(CONTAINER, BLOB),
      (signal) => uploadImage(optionsFor(image, urlWith('w', 'b'), { signal })),
    );
    expect(await failureOf(uploadImage(optionsFor(image, urlWith('w', 'b'))))).toMatchObject({
      code: 'DESTINATION',
      message: expect.stringMatching(/the blob of the checkpoint \S+\.vhdup\.json, .* at least sp=rw to resume\./),
    });
    await uploadImage(optionsFor(image, blobUrl('rw')));
    expect(requestsOf('PutBlob')).toHaveLength(2);
    expectBlobIs(SMALL_DISK, storedBlob());
  });

  it('needs no r in a renewed SAS either', async () => {
    const image = await buildImage(SMALL_DISK);
    const expired = server.sasUrl({ container: CONTAINER, blob: BLOB, permissions: 'w', expiresOn: new Date(0) });
    await uploadImage(optionsFor(image, expired, { renewSas: () => Promise.resolve(urlWith('cw', 'b')) }));
    expectBlobIs(SMALL_DISK, storedBlob());
  });
});

/** The key of a user delegation SAS. */
const DELEGATION = {
  skoid: '11111111-2222-3333-4444-555555555555',
  sktid: '11111111-2222-3333-4444-666666666666',
  skt: '2020-01-01T00:00:00Z',
  ske: '2999-01-01T00:00:00Z',
  sks: 'b',
  skv: '2021-12-02',
};

describe('other kinds of SAS', () => {
  it.each([
    ['an account SAS for other services', accountSasWith({ ss: 'f' }), 'ss=b'],
    ['an account SAS for other resource types', accountSasWith({ srt: 'sc' }), 'srt=o'],
    ['an account SAS without w', accountSasWith({ sp: 'rl' }), 'missing w ('],
    ['a user delegation SAS without w', sasWith({ sp: 'rc', sr: 'b', ...DELEGATION }), 'missing w ('],
  ])('%s is refused before anything is sent', async (_, sas, message) => {
    const options = optionsFor(await buildImage(SMALL_DISK), `${server.urlOf(CONTAINER, BLOB)}?${sas}`);
    const failure = await failureOf(uploadImage(options));
    expect(failure).toBeInstanceOf(CredentialError);
    expect(failure.message).toContain(message);
    expect(server.counters.requests).toBe(0);
  });

  it('an account SAS with sp=rw and srt=o uploads', async () => {
    const destination = `${server.urlOf(CONTAINER, BLOB)}?${server.accountSas('rw', 'o')}`;
    await uploadImage(optionsFor(await buildImage(SMALL_DISK), destination));
    expectBlobIs(SMALL_DISK, storedBlob());
  });

  it('the letters of a stored access policy are unknown, so only the service can refuse them', async () => {
    const expiresOn = new Date(server.now().getTime() + 60_000);
    const destination = server.sasUrl({ container: CONTAINER, blob: BLOB, policy: 'rights' });
    server.setAccessPolicy(CONTAINER, 'rights', { permissions: 'r', expiresOn });
    const image = await buildImage(SMALL_DISK);
    expect(await failureOf(uploadImage(optionsFor(image, destination)))).toMatchObject({
      code: 'CREDENTIALS',
      message: expect.stringMatching(/AuthorizationPermissionMismatch.*needs the permissions r and w/),
    });
    server.setAccessPolicy(CONTAINER, 'rights', { permissions: 'rw', expiresOn });
    await uploadImage(optionsFor(image, destination));
    expectBlobIs(SMALL_DISK, storedBlob());
  });
});
