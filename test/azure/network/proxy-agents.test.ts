import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createSilentServer, type Server } from 'node:net';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { Connections } from '../../../src/azure/network/connections.ts';
import { type ForwardingProxy, startForwardingProxy, withoutProxies } from '../../support/forwarding-proxy.ts';
import { busySocket, idleSocket } from '../../support/idle-socket.ts';
import { rawRequest } from '../../support/raw-request.ts';
import { answerSlowly, SLOW_ANSWER } from '../../support/slow-answer.ts';
import { makeTestCertificates } from '../../support/test-certificates.ts';

const PATIENTLY_MS = 60_000;
const CREDENTIALS = 'user:TOPSECRET';
const { caCertificate, certificate, key } = makeTestCertificates();

let proxy: ForwardingProxy;

beforeEach(async () => {
  withoutProxies();
  proxy = await startForwardingProxy({ credentials: CREDENTIALS });
  vi.stubEnv('HTTPS_PROXY', proxy.url);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await proxy.close();
});

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

async function serve(scheme: 'http' | 'https', listener: RequestListener): Promise<string> {
  // Longer than any test: what the server announces also limits how long a client keeps an idle connection.
  const keepAliveTimeout = 10 * PATIENTLY_MS;
  const server =
    scheme === 'http'
      ? createServer({ keepAliveTimeout }, listener)
      : createTlsServer({ key, cert: certificate, keepAliveTimeout }, listener);
  onTestFinished(() => server.closeAllConnections());
  return `${scheme}://127.0.0.1:${await listen(server)}/`;
}

function connect(url: string, stallTimeoutMs: number): Connections {
  const connections = new Connections(url, stallTimeoutMs);
  onTestFinished(() => connections.close());
  return connections;
}

/** The body of the answer. */
async function get(url: string, { agent }: Connections): Promise<string> {
  return (await rawRequest(url, { method: 'GET', agent, ca: caCertificate })).body.toString();
}

const NEVER_ANSWER: RequestListener = () => undefined;

describe.each(['http', 'https'] as const)('connections of %s through a proxy', (scheme) => {
  it('are reused', async () => {
    const url = await serve(scheme, (_, response) => response.end('ok'));
    const connections = connect(url, PATIENTLY_MS);
    for (let count = 0; count < 3; count++) expect(await get(url, connections)).toBe('ok');
    expect(proxy.counters).toEqual(
      scheme === 'http' ? { connections: 1, tunnels: 0, forwarded: 3 } : { connections: 1, tunnels: 1, forwarded: 0 },
    );
  });

  it('are as many as the parallel requests', async () => {
    const waiting: (() => void)[] = [];
    const url = await serve(scheme, (_, response) => {
      waiting.push(() => response.end('ok'));
      if (waiting.length === 8) for (const answer of waiting) answer();
    });
    const connections = connect(url, PATIENTLY_MS);
    const answers = await Promise.all(Array.from({ length: 8 }, () => get(url, connections)));
    expect(answers).toEqual(Array.from({ length: 8 }, () => 'ok'));
    expect(proxy.counters.connections).toBe(8);
  });

  it('carry the requests to the service, and the password only to the proxy', async () => {
    let received: IncomingMessage | undefined;
    const url = await serve(scheme, (message, response) => {
      received = message;
      response.end('ok');
    });
    await get(`${url}container/blob?comp=page`, connect(url, PATIENTLY_MS));
    expect(received?.url).toBe('/container/blob?comp=page');
    expect(received?.headers.host).toBe(new URL(url).host);
    expect(received?.headers).not.toHaveProperty('proxy-authorization');
  });

  it('are closed without an answer', async () => {
    const url = await serve(scheme, NEVER_ANSWER);
    await expect(get(url, connect(url, 100))).rejects.toMatchObject({ code: 'ESTALLED' });
  });

  it('are closed if the proxy does not answer, with a growing timeout until the service answers', async () => {
    const url = await serve(scheme, (_, response) => response.end('ok'));
    const connections = connect(url, 20);
    const timeouts: number[] = [];
    proxy.faults.push({ kind: 'silence' }, { kind: 'silence' });
    for (let count = 0; count < 2; count++) {
      await expect(get(url, connections)).rejects.toMatchObject({
        code: 'ESTALLED',
        message: expect.stringContaining('no data was transferred'),
      });
      timeouts.push(connections.agent.options.timeout);
    }
    expect(timeouts).toEqual([40, 80]);
    connections.answered();
    expect(connections.agent.options.timeout).toBe(20);
  });

  it('may be slow while bytes arrive', async () => {
    // A busy machine pauses for seconds.
    const stallTimeoutMs = 3000;
    const url = await serve(scheme, answerSlowly(stallTimeoutMs));
    expect(await get(url, connect(url, stallTimeoutMs))).toBe(SLOW_ANSWER);
  });

  it('are closed silently when they are idle, which is no stall', async () => {
    const url = await serve(scheme, (_, response) => response.end('ok'));
    const connections = connect(url, PATIENTLY_MS);
    expect(await get(url, connections)).toBe('ok');
    const idle = idleSocket(connections);
    expect(idle.timeout).toBe(PATIENTLY_MS);
    // With a short timeout from the start, a busy machine would take the request for stalled.
    idle.setTimeout(1);
    await proxy.when(() => proxy.clients === 0);
    expect(connections.agent.options.timeout).toBe(PATIENTLY_MS);
    expect(await get(url, connections)).toBe('ok');
  });

  it('are closed at the end of the upload, even if the proxy has not answered yet', async () => {
    const url = await serve(scheme, (_, response) => response.end('ok'));
    const connections = connect(url, PATIENTLY_MS);
    expect(await get(url, connections)).toBe('ok');
    proxy.faults.push({ kind: 'silence' }, { kind: 'silence' });
    const outcomes = Array.from({ length: 3 }, () => get(url, connections).catch((error: Error) => error));
    await proxy.when(() => proxy.faults.length === 0);
    expect(await Promise.race(outcomes)).toBe('ok');
    connections.close();
    expect((await Promise.all(outcomes)).filter((outcome) => outcome instanceof Error)).toHaveLength(2);
    await proxy.when(() => proxy.clients === 0);
  });
});

