import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { ArmClient, type ArmRequest } from '../../../src/azure/arm/arm-client.ts';
import { armTarget } from '../../../src/azure/arm/arm-target.ts';
import { CredentialError, DestinationError, ServiceError } from '../../../src/errors.ts';
import { startForwardingProxy, withoutProxies } from '../../support/forwarding-proxy.ts';
import { failureOf } from '../../support/vhd-fixtures.ts';
import { type Reply, type ScriptedArm, scriptedArm, testClient } from './scripted-arm.ts';

const PATH = '/subscriptions/0/resourceGroups/rg/providers/Microsoft.Compute/disks/d1';
const REQUEST: ArmRequest = { what: 'Create disk d1', path: PATH, apiVersion: '2025-01-02' };
const DISK = { name: 'd1', properties: { provisioningState: 'Succeeded' } };
const STATUS = '/subscriptions/0/providers/Microsoft.Compute/locations/westus/DiskOperations/1';
const QUERY =
  '?p=1&api-version=2025-01-02&t=638348572813941099&c=MIIHHjCCBgagAwIBAgITfwI8&s=X5E4RfIb5qs3AgsV&h=Z9QQEra9k9krMd89';
const SUCCEEDED: Reply = { status: 200, body: { status: 'Succeeded' } };

beforeEach(withoutProxies);
afterEach(() => {
  vi.unstubAllEnvs();
});

function signal(): AbortSignal {
  return new AbortController().signal;
}

function error(status: number, code: string, headers: Record<string, string> = {}): Reply {
  return { status, headers, body: { error: { code, message: `It is ${code}.` } } };
}

function accepted({ origin }: ScriptedArm, headers: Record<string, string> = {}): Reply {
  return { status: 202, headers: { 'azure-asyncoperation': `${origin}${STATUS}${QUERY}`, ...headers } };
}

describe('ArmClient, one request', () => {
  it('sends the token, the API version and JSON', async () => {
    const arm = await scriptedArm();
    arm.reply(`PUT ${PATH}`, { status: 200, body: DISK });
    const { client, tokenRequests, records } = testClient(arm.origin);
    expect(await client.put(REQUEST, { location: 'größe' }, signal())).toEqual(DISK);
    const [sent] = arm.seen;
    expect(sent).toMatchObject({
      method: 'PUT',
      target: `${PATH}?api-version=2025-01-02`,
      body: '{"location":"größe"}',
      headers: {
        authorization: 'Bearer token-number-1',
        accept: 'application/json',
        'content-type': 'application/json; charset=utf-8',
        'user-agent': 'vhdup/test',
      },
    });
    expect(tokenRequests.map(([scope]) => scope)).toEqual(['https://management.core.windows.net//.default']);
    expect(records).toMatchObject([
      {
        what: 'Create disk d1',
        status: 200,
        requestId: 'request-1',
        clientRequestId: sent?.headers['x-ms-client-request-id'],
      },
    ]);
  });

  it('sends no body and no content type for an action without one', async () => {
    const arm = await scriptedArm();
    arm.reply(`POST ${PATH}/endGetAccess`, { status: 200 });
    await testClient(arm.origin).client.post({ ...REQUEST, action: 'endGetAccess' }, undefined, signal());
    expect(arm.seen[0]).toMatchObject({ body: '', headers: { 'content-length': '0' } });
    expect(arm.seen[0]?.headers['content-type']).toBeUndefined();
  });

  it('uses one token for many requests', async () => {
    const arm = await scriptedArm();
    arm.reply(`GET ${PATH}`, { status: 200, body: DISK });
    const { client, tokenRequests } = testClient(arm.origin);
    for (let count = 0; count < 3; count++) await client.get(REQUEST, signal());
    expect(tokenRequests).toHaveLength(1);
  });

  it('finds nothing only if the resource itself does not exist', async () => {
    const arm = await scriptedArm();
    arm.reply(
      `GET ${PATH}`,
      error(404, 'ResourceNotFound', { 'x-ms-failure-cause': 'gateway' }),
      error(404, 'NotFound'),
      { status: 404 },
    );
    const { client } = testClient(arm.origin);
    for (let count = 0; count < 3; count++) expect(await client.find(REQUEST, signal())).toBeUndefined();
    for (const code of ['ResourceGroupNotFound', 'SubscriptionNotFound', 'ParentResourceNotFound']) {
      arm.reply(`GET ${PATH}`, error(404, code));
      expect(await failureOf(client.find(REQUEST, signal()))).toMatchObject({ reason: code, exitCode: 6 });
    }
    arm.reply(`GET ${PATH}`, error(404, 'ResourceNotFound'));
    expect(await failureOf(client.get(REQUEST, signal()))).toBeInstanceOf(DestinationError);
  });

  it('collects the pages of a list, from its own host only', async () => {
    const arm = await scriptedArm();
    const next = `${arm.origin}${PATH}?$skiptoken=2`;
    arm.reply(`GET ${PATH}`, { status: 200, body: { value: [{ name: 'a' }, 'odd'], nextLink: next } });
    arm.reply(`GET ${PATH}?$skiptoken=2`, { status: 200, body: { value: [{ name: 'b' }] } });
    const { client } = testClient(arm.origin);
    expect(await client.list(REQUEST, signal())).toEqual([{ name: 'a' }, { name: 'b' }]);
    arm.reply(`GET ${PATH}`, { status: 200, body: { value: [], nextLink: 'https://evil.example/' } });
    expect(await failureOf(client.list(REQUEST, signal()))).toMatchObject({ failure: { reason: 'ForeignUrl' } });
  });

  it('gives up a list without an end', async () => {
    const arm = await scriptedArm();
    arm.reply(`GET ${PATH}`, { status: 200, body: { value: [], nextLink: `${PATH}?again` } });
    expect(await failureOf(testClient(arm.origin).client.list(REQUEST, signal()))).toMatchObject({
      failure: { reason: 'EndlessList', transient: false },
    });
  });
});

