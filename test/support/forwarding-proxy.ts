// A forwarding HTTP proxy on this machine: tunnels (CONNECT) for https, whole requests for http, with faults on demand.

import { EventEmitter, once } from 'node:events';
import {
  Agent,
  createServer,
  request as forward,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { vi } from 'vitest';
import { makeTestCertificates } from './test-certificates.ts';

/** The fault of a tunnel or a forwarded request. */
export type ProxyFault =
  /** No answer ever comes. */
  | { readonly kind: 'silence' }
  /** An HTML page. */
  | { readonly kind: 'page'; readonly status: number }
  /** Passes on this many bytes from the client in a tunnel, and none of a request. After that nothing passes in either direction; further bytes are dropped or not even read. */
  | { readonly kind: 'stall'; readonly afterBytes: number; readonly reads: boolean };

export interface ForwardingProxyOptions {
  /** Whether clients connect to it with TLS. */
  readonly tls?: boolean;
  /** The required "user:password". Without it, the proxy answers 407. */
  readonly credentials?: string;
  /** Ports of this machine that tunnels to these host names lead to, whatever port they ask for. */
  readonly routes?: Readonly<Record<string, number>>;
}

/** Removes all proxy variables until the test restores its environment. */
export function withoutProxies(): void {
  for (const name of ['HTTPS_PROXY', 'HTTP_PROXY', 'ALL_PROXY', 'NO_PROXY']) {
    vi.stubEnv(name, '');
    vi.stubEnv(name.toLowerCase(), '');
  }
}

/** A proxy that listens on 127.0.0.1. */
export async function startForwardingProxy(options: ForwardingProxyOptions = {}): Promise<ForwardingProxy> {
  const proxy = new ForwardingProxy(options);
  await proxy.listen();
  return proxy;
}

export class ForwardingProxy {
  /** The current connections. */
  clients = 0;
  /** Connections of clients, tunnels that were opened, and requests that were passed on. */
  readonly counters = { connections: 0, tunnels: 0, forwarded: 0 };
  /** Host and port of each tunnel that was opened and of each request that was passed on, in order. */
  readonly targets: string[] = [];
  /** The faults of the next tunnels and requests, in order; undefined means none. */
  readonly faults: (ProxyFault | undefined)[] = [];
  /** PEM, with TLS only. */
  readonly caCertificate: string | undefined;
  readonly #options: ForwardingProxyOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Duplex>();
  readonly #changes = new EventEmitter();
  readonly #toServices = new Agent({ keepAlive: true });

  constructor(options: ForwardingProxyOptions) {
    this.#options = options;
    const certificates = options.tls ? makeTestCertificates() : undefined;
    this.caCertificate = certificates?.caCertificate;
    this.#server =
      certificates === undefined
        ? createServer()
        : createTlsServer({ key: certificates.key, cert: certificates.certificate });
    this.#server.keepAliveTimeout = 10 * 60_000;
    this.#server.requestTimeout = 0;
    this.#server.on('connection', (socket: Socket) => {
      this.counters.connections += 1;
      this.clients += 1;
      this.#keep(socket).once('close', () => {
        this.clients -= 1;
        this.#changes.emit('change');
      });
    });
    this.#server.on('connect', (request, client, head) => this.#tunnel(request, client, head));
    this.#server.on('request', (request, response) => this.#forward(request, response));
  }

  /** The URL for clients, including user and password. */
  get url(): string {
    const { tls, credentials } = this.#options;
    const scheme = tls === true ? 'https' : 'http';
    return `${scheme}://${credentials === undefined ? '' : `${credentials}@`}127.0.0.1:${this.port}`;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    this.#toServices.destroy();
    await closed;
  }

  /** Resolves as soon as `condition` is true. It is checked whenever a client disconnects or a request arrives. */
  async when(condition: () => boolean): Promise<void> {
    while (!condition()) await once(this.#changes, 'change');
  }

  #tunnel(request: IncomingMessage, client: Duplex, head: Buffer): void {
    // By default, connections of an HTTP server stay half open.
    this.#keep(client).once('end', () => client.destroy());
    const fault = this.#nextFault(request);
    if (fault?.kind === 'silence') {
      client.resume();
      return;
    }
    if (fault?.kind === 'page') {
      const fields = Object.entries(headersOf(fault.status)).map(([name, value]) => `${name}: ${value}\r\n`);
      client.end(`HTTP/1.1 ${fault.status} ${STATUS_CODES[fault.status]}\r\n${fields.join('')}\r\n${PAGE}`);
      return;
    }
    const { hostname, port } = new URL(`http://${request.url}`);
    const route = this.#options.routes?.[hostname];
    const service = this.#keep(
      route === undefined ? connect(Number(port), addressOf(hostname)) : connect(route, '127.0.0.1'),
    );
    client.once('close', () => service.destroy());
    service.once('close', () => client.destroy());
    service.once('connect', () => {
      this.counters.tunnels += 1;
      this.targets.push(`${hostname}:${port}`);
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      service.write(head);
      service.pipe(client);
      let left = fault?.afterBytes ?? Number.POSITIVE_INFINITY;
      client.on('data', (bytes: Buffer) => {
        left -= bytes.length;
        if (left >= 0) {
          service.write(bytes);
          return;
        }
        service.unpipe(client);
        if (fault?.reads === false) client.pause();
      });
    });
  }

  #forward(request: IncomingMessage, response: ServerResponse): void {
    const fault = this.#nextFault(request);
    if (fault?.kind === 'page') response.writeHead(fault.status, headersOf(fault.status)).end(PAGE);
    if (fault?.kind === 'page' || (fault?.kind === 'stall' && fault.reads)) request.resume();
    if (fault !== undefined) return;
    this.counters.forwarded += 1;
    // Only the absolute form names a host. Any other request is not for a proxy.
    const { hostname, port, pathname, search } = new URL(request.url ?? '');
    const { 'proxy-authorization': _, ...headers } = request.headers;
    this.targets.push(`${hostname}:${port}`);
    const options = {
      hostname: addressOf(hostname),
      port,
      path: pathname + search,
      method: request.method,
      headers,
      agent: this.#toServices,
    };
    const outgoing = forward(options, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    outgoing.on('error', () => response.destroy());
    request.pipe(outgoing);
  }

  #nextFault(request: IncomingMessage): ProxyFault | undefined {
    const { credentials } = this.#options;
    const wanted = credentials === undefined ? undefined : `Basic ${Buffer.from(credentials).toString('base64')}`;
    if (request.headers['proxy-authorization'] !== wanted) return { kind: 'page', status: 407 };
    const fault = this.faults.shift();
    this.#changes.emit('change');
    return fault;
  }

  #keep<T extends Duplex>(socket: T): T {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    // Clients may disconnect at any time.
    socket.on('error', () => socket.destroy());
    return socket;
  }
}

/** All names below localhost are this machine (RFC 6761), but not every system resolves them. */
function addressOf(hostname: string): string {
  return hostname.endsWith('.localhost') ? '127.0.0.1' : hostname;
}

const PAGE = '<html><body>The proxy has something to say.</body></html>';

function headersOf(status: number): Record<string, string> {
  return {
    'content-type': 'text/html',
    'content-length': String(PAGE.length),
    ...(status === 407 && { 'proxy-authenticate': 'Basic realm="proxy"' }),
  };
}
