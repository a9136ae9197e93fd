// The connections of one upload: kept alive, as many as requests are in flight, and ended when they stall.
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Socket } from 'node:net';
import { UsageError } from '../errors.ts';

/** However slow the line seems, a connection that moves nothing for so long is dead, in milliseconds. */
const MAX_STALL_TIMEOUT_MS = 15 * 60_000;

/** `options` is there, and read for each socket, but absent from the type. */
type TimedAgent = HttpAgent & { readonly options: { timeout: number } };

/**
 * Gives up sockets on which no byte has moved in either direction for a while. The SDK has no such timeout: a server that
 * stops answering would hold a request for ever.
 *
 * A slow line can look like a stall: the kernel takes megabytes into its buffer at once and then drains it for minutes.
 * So the time doubles as long as stalls follow one another without a single answer, and is short again after one.
 */
export class Connections {
  /** Undefined where a proxy stands in between: the SDK then makes its own connections to it. */
  readonly agent: TimedAgent | undefined;
  readonly #stallTimeoutMs: number;

  constructor(url: string, stallTimeoutMs: number) {
    this.#stallTimeoutMs = stallTimeoutMs;
    if (isProxied(new URL(url))) return;
    const options = { keepAlive: true, timeout: stallTimeoutMs, noDelay: true };
    const agent = (url.startsWith('https:') ? new HttpsAgent(options) : new HttpAgent(options)) as TimedAgent;
    const createConnection = agent.createConnection.bind(agent);
    agent.createConnection = (connectionOptions, callback) => {
      const socket = createConnection(connectionOptions, callback);
      socket?.on('timeout', () => {
        if (isIdle(agent, socket as Socket)) return;
        const { timeout } = socket as Socket;
        (socket as Socket).destroy(this.#stalled(agent, timeout ?? stallTimeoutMs));
      });
      return socket;
    };
    this.agent = agent;
  }

  /** The service has answered a request: the line works. */
  answered(): void {
    if (this.agent !== undefined) this.agent.options.timeout = this.#stallTimeoutMs;
  }

  close(): void {
    this.agent?.destroy();
  }

  /** Sockets take the agent's timeout when they are opened and each time they come back to it. */
  #stalled(agent: TimedAgent, afterMs: number): Error {
    // Of many sockets that stall together, the first one decides.
    if (agent.options.timeout === afterMs) agent.options.timeout = Math.min(afterMs * 2, MAX_STALL_TIMEOUT_MS);
    const error: NodeJS.ErrnoException = new Error(`no byte moved for ${(afterMs / 1000).toFixed(1)} s`);
    error.code = 'ESTALLED';
    return error;
  }
}

/** Whether the socket only waits for its next request. Node closes it by itself then, and it says nothing about the line. */
function isIdle({ freeSockets }: HttpAgent, socket: Socket): boolean {
  return Object.values(freeSockets).some((sockets) => sockets?.includes(socket) === true);
}

/**
 * Whether the SDK, which reads these variables itself, would go through a proxy.
 * @throws {UsageError} a proxy that is no URL. Shows nothing of it: it may hold a password.
 */
function isProxied({ hostname }: URL): boolean {
  const variable = (name: string) => process.env[name] || process.env[name.toLowerCase()];
  // In the order of the SDK, which takes the first.
  const name = ['HTTPS_PROXY', 'ALL_PROXY', 'HTTP_PROXY'].find(variable);
  if (name === undefined) return false;
  const proxy = variable(name) ?? '';
  if (!/^https?:\/\//i.test(proxy) || !URL.canParse(proxy)) {
    throw new UsageError(
      `${name} must be the URL of a proxy, as in http://proxy.example.com:8080, but is no such URL.`,
    );
  }
  const exceptions = (variable('NO_PROXY') || '').split(',').map((entry) => entry.trim());
  return !exceptions.some(
    (entry) => hostname === entry.replace(/^\./, '') || (entry.startsWith('.') && hostname.endsWith(entry)),
  );
}
