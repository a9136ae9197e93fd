// The connections of one upload: kept alive, as many as requests are in flight, and ended when they stall.
import { type AgentOptions, Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { describeProxy, type ProxyServer, proxyFor } from './proxy.ts';
import { forwardingAgent, TunnelAgent } from './proxy-agents.ts';

/** However slow the line seems, a connection that moves nothing for so long is dead, in milliseconds. */
const MAX_STALL_TIMEOUT_MS = 15 * 60_000;

/** `options` is there, and read for each socket, but absent from the type. */
type TimedAgent = HttpAgent & { readonly options: { timeout: number } };

/**
 * Gives up sockets on which no byte has moved in either direction for a while, to the service or to the proxy before it. The
 * SDK has no such timeout: a server that stops answering would hold a request for ever.
 *
 * A slow line can look like a stall: the kernel takes megabytes into its buffer at once and then drains it for minutes.
 * So the time doubles as long as stalls follow one another without a single answer, and is short again after one.
 */
export class Connections {
  /** For every request. One that brings its agent is left alone by what the SDK does about proxies. */
  readonly agent: TimedAgent;
  /** "proxy.corp:8080, which HTTPS_PROXY names"; undefined where none is on the way. */
  readonly proxy: string | undefined;
  readonly #agents: readonly TimedAgent[];
  readonly #stallTimeoutMs: number;

  /** @throws {UsageError} the environment names a proxy, but not by a URL. */
  constructor(url: string, stallTimeoutMs: number) {
    this.#stallTimeoutMs = stallTimeoutMs;
    const place = new URL(url);
    const proxy = proxyFor(place);
    const agent = newAgent(place, proxy, { keepAlive: true, timeout: stallTimeoutMs, noDelay: true });
    const agents = agent instanceof TunnelAgent ? [agent, agent.toProxy] : [agent];
    this.agent = agent as TimedAgent;
    this.proxy = proxy === undefined ? undefined : describeProxy(proxy);
    this.#agents = agents as TimedAgent[];
    for (const agent of this.#agents) this.#watch(agent);
  }

  /** The service has answered a request: the line works. */
  answered(): void {
    this.#setTimeout(this.#stallTimeoutMs);
  }

  close(): void {
    for (const agent of this.#agents) agent.destroy();
  }

  #watch(agent: TimedAgent): void {
    const createConnection = agent.createConnection.bind(agent);
    const watched = <T extends Duplex | null | undefined>(socket: T): T => {
      socket?.on('timeout', () => {
        const { timeout = this.#stallTimeoutMs } = socket as unknown as Socket;
        if (!isIdle(agent, socket)) socket.destroy(this.#stalled(timeout));
      });
      return socket;
    };
    // A new socket is returned, or handed over as soon as there is one.
    agent.createConnection = (options, callback) =>
      watched(createConnection(withoutBrackets(options), (error, socket) => callback?.(error, watched(socket))));
  }

  #stalled(afterMs: number): Error {
    // Of many sockets that stall together, the first one decides.
    if (this.agent.options.timeout === afterMs) this.#setTimeout(Math.min(afterMs * 2, MAX_STALL_TIMEOUT_MS));
    const error: NodeJS.ErrnoException = new Error(`no byte moved for ${(afterMs / 1000).toFixed(1)} s`);
    error.code = 'ESTALLED';
    return error;
  }

  /** Sockets take the agent's timeout when they are opened and each time they come back to it. */
  #setTimeout(timeoutMs: number): void {
    for (const { options } of this.#agents) options.timeout = timeoutMs;
  }
}

/** The SDK hands the host of a URL on as it stands there, and an IPv6 address stands in brackets. */
function withoutBrackets<T extends object>(options: T): T {
  const host = 'host' in options && typeof options.host === 'string' ? /^\[(.+)\]$/.exec(options.host)?.[1] : undefined;
  return host === undefined ? options : { ...options, host };
}

function newAgent(url: URL, proxy: ProxyServer | undefined, options: AgentOptions): HttpAgent {
  const isSecure = url.protocol === 'https:';
  if (proxy !== undefined) return isSecure ? new TunnelAgent(proxy, options) : forwardingAgent(proxy, options);
  return isSecure ? new HttpsAgent(options) : new HttpAgent(options);
}

/** Whether the socket only waits for its next request. Node closes it by itself then, and it says nothing about the line. */
function isIdle({ freeSockets }: HttpAgent, socket: Duplex): boolean {
  return Object.values(freeSockets).some((sockets) => sockets?.some((free) => free === socket) === true);
}
