// The servers of managed disks together: one upload from the first request to the last, by raw requests.

import { ManagedIdentityCredential } from '@azure/identity';
import { afterEach, expect, it, vi } from 'vitest';
import { RawArm } from './arm-server/raw-arm.ts';
import { fixedFooter } from './disk-server/vhd-footer.ts';
import { type ManagedDisks, type ManagedDisksOptions, startManagedDisks } from './managed-disks.ts';
import { rangeHeader, rawRequest, withQuery } from './raw-request.ts';

const SIZE = 20 * 1024 * 1024 + 512;

let servers: ManagedDisks;

async function start(options: ManagedDisksOptions = {}): Promise<RawArm> {
  servers = await startManagedDisks(options);
  return new RawArm(servers);
}

afterEach(async () => {
  vi.unstubAllEnvs();
  await servers.close();
});

async function upload(arm: RawArm): Promise<string> {
  const url = await arm.grantUpload('d', SIZE);
  const ca = servers.caCertificate;
  const body = fixedFooter(SIZE - 512);
  const headers = {
    'x-ms-version': '2023-08-03',
    'x-ms-page-write': 'update',
    'x-ms-range': rangeHeader(SIZE - 512, 512),
  };
  const put = await rawRequest(withQuery(url, 'comp=page'), { method: 'PUT', headers, body, ...(ca && { ca }) });
  expect(put.status).toBe(201);
  await arm.run('POST', 'disks/d/endGetAccess');
  return url;
}

it.each([{}, { tls: true }])('an upload leads from nothing to a disk that can be attached (%o)', async (options) => {
  const arm = await start(options);
  await upload(arm);
  expect(servers.arm.resources.disk('d').state).toBe('Unattached');
  expect(
    servers.arm.resources
      .disk('d')
      .content.read(SIZE - 512, 8)
      .toString(),
  ).toBe('conectix');
  expect(servers.calls).toEqual([
    ...['arm PutDisk', 'arm PollOperation', 'arm BeginGetAccess', 'arm PollOperation'],
    ...['disk PutPage', 'arm EndGetAccess', 'arm PollOperation'],
  ]);
  expect(servers.violations).toEqual([]);
});

it('knows every secret that it issued, also of disks that are gone', async () => {
  const arm = await start();
  const url = await upload(arm);
  const poll = (await arm.send('DELETE', 'disks/d')).headers.get('azure-asyncoperation') ?? '';
  servers.arm.resources.findDisk('d');
  const { token } = await servers.credential.getToken('https://management.azure.com/.default');
  const used = [url, poll].flatMap((one) =>
    ['si', 'sig', 'c', 's', 'h'].map((name) => new URL(one).searchParams.get(name)),
  );
  for (const secret of [token, servers.environment['IDENTITY_HEADER'], ...used.filter((one) => one !== null)]) {
    expect(servers.secrets).toContain(secret);
  }
  expect(servers.secrets).toContain(/sig=([^&]+)/.exec(url)?.[1]);
});

it('a process needs only the endpoint and the environment', async () => {
  await start({ subscription: '12345678-1234-1234-1234-123456789012', disks: [{ name: 'd' }] });
  for (const [name, value] of Object.entries(servers.environment)) vi.stubEnv(name, value);
  const { token } = await new ManagedIdentityCredential().getToken('https://management.azure.com/.default');
  const path = `/subscriptions/${process.env['AZURE_SUBSCRIPTION_ID']}/resourceGroups/rg/providers/Microsoft.Compute/disks/d`;
  const url = `${servers.armEndpoint}${path}?api-version=2025-01-02`;
  expect((await rawRequest(url, { method: 'GET', headers: { authorization: `Bearer ${token}` } })).status).toBe(200);
  expect(servers.calls).toEqual(['identity GetToken', 'arm GetDisk']);
});

it('waits for what happens on any of the servers', async () => {
  const arm = await start({ disks: [{ name: 'd' }] });
  const url = servers.arm.resources.grantAccess('d', 'Write', 60);
  const both = servers.when(() => servers.calls.length === 2);
  await arm.send('GET', 'disks/d');
  await rawRequest(url, { method: 'HEAD' });
  await both;
  expect(servers.calls).toEqual(['arm GetDisk', 'disk GetBlobProperties']);
});

it('goes off the network, and comes back at the same address', async () => {
  const arm = await start({ disks: [{ name: 'd' }] });
  await servers.arm.refuseConnections(true);
  await expect(arm.send('GET', 'disks/d')).rejects.toThrow('ECONNREFUSED');
  await servers.arm.refuseConnections(false);
  expect((await arm.send('GET', 'disks/d')).status).toBe(200);
});
