import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { get as getSecurely } from 'node:https';
import { type AddressInfo, createServer as createSilentServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { Connections } from '../../../src/azure/network/connections.ts';
import { withoutProxies } from '../../support/forwarding-proxy.ts';
import { idleSocket } from '../../support/idle-socket.ts';
import { answerSlowly, SLOW_ANSWER } from '../../support/slow-answer.ts';

beforeEach(withoutProxies);

afterEach(() => {
  vi.unstubAllEnvs();
});

async function serve(listener: RequestListener): Promise<{ url: string; server: Server }> {
  const server = createServer({ keepAliveTimeout: 60_000 }, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, server };
}

function connect(url: string, stallTimeoutMs: number): Connections {
  const connections = new Connections(url, stallTimeoutMs);
  onTestFinished(() => connections.close());
  return connections;
}

/** The body of the answer, or the error of the request. */
async function request(url: string, { agent }: Connections): Promise<string | NodeJS.ErrnoException> {
  return await new Promise((resolve) => {
    const sent = url.startsWith('https:') ? getSecurely(url, { agent }) : get(url, { agent });
    sent.on('error', resolve);
    sent.on('response', (response: IncomingMessage) => {
      let body = '';
      response.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      response.on('end', () => resolve(body));
      response.on('error', resolve);
    });
  });
}

const NEVER_ANSWER: RequestListener = () => undefined;

describe('Connections', () => {
  it('aborts a request without an answer', async () => {
    const { url } = await serve(NEVER_ANSWER);
    const error = await request(url, connect(url, 20));
    expect(error).toMatchObject({ code: 'ESTALLED', message: 'no data was transferred for 0.0 s' });
  });

  it('reports an answer that changes the protocol', async () => {
    const { url, server } = await serve(NEVER_ANSWER);
    server.removeAllListeners('request');
    server.on('connection', (socket: Socket) => {
      socket.on('data', () => socket.write('HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n'));
    });
    expect(await request(url, connect(url, 60_000))).toMatchObject({ code: 'HPE_UPGRADE' });
  });

  it('aborts a request whose answer stops in the middle', async () => {
    const { url } = await serve((_, response) => {
      response.write('the first half');
    });
    const error = await request(url, connect(url, 20));
    expect(error).toBeInstanceOf(Error);
    expect((error as NodeJS.ErrnoException).code).toMatch(/ESTALLED|ECONNRESET/);
  });

  it('aborts a request to a server that accepts the connection but starts no TLS handshake', async () => {
    const silent = createSilentServer();
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    onTestFinished(() => {
      silent.close();
    });
    const url = `https://127.0.0.1:${(silent.address() as AddressInfo).port}/`;
    expect(await request(url, connect(url, 20))).toMatchObject({ code: 'ESTALLED' });
  });

  it('tolerates a slow answer while bytes arrive', async () => {
    // A busy machine pauses for seconds.
    const stallTimeoutMs = 3000;
    const { url } = await serve(answerSlowly(stallTimeoutMs));
    expect(await request(url, connect(url, stallTimeoutMs))).toBe(SLOW_ANSWER);
  });

  it('doubles the timeout after each stall, and resets it after an answer', async () => {
    const { url } = await serve(NEVER_ANSWER);
    const connections = connect(url, 10);
    const timeouts: number[] = [];
    for (let count = 0; count < 3; count++) {
      await request(url, connections);
      timeouts.push(connections.agent.options.timeout);
    }
    expect(timeouts).toEqual([20, 40, 80]);
    connections.answered();
    expect(connections.agent.options.timeout).toBe(10);
  });

  it('counts requests that stall together as one stall', async () => {
    const { url } = await serve(NEVER_ANSWER);
    const connections = connect(url, 20);
    const errors = await Promise.all(Array.from({ length: 8 }, () => request(url, connections)));
    expect(errors.every((error) => (error as NodeJS.ErrnoException).code === 'ESTALLED')).toBe(true);
    expect(connections.agent.options.timeout).toBe(40);
  });

  it('reuses a connection', async () => {
    const sockets = new Set<Socket>();
    const { url } = await serve((message, response) => {
      sockets.add(message.socket);
      response.end('ok');
    });
    const connections = connect(url, 60_000);
    for (let count = 0; count < 3; count++) expect(await request(url, connections)).toBe('ok');
    expect(sockets.size).toBe(1);
  });

  it('closes an idle connection silently, which is no stall', async () => {
    const { url, server } = await serve((_, response) => response.end('ok'));
    const connections = connect(url, 30_000);
    const closed = new Promise((resolve) => server.once('connection', (socket) => socket.once('close', resolve)));
    expect(await request(url, connections)).toBe('ok');
    const idle = idleSocket(connections);
    expect(idle.timeout).toBe(30_000);
    // With a short timeout from the start, a busy machine would take the request for stalled.
    idle.setTimeout(1);
    await closed;
    expect(connections.agent.options.timeout).toBe(30_000);
    expect(await request(url, connections)).toBe('ok');
  });

  it('uses TLS for an https address', () => {
    expect(connect('https://account.blob.core.windows.net/c/b', 10).agent).toHaveProperty('protocol', 'https:');
    expect(connect('http://127.0.0.1:10000/c/b', 10).agent).toHaveProperty('protocol', 'http:');
  });
});