describe('ArmClient, retries', () => {
  it.each<[string, Reply]>([
    ['429', error(429, 'OperationNotAllowed', { 'retry-after': '0.01' })],
    ['500', error(500, 'InternalServerError')],
    ['503 without JSON', { status: 503, body: '<html>busy</html>' }],
    ['a connection that is cut after the request', { status: 0, cut: 'before' }],
    ['a connection that is cut in the answer', { status: 200, body: DISK, cut: 'middle' }],
    ['a conflict that ends', error(409, 'AnotherOperationInProgress')],
    ['a page of a proxy', { status: 200, body: '<html>sign in</html>', headers: { 'x-ms-request-id': '' } }],
    ['an answer that is not JSON', { status: 200, body: '{"name":' }],
    ['an empty answer', { status: 200 }],
    ['an answer that is not an object', { status: 200, body: [DISK] }],
  ])('repeats the request after %s', async (_, reply) => {
    const arm = await scriptedArm();
    arm.reply(`GET ${PATH}`, reply, reply, { status: 200, body: DISK });
    const { client, notices } = testClient(arm.origin);
    expect(await client.get(REQUEST, signal())).toEqual(DISK);
    expect(notices).toHaveLength(2);
    expect(notices[0]).toMatchObject({ what: 'Create disk d1', attempt: 1 });
  });

  it('waits as long as the service asks', async () => {
    const arm = await scriptedArm();
    arm.reply(`GET ${PATH}`, error(429, 'TooManyRequests', { 'retry-after': '0.04' }), { status: 200, body: DISK });
    const { client, notices } = testClient(arm.origin);
    await client.get(REQUEST, signal());
    expect(notices).toMatchObject([{ delayMs: 40, error: { failure: { status: 429, reason: 'TooManyRequests' } } }]);
  });

  it.each([
    [error(403, 'AuthorizationFailed'), CredentialError],
    [error(400, 'InvalidParameter'), DestinationError],
    [error(405, 'MethodNotAllowed'), ServiceError],
  ] as const)('does not repeat a request that cannot succeed: %j', async (reply, type) => {
    const arm = await scriptedArm();
    arm.reply(`PUT ${PATH}`, reply);
    const { client, notices } = testClient(arm.origin);
    expect(await failureOf(client.put(REQUEST, {}, signal()))).toBeInstanceOf(type);
    expect([arm.calls.length, notices.length]).toEqual([1, 0]);
  });

  it('blames the resource for a conflict that does not end', async () => {
    const arm = await scriptedArm();
    arm.reply(`PUT ${PATH}`, error(409, 'Conflict'));
    const failure = await failureOf(testClient(arm.origin).client.put(REQUEST, {}, signal()));
    expect(failure).toBeInstanceOf(DestinationError);
    expect(failure).toMatchObject({ reason: 'Conflict' });
    expect(arm.calls).toHaveLength(5);
    const another = { code: 'Conflict', message: 'Another operation is changing the resource.' };
    arm.reply(`PUT ${PATH}`, { status: 409, body: { error: another } });
    await failureOf(testClient(arm.origin).client.put(REQUEST, {}, signal()));
    expect(arm.calls).toHaveLength(13);
  });

  it('never follows a redirect: the token would go to another host', async () => {
    const [arm, other] = [await scriptedArm(), await scriptedArm()];
    arm.reply(`GET ${PATH}`, { status: 307, headers: { location: `${other.origin}${PATH}` } });
    const failure = await failureOf(testClient(arm.origin).client.get(REQUEST, signal()));
    expect(failure.message).toMatch(/failed: HTTP 307 .*does not follow/);
    expect(other.seen).toEqual([]);
  });

  it('limits the size of an answer', async () => {
    const arm = await scriptedArm();
    arm.reply(`GET ${PATH}`, { status: 200, body: { value: 'x'.repeat(5 * 1024 * 1024) } });
    const failure = await failureOf(testClient(arm.origin, { retry: { retries: 1 } }).client.get(REQUEST, signal()));
    expect(failure.message).toContain('its answer is longer than 4194304 bytes');
  });

  it('gives up if something else than the service answers', async () => {
    const arm = await scriptedArm();
    const page = { status: 403, body: '<html>blocked</html>', headers: { 'x-ms-request-id': '' } };
    arm.reply(`GET ${PATH}`, page);
    const failure = await failureOf(testClient(arm.origin).client.get(REQUEST, signal()));
    expect(failure.message).toMatch(/did not come from Azure Resource Manager but from something in between/);
  });

  it('rejects with the reason of the signal', async () => {
    const arm = await scriptedArm();
    arm.reply(`PUT ${PATH}`, accepted(arm));
    arm.reply(`GET ${STATUS}`, { status: 200, body: { status: 'InProgress' } });
    const controller = new AbortController();
    const reason = new Error('Ctrl-C');
    const wait = (_: number, given: AbortSignal) => {
      controller.abort(reason);
      return Promise.resolve(given.throwIfAborted());
    };
    expect(await failureOf(testClient(arm.origin, { wait }).client.put(REQUEST, {}, controller.signal))).toBe(reason);
    expect(await failureOf(testClient(arm.origin).client.get(REQUEST, controller.signal))).toBe(reason);
  });
});

