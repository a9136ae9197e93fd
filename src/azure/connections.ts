// The connections of one upload: kept alive, as many as requests are in flight, and ended when they stall.
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';

/**
 * An agent whose sockets give up when no byte has moved in either direction for `stallTimeoutMs`. The SDK has no such
 * timeout: a server that stops answering would hold a request for ever. A slow line is not a stall: every byte counts.
 * Undefined where a proxy stands in between: the SDK then makes its own connections to it.
 */
export function createAgent(url: string, stallTimeoutMs: number): HttpAgent | undefined {
  if (isProxied(new URL(url))) return undefined;
  const options = { keepAlive: true, timeout: stallTimeoutMs, noDelay: true };
  const agent = url.startsWith('https:') ? new HttpsAgent(options) : new HttpAgent(options);
  const createConnection = agent.createConnection.bind(agent);
  agent.createConnection = (connectionOptions, callback) => {
    const socket = createConnection(connectionOptions, callback);
    socket?.on('timeout', () => {
      const error: NodeJS.ErrnoException = new Error(`no byte moved for ${Math.round(stallTimeoutMs / 1000)} s`);
      error.code = 'ESTALLED';
      if ('destroy' in socket) socket.destroy(error);
    });
    return socket;
  };
  return agent;
}

/** Whether the SDK, which reads these variables itself, would go through a proxy. */
function isProxied({ hostname }: URL): boolean {
  const variable = (name: string) => process.env[name] ?? process.env[name.toLowerCase()];
  if (!(variable('HTTPS_PROXY') || variable('ALL_PROXY') || variable('HTTP_PROXY'))) return false;
  const exceptions = (variable('NO_PROXY') ?? '').split(',').map((entry) => entry.trim());
  return !exceptions.some(
    (entry) => hostname === entry.replace(/^\./, '') || (entry.startsWith('.') && hostname.endsWith(entry)),
  );
}
