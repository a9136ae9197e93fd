// --create-container: every state of the container and the account, with a server that is as strict as the service.
import { describe, expect, it } from 'vitest';
import { CredentialError, DestinationError, UsageError } from '../../src/errors.ts';
import type { UploadOptions } from '../../src/options.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import { buildImage, expectBlobIs, SMALL_DISK } from '../support/spread-disk.ts';
import {
  BLOB,
  blobUrl,
  CONTAINER,
  requestsOf,
  restartServer,
  server,
  storedBlob,
  useServer,
} from '../support/target-server.ts';
import { failureOf } from '../support/vhd-fixtures.ts';

useServer();

/** Uploads with an account SAS, which can create containers. @returns the messages of the warnings about the container. */
async function upload(container: string, more: Partial<UploadOptions> = {}): Promise<string[]> {
  const image = await buildImage(SMALL_DISK);
  const destination = `${server.urlOf(container, BLOB)}?${server.accountSas('rwc', 'co')}`;
  const warnings: string[] = [];
  const onEvent: UploadOptions['onEvent'] = (event) =>
    event.type === 'warning' && event.code === 'container-access' && warnings.push(event.message);
  const usual = { threads: 1, retryDelayMs: 1, maxRetryDelayMs: 5, skipChecks: true, createContainer: true };
  await uploadImage({ image, destination, onEvent, ...usual, ...more });
  return warnings;
}

describe('--create-container', () => {
  it.each([undefined, 'blob', 'container'] as const)(
    'creates a container with public access %s',
    async (publicAccess) => {
      expect(await upload('fresh', publicAccess === undefined ? {} : { publicAccess })).toEqual([]);
      expect(server.publicAccessOf('fresh')).toBe(publicAccess ?? 'none');
      expectBlobIs(SMALL_DISK, server.blob('fresh', BLOB));
    },
  );

  it('uses a container that exists, whatever its access, if no access is asked for', async () => {
    server.createContainer(CONTAINER, 'blob');
    expect(await upload(CONTAINER)).toEqual([]);
    expectBlobIs(SMALL_DISK, storedBlob());
    expect(requestsOf('CreateContainer')).toHaveLength(1);
    expect(requestsOf('GetContainerProperties')).toHaveLength(0);
  });

  it.each(['$root', '$web'])('creates %s', async (container) => {
    await upload(container);
    expectBlobIs(SMALL_DISK, server.blob(container, BLOB));
  });

  it('waits for a container that is being deleted', async () => {
    const deleted = { kind: 'status', status: 409, code: 'ContainerBeingDeleted' } as const;
    server.faults.add({ operation: 'CreateContainer', times: 3 }, deleted);
    await upload('fresh');
    expectBlobIs(SMALL_DISK, server.blob('fresh', BLOB));
  });

  it('uses a container that another process creates at the same moment', async () => {
    const exists = { kind: 'status', status: 409, code: 'ContainerAlreadyExists' } as const;
    server.faults.add({ operation: 'CreateContainer' }, exists);
    expect(await upload(CONTAINER)).toEqual([]);
    expectBlobIs(SMALL_DISK, storedBlob());
  });

  it('uses the container of a SAS that could not create it', async () => {
    await upload(CONTAINER, { destination: blobUrl() });
    expectBlobIs(SMALL_DISK, storedBlob());
  });

  it.each([
    [
      'a service SAS',
      () => server.sasUrl({ container: 'fresh', blob: BLOB, permissions: 'rw' }),
      'A SAS for a container or blob cannot create a container',
    ],
    [
      'an account SAS for objects only',
      () => `${server.urlOf('fresh', BLOB)}?${server.accountSas('rw', 'o')}`,
      'needs the resource type c',
    ],
  ])('says what is missing if there is no container and %s cannot create it', async (_, destination, message) => {
    const failure = await failureOf(upload('fresh', { destination: destination() }));
    expect(failure).toBeInstanceOf(CredentialError);
    expect(failure.message).toMatch(/^The container of .* does not exist and cannot be created\./);
    expect(failure.message).toContain(message);
    expect(requestsOf('CreateContainer')).toHaveLength(0);
  });

  it('uses an existing container if a policy forbids to create it', async () => {
    const fault = { kind: 'status', status: 403, code: 'AuthorizationFailure' } as const;
    server.faults.add({ operation: 'CreateContainer' }, fault);
    await upload(CONTAINER);
    expectBlobIs(SMALL_DISK, storedBlob());
  });
});