it('waits with a timer that the signal ends', async () => {
  const client = new ArmClient({
    target: armTarget(),
    credential: { getToken: () => Promise.resolve(null) },
    retries: { run: (_, given, operation) => operation(given) },
    userAgent: 'vhdup/test',
  });
  await client.wait(1, signal());
  const controller = new AbortController();
  const waiting = failureOf(client.wait(3_600_000, controller.signal));
  const reason = new Error('Ctrl-C');
  controller.abort(reason);
  expect(await waiting).toBe(reason);
  client.close();
});

describe('ArmClient, tokens', () => {
  it('gets another token if the service rejects one, and repeats the request', async () => {
    const arm = await scriptedArm();
    arm.reply(`GET ${PATH}`, error(401, 'ExpiredAuthenticationToken'), { status: 200, body: DISK });
    const { client, notices } = testClient(arm.origin);
    expect(await client.get(REQUEST, signal())).toEqual(DISK);
    expect(arm.seen.map(({ headers }) => headers['authorization'])).toEqual([
      'Bearer token-number-1',
      'Bearer token-number-2',
    ]);
    expect(notices).toEqual([]);
  });

  it('does not send a rejected token again', async () => {
    const arm = await scriptedArm();
    arm.reply(`GET ${PATH}`, error(401, 'ExpiredAuthenticationToken'));
    const { client } = testClient(arm.origin, { tokens: ['the-only-token', 'the-only-token'] });
    expect(await failureOf(client.get(REQUEST, signal()))).toMatchObject({ exitCode: 8, isExpired: true });
    expect(arm.calls).toHaveLength(1);
  });

  it('ends if the other token is rejected too', async () => {
    const arm = await scriptedArm();
    arm.reply(`GET ${PATH}`, error(401, 'InvalidAuthenticationToken'));
    expect(await failureOf(testClient(arm.origin).client.get(REQUEST, signal()))).toBeInstanceOf(CredentialError);
    expect(arm.calls).toHaveLength(2);
  });

  it('asks for the claims of a challenge, such as multi-factor authentication', async () => {
    const arm = await scriptedArm();
    const claims = '{"access_token":{"acrs":{"essential":true,"value":"p1"}}}';
    const challenge = `Bearer realm="", error="insufficient_claims", claims="${Buffer.from(claims).toString('base64')}"`;
    arm.reply(
      `GET ${PATH}`,
      { ...error(401, 'InsufficientClaims'), headers: { 'www-authenticate': challenge } },
      { status: 200, body: DISK },
    );
    const { client, tokenRequests } = testClient(arm.origin);
    await client.get(REQUEST, signal());
    expect(tokenRequests[1]?.[1]).toMatchObject({ claims, enableCae: true });
  });

  it('ignores claims that are not JSON', async () => {
    const arm = await scriptedArm();
    arm.reply(
      `GET ${PATH}`,
      { ...error(401, 'X'), headers: { 'www-authenticate': 'Bearer claims="////"' } },
      { status: 200, body: DISK },
    );
    const { client, tokenRequests } = testClient(arm.origin);
    await client.get(REQUEST, signal());
    expect(tokenRequests[1]?.[1]).not.toHaveProperty('claims');
  });

  it('renews a token some minutes before it expires', async () => {
    const arm = await scriptedArm();
    arm.reply(`GET ${PATH}`, { status: 200, body: DISK });
    const { client, tokenRequests } = testClient(arm.origin);
    await client.get(REQUEST, signal());
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      vi.setSystemTime(Date.now() + 54 * 60_000);
      await client.get(REQUEST, signal());
      expect(tokenRequests).toHaveLength(1);
      vi.setSystemTime(Date.now() + 2 * 60_000);
      await client.get(REQUEST, signal());
      expect(tokenRequests).toHaveLength(2);
    } finally {
      vi.useRealTimers();
    }
  });

  it('explains a failed sign-in', async () => {
    const arm = await scriptedArm();
    const credential = { getToken: () => Promise.resolve(null) };
    expect(await failureOf(testClient(arm.origin, { credential }).client.get(REQUEST, signal()))).toMatchObject({
      exitCode: 8,
      message: expect.stringContaining('az login'),
    });
    expect(arm.seen).toEqual([]);
  });
});

