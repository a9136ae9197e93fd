// The identity endpoint, with raw requests and with the credentials of @azure/identity.

import { DefaultAzureCredential, ManagedIdentityCredential } from '@azure/identity';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { rawRequest } from '../raw-request.ts';
import { TestClock } from '../test-server/clock.ts';
import { IdentityServer } from './identity-server.ts';
import { TokenIssuer } from './token-issuer.ts';

const clock = new TestClock();
const issuer = new TokenIssuer(clock);
const server = new IdentityServer({ clock, issuer });

// MSAL remembers the first endpoint of a process for ever, so there is one server for all tests.
beforeAll(async () => {
  await server.listen(0);
  for (const [name, value] of Object.entries(server.environment)) vi.stubEnv(name, value);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await server.close();
});
afterEach(() => {
  issuer.issued.length = 0;
  server.log.length = 0;
});

function ask(
  query: string,
  headers: Record<string, string> = { 'x-identity-header': server.environment.IDENTITY_HEADER },
) {
  return rawRequest(`${server.environment.IDENTITY_ENDPOINT}?${query}`, { method: 'GET', headers });
}

it('issues a token for the resource in the form of App Service', async () => {
  issuer.lifetimeMs = 60_000;
  const answer = await ask('api-version=2019-08-01&resource=https%3A%2F%2Fdisk.azure.com%2F&client_id=abc');
  const json: unknown = JSON.parse(answer.body.toString());
  expect(json).toEqual({
    access_token: issuer.issued[0]?.token,
    expires_on: expect.stringMatching(/^\d{10}$/),
    resource: 'https://disk.azure.com/',
    token_type: 'Bearer',
    client_id: 'abc',
  });
  expect(server.log).toMatchObject([{ audience: 'https://disk.azure.com/', clientId: 'abc', status: 200 }]);
});

it.each([
  ['without the secret header', 'api-version=2019-08-01&resource=a', {}, 401],
  ['with another secret', 'api-version=2019-08-01&resource=a', { 'x-identity-header': 'wrong' }, 401],
  ['with another version', 'api-version=2018-02-01&resource=a', undefined, 400],
  ['without a resource', 'api-version=2019-08-01', undefined, 400],
])('refuses a request %s', async (_, query, headers, status) => {
  expect((await ask(query, headers)).status).toBe(status);
  expect(issuer.issued).toEqual([]);
});

it('fails on demand', async () => {
  server.faults.add({ audience: 'a', times: 1 }, { kind: 'error', status: 500, message: 'no identity' });
  expect((await ask('api-version=2019-08-01&resource=a')).status).toBe(500);
  expect((await ask('api-version=2019-08-01&resource=a')).status).toBe(200);
});

it('serves the managed identity credential of the SDK, for each audience', async () => {
  const credential = new ManagedIdentityCredential();
  const arm = await credential.getToken('https://management.azure.com/.default');
  const disk = await credential.getToken('https://disk.azure.com//.default');
  expect([arm.token, disk.token].map((token) => issuer.audienceOf(token))).toEqual([
    'https://management.azure.com',
    'https://disk.azure.com/',
  ]);
});

it('serves the default credential of the SDK, which renews a token within five minutes of its expiry', async () => {
  issuer.lifetimeMs = 4 * 60_000;
  const credential = new DefaultAzureCredential();
  const scope = 'https://management.chinacloudapi.cn/.default';
  const first = await credential.getToken(scope);
  const second = await credential.getToken(scope);
  expect(issuer.audienceOf(second.token)).toBe('https://management.chinacloudapi.cn');
  expect(second.token).not.toBe(first.token);
});
