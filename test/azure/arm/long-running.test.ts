import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ArmAnswer } from '../../../src/azure/arm/arm-connection.ts';
import type { JsonObject } from '../../../src/azure/arm/arm-error.ts';
import { followOperation, type LongMethod } from '../../../src/azure/arm/long-running.ts';
import { failureOf } from '../../support/vhd-fixtures.ts';

const STATUS = 'https://arm.example/operations/1?s=a';
const LOCATION = 'https://arm.example/operations/1?s=b&monitor=true';
const ASYNC = { 'azure-asyncoperation': STATUS };
const BOTH = { ...ASYNC, location: LOCATION };
const RESOURCE = { name: 'd', properties: { provisioningState: 'Succeeded' } };
const CREATING = { name: 'd', properties: { provisioningState: 'Creating' } };
const GRANT = { accessSAS: 'https://md-1/a/abcd' };
const IN_PROGRESS = { status: 'InProgress' };
const SUCCEEDED = { status: 'Succeeded' };
const WITH_OUTPUT = { status: 'Succeeded', properties: { output: GRANT } };

function answer(status: number, body?: JsonObject, headers: Readonly<Record<string, string>> = {}): ArmAnswer {
  return { status, body, requestId: 'r', header: (name) => headers[name] };
}

interface Script {
  readonly method?: LongMethod;
  readonly hasResult?: boolean;
  readonly first: ArmAnswer;
  /** The answers to GETs of each URL, in order. The last one repeats. "resource" is the resource itself. */
  readonly polls?: Readonly<Record<string, readonly ArmAnswer[]>>;
}

/** The result or the error of the operation, and the GETs in order. */
async function follow({ method = 'PUT', hasResult = false, first, polls = {} }: Script) {
  const gets: string[] = [];
  const counts = new Map<string, number>();
  let pauses = 0;
  const get = (url: string): Promise<ArmAnswer> => {
    gets.push(url);
    const count = counts.get(url) ?? 0;
    counts.set(url, count + 1);
    const answers = polls[url] ?? [];
    const found = answers[Math.min(count, answers.length - 1)];
    return found === undefined ? Promise.reject(new Error(`unexpected GET of ${url}`)) : Promise.resolve(found);
  };
  const result = followOperation(first, {
    method,
    hasResult,
    poll: get,
    readResource: () => get('resource'),
    pause: () => {
      pauses += 1;
      return pauses > 200 ? Promise.reject(new Error('endless')) : Promise.resolve();
    },
    failed: ({ body }, code) => Object.assign(new Error(code), { code, body }),
  });
  return { result: await result.catch((error: unknown) => error), gets, pauses };
}