describe('--public-access', () => {
  it.each([
    ['none', 'blob', 'is private (no public access)'],
    ['none', 'container', 'is private (no public access)'],
    ['blob', 'container', 'is public for reading blobs (blob)'],
    ['container', 'blob', 'is public for reading and listing blobs (container)'],
  ] as const)('leaves a container as it is: %s, asked for %s', async (found, asked, message) => {
    server.createContainer(CONTAINER, found);
    const [warning = '', ...others] = await upload(CONTAINER, { publicAccess: asked });
    expect(others).toEqual([]);
    expect(warning).toContain(message);
    expect(warning).toContain(
      `az storage container set-permission --account-name ${server.account} --name '${CONTAINER}' --public-access ${asked}.`,
    );
    expect(server.publicAccessOf(CONTAINER)).toBe(found);
    expectBlobIs(SMALL_DISK, storedBlob());
  });

  it.each(['blob', 'container'] as const)('is silent if the container has it already: %s', async (publicAccess) => {
    server.createContainer(CONTAINER, publicAccess);
    expect(await upload(CONTAINER, { publicAccess })).toEqual([]);
  });

  it('is compared also if the blob exists and is replaced', async () => {
    server.createPageBlob(CONTAINER, BLOB, 1024);
    const warnings = await upload(CONTAINER, { publicAccess: 'blob', overwrite: true });
    expect(warnings).toEqual([expect.stringContaining('is private')]);
  });

  it('warns if the SAS can neither create nor see the container', async () => {
    const [warning = ''] = await upload(CONTAINER, { publicAccess: 'blob', destination: blobUrl() });
    expect(warning).toContain(
      'may exist without the public access "blob": A SAS for a container or blob cannot create',
    );
    expectBlobIs(SMALL_DISK, storedBlob());
  });

  it('warns if the access of an existing container cannot be seen', async () => {
    const fault = { kind: 'status', status: 403, code: 'AuthorizationPermissionMismatch' } as const;
    server.faults.add({ operation: 'GetContainerProperties' }, fault);
    expect(await upload(CONTAINER, { publicAccess: 'blob' })).toEqual([
      expect.stringContaining('exists, and its public access is unknown: Get Container Properties failed: 403'),
    ]);
  });

  it.each([
    [
      'forbids public access',
      { allowsPublicAccess: false },
      'PublicAccessNotPermitted',
      'The account forbids public access',
    ],
    [
      'is a premium account',
      { isPremium: true },
      'UnsupportedHeader',
      'Premium accounts for page blobs have no public access',
    ],
  ])('stops before the upload if the account %s, and names the SAS instead', async (_, options, code, message) => {
    await restartServer(options);
    // Also if the container exists: the service checks the account first.
    for (const container of ['fresh', CONTAINER]) {
      const failure = await failureOf(upload(container, { publicAccess: 'blob' }));
      expect(failure).toBeInstanceOf(DestinationError);
      expect(failure.message).toContain(code);
      expect(failure.message).toContain(message);
      expect(failure.message).toContain('vhdup sas <container URL> --for marketplace');
    }
    expect(requestsOf('PutBlob')).toHaveLength(0);
    expect(server.publicAccessOf('fresh')).toBeUndefined();
  });

  it('needs --create-container, and a known value', async () => {
    const withoutContainer = upload(CONTAINER, { publicAccess: 'blob', createContainer: false });
    expect(await failureOf(withoutContainer)).toBeInstanceOf(UsageError);
    const publicAccess = 'everyone' as 'blob';
    expect(await failureOf(upload(CONTAINER, { publicAccess }))).toBeInstanceOf(UsageError);
    expect(server.counters.requests).toBe(0);
  });
});
