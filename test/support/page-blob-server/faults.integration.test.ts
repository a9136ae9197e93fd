// Every fault of the test server, seen from a client.

import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RawRequest, type RawResponse, rangeHeader, rawRequest, withQuery } from '../raw-request.ts';
import { crc64Base64 } from './checksum.ts';
import { type Fault, internalError, operationTimedOut, seededRandom, serverBusy } from './faults.ts';
import { type PageBlobServer, startPageBlobServer } from './server.ts';

const MIB = 1024 * 1024;
const CONTAINER = 'disks';
const BLOB = 'a.vhd';

let server: PageBlobServer;
let agent: Agent;

beforeEach(async () => {
  server = await startPageBlobServer();
  server.createPageBlob(CONTAINER, BLOB, 64 * MIB);
  agent = new Agent({ keepAlive: true });
});
afterEach(async () => {
  agent.destroy();
  await server.close();
});

function send(query: string, request: RawRequest): Promise<RawResponse> {
  const url = server.sasUrl({ container: CONTAINER, blob: BLOB, permissions: 'rw' });
  return rawRequest(query === '' ? url : withQuery(url, query), { agent, ...request });
}

function putPage(offset: number, length = 512, options: Partial<RawRequest> = {}): Promise<RawResponse> {
  const body = Buffer.alloc(length, 1);
  const headers = {
    'x-ms-page-write': 'update',
    'x-ms-range': rangeHeader(offset, length),
    'x-ms-content-crc64': crc64Base64([body]),
  };
  return send('comp=page', { method: 'PUT', headers, body, ...options });
}

function written(): number {
  return server
    .blob(CONTAINER, BLOB)
    .ranges()
    .reduce((sum, { length }) => sum + length, 0);
}

describe('errors of the service', () => {
  it.each([
    [serverBusy(), 503, 'ServerBusy'],
    [internalError(), 500, 'InternalError'],
    [operationTimedOut(), 500, 'OperationTimedOut'],
    [{ kind: 'status', status: 408, code: 'RequestTimeout' } as const, 408, 'RequestTimeout'],
    [{ kind: 'status', status: 429, code: 'TooManyRequests' } as const, 429, 'TooManyRequests'],
    [{ kind: 'status', status: 504, code: 'GatewayTimeout' } as const, 504, 'GatewayTimeout'],
    [{ kind: 'status', status: 403, code: 'AuthenticationFailed' } as const, 403, 'AuthenticationFailed'],
  ])('%o', async (fault, status, code) => {
    server.faults.add({ operation: 'PutPage', nth: 1 }, fault);
    const response = await putPage(0);
    expect([response.status, response.errorCode]).toEqual([status, code]);
    expect(written()).toBe(0);
    expect((await putPage(0)).status).toBe(201);
  });

  it('with Retry-After', async () => {
    server.faults.add({}, serverBusy(7));
    expect((await putPage(0)).headers.get('retry-after')).toBe('7');
  });
});

describe('pages of a proxy', () => {
  it.each([200, 502, 407])('with status %i', async (status) => {
    server.faults.add({}, { kind: 'proxy-page', status });
    const response = await putPage(0);
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toContain('text/html');
    expect(response.headers.has('x-ms-request-id')).toBe(false);
    expect(written()).toBe(0);
  });
});

describe('answers of any kind', () => {
  it('replace the operation, with the headers of the service', async () => {
    server.faults.add({ nth: 1 }, { kind: 'answer', status: 418, code: 'Teapot', headers: { 'x-more': 'more' } });
    const response = await putPage(0);
    expect([response.status, response.errorCode, response.headers.get('x-more')]).toEqual([418, 'Teapot', 'more']);
    expect(response.headers.has('x-ms-request-id')).toBe(true);
    expect(response.body.toString()).toContain('<Code>Teapot</Code>');
    expect(written()).toBe(0);
  });

  it('come from something other than the service', async () => {
    server.faults.add({}, { kind: 'answer', status: 413, isForeign: true, body: 'too large' });
    const response = await putPage(0);
    expect([response.status, response.body.toString()]).toEqual([413, 'too large']);
    expect(response.headers.has('x-ms-request-id')).toBe(false);
  });

  it('follow an executed operation, with changed or missing headers', async () => {
    server.faults.add({}, { kind: 'answer', status: 200, isDone: true, headers: { etag: undefined } });
    const response = await putPage(0);
    expect([response.status, response.headers.has('etag')]).toEqual([200, false]);
    expect(written()).toBe(512);
  });

  it('answer only large requests, also before they are read', async () => {
    server.faults.add({ largerThan: 512 }, { kind: 'answer', status: 413, isForeign: true, isEarly: true });
    expect((await putPage(0)).status).toBe(201);
    const response = await putPage(0, 1024);
    expect([response.status, response.headers.get('connection')]).toEqual([413, 'close']);
    expect(written()).toBe(512);
  });
});