describe('ArmClient, long-running operations', () => {
  it('polls the URL unchanged, after 1 second and then every 2 seconds', async () => {
    const arm = await scriptedArm();
    const running = { status: 200, body: { status: 'InProgress' } };
    arm.reply(`PUT ${PATH}`, { ...accepted(arm), body: { properties: { provisioningState: 'Updating' } } });
    arm.reply(`GET ${STATUS}${QUERY}`, running, running, running, SUCCEEDED);
    arm.reply(`GET ${PATH}`, { status: 200, body: DISK });
    const { client, pauses } = testClient(arm.origin);
    expect(await client.put(REQUEST, {}, signal())).toEqual(DISK);
    expect(pauses).toEqual([1000, 2000, 2000, 2000]);
    expect(arm.seen.slice(1, 5).map(({ target }) => target)).toEqual(new Array(4).fill(STATUS + QUERY));
    expect(arm.seen.every(({ headers }) => headers['authorization'] === 'Bearer token-number-1')).toBe(true);
  });

  it.each([
    ['7', 7000],
    ['0', 1000],
    ['nonsense', 1000],
    ['86400', 300_000],
  ])('waits for Retry-After: %s', async (retryAfter, ms) => {
    const arm = await scriptedArm();
    arm.reply(`DELETE ${PATH}`, accepted(arm, { 'retry-after': retryAfter }));
    arm.reply(`GET ${STATUS}`, SUCCEEDED);
    const { client, pauses } = testClient(arm.origin);
    await client.delete(REQUEST, signal());
    expect(pauses).toEqual([ms]);
  });

  it.each<[string, Reply]>([
    ['429', error(429, 'TooManyRequests')],
    ['500', error(500, 'X')],
    ['a cut connection', { status: 0, cut: 'before' }],
    ['404, because the record appears late', error(404, 'ResourceNotFound')],
  ])('survives %s while it polls', async (_, reply) => {
    const arm = await scriptedArm();
    arm.reply(`POST ${PATH}/endGetAccess`, accepted(arm));
    arm.reply(`GET ${STATUS}`, reply, reply, SUCCEEDED);
    await testClient(arm.origin).client.post({ ...REQUEST, action: 'endGetAccess' }, undefined, signal());
    expect(arm.calls.filter((call) => call.startsWith('POST'))).toHaveLength(1);
  });

  it('gets another token if the first one expires while it polls', async () => {
    const arm = await scriptedArm();
    arm.reply(`DELETE ${PATH}`, accepted(arm));
    arm.reply(`GET ${STATUS}`, error(401, 'ExpiredAuthenticationToken'), SUCCEEDED);
    const { client, tokenRequests } = testClient(arm.origin);
    await client.delete(REQUEST, signal());
    expect(tokenRequests).toHaveLength(2);
  });

  it('repeats a request whose answer was lost', async () => {
    const arm = await scriptedArm();
    arm.reply(`PUT ${PATH}`, { status: 0, cut: 'before' }, { status: 200, body: DISK });
    expect(await testClient(arm.origin).client.put(REQUEST, {}, signal())).toEqual(DISK);
  });

  it.each([
    'https://management.azure.com.evil.example/x?s=1',
    'https://127.0.0.1/x',
    'http://127.0.0.1:1/x',
    '//evil.example/x',
    'http://user:pw@evil.example/x',
    'nonsense',
  ])('refuses the status URL %s: the token goes to its own host only', async (url) => {
    const arm = await scriptedArm();
    arm.reply(`PUT ${PATH}`, accepted(arm, { 'azure-asyncoperation': url }));
    const { client } = testClient(arm.origin);
    const failure = await failureOf(client.put(REQUEST, {}, signal()));
    expect(failure).toMatchObject({ failure: { reason: 'ForeignUrl', transient: false } });
    expect(failure.message).not.toMatch(/s=1|pw/);
    expect(arm.calls).toHaveLength(1);
  });

  it('accepts a status URL that is only a path', async () => {
    const arm = await scriptedArm();
    arm.reply(`DELETE ${PATH}`, accepted(arm, { 'azure-asyncoperation': STATUS + QUERY }));
    arm.reply(`GET ${STATUS}${QUERY}`, SUCCEEDED);
    await testClient(arm.origin).client.delete(REQUEST, signal());
    expect(arm.calls).toEqual([`DELETE ${PATH}`, `GET ${STATUS}`]);
  });

  it('reports the error of a failed operation, without a retry', async () => {
    const arm = await scriptedArm();
    arm.reply(`PUT ${PATH}`, accepted(arm));
    const inner = { code: 'SkuNotAvailable', message: 'Not in westus.' };
    arm.reply(`GET ${STATUS}`, {
      status: 200,
      body: { status: 'Failed', error: { code: 'Conflict', message: 'x', details: [inner] } },
    });
    const failure = await failureOf(testClient(arm.origin).client.put(REQUEST, {}, signal()));
    expect(failure).toMatchObject({ reason: 'SkuNotAvailable' });
    expect(failure.message).toContain('Create disk d1 failed: SkuNotAvailable, Not in westus (request id request-2).');
    expect(arm.calls).toHaveLength(2);
  });

  it('reports an error that a poll answers with, in the same way', async () => {
    const arm = await scriptedArm();
    arm.reply(`PUT ${PATH}`, accepted(arm));
    arm.reply(`GET ${STATUS}`, error(400, 'InvalidVhd'));
    const { client, records } = testClient(arm.origin);
    const failure = await failureOf(client.put(REQUEST, {}, signal()));
    expect(failure.message).toContain('Create disk d1 failed: 400 InvalidVhd');
    expect(records.map(({ what }) => what)).toEqual(['Create disk d1', 'Create disk d1 (status)']);
  });

  it('starts an operation again if it failed for a reason that passes, but not forever', async () => {
    const arm = await scriptedArm();
    arm.reply(`PUT ${PATH}`, accepted(arm));
    const preempted = {
      status: 200,
      body: { status: 'Canceled', error: { code: 'OperationPreempted', message: 'x' } },
    };
    arm.reply(`GET ${STATUS}`, preempted, preempted, SUCCEEDED);
    arm.reply(`GET ${PATH}`, { status: 200, body: DISK });
    const { client } = testClient(arm.origin);
    expect(await client.put(REQUEST, {}, signal())).toEqual(DISK);
    expect(arm.calls.filter((call) => call.startsWith('PUT'))).toHaveLength(3);
    arm.reply(`GET ${STATUS}`, preempted);
    const failure = await failureOf(client.put(REQUEST, {}, signal()));
    expect(failure).toBeInstanceOf(DestinationError);
    expect(failure.message).toContain('Gave up Create disk d1 after 4 attempts');
    expect(arm.calls.filter((call) => call.startsWith('PUT'))).toHaveLength(7);
  });

  it('asks again for a result that is nowhere', async () => {
    const arm = await scriptedArm();
    const grant = { ...REQUEST, action: 'beginGetAccess' };
    arm.reply(`POST ${PATH}/beginGetAccess`, { status: 202 }, { status: 200, body: { accessSAS: 'x' } });
    const { client } = testClient(arm.origin);
    expect(await client.postForResult(grant, {}, signal())).toEqual({ accessSAS: 'x' });
    arm.reply(`POST ${PATH}/beginGetAccess`, { status: 202 });
    expect(await failureOf(client.postForResult(grant, {}, signal()))).toMatchObject({ failure: { transient: false } });
  });

  it.each([204, 200])('deletes what is already gone: %i', async (status) => {
    const arm = await scriptedArm();
    arm.reply(`DELETE ${PATH}`, { status });
    await testClient(arm.origin).client.delete(REQUEST, signal());
    arm.reply(`DELETE ${PATH}`, error(404, 'ResourceNotFound'));
    await testClient(arm.origin).client.delete(REQUEST, signal());
    arm.reply(`DELETE ${PATH}`, error(404, 'ResourceGroupNotFound'));
    expect(await failureOf(testClient(arm.origin).client.delete(REQUEST, signal()))).toBeInstanceOf(DestinationError);
  });

  it('ends an operation that never ends', async () => {
    const arm = await scriptedArm();
    arm.reply(`PUT ${PATH}`, accepted(arm));
    arm.reply(`GET ${STATUS}`, { status: 200, body: { status: 'InProgress' } });
    const { client } = testClient(arm.origin, { maxOperationMs: 60_000 });
    const failure = await failureOf(client.put(REQUEST, {}, signal()));
    expect(failure.message).toBe(
      'Create disk d1 is still running after 1 minutes. It may still succeed: run the same command again later.',
    );
    expect(failure).toMatchObject({ failure: { reason: 'OperationTimeout', transient: false } });
  });
});

