// vhdup check --destination: the blob and its container, as the service shows them.
import { beforeEach, describe, expect, it } from 'vitest';
import { type CheckOptions, checkImage } from '../../src/check/check-image.ts';
import type { CheckFinding } from '../../src/check/check-report.ts';
import { CredentialError } from '../../src/errors.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import { runHere } from '../support/command-line.ts';
import { buildImage, SMALL_DISK } from '../support/spread-disk.ts';
import { BLOB, blobUrl, CONTAINER, restartServer, server, storedBlob, useServer } from '../support/target-server.ts';
import { failureOf } from '../support/vhd-fixtures.ts';

useServer();

let image: string;

beforeEach(async () => {
  image = await buildImage(SMALL_DISK);
});

async function upload(): Promise<void> {
  await uploadImage({ image, destination: blobUrl('rw'), skipChecks: true });
}

/** An account SAS also shows the container, a service SAS does not. */
const withAccountSas = () => `${server.urlOf(CONTAINER, BLOB)}?${server.accountSas('r', 'co')}`;

async function check(destination: string, more: Partial<CheckOptions> = {}): Promise<Map<string, CheckFinding>> {
  const report = await checkImage({
    image,
    purpose: 'marketplace',
    target: { destination, retries: 0, retryDelayMs: 1 },
    ...more,
  });
  expect(report.destination).toBe(server.urlOf(CONTAINER, BLOB));
  expect(JSON.stringify(report)).not.toContain('sig=');
  return new Map(report.findings.filter(({ group }) => group === 'target').map((finding) => [finding.id, finding]));
}

const results = (findings: Map<string, CheckFinding>) =>
  Object.fromEntries([...findings].map(([id, { result }]) => [id, result]));

const ALL_PASS = {
  'target-name': 'pass',
  'target-access': 'pass',
  'target-type': 'pass',
  'target-size': 'pass',
  'target-footer': 'pass',
  'target-complete': 'pass',
  'target-lease': 'pass',
};

describe('a complete upload in a public container', () => {
  it.each([
    ['an account SAS', withAccountSas],
    ['a service SAS', () => blobUrl('r')],
    ['no SAS but the key', () => server.urlOf(CONTAINER, BLOB)],
  ])('passes every rule with %s', async (_, destination) => {
    server.createContainer(CONTAINER, 'blob');
    await upload();
    const { account: accountName, key: accountKey } = server;
    const credential = { kind: 'account-key', accountName, accountKey } as const;
    const target = { destination: destination(), credential };
    expect(results(await check(destination(), { target }))).toEqual(ALL_PASS);
  });

  it('has no rule about the Marketplace for another purpose', async () => {
    await upload();
    expect(results(await check(withAccountSas(), { purpose: 'vm' }))).toEqual({
      ...ALL_PASS,
      'target-name': 'not-applicable',
      'target-access': 'not-applicable',
    });
  });
});

describe('the access to the container', () => {
  const access = async (destination = withAccountSas()) => (await check(destination)).get('target-access');

  it.each([
    ['an account SAS', withAccountSas],
    ['a service SAS', () => blobUrl('r')],
  ])('is private: a warning, with the SAS as the next step (%s)', async (_, destination) => {
    await upload();
    expect(await access(destination())).toMatchObject({
      result: 'warn',
      found: 'private (no public access)',
      fix: expect.stringMatching(/vhdup sas \S+ --for marketplace.*set-permission .*--public-access blob/),
    });
  });

  it.each([
    ['rl', 21, 'pass', /^with the SAS of the destination, until \d{4}-\d\d-\d\d$/],
    ['rl', 7, 'warn', /the SAS of the destination expires on .*at least three weeks/],
    ['rwl', 30, 'warn', /has the permissions rwl, but must have exactly rl/],
    ['r', 30, 'warn', /has the permissions r, but must have exactly rl/],
  ])('is that of a SAS for the container with %s and %i days: %s', async (permissions, days, result, found) => {
    await upload();
    const expiresOn = new Date(Date.now() + days * 86_400_000);
    const [, sas] = server.sasUrl({ container: CONTAINER, permissions, expiresOn }).split('?');
    expect(await access(`${server.urlOf(CONTAINER, BLOB)}?${sas}`)).toMatchObject({
      result,
      found: expect.stringMatching(found),
    });
  });

  it('is forbidden by the account, whatever the container has', async () => {
    await restartServer({ allowsPublicAccess: false });
    server.createContainer(CONTAINER, 'blob');
    await upload();
    expect(await access()).toMatchObject({
      result: 'warn',
      found: expect.stringContaining('the account forbids public access'),
      fix: expect.stringContaining('vhdup sas'),
    });
  });

  it('is seen without a blob, with an account SAS', async () => {
    server.createContainer(CONTAINER, 'container');
    expect(await access()).toMatchObject({ result: 'pass' });
    server.createContainer(CONTAINER, 'none');
    expect(await access()).toMatchObject({ result: 'warn' });
  });

  it('is not known without a blob, with a service SAS', async () => {
    expect(await access(blobUrl('r'))).toMatchObject({
      result: 'unread',
      found: expect.stringContaining('not looked at: Get Container Properties failed: 403'),
    });
  });

  it('is not known if the container does not exist', async () => {
    await restartServer();
    const destination = `${server.urlOf('fresh', BLOB)}?${server.accountSas('r', 'co')}`;
    const report = await checkImage({ image, purpose: 'marketplace', target: { destination } });
    expect(report.findings.find(({ id }) => id === 'target-access')).toMatchObject({
      result: 'unread',
      fix: expect.stringContaining('--create-container'),
    });
  });

  it('is not known if the request without a credential fails', async () => {
    server.createContainer(CONTAINER, 'blob');
    await upload();
    server.faults.add(
      { operation: 'GetBlobProperties', nth: [2] },
      { kind: 'status', status: 503, code: 'ServerBusy' },
    );
    expect(await access()).toMatchObject({ result: 'unread', found: expect.stringContaining('ServerBusy') });
  });
});