describe('lost connections', () => {
  it('are reset before the request is read', async () => {
    server.faults.add({ nth: 1 }, { kind: 'reset-before-read' });
    await expect(putPage(0, 4 * MIB)).rejects.toMatchObject({ code: expect.stringMatching(/ECONNRESET|EPIPE/) });
    expect(written()).toBe(0);
    expect(server.log[0]).toMatchObject({ fault: 'reset-before-read', status: undefined, committed: false });
  });

  it('are reset after the write was committed', async () => {
    server.faults.add({ nth: 1 }, { kind: 'reset-after-commit' });
    // `syscall` tells a reset from a connection that was closed in good order, which Node reports as ECONNRESET too.
    await expect(putPage(0)).rejects.toMatchObject({ code: 'ECONNRESET', syscall: 'read' });
    expect(written()).toBe(512);
    expect(server.log[0]).toMatchObject({ status: undefined, committed: true, aborted: true });
  });

  it('are cut in the middle of the answer', async () => {
    server.faults.add({}, { kind: 'truncated-answer' });
    await expect(putPage(0)).rejects.toMatchObject({ code: expect.stringMatching(/ECONNRESET|HPE_/) });
    expect(written()).toBe(512);
    await expect(send('comp=pagelist', { method: 'GET' })).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  it('are refused while the server is off the network, and accepted afterwards', async () => {
    const { port } = server;
    await putPage(0);
    await server.refuseConnections(true);
    await expect(putPage(512)).rejects.toMatchObject({ code: expect.stringMatching(/ECONNREFUSED|ECONNRESET/) });
    await expect(putPage(512)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await server.refuseConnections(false);
    expect(server.port).toBe(port);
    expect((await putPage(512)).status).toBe(201);
  });
});

describe('stalls', () => {
  it('last while the body is sent, until the client disconnects', async () => {
    server.faults.add({ nth: 1 }, { kind: 'stall-body' });
    const client = new AbortController();
    const request = putPage(0, 4 * MIB, { signal: client.signal });
    await server.when(() => server.counters.inFlight === 1);
    client.abort();
    await expect(request).rejects.toMatchObject({ name: 'AbortError' });
    await server.when(() => server.counters.inFlight === 0);
    expect(server.log[0]).toMatchObject({ aborted: true, committed: false });
  });

  it('last before the answer, until the client disconnects', async () => {
    server.faults.add({ nth: 1 }, { kind: 'stall-answer' });
    const client = new AbortController();
    const request = putPage(0, 512, { signal: client.signal });
    await server.when(() => server.log[0]?.committed === true);
    client.abort();
    await expect(request).rejects.toMatchObject({ name: 'AbortError' });
    await server.when(() => server.counters.inFlight === 0);
    expect(server.log[0]).toMatchObject({ aborted: true, committed: true, status: undefined });
  });

  it.each(['stall-body', 'stall-answer'] as const)('end after the given time: %s', async (kind) => {
    server.faults.add({ nth: 1 }, { kind, maxMs: 20 });
    await expect(putPage(0)).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  it('end with the server', async () => {
    server.faults.add({ nth: 1 }, { kind: 'stall-answer' });
    const request = putPage(0);
    const failed = expect(request).rejects.toMatchObject({ code: 'ECONNRESET' });
    await server.when(() => server.log[0]?.committed === true);
    await server.close();
    await failed;
  });

  it('are not answers that are only late', async () => {
    server.faults.add({ nth: 1 }, { kind: 'delay-answer', delayMs: 30 });
    const response = putPage(0).then(({ status }) => status);
    const first = await Promise.race([response, delay(5, 'nothing yet')]);
    expect([first, await response]).toEqual(['nothing yet', 201]);
  });
});

describe('damage', () => {
  it('of the received body is found by the checksum', async () => {
    server.faults.add({ nth: 1 }, { kind: 'flip-received-bit', bit: 1234 });
    const response = await putPage(0, MIB);
    expect([response.status, response.errorCode]).toEqual([400, 'Crc64Mismatch']);
    expect(written()).toBe(0);
    expect((await putPage(0, MIB)).status).toBe(201);
  });

  it('of the received body shows in the echoed checksum if none was sent', async () => {
    server.faults.add({ nth: 1 }, { kind: 'flip-received-bit', bit: 9 });
    const headers = { 'x-ms-page-write': 'update', 'x-ms-range': rangeHeader(0, 512) };
    const response = await putPage(0, 512, { headers });
    expect(response.status).toBe(201);
    const damaged = Buffer.alloc(512, 1);
    damaged[1] = 3;
    expect(response.headers.get('x-ms-content-crc64')).toBe(crc64Base64([damaged]));
  });

  it('of the sent body changes one bit and no checksum', async () => {
    await putPage(0);
    server.faults.add({ operation: 'GetBlob' }, { kind: 'flip-sent-bit', bit: 0 });
    const headers = { 'x-ms-range': rangeHeader(0, 512), 'x-ms-range-get-content-crc64': 'true' };
    const { body, ...response } = await send('', { method: 'GET', headers });
    expect([...body.subarray(0, 2)]).toEqual([0, 1]);
    expect(response.headers.get('x-ms-content-crc64')).toBe(crc64Base64([Buffer.alloc(512, 1)]));
  });

  it('of the answer: not HTTP', async () => {
    server.faults.add({}, { kind: 'garbled-answer', form: 'not-http' });
    await expect(putPage(0)).rejects.toMatchObject({ code: expect.stringMatching(/^HPE_/) });
  });

  it('of the answer: a nonsense body', async () => {
    server.faults.add({}, { kind: 'garbled-answer', form: 'wrong-content' });
    const list = await send('comp=pagelist', { method: 'GET' });
    expect(list.status).toBe(200);
    expect(list.body.toString()).not.toContain('</PageList>');
    expect((await putPage(0)).headers.has('x-ms-content-crc64')).toBe(false);
  });
});

describe('rules', () => {
  const busy: Fault = serverBusy();

  it('select by operation, blob, range, number and times', async () => {
    const rules = [
      server.faults.add({ operation: ['GetBlob', 'GetPageRanges'] }, busy),
      server.faults.add({ blob: 'another.vhd' }, busy),
      server.faults.add({ operation: 'PutPage', range: { offset: 1024, length: 1 } }, busy),
      server.faults.add({ operation: 'PutPage', nth: [2, 3] }, busy),
      server.faults.add({ times: 1 }, internalError()),
    ];
    const statuses = [];
    for (const offset of [0, 512, 1024, 1536, 2048]) statuses.push((await putPage(offset)).status);
    // The fifth rule takes the first request, which the fourth has counted; the third takes 1024 before the fourth sees it.
    expect(statuses).toEqual([500, 503, 503, 503, 201]);
    expect(rules.map(({ hits }) => hits)).toEqual([0, 0, 1, 2, 1]);
  });

  it('end when they are removed or cleared', async () => {
    const rule = server.faults.add({}, busy);
    expect((await putPage(0)).status).toBe(503);
    rule.remove();
    expect((await putPage(0)).status).toBe(201);
    server.faults.add({}, busy);
    server.faults.clear();
    expect((await putPage(0)).status).toBe(201);
  });

  it('apply to the same requests for the same seed', async () => {
    const strikes = async (seed: number) => {
      const seeded = await startPageBlobServer({ seed });
      try {
        seeded.createPageBlob(CONTAINER, BLOB, MIB);
        seeded.faults.add({ probability: 0.5 }, busy);
        const url = seeded.sasUrl({ container: CONTAINER, blob: BLOB, permissions: 'r' });
        const statuses: number[] = [];
        for (let i = 0; i < 24; i++) statuses.push((await rawRequest(url, { method: 'HEAD' })).status);
        return statuses;
      } finally {
        await seeded.close();
      }
    };
    const first = await strikes(7);
    expect(await strikes(7)).toEqual(first);
    expect(new Set(first)).toEqual(new Set([200, 503]));
    expect(await strikes(8)).not.toEqual(first);
  });

  it('have evenly distributed probabilities', () => {
    const random = seededRandom(1);
    const draws = Array.from({ length: 10_000 }, random);
    const mean = draws.reduce((sum, draw) => sum + draw, 0) / draws.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.02);
    expect(Math.min(...draws)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...draws)).toBeLessThan(1);
  });
});

describe('the model of the service', () => {
  it('answers 503 above its request rate', async () => {
    server.model.requestsPerSecond = 8;
    const statuses = await Promise.all(Array.from({ length: 32 }, (_, i) => putPage(i * 512).then((r) => r.status)));
    expect(statuses.filter((status) => status === 201).length).toBeGreaterThan(0);
    expect(statuses).toContain(503);
    server.model.requestsPerSecond = undefined;
    expect((await putPage(0)).status).toBe(201);
  });

  it('answers 500 OperationTimedOut if a body is too slow', async () => {
    server.model.bytesPerSecond = 1024 * 1024;
    server.model.operationTimeoutMs = 10;
    const slow = await putPage(0, 256 * 1024);
    expect([slow.status, slow.errorCode]).toEqual([500, 'OperationTimedOut']);
    expect(written()).toBe(0);
  });

  it('shares its link among all connections', async () => {
    server.model.bytesPerSecond = 4 * MIB;
    const start = performance.now();
    await Promise.all(Array.from({ length: 4 }, (_, i) => putPage(i * MIB, MIB / 4)));
    // A lower bound only: 1 MiB at 4 MiB/s cannot take less than a quarter of a second, however many share it.
    expect(performance.now() - start).toBeGreaterThan(200);
    expect(written()).toBe(MIB);
  });

  it('adds its latency to each answer', async () => {
    server.model.latencyMs = 40;
    const start = performance.now();
    await putPage(0);
    expect(performance.now() - start).toBeGreaterThan(35);
  });
});