describe('followOperation, PUT', () => {
  it.each<[string, Script, string[]]>([
    ['200 at once', { first: answer(200, RESOURCE) }, []],
    ['201 at once', { first: answer(201, RESOURCE) }, []],
    [
      '202 with both headers',
      { first: answer(202, CREATING, BOTH), polls: { [STATUS]: [answer(200, SUCCEEDED)] } },
      [STATUS],
    ],
    [
      '202 with the location only',
      {
        first: answer(202, CREATING, { location: LOCATION }),
        polls: { [LOCATION]: [answer(202), answer(200, RESOURCE)] },
      },
      [LOCATION, LOCATION],
    ],
    [
      '202 with Operation-Location',
      { first: answer(202, CREATING, { 'operation-location': STATUS }), polls: { [STATUS]: [answer(200, SUCCEEDED)] } },
      [STATUS],
    ],
    [
      '202 without a header',
      { first: answer(202, CREATING), polls: { resource: [answer(200, CREATING), answer(200, RESOURCE)] } },
      ['resource'],
    ],
    ['202 without anything', { first: answer(202) }, []],
    [
      '201 with the status header, as for images',
      { first: answer(201, CREATING, ASYNC), polls: { [STATUS]: [answer(200, IN_PROGRESS), answer(200, SUCCEEDED)] } },
      [STATUS, STATUS],
    ],
    [
      '200 with the status header, as for later image versions',
      { first: answer(200, CREATING, ASYNC), polls: { [STATUS]: [answer(200, SUCCEEDED)] } },
      [STATUS],
    ],
    ['201 with the location of the resource', { first: answer(201, CREATING, { location: LOCATION }) }, []],
    [
      '201 with a provisioning state',
      { first: answer(201, CREATING), polls: { resource: [answer(200, CREATING), answer(200, RESOURCE)] } },
      ['resource'],
    ],
    [
      'a status without a body',
      { first: answer(202, CREATING, ASYNC), polls: { [STATUS]: [answer(202), answer(202), answer(200)] } },
      [STATUS, STATUS, STATUS],
    ],
    [
      'a status that is in progress although the code is 200, and over although it is 202',
      { first: answer(202, CREATING, ASYNC), polls: { [STATUS]: [answer(200, IN_PROGRESS), answer(202, SUCCEEDED)] } },
      [STATUS, STATUS],
    ],
    [
      'a location with the state in its body',
      {
        first: answer(202, CREATING, { location: LOCATION }),
        polls: { [LOCATION]: [answer(200, IN_PROGRESS), answer(200, CREATING), answer(202, RESOURCE)] },
      },
      [LOCATION, LOCATION, LOCATION],
    ],
    [
      'a status with the provisioning state',
      { first: answer(202, CREATING, ASYNC), polls: { [STATUS]: [answer(200, CREATING), answer(200, RESOURCE)] } },
      [STATUS, STATUS],
    ],
    [
      'a record of the operation that appears late',
      { first: answer(202, CREATING, ASYNC), polls: { [STATUS]: [answer(404), answer(404), answer(200, SUCCEEDED)] } },
      [STATUS, STATUS, STATUS],
    ],
    [
      'a lost record of the operation',
      {
        first: answer(202, CREATING, ASYNC),
        polls: { [STATUS]: [answer(404)], resource: [answer(200, CREATING), answer(200, RESOURCE)] },
      },
      [STATUS, STATUS, STATUS, STATUS, 'resource'],
    ],
    [
      'a lost location',
      { first: answer(202, CREATING, { location: LOCATION }), polls: { [LOCATION]: [answer(410)] } },
      [LOCATION, LOCATION, LOCATION, LOCATION],
    ],
    [
      'a resource that appears late',
      {
        first: answer(202, CREATING, ASYNC),
        polls: { [STATUS]: [answer(200, SUCCEEDED)], resource: [answer(404), answer(200, RESOURCE)] },
      },
      [STATUS, 'resource'],
    ],
    [
      'a resource that is provisioned after the end of the operation',
      {
        first: answer(202, CREATING, ASYNC),
        polls: { [STATUS]: [answer(200, SUCCEEDED)], resource: [answer(200, CREATING), answer(200, RESOURCE)] },
      },
      [STATUS, 'resource'],
    ],
  ])('returns the resource after %s', async (_, script, expected) => {
    const { result, gets } = await follow({ ...script, polls: { resource: [answer(200, RESOURCE)], ...script.polls } });
    expect(result).toEqual(RESOURCE);
    const isAtOnce = expected.length === 0 && script.first.status !== 202 && script.first.body === RESOURCE;
    expect(gets).toEqual(isAtOnce ? [] : [...expected, 'resource']);
  });

  it('follows new URLs midway, for the status and for the location', async () => {
    const [second, third] = ['https://arm.example/operations/1?s=c', 'https://arm.example/operations/1?s=d'];
    const polls = {
      [STATUS]: [answer(200, IN_PROGRESS, { 'azure-asyncoperation': second })],
      [second]: [answer(200, IN_PROGRESS, { 'azure-asyncoperation': third }), answer(404)],
      [third]: [answer(200, IN_PROGRESS), answer(200, SUCCEEDED)],
      resource: [answer(200, RESOURCE)],
    };
    const { gets } = await follow({ first: answer(202, CREATING, ASYNC), polls });
    expect(gets).toEqual([STATUS, second, third, third, 'resource']);
    const located = await follow({
      first: answer(202, CREATING, { location: LOCATION }),
      polls: {
        [LOCATION]: [answer(202, undefined, { location: second })],
        [second]: [answer(200)],
        resource: [answer(200, RESOURCE)],
      },
    });
    expect(located.gets).toEqual([LOCATION, second, 'resource']);
  });

  it('waits before each poll, but not before it reads the resource', async () => {
    const polls = {
      [STATUS]: [answer(200, IN_PROGRESS), answer(200, IN_PROGRESS), answer(200, SUCCEEDED)],
      resource: [answer(200, RESOURCE)],
    };
    expect((await follow({ first: answer(202, CREATING, BOTH), polls })).pauses).toBe(3);
  });

  it.each(['Succeeded', 'succeeded', 'SUCCEEDED'])('compares states without case: %s', async (status) => {
    const polls = { [STATUS]: [answer(200, { status })], resource: [answer(200, RESOURCE)] };
    expect((await follow({ first: answer(202, CREATING, ASYNC), polls })).result).toEqual(RESOURCE);
  });

  it('takes every state but the known ends as running', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string().filter((state) => state !== '' && !/^(?:succeeded|failed|cancell?ed)$/i.test(state)),
        async (status) => {
          const polls = {
            [STATUS]: [answer(200, { status }), answer(200, SUCCEEDED)],
            resource: [answer(200, RESOURCE)],
          };
          const { gets } = await follow({ first: answer(202, CREATING, ASYNC), polls });
          expect(gets).toEqual([STATUS, STATUS, 'resource']);
        },
      ),
      { numRuns: 50 },
    );
  });

  const ERROR = { code: 'SkuNotAvailable', message: 'x' };
  it.each<[string, Script, string]>([
    [
      'a status Failed',
      { first: answer(202, CREATING, ASYNC), polls: { [STATUS]: [answer(200, { status: 'Failed', error: ERROR })] } },
      'OperationFailed',
    ],
    [
      'a status failed without an error',
      { first: answer(202, CREATING, ASYNC), polls: { [STATUS]: [answer(200, { status: 'failed' })] } },
      'OperationFailed',
    ],
    [
      'a status Canceled',
      { first: answer(202, CREATING, ASYNC), polls: { [STATUS]: [answer(200, { status: 'Canceled' })] } },
      'Canceled',
    ],
    [
      'a status Cancelled',
      { first: answer(202, CREATING, ASYNC), polls: { [STATUS]: [answer(200, { status: 'Cancelled' })] } },
      'Canceled',
    ],
    [
      'an error in a poll of 200',
      { first: answer(202, CREATING, ASYNC), polls: { [STATUS]: [answer(200, { error: ERROR })] } },
      'OperationFailed',
    ],
    ['an error in the first answer of 200', { first: answer(200, { error: ERROR }) }, 'OperationFailed'],
    ['an error in the first answer of 202', { first: answer(202, { error: ERROR }, BOTH) }, 'OperationFailed'],
    [
      'an error at the location',
      { first: answer(202, undefined, { location: LOCATION }), polls: { [LOCATION]: [answer(200, { error: ERROR })] } },
      'OperationFailed',
    ],
    [
      'a resource that failed at once',
      { first: answer(201, { properties: { provisioningState: 'Failed' } }) },
      'OperationFailed',
    ],
    [
      'a resource that failed although the operation succeeded',
      {
        first: answer(202, CREATING, ASYNC),
        polls: {
          [STATUS]: [answer(200, SUCCEEDED)],
          resource: [answer(200, { properties: { provisioningState: 'Failed' } })],
        },
      },
      'OperationFailed',
    ],
    [
      'a resource that never appears',
      { first: answer(202, CREATING, ASYNC), polls: { [STATUS]: [answer(200, SUCCEEDED)], resource: [answer(404)] } },
      'ResourceNotFound',
    ],
  ])('fails after %s', async (_, script, code) => {
    expect((await follow(script)).result).toMatchObject({ code });
  });

  it('ignores an error without content', async () => {
    const polls = { [STATUS]: [answer(200, { status: 'Succeeded', error: null })], resource: [answer(200, RESOURCE)] };
    expect((await follow({ first: answer(202, { ...CREATING, error: {} }, ASYNC), polls })).result).toEqual(RESOURCE);
  });
});

