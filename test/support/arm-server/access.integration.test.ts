// Who may call the test server of Resource Manager, and what a request must look like, each by a raw request.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ManagedDisks, startManagedDisks } from '../managed-disks.ts';
import { GALLERIES_VERSION, IMAGES_VERSION, RawArm } from './raw-arm.ts';

let servers: ManagedDisks;
let arm: RawArm;

beforeEach(async () => {
  servers = await startManagedDisks({ disks: [{ name: 'd' }] });
  arm = new RawArm(servers);
});
afterEach(async () => {
  await servers.close();
});

describe('a token', () => {
  it.each(['https://management.azure.com', 'https://management.azure.com/', 'https://management.core.windows.net/'])(
    'is accepted for %s',
    async (audience) => {
      expect((await arm.send('GET', 'disks/d', { token: servers.issuer.issue(audience).token })).outcome).toBe('200');
      expect(servers.arm.log[0]).toMatchObject({ operation: 'GetDisk', name: 'd', audience, status: 200 });
    },
  );

  it.each([['https://disk.azure.com/'], ['https://storage.azure.com'], ['https://management.chinacloudapi.cn']])(
    'for %s is refused, and recorded as a violation',
    async (audience) => {
      const answer = await arm.send('GET', 'disks/d', { token: servers.issuer.issue(audience).token });
      expect(answer.outcome).toBe('401 InvalidAuthenticationTokenAudience');
      expect(servers.violations).toEqual([`GET: A token for ${audience} was sent to Resource Manager.`]);
    },
  );

  it('of another cloud is accepted if the server is in that cloud', async () => {
    const audience = 'https://management.chinacloudapi.cn';
    await servers.close();
    servers = await startManagedDisks({ armAudiences: [audience], disks: [{ name: 'd' }] });
    const send = (aud: string) =>
      new RawArm(servers).send('GET', 'disks/d', { token: servers.issuer.issue(aud).token });
    expect([(await send(audience)).status, (await send('https://management.azure.com')).status]).toEqual([200, 401]);
  });

  it('that has expired is refused with the times', async () => {
    const { token } = servers.issuer.issue('https://management.azure.com', 60_000);
    expect((await arm.send('GET', 'disks/d', { token })).status).toBe(200);
    servers.advanceClock(60_000);
    const answer = await arm.send('GET', 'disks/d', { token });
    expect(answer.outcome).toBe('401 ExpiredAuthenticationToken');
    expect(JSON.stringify(answer.json)).toMatch(
      /The access token expiry UTC time '.+' is earlier than current UTC time '.+'/,
    );
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer authorization_uri=/);
  });

  it('is needed, and must be known', async () => {
    const none = await arm.send('GET', 'disks/d', { token: '' });
    const unknown = await arm.send('GET', 'disks/d', { token: 'abc' });
    const basic = await arm.send('GET', 'disks/d', { token: '', headers: { authorization: 'Basic YTpi' } });
    expect([none, unknown, basic].map(({ outcome }) => outcome)).toEqual([
      '401 AuthenticationFailed',
      '401 InvalidAuthenticationToken',
      '401 InvalidAuthenticationToken',
    ]);
    expect(servers.violations).toEqual([]);
  });

  it('is needed for polls too', async () => {
    const started = await arm.send('DELETE', 'disks/d');
    const url = started.headers.get('azure-asyncoperation') ?? '';
    expect((await arm.sendTo(url, 'GET', { token: '' })).status).toBe(401);
    expect((await arm.sendTo(url, 'GET')).status).toBe(200);
  });
});

describe('the version of the API', () => {
  it.each([
    ['disks/d', '', '400 MissingApiVersionParameter'],
    ['disks/d', 'latest', '400 InvalidApiVersionParameter'],
    ['disks/d', IMAGES_VERSION, '400 NoRegisteredProviderFound'],
    ['disks/d', '2025-01-02', '200'],
    ['disks/d', '2026-03-02', '200'],
    ['images/i', '2025-01-02', '400 NoRegisteredProviderFound'],
    ['images/i', IMAGES_VERSION, '404 ResourceNotFound'],
    ['galleries/g', GALLERIES_VERSION, '404 ResourceNotFound'],
    ['galleries/g', IMAGES_VERSION, '400 NoRegisteredProviderFound'],
  ])('of %s may be %j: %s', async (path, apiVersion, outcome) => {
    expect((await arm.send('GET', path, { apiVersion })).outcome).toBe(outcome);
  });
});

