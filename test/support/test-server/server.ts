// The HTTP(S) server on loopback beneath the test servers: its port, its clock, its connections, and waiting for what happens.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server as NetServer } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TestCertificates } from '../test-certificates.ts';
import { TestClock } from './clock.ts';
import type { HttpCounters } from './counters.ts';
import { ConnectionGone, Exchange, type Link } from './exchange.ts';

export interface TestServerOptions {
  /** HTTPS with this certificate; undefined means HTTP. */
  readonly certificates?: TestCertificates | undefined;
  /** @default a clock of its own */
  readonly clock?: TestClock | undefined;
  /** Makes the listening server, if that is not the HTTP server itself. */
  readonly listener?: ((onConnection: (connection: Duplex) => void) => NetServer) | undefined;
}

/** All public members may be used while requests are served. */
export abstract class TestServer {
  /** PEM, with TLS only. */
  readonly caCertificate: string | undefined;
  abstract readonly counters: Omit<HttpCounters<unknown>, 'byOperation'>;
  protected readonly clock: TestClock;
  protected readonly isSecure: boolean;
  readonly #server: Server;
  readonly #listener: NetServer;
  readonly #watchers = new Set<() => void>();
  #port = 0;

  constructor({ certificates, clock = new TestClock(), listener }: TestServerOptions) {
    this.clock = clock;
    this.caCertificate = certificates?.caCertificate;
    this.isSecure = certificates !== undefined;
    this.#server =
      certificates === undefined
        ? createServer()
        : createTlsServer({ key: certificates.key, cert: certificates.certificate });
    this.#server.on('request', (message, response) => void this.#handle(message, response));
    this.#server.on('connection', () => {
      this.counters.connections += 1;
    });
    this.#listener = listener?.((connection) => this.#server.emit('connection', connection)) ?? this.#server;
    // Clients reuse idle connections. If the server closed them first, tests would see unwanted errors.
    this.#server.keepAliveTimeout = 10 * 60_000;
    this.#server.requestTimeout = 0;
  }

  get port(): number {
    return this.#port;
  }

  /** Scheme, address and port, without a slash at the end. */
  get origin(): string {
    return `${this.isSecure ? 'https' : 'http'}://127.0.0.1:${this.#port}`;
  }

  /** The clock of the server: that of the system, plus `advanceClock`. */
  now(): Date {
    return this.clock.now();
  }

  /** Advances the clock of this server, and of the servers that share it. */
  advanceClock(ms: number): void {
    this.clock.advance(ms);
  }

  /** Resolves as soon as `condition` is true. It is checked whenever a request starts, commits or ends. */
  when(condition: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const watch = () => {
        try {
          if (!condition()) return;
          resolve();
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
        this.#watchers.delete(watch);
      };
      this.#watchers.add(watch);
      watch();
    });
  }

  /** Takes the server off the network: open connections break and new ones are refused, until called with false. */
  async refuseConnections(refuse: boolean): Promise<void> {
    if (refuse === this.#listener.listening) await (refuse ? this.close() : this.listen(this.#port));
  }

  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#listener.once('error', reject);
      this.#listener.listen(port, '127.0.0.1', () => {
        this.#listener.removeListener('error', reject);
        resolve();
      });
    });
    this.#port = (this.#listener.address() as AddressInfo).port;
  }

  /** Closes the server, including open connections. */
  async close(): Promise<void> {
    if (!this.#listener.listening) return;
    await new Promise<void>((resolve) => {
      this.#listener.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  /** Serves one request. Throws ConnectionGone if the client disconnects meanwhile. */
  protected abstract serve(exchange: Exchange, id: string): Promise<void>;

  /** The link that bodies pass through; undefined if it has no limit. */
  protected get link(): Link | undefined {
    return undefined;
  }

  /** Checks the conditions of `when`. */
  protected changed(): void {
    for (const watch of [...this.#watchers]) watch();
  }

  async #handle(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const { counters } = this;
    counters.requests += 1;
    counters.inFlight += 1;
    counters.peakInFlight = Math.max(counters.peakInFlight, counters.inFlight);
    const id = `00000000-0000-0000-0000-${counters.requests.toString(16).padStart(12, '0')}`;
    try {
      await this.serve(new Exchange(message, response, this.link), id);
    } catch (error) {
      if (!(error instanceof ConnectionGone)) throw error;
    } finally {
      counters.inFlight -= 1;
      this.changed();
    }
  }
}