describe('ArmClient, proxies', () => {
  it('connects through the proxy of the environment', async () => {
    const [arm, proxy] = [await scriptedArm(), await startForwardingProxy()];
    onTestFinished(async () => await proxy.close());
    vi.stubEnv('HTTP_PROXY', proxy.url);
    arm.reply(`GET ${PATH}`, { status: 200, body: DISK });
    const { client } = testClient(arm.origin);
    await client.get(REQUEST, signal());
    expect(proxy.counters.forwarded).toBe(1);
  });
});

describe('ArmClient, secrets', () => {
  it('shows neither tokens nor the signatures of status URLs in records, notices and errors', async () => {
    const arm = await scriptedArm();
    const echo = `GET ${arm.origin}${STATUS}${QUERY} with Bearer token-number-1 failed`;
    const failed = { status: 500, body: { error: { code: 'Echo', message: echo } } };
    arm.reply(`PUT ${PATH}`, accepted(arm, { location: `${arm.origin}${STATUS}${QUERY}&monitor=true` }));
    arm.reply(
      `GET ${STATUS}`,
      failed,
      { status: 0, cut: 'before' },
      { status: 200, body: { status: 'Failed', error: { code: 'Echo', message: echo } } },
    );
    const { client, records, notices } = testClient(arm.origin);
    const failure = await failureOf(client.put(REQUEST, {}, signal()));
    const shown = inspect({ client, records, notices, failure, stack: failure.stack }, { depth: 9, showHidden: true });
    expect(notices).toHaveLength(2);
    for (const secret of ['token-number-1', 'MIIHHjCC', 'X5E4RfIb', 'Z9QQEra9', '638348572813941099']) {
      expect(shown).not.toContain(secret);
    }
  });
});