describe('the scope', () => {
  it('does not distinguish case', async () => {
    const path = arm.path('disks/d').replace('resourceGroups/rg', 'resourcegroups/RG').replace('disks/d', 'DISKS/D');
    expect((await arm.send('GET', path)).json).toMatchObject({ name: 'd', id: arm.path('disks/d') });
  });

  it.each([
    [
      'another subscription',
      (path: string) => path.replace(/subscriptions\/[^/]+/, 'subscriptions/0000'),
      'SubscriptionNotFound',
    ],
    ['another resource group', (path: string) => path.replace('/rg/', '/other/'), 'ResourceGroupNotFound'],
    ['a disk that does not exist', (path: string) => path.replace(/d$/, 'e'), 'ResourceNotFound'],
  ])('%s is not found', async (_, change, code) => {
    const answer = await arm.send('GET', change(arm.path('disks/d')));
    expect(answer.outcome).toBe(`404 ${code}`);
    if (code === 'ResourceNotFound') expect(answer.headers.get('x-ms-failure-cause')).toBe('gateway');
  });

  it('shows whether subscription, provider, resource group and storage account exist', async () => {
    servers.arm.resources.createStorageAccount('acc');
    const group = `/subscriptions/${servers.subscription}/resourceGroups/rg`;
    const get = (path: string, apiVersion: string, method = 'GET') => arm.send(method, path, { apiVersion });
    expect((await get('/subscriptions', '2022-12-01')).json).toMatchObject({
      value: [{ subscriptionId: servers.subscription }],
    });
    expect((await get(`/subscriptions/${servers.subscription}`, '2022-12-01')).json).toMatchObject({
      state: 'Enabled',
    });
    expect((await get(group, '2024-11-01')).json).toMatchObject({ name: 'rg', location: 'westeurope' });
    expect((await get(group, '2024-11-01', 'HEAD')).status).toBe(204);
    expect((await get(`${group}2`, '2024-11-01')).outcome).toBe('404 ResourceGroupNotFound');
    const provider = `/subscriptions/${servers.subscription}/providers/Microsoft.Compute`;
    expect((await get(provider, '2021-04-01')).json).toMatchObject({ registrationState: 'Registered' });
    const accounts = 'providers/Microsoft.Storage/storageAccounts';
    const account = { name: 'acc', id: `${group}/${accounts}/acc` };
    expect((await get(`${group}/${accounts}/acc`, '2023-05-01')).json).toMatchObject(account);
    expect((await get(`/subscriptions/${servers.subscription}/${accounts}`, '2023-05-01')).json).toMatchObject({
      value: [account],
    });
    expect((await get(`${group}/${accounts}`, '2023-05-01')).json).toMatchObject({ value: [account] });
    expect((await get(`${group}/${accounts}/other`, '2023-05-01')).outcome).toBe('404 ResourceNotFound');
  });

  it('must have the role for the action', async () => {
    servers.arm.denied.add('Microsoft.Compute/disks/beginGetAccess/action');
    const body = { access: 'Write', durationInSeconds: 60 };
    const answer = await arm.send('POST', 'disks/d/beginGetAccess', { body });
    expect(answer.outcome).toBe('403 AuthorizationFailed');
    expect(JSON.stringify(answer.json)).toContain("perform action 'Microsoft.Compute/disks/beginGetAccess/action'");
    expect((await arm.send('GET', 'disks/d')).status).toBe(200);
  });

  it('must be in a subscription that is registered for the provider', async () => {
    servers.arm.registered.delete('Microsoft.Compute');
    const answer = await arm.send('GET', 'disks/d');
    expect(answer.outcome).toBe('409 MissingSubscriptionRegistration');
    expect(answer.json).toMatchObject({
      error: { details: [{ code: 'MissingSubscriptionRegistration', target: 'Microsoft.Compute' }] },
    });
  });
});

describe('a request', () => {
  it.each([
    ['not JSON', '{"location":', undefined, '400 InvalidRequestContent'],
    ['of another type', '{}', { 'content-type': 'text/plain' }, '415 UnsupportedMediaType'],
    ['an array', '[]', undefined, '400 InvalidRequestContent'],
    ['missing', undefined, undefined, '400 InvalidRequestContent'],
  ])('with a body that is %s is refused', async (_, body, headers, outcome) => {
    const request = { ...(body !== undefined && { body }), ...(headers && { headers }) };
    expect((await arm.send('PUT', 'disks/e', request)).outcome).toBe(outcome);
    expect(servers.arm.resources.findDisk('e')).toBeUndefined();
  });

  it('that reads or deletes has no body', async () => {
    expect((await arm.send('GET', 'disks/d', { body: {} })).outcome).toBe('400 InvalidRequestContent');
    expect((await arm.send('DELETE', 'disks/d', { body: {} })).outcome).toBe('400 InvalidRequestContent');
  });

  it('that the server does not know is a violation', async () => {
    expect((await arm.send('POST', 'disks/d/start')).outcome).toBe('400 NotSupported');
    expect(servers.violations).toEqual([expect.stringContaining('is not supported by this server')]);
  });

  it('with a SAS is a violation', async () => {
    await arm.sendTo(`${servers.armEndpoint}${arm.path('disks/d')}?api-version=2025-01-02&sig=abc`, 'GET');
    expect(servers.violations).toEqual(['GET: A SAS was sent to Resource Manager.']);
  });

  it('is recorded with its body, and counted', async () => {
    const body = { access: 'Write', durationInSeconds: 60 };
    await arm.send('POST', 'disks/d/beginGetAccess', { body });
    await arm.send('GET', 'disks/e');
    expect(servers.arm.log).toMatchObject([
      {
        method: 'POST',
        operation: 'BeginGetAccess',
        name: 'd',
        body,
        apiVersion: '2025-01-02',
        status: 202,
        committed: true,
      },
      { method: 'GET', operation: 'GetDisk', name: 'e', status: 404, errorCode: 'ResourceNotFound', committed: false },
    ]);
    expect(servers.arm.counters.byErrorCode.get('ResourceNotFound')).toBe(1);
  });
});