describe('followOperation, POST with a result', () => {
  const post = (first: ArmAnswer, polls: Script['polls'] = {}) =>
    follow({ method: 'POST', hasResult: true, first, polls });

  it.each<[string, ArmAnswer, Script['polls'], string[]]>([
    ['200 at once', answer(200, GRANT), {}, []],
    ['200 at once, wrapped', answer(200, WITH_OUTPUT), {}, []],
    [
      'the status',
      answer(202, undefined, BOTH),
      { [STATUS]: [answer(200, IN_PROGRESS), answer(200, WITH_OUTPUT)] },
      [STATUS, STATUS],
    ],
    [
      'the status without a location',
      answer(202, undefined, ASYNC),
      { [STATUS]: [answer(200, WITH_OUTPUT)] },
      [STATUS],
    ],
    [
      'the location after the status',
      answer(202, undefined, BOTH),
      { [STATUS]: [answer(200, SUCCEEDED)], [LOCATION]: [answer(202), answer(200, GRANT)] },
      [STATUS, LOCATION, LOCATION],
    ],
    [
      'a location that only a poll names',
      answer(202, undefined, ASYNC),
      { [STATUS]: [answer(200, SUCCEEDED, { location: LOCATION })], [LOCATION]: [answer(200, GRANT)] },
      [STATUS, LOCATION],
    ],
    [
      'the location alone',
      answer(202, undefined, { location: LOCATION }),
      { [LOCATION]: [answer(202), answer(200, GRANT)] },
      [LOCATION, LOCATION],
    ],
    [
      'the location alone, wrapped',
      answer(202, undefined, { location: LOCATION }),
      { [LOCATION]: [answer(200, WITH_OUTPUT)] },
      [LOCATION],
    ],
    [
      'the location after an empty 200',
      answer(200, undefined, { location: LOCATION }),
      { [LOCATION]: [answer(200, GRANT)] },
      [LOCATION],
    ],
  ])('returns it from %s', async (_, first, polls, expected) => {
    const { result, gets } = await post(first, polls);
    expect(result).toEqual(GRANT);
    expect(gets).toEqual(expected);
  });

  it('returns nothing if nothing contains it', async () => {
    expect((await post(answer(202))).result).toBeUndefined();
    expect((await post(answer(202, undefined, ASYNC), { [STATUS]: [answer(200, SUCCEEDED)] })).result).toBeUndefined();
  });

  it.each([
    ['status', ASYNC],
    ['location', { location: LOCATION }],
  ])('reports a lost operation if the %s is gone', async (_, headers) => {
    const polls = { [STATUS]: [answer(404)], [LOCATION]: [answer(410)] };
    expect((await post(answer(202, undefined, headers), polls)).result).toMatchObject({ code: 'OperationLost' });
  });
});

