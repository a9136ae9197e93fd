// Every variant of long-running operations, the faults, and the errors that tests provoke.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ManagedDisks, startManagedDisks } from '../managed-disks.ts';
import {
  authorizationFailed,
  conflict,
  internalServerError,
  missingSubscriptionRegistration,
  quotaExceeded,
  requestDisallowedByPolicy,
  resourceGroupNotFound,
  resourceNotFound,
  scopeLocked,
  skuNotAvailable,
  subscriptionNotRegistered,
  tooManyRequests,
} from './errors.ts';
import { type ArmAnswer, RawArm, sasUrlIn } from './raw-arm.ts';

const SIZE = 20 * 1024 * 1024 + 512;
const DISK = {
  location: 'westeurope',
  properties: { creationData: { createOption: 'Upload', uploadSizeBytes: SIZE } },
};
const DAY = { access: 'Write', durationInSeconds: 86_400 };

let servers: ManagedDisks;
let arm: RawArm;

beforeEach(async () => {
  servers = await startManagedDisks({ disks: [{ name: 'd' }] });
  arm = new RawArm(servers);
});
afterEach(async () => {
  await servers.close();
});

const grant = () => arm.send('POST', 'disks/d/beginGetAccess', { body: DAY });
const statusUrl = ({ headers }: ArmAnswer) => headers.get('azure-asyncoperation') ?? '';
const locationUrl = ({ headers }: ArmAnswer) => headers.get('location') ?? '';
const poll = (url: string) => arm.sendTo(url, 'GET');

describe('an operation', () => {
  it('is accepted without a body, with two signed URLs to poll', async () => {
    const started = await grant();
    expect([started.status, started.json]).toEqual([202, undefined]);
    for (const url of [statusUrl(started), locationUrl(started)]) {
      const { pathname, searchParams } = new URL(url);
      expect(url.length).toBeGreaterThan(3000);
      expect(pathname).toMatch(/\/providers\/Microsoft\.Compute\/locations\/westeurope\/DiskOperations\/[\da-f-]{36}$/);
      expect([...searchParams.keys()].filter((name) => name !== 'monitor')).toEqual([
        'p',
        'api-version',
        't',
        'c',
        's',
        'h',
      ]);
    }
    expect(started.headers.has('retry-after')).toBe(false);
  });

  it('has its result in the status and behind Location', async () => {
    const started = await grant();
    const status = await poll(statusUrl(started));
    const location = await poll(locationUrl(started));
    expect(status.json).toMatchObject({
      status: 'Succeeded',
      startTime: expect.any(String),
      endTime: expect.any(String),
      name: expect.stringMatching(/^[\da-f-]{36}$/),
    });
    expect(location.json).toEqual({ accessSAS: sasUrlIn(status.json) });
  });

  it.each([
    ['in the status', (url: string) => url.replace(/h=(.)/, (_, first: string) => `h=${first === 'A' ? 'B' : 'A'}`)],
    ['in the version', (url: string) => url.replace('2025-01-02', '2026-03-02')],
    ['in the order of the query', (url: string) => url.replace(/(p=[^&]+)&(api-version=[^&]+)/, '$2&$1')],
    ['in the case of the path', (url: string) => url.replace('/DiskOperations/', '/diskoperations/')],
  ])('is not found by a URL with one change %s', async (_, change) => {
    const url = statusUrl(await grant());
    expect((await poll(change(url))).outcome).toBe('404 NotFound');
    expect((await poll(url)).status).toBe(200);
  });

  it('takes effect although nobody polls', async () => {
    await arm.send('PUT', 'disks/e', { body: DISK });
    expect((await arm.send('GET', 'disks/e')).json).toMatchObject({ properties: { provisioningState: 'Succeeded' } });
  });

  it('keeps others away from its resource until it ends', async () => {
    servers.arm.setLongRunning({ delayMs: 27_000 }, 'BeginGetAccess');
    const started = await grant();
    expect((await grant()).outcome).toBe('409 Conflict');
    expect(servers.arm.resources.disk('d').state).toBe('ReadyToUpload');
    expect((await poll(statusUrl(started))).json).toMatchObject({ status: 'InProgress' });
    expect((await poll(locationUrl(started))).status).toBe(202);
    servers.advanceClock(27_000);
    expect((await poll(locationUrl(started))).json).toHaveProperty('accessSAS');
    expect(servers.arm.resources.disk('d').state).toBe('ActiveUpload');
  });
});