describe('a tunnel', () => {
  it.each([
    [407, 'EPROXYAUTH'],
    [403, 'EPROXYREFUSED'],
    [302, 'EPROXYREFUSED'],
    [501, 'EPROXYREFUSED'],
    [429, 'EPROXY'],
    [502, 'EPROXY'],
    [503, 'EPROXY'],
  ])('fails with the status if the proxy answers %i and a page', async (status, code) => {
    const url = await serve('https', (_, response) => response.end('ok'));
    const connections = connect(url, PATIENTLY_MS);
    proxy.faults.push({ kind: 'page', status });
    await expect(get(url, connections)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(
        new RegExp(`^cannot connect through the proxy in HTTPS_PROXY: it answered CONNECT with ${status} [A-Z]`),
      ),
    });
    expect(await get(url, connections)).toBe('ok');
  });

  it('fails if it starts with a page of the proxy, whatever the status', async () => {
    const url = await serve('https', (_, response) => response.end('ok'));
    proxy.faults.push({ kind: 'page', status: 200 });
    await expect(get(url, connect(url, PATIENTLY_MS))).rejects.toMatchObject({ code: 'EPROXY' });
  });

  it('is closed if the host starts no TLS handshake', async () => {
    const url = `https://127.0.0.1:${await listen(createSilentServer())}/`;
    const connections = connect(url, PATIENTLY_MS);
    const stalled = expect(get(url, connections)).rejects.toMatchObject({ code: 'ESTALLED' });
    const handshake = await vi.waitFor(() => busySocket(connections), { timeout: PATIENTLY_MS });
    expect(handshake.timeout).toBe(PATIENTLY_MS);
    // With a short timeout from the start, a busy machine would not even open the tunnel in time.
    handshake.setTimeout(1);
    await stalled;
    expect(proxy.counters.tunnels).toBe(1);
  });

  it.each([true, false])(
    'that dies while a body is sent is given up, whether bytes are still taken (%s)',
    async (reads) => {
      const url = await serve('https', (message, response) => {
        message.resume().once('end', () => response.end('ok'));
      });
      const { agent } = connect(url, 300);
      const body = Buffer.alloc(32 * 1024 * 1024);
      proxy.faults.push({ kind: 'stall', afterBytes: 1024 * 1024, reads });
      await expect(rawRequest(url, { method: 'PUT', agent, ca: caCertificate, body })).rejects.toMatchObject({
        code: 'ESTALLED',
      });
    },
  );

  it('reports an untrusted certificate', async () => {
    const url = await serve('https', (_, response) => response.end('ok'));
    const { agent } = connect(url, PATIENTLY_MS);
    await expect(rawRequest(url, { method: 'GET', agent })).rejects.toMatchObject({
      code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    });
  });

  it('to an unreachable proxy fails like a direct connection, and names the variable', async () => {
    const url = await serve('https', (_, response) => response.end('ok'));
    const connections = connect(url, PATIENTLY_MS);
    await proxy.close();
    await expect(get(url, connections)).rejects.toMatchObject({
      code: 'ECONNREFUSED',
      message: expect.stringMatching(/^cannot connect through the proxy in HTTPS_PROXY: connect ECONNREFUSED/),
    });
  });
});

it.each(['http', 'https'])('no error of %s contains a password that the proxy rejects', async (scheme) => {
  const url = await serve(scheme as 'http' | 'https', (_, response) => response.end('ok'));
  vi.stubEnv('HTTPS_PROXY', proxy.url.replace('user', 'other'));
  const { agent } = connect(url, PATIENTLY_MS);
  const outcome = await rawRequest(url, { method: 'GET', agent, ca: caCertificate }).catch((error: Error) => error);
  expect(outcome).toMatchObject(scheme === 'http' ? { status: 407 } : { message: expect.stringContaining('407') });
  const secrets = [CREDENTIALS, `other:TOPSECRET`].flatMap((text) => [text, Buffer.from(text).toString('base64')]);
  for (const secret of [...secrets, 'TOPSECRET']) expect(inspect(outcome, { depth: null })).not.toContain(secret);
});