describe('followOperation, POST without a result', () => {
  it('ends with the status, and does not ask for the location', async () => {
    const polls = { [STATUS]: [answer(200, IN_PROGRESS), answer(200, SUCCEEDED)] };
    const { result, gets } = await follow({ method: 'POST', first: answer(202, undefined, BOTH), polls });
    expect(result).toBeUndefined();
    expect(gets).toEqual([STATUS, STATUS]);
  });

  it('ends with the location if there is no status', async () => {
    const polls = { [LOCATION]: [answer(202), answer(200)] };
    const { result, gets } = await follow({
      method: 'POST',
      first: answer(202, undefined, { location: LOCATION }),
      polls,
    });
    expect(result).toBeUndefined();
    expect(gets).toEqual([LOCATION, LOCATION]);
  });

  it.each([200, 202, 204])('ends with a bare %i', async (status) => {
    const { result, gets } = await follow({ method: 'POST', first: answer(status) });
    expect([result, gets]).toEqual([undefined, []]);
  });
});

describe('followOperation, DELETE', () => {
  it.each<[string, ArmAnswer, Script['polls'], string[]]>([
    ['200', answer(200), {}, []],
    ['204', answer(204), {}, []],
    [
      'a status',
      answer(202, undefined, BOTH),
      { [STATUS]: [answer(200, IN_PROGRESS), answer(200, SUCCEEDED)] },
      [STATUS, STATUS],
    ],
    [
      'a location',
      answer(202, undefined, { location: LOCATION }),
      { [LOCATION]: [answer(202), answer(204)] },
      [LOCATION, LOCATION],
    ],
    [
      'a location that is gone with the resource',
      answer(202, undefined, { location: LOCATION }),
      { [LOCATION]: [answer(404)] },
      [LOCATION],
    ],
    [
      'no header, until the resource is gone',
      answer(202),
      { resource: [answer(200, RESOURCE), answer(200, CREATING), answer(404)] },
      ['resource', 'resource', 'resource'],
    ],
    [
      'a lost status and no resource',
      answer(202, undefined, ASYNC),
      { [STATUS]: [answer(404)], resource: [answer(404)] },
      [STATUS, STATUS, STATUS, STATUS, 'resource'],
    ],
  ])('ends with %s', async (_, first, polls, expected) => {
    const { result, gets } = await follow({ method: 'DELETE', first, polls: polls ?? {} });
    expect([result, gets]).toEqual([undefined, expected]);
  });

  it('reports a lost operation if the resource stays as it is', async () => {
    const polls = { [STATUS]: [answer(404)], resource: [answer(200, RESOURCE)] };
    const { result } = await follow({ method: 'DELETE', first: answer(202, undefined, ASYNC), polls });
    expect(result).toMatchObject({ code: 'OperationLost' });
  });
});

it('passes on the errors of its polls', async () => {
  const error = await failureOf(
    followOperation(answer(202, CREATING, ASYNC), {
      method: 'PUT',
      hasResult: false,
      poll: () => Promise.reject(new Error('refused')),
      readResource: () => Promise.reject(new Error('not reached')),
      pause: () => Promise.resolve(),
      failed: (_, code) => new Error(code),
    }),
  );
  expect(error).toMatchObject({ message: 'refused' });
});