describe('the variants', () => {
  it('200 with the result at once', async () => {
    servers.arm.setLongRunning({ mode: 'at-once' });
    const created = await arm.send('PUT', 'disks/e', { body: DISK });
    expect([created.status, statusUrl(created)]).toEqual([200, '']);
    expect(created.json).toMatchObject({ properties: { diskState: 'ReadyToUpload' } });
    expect((await grant()).json).toEqual({ accessSAS: expect.stringContaining('/md-impexp-') });
    expect((await arm.send('DELETE', 'disks/e')).json).toBeUndefined();
    expect(servers.arm.resources.findDisk('e')).toBeUndefined();
  });

  it.each([
    ['both', true, true],
    ['azure-async-operation', true, false],
    ['location', false, true],
    ['none', false, false],
  ] as const)('headers: %s', async (headers, hasStatus, hasLocation) => {
    servers.arm.setLongRunning({ headers });
    const started = await grant();
    expect([statusUrl(started) !== '', locationUrl(started) !== '']).toEqual([hasStatus, hasLocation]);
  });

  it('Retry-After, with the first answer and every poll in progress', async () => {
    servers.arm.setLongRunning({ retryAfterSeconds: 7, inProgressPolls: 1 });
    const started = await grant();
    const first = await poll(statusUrl(started));
    const second = await poll(statusUrl(started));
    expect([started, first, second].map(({ headers }) => headers.get('retry-after'))).toEqual(['7', '7', undefined]);
  });

  it('several polls in progress, with any status', async () => {
    servers.arm.setLongRunning({ inProgressPolls: 2, inProgressStatus: 'Running', succeededStatus: 'SUCCEEDED' });
    const url = statusUrl(await grant());
    const polls = [await poll(url), await poll(url), await poll(url)];
    expect(polls.map(({ json }) => json)).toMatchObject([
      { status: 'Running' },
      { status: 'Running' },
      { status: 'SUCCEEDED' },
    ]);
  });

  it('requests for the resource count as polls, so an operation without poll URLs ends too', async () => {
    servers.arm.setLongRunning({ headers: 'none', inProgressPolls: 1 });
    await arm.send('PUT', 'disks/e', { body: DISK });
    const states = [await arm.send('GET', 'disks/e'), await arm.send('GET', 'disks/e')];
    expect(states.map(({ json }) => json)).toMatchObject([
      { properties: { provisioningState: 'Updating' } },
      { properties: { provisioningState: 'Succeeded' } },
    ]);
  });

  it('polls in progress without a body', async () => {
    servers.arm.setLongRunning({ inProgressPolls: 1, isSilent: true });
    const url = statusUrl(await grant());
    expect([await poll(url), await poll(url)]).toMatchObject([{ status: 202, json: undefined }, { status: 200 }]);
  });

  it('new poll URLs midway, after which the old ones are gone', async () => {
    servers.arm.setLongRunning({ inProgressPolls: 2, newUrlAfterPolls: 1 });
    const old = statusUrl(await grant());
    const moved = await poll(old);
    const url = statusUrl(moved);
    expect([moved.json, url === old]).toMatchObject([{ status: 'InProgress' }, false]);
    expect((await poll(old)).outcome).toBe('404 NotFound');
    expect((await poll(url)).json).toMatchObject({ status: 'InProgress' });
    expect((await poll(url)).json).toMatchObject({ status: 'Succeeded' });
  });

  it.each([
    ['both', true, true],
    ['status', true, false],
    ['location', false, true],
  ] as const)('result in: %s', async (resultIn, inStatus, inLocation) => {
    servers.arm.setLongRunning({ resultIn });
    const started = await grant();
    const answers = [await poll(statusUrl(started)), await poll(locationUrl(started))];
    expect(answers.map(({ json }) => JSON.stringify(json)?.includes('accessSAS') ?? false)).toEqual([
      inStatus,
      inLocation,
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  });

  it('poll URLs of another host', async () => {
    servers.arm.setLongRunning({ pollOrigin: 'http://127.0.0.1:9' });
    expect(statusUrl(await grant())).toMatch(/^http:\/\/127\.0\.0\.1:9\/subscriptions\//);
  });

  it('one operation differs from the others', async () => {
    servers.arm.setLongRunning({ mode: 'at-once' }, 'BeginGetAccess');
    expect((await grant()).status).toBe(200);
    expect((await arm.send('PUT', 'disks/e', { body: DISK })).status).toBe(202);
  });
});

describe('a failure', () => {
  const end = () => arm.send('POST', 'disks/d/endGetAccess');
  const error = { code: 'InvalidVhd', message: expect.stringContaining("'conectix'") };

  beforeEach(() => {
    servers.arm.resources.grantAccess('d', 'Write', 3600);
  });

  it('is in the status, and the answer of Location', async () => {
    const started = await end();
    expect((await poll(statusUrl(started))).json).toMatchObject({ status: 'Failed', error });
    expect(await poll(locationUrl(started))).toMatchObject({ status: 400, json: { error } });
  });

  it.each([
    ['first-answer', 400],
    ['first-answer-200', 200],
  ] as const)('is the %s', async (failureIn, status) => {
    servers.arm.setLongRunning({ failureIn });
    expect(await end()).toMatchObject({ status, json: { error } });
  });

  it.each([
    ['poll', 400],
    ['poll-200', 200],
  ] as const)('is the answer of a %s', async (failureIn, status) => {
    servers.arm.setLongRunning({ failureIn });
    const started = await end();
    expect(started.status).toBe(202);
    expect(await poll(statusUrl(started))).toMatchObject({ status, json: { error } });
    expect(await poll(locationUrl(started))).toMatchObject({ status, json: { error } });
  });

  it('is the answer of an operation that ends at once', async () => {
    servers.arm.setLongRunning({ mode: 'at-once' });
    expect(await end()).toMatchObject({ status: 400, json: { error } });
    servers.arm.setLongRunning({ failureIn: 'poll-200' });
    expect(await end()).toMatchObject({ status: 200, json: { error } });
  });

  it('comes on demand, without effect', async () => {
    servers.arm.faults.add(
      { operation: 'PutDisk', nth: 1 },
      { kind: 'fails', error: skuNotAvailable('Premium_LRS', 'westeurope') },
    );
    const failed = await arm.run('PUT', 'disks/e', { body: DISK });
    expect(failed.json).toMatchObject({ status: 'Failed', error: { details: [{ code: 'SkuNotAvailable' }] } });
    expect(servers.arm.resources.disk('e').provisioningState).toBe('Failed');
    expect((await arm.send('POST', 'disks/e/beginGetAccess', { body: DAY })).outcome).toBe('409 OperationNotAllowed');
    await arm.run('PUT', 'disks/e', { body: DISK });
    expect(servers.arm.resources.disk('e').provisioningState).toBe('Succeeded');
  });
});

describe('faults', () => {
  it('the connection is cut after the commit', async () => {
    servers.arm.faults.add({ operation: 'PutDisk' }, { kind: 'reset-after-commit' });
    await expect(arm.send('PUT', 'disks/e', { body: DISK })).rejects.toThrow('ECONNRESET');
    expect(servers.arm.resources.disk('e').state).toBe('ReadyToUpload');
    expect(servers.arm.log).toMatchObject([
      { operation: 'PutDisk', committed: true, aborted: true, fault: 'reset-after-commit' },
    ]);
  });

  it('the connection is cut before the request is read', async () => {
    servers.arm.faults.add({ operation: 'PutDisk' }, { kind: 'reset-before-read' });
    await expect(arm.send('PUT', 'disks/e', { body: DISK })).rejects.toThrow('ECONNRESET');
    expect(servers.arm.resources.findDisk('e')).toBeUndefined();
  });

  it('429 with Retry-After and 500, also to polls', async () => {
    const url = statusUrl(await grant());
    servers.arm.faults.add({ operation: 'PollOperation', nth: 1 }, { kind: 'error', error: tooManyRequests(3) });
    servers.arm.faults.add({ operation: 'PollOperation', nth: 1 }, { kind: 'error', error: internalServerError() });
    const answers = [await poll(url), await poll(url), await poll(url)];
    expect(answers.map(({ outcome }) => outcome)).toEqual([
      '429 OperationNotAllowed',
      '500 InternalServerError',
      '200',
    ]);
    expect(answers[0]?.headers.get('retry-after')).toBe('3');
  });

  it('a page of a proxy, and an answer cut short', async () => {
    servers.arm.faults.add({ nth: 1 }, { kind: 'truncated-answer' });
    await expect(arm.send('GET', 'disks/d')).rejects.toThrow();
    servers.arm.faults.add({}, { kind: 'proxy-page', status: 502 });
    await expect(arm.send('GET', 'disks/d')).rejects.toThrow(SyntaxError);
  });

  it('any answer, with or without the effect of the request', async () => {
    servers.arm.faults.add({ name: 'e', times: 1 }, { kind: 'answer', status: 201, body: '{"odd":true}' });
    expect(await arm.send('PUT', 'disks/e', { body: DISK })).toMatchObject({ status: 201, json: { odd: true } });
    expect(servers.arm.resources.findDisk('e')).toBeUndefined();
    servers.arm.faults.add(
      { name: 'e', times: 1 },
      { kind: 'answer', isDone: true, headers: { 'azure-asyncoperation': undefined } },
    );
    const answer = await arm.send('PUT', 'disks/e', { body: DISK });
    expect([answer.status, statusUrl(answer), locationUrl(answer) !== '']).toEqual([202, '', true]);
    expect(servers.arm.resources.disk('e').state).toBe('ReadyToUpload');
  });
});

describe('errors that tests provoke have the shape of the service', () => {
  const scope = '/subscriptions/s/resourceGroups/rg';

  it.each([
    [authorizationFailed('Microsoft.Compute/disks/write', scope), 403, { code: 'AuthorizationFailed' }],
    [missingSubscriptionRegistration(), 409, { details: [{ target: 'Microsoft.Compute' }] }],
    [subscriptionNotRegistered('s'), 409, { code: 'SubscriptionNotRegistered' }],
    [skuNotAvailable('UltraSSD_LRS', 'westus'), 409, { details: [{ code: 'SkuNotAvailable' }] }],
    [
      requestDisallowedByPolicy('d', 'only-ssd'),
      403,
      { target: 'd', additionalInfo: [{ type: 'PolicyViolation', info: { policyAssignmentName: 'only-ssd' } }] },
    ],
    [scopeLocked(scope, 'delete'), 409, { code: 'ScopeLocked' }],
    [
      quotaExceeded('PremiumDiskCount', 100),
      409,
      { code: 'OperationNotAllowed', innererror: { code: 'QuotaExceeded' } },
    ],
    [resourceGroupNotFound('rg'), 404, { code: 'ResourceGroupNotFound' }],
    [resourceNotFound('Microsoft.Compute/disks/d', 'rg'), 404, { code: 'ResourceNotFound' }],
    [conflict('d'), 409, { code: 'Conflict' }],
  ])('%s', async (error, status, shape) => {
    servers.arm.faults.add({ operation: 'PutDisk' }, { kind: 'error', error });
    const answer = await arm.send('PUT', 'disks/e', { body: DISK });
    expect(answer).toMatchObject({ status, json: { error: { message: expect.any(String), ...shape } } });
    expect(servers.arm.resources.findDisk('e')).toBeUndefined();
  });
});