describe('the blob', () => {
  it('does not exist yet: nothing passes', async () => {
    const found = results(await check(withAccountSas()));
    expect(found).toEqual({
      'target-name': 'pass',
      'target-access': 'warn',
      'target-type': 'unread',
      'target-size': 'unread',
      'target-footer': 'unread',
      'target-complete': 'unread',
      'target-lease': 'unread',
    });
  });

  it('cannot be seen: nothing passes', async () => {
    await upload();
    const fault = { kind: 'status', status: 403, code: 'AuthorizationFailure' } as const;
    server.faults.add({ operation: 'GetBlobProperties' }, fault);
    const found = await check(withAccountSas());
    for (const id of ['target-type', 'target-size', 'target-footer', 'target-complete', 'target-lease']) {
      expect(found.get(id)).toMatchObject({ result: 'unread', found: expect.stringContaining('AuthorizationFailure') });
    }
  });

  it('cannot be seen because the service is down: one request, and nothing passes', async () => {
    await upload();
    const before = server.counters.requests;
    server.faults.add({}, { kind: 'status', status: 503, code: 'ServerBusy' });
    const { 'target-name': name, ...others } = results(await check(withAccountSas()));
    expect(name).toBe('pass');
    expect(new Set(Object.values(others))).toEqual(new Set(['unread']));
    expect(server.counters.requests).toBe(before + 1);
  });

  it('is another blob: no footer, another size, unknown to vhdup', async () => {
    server.createPageBlob(CONTAINER, BLOB, 4096);
    expect(results(await check(withAccountSas()))).toMatchObject({
      'target-type': 'pass',
      'target-size': 'fail',
      'target-footer': 'fail',
      'target-complete': 'unread',
    });
  });

  it.each([0, 512])('is too short for a disk (%i bytes)', async (size) => {
    server.createPageBlob(CONTAINER, BLOB, size);
    const { 'target-footer': footer } = results(await check(withAccountSas()));
    expect(footer).toBe(size === 0 ? 'unread' : 'fail');
  });

  it.each([
    ['uploading', 'an unfinished upload'],
    ['failed', 'does not match the image'],
  ])('is %s', async (state, message) => {
    await upload();
    const blob = storedBlob();
    blob.metadata = new Map([...blob.metadata, ['vhdup_state', state]]);
    expect((await check(withAccountSas())).get('target-complete')).toMatchObject({
      result: 'fail',
      found: expect.stringContaining(message),
    });
  });

  it('is leased', async () => {
    await upload();
    storedBlob().lease.acquire('11111111-2222-3333-4444-555555555555', 60_000, Date.now());
    expect((await check(withAccountSas())).get('target-lease')).toMatchObject({ result: 'warn' });
  });
});

describe('the destination', () => {
  it('is refused before anything is sent if its SAS cannot read', async () => {
    const failure = await failureOf(check(blobUrl('w')));
    expect(failure).toBeInstanceOf(CredentialError);
    expect(failure.message).toContain('missing r');
    expect(server.counters.requests).toBe(0);
  });

  it('is read by the command, with the environment or a SAS', async () => {
    server.createContainer(CONTAINER, 'blob');
    await upload();
    const environment = { AZURE_STORAGE_CONNECTION_STRING: server.connectionString };
    const args = ['check', image, '--for', 'data-disk', '--json', '--destination'];
    for (const outcome of [
      await runHere([...args, `${CONTAINER}/${BLOB}`], environment),
      await runHere([...args, withAccountSas()]),
    ]) {
      const last = outcome.stdout.trim().split('\n').at(-1) ?? '';
      expect(JSON.parse(last)).toMatchObject({ destination: server.urlOf(CONTAINER, BLOB) });
      expect(outcome.stdout).toContain('"id":"target-size","level":"C","group":"target"');
    }
    const text = await runHere(['check', image, '--for', 'data-disk', '--destination', withAccountSas()]);
    expect(text.stdout).toMatch(/\n {2}Blob and container: \d passed\n/);
  });

  it('is not in the report without the option', async () => {
    const report = await checkImage({ image, purpose: 'marketplace' });
    expect(report).not.toHaveProperty('destination');
    expect(report.findings.some(({ group }) => group === 'target')).toBe(false);
  });
});
