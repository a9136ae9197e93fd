// The connections of one upload: kept alive, one for each request in flight, and closed when they stall.
import { type AgentOptions, type ClientRequest, Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { describeProxy, type ProxyServer, proxyFor } from './proxy.ts';
import { forwardingAgent, TunnelAgent } from './proxy-agents.ts';

/** However slow a connection is, it counts as dead after this time without a byte, in milliseconds. */
const MAX_STALL_TIMEOUT_MS = 15 * 60_000;

/** The agent's options, which it reads for each new socket, and what gets each request. Its type declares neither. */
interface TimedAgent extends HttpAgent {
  readonly options: { timeout: number };
  addRequest(request: ClientRequest, options: object): void;
}

function isTimed(agent: HttpAgent): agent is TimedAgent {
  return 'options' in agent && typeof agent.options === 'object' && 'addRequest' in agent;
}

function timed(agent: HttpAgent): TimedAgent {
  if (isTimed(agent)) return agent;
  throw new TypeError('This version of Node.js does not expose the options and requests of an Agent.');
}

/**
 * Closes sockets to the service or a proxy on which no byte moves in either direction for a while. The SDK has no such timeout:
 * a server that stops answering would block a request forever.
 *
 * A slow connection can look like a stall: the kernel buffers megabytes at once and then drains the buffer for minutes. So the
 * timeout doubles after each stall until the next answer, which resets it.
 */
export class Connections {
  /** For every request. The SDK's own proxy support ignores requests that have an agent. */
  readonly agent: TimedAgent;
  /** "proxy.corp:8080 (set in HTTPS_PROXY)"; undefined without a proxy. */
  readonly proxy: string | undefined;
  readonly #agents: readonly TimedAgent[];
  readonly #stallTimeoutMs: number;

  /** @throws {UsageError} the proxy in the environment is not a URL. */
  constructor(url: string, stallTimeoutMs: number) {
    this.#stallTimeoutMs = stallTimeoutMs;
    const target = new URL(url);
    const proxy = proxyFor(target);
    const agent = newAgent(target, proxy, { keepAlive: true, timeout: stallTimeoutMs, noDelay: true });
    const agents = agent instanceof TunnelAgent ? [agent, agent.toProxy] : [agent];
    this.agent = timed(agent);
    this.proxy = proxy === undefined ? undefined : describeProxy(proxy);
    this.#agents = agents.map(timed);
    for (const agent of this.#agents) this.#watch(agent);
    refuseUpgrades(this.agent);
  }

  /** The service has answered a request: the connection works. */
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
        const timeoutMs = socket instanceof Socket ? socket.timeout : undefined;
        if (!isIdle(agent, socket)) socket.destroy(this.#stalled(timeoutMs ?? this.#stallTimeoutMs));
      });
      return socket;
    };
    // Node.js returns the new socket or passes it to the callback.
    agent.createConnection = (options, callback) =>
      watched(createConnection(withoutBrackets(options), (error, socket) => callback?.(error, watched(socket))));
  }

  #stalled(afterMs: number): Error {
    // Of many sockets that stall together, only the first one doubles the timeout.
    if (this.agent.options.timeout === afterMs) this.#setTimeout(Math.min(afterMs * 2, MAX_STALL_TIMEOUT_MS));
    const message = `no data was transferred for ${(afterMs / 1000).toFixed(1)} s`;
    return Object.assign(new Error(message), { code: 'ESTALLED' });
  }

  /** Sockets adopt the agent's timeout when they open and each time they return to the agent. */
  #setTimeout(timeoutMs: number): void {
    for (const { options } of this.#agents) options.timeout = timeoutMs;
  }
}

/** Node.js closes the connection of an answer with the status 101 (Switching Protocols), but reports neither an answer nor an error. */
function refuseUpgrades(agent: TimedAgent): void {
  const addRequest = agent.addRequest.bind(agent);
  agent.addRequest = (request, options) => {
    request.once('upgrade', (_, socket: Duplex) => {
      socket.destroy();
      const error = new Error('the answer changes the protocol, which was not requested (status 101)');
      request.emit('error', Object.assign(error, { code: 'HPE_UPGRADE' }));
    });
    addRequest(request, options);
  };
}

/** The SDK passes the host as the URL contains it: an IPv6 address in brackets, which Node.js does not accept. */
function withoutBrackets<T extends object>(options: T): T {
  const host = 'host' in options && typeof options.host === 'string' ? /^\[(.+)\]$/.exec(options.host)?.[1] : undefined;
  return host === undefined ? options : { ...options, host };
}

function newAgent(url: URL, proxy: ProxyServer | undefined, options: AgentOptions): HttpAgent {
  const isSecure = url.protocol === 'https:';
  if (proxy !== undefined) return isSecure ? new TunnelAgent(proxy, options) : forwardingAgent(proxy, options);
  return isSecure ? new HttpsAgent(options) : new HttpAgent(options);
}

/** Whether the socket is waiting for its next request. Node.js closes idle sockets itself; that is no stall. */
function isIdle({ freeSockets }: HttpAgent, socket: Duplex): boolean {
  return Object.values(freeSockets).some((sockets) => sockets?.some((free) => free === socket) === true);
}
