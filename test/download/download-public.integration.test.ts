// Downloads of public blobs without any credential.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Credential } from '../../src/azure/auth/credentials.ts';
import { parseDestination } from '../../src/azure/destination.ts';
import { messageOf } from '../../src/base/thrown.ts';
import { downloadImage } from '../../src/download/download.ts';
import { CredentialError } from '../../src/errors.ts';
import type { BlobAccess } from '../../src/remote/connect.ts';
import { withoutCredential } from '../../src/remote/public-blob.ts';
import { runHere } from '../support/command-line.ts';
import { SIZE, storeDisk } from '../support/downloads.ts';
import { BLOB, CONTAINER, restartServer, server, storedBlob, useServer } from '../support/target-server.ts';
import { expectSameBytes, temporaryFolder } from '../support/vhd-fixtures.ts';

useServer();

let output: string;

beforeEach(async () => {
  output = join(await temporaryFolder(), 'disk.vhd');
  storeDisk();
});

const url = () => server.urlOf(CONTAINER, BLOB);

describe('vhdup download without a credential', () => {
  it.each(['blob', 'container'] as const)('reads a blob of a container with the public access %s', async (access) => {
    server.createContainer(CONTAINER, access);
    const { exitCode, stdout, stderr } = await runHere(['download', url(), output]);
    expect(exitCode, stderr).toBe(0);
    expect(stderr).toContain(`${url()} is public: it is read without a credential.`);
    expect(stdout).toContain(`Downloaded ${url()}`);
    expectSameBytes(await readFile(output), storedBlob().read(0, SIZE + 512));
    expect(server.log.every(({ headers, query }) => !headers.has('authorization') && !query.has('sig'))).toBe(true);
  });

  it.each([
    ['a private container', () => undefined, 'the container is private, or the blob does not exist'],
    [
      'a missing blob',
      () => server.deleteBlob(CONTAINER, BLOB),
      'the container is private, or the blob does not exist',
    ],
    [
      'what the service calls not found',
      () => server.faults.add({}, { kind: 'status', status: 404, code: 'ResourceNotFound' }),
      'the container is private, or the blob does not exist',
    ],
    [
      'a firewall',
      () => server.faults.add({}, { kind: 'status', status: 403, code: 'AuthorizationFailure' }),
      'the container is private, or the blob does not exist',
    ],
  ])('explains %s', async (_, arrange, reason) => {
    arrange();
    const { exitCode, stderr } = await runHere(['download', url(), output]);
    expect(exitCode).toBe(8);
    expect(stderr).toContain(`Error: ${url()} cannot be read without a credential: ${reason}`);
    expect(stderr).toContain('Append a SAS with the permission r to the URL');
  });

  it('explains that the account forbids public access', async () => {
    await restartServer({ allowsPublicAccess: false });
    const { exitCode, stderr } = await runHere(['download', url(), output]);
    expect(exitCode).toBe(8);
    expect(stderr).toContain('the account forbids public access (PublicAccessNotPermitted)');
  });

  it('does not try without a credential if there is one', async () => {
    server.createContainer(CONTAINER, 'blob');
    const { exitCode } = await runHere(['download', url(), output], {
      AZURE_STORAGE_CONNECTION_STRING: server.connectionString,
    });
    expect(exitCode).toBe(0);
    expect(server.log.every(({ headers }) => headers.has('authorization'))).toBe(true);
  });

  it('is no way to upload or to verify', async () => {
    server.createContainer(CONTAINER, 'blob');
    for (const args of [
      ['upload', output, url()],
      ['verify', output, url()],
    ]) {
      const { exitCode, stderr } = await runHere(args);
      expect(exitCode).toBe(8);
      expect(stderr).toContain('There is no credential for');
    }
    expect(server.log).toEqual([]);
  });
});

describe('downloadImage', () => {
  it('asks nobody for a token to read a public blob', async () => {
    server.createContainer(CONTAINER, 'blob');
    await downloadImage({ source: url(), output, credential: { kind: 'anonymous' }, threads: 1 });
    expectSameBytes(await readFile(output), storedBlob().read(0, SIZE + 512));
  });
});

describe('withoutCredential', () => {
  const accessOf = (credential: Credential): BlobAccess => ({
    ...{ address: parseDestination(url()).address, credential, permissions: 'r' },
  });
  const read = (access: BlobAccess) =>
    withoutCredential({ retryDelayMs: 1 }, access, { emit: () => undefined, signal: new AbortController().signal });

  it('needs no sign-in for a public blob', async () => {
    server.createContainer(CONTAINER, 'blob');
    expect((await read(accessOf({ kind: 'entra' }))).access?.credential).toEqual({ kind: 'anonymous' });
  });

  it('leaves the sign-in for a private one, and adds to its failure that the blob is not public', async () => {
    const access = accessOf({ kind: 'entra' });
    const reader = await read(access);
    expect(reader.access).toBe(access);
    const failure = reader.explain(new CredentialError('Signing in failed.'));
    expect(failure).toBeInstanceOf(CredentialError);
    expect(messageOf(failure)).toMatch(/disk\.vhd cannot be read without a credential: .* Signing in failed\.$/);
    const other = new Error('other');
    expect(reader.explain(other)).toBe(other);
  });

  it.each<Credential>([
    { kind: 'sas', sas: 'sig=x' },
    { kind: 'account-key', accountName: 'a', accountKey: 'b' },
  ])('is not tried with $kind', async (credential) => {
    const access = accessOf(credential);
    expect((await read(access)).access).toBe(access);
    expect(server.log).toEqual([]);
  });
});
