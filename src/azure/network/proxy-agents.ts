// Agents of node:http whose connections lead through a proxy. Unlike those of the SDK, they time out on the way there too.
import { type AgentOptions, type ClientRequest, Agent as HttpAgent, request, STATUS_CODES } from 'node:http';
import { Agent as HttpsAgent, type RequestOptions } from 'node:https';
import { isIP, isIPv6, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { ProxyServer } from './proxy.ts';

type OnConnection = (error: Error | null, connection?: Duplex) => void;

/** For https: each connection is a tunnel that the proxy opens (CONNECT, RFC 9110, 9.3.6), and TLS with the service in it. */
export class TunnelAgent extends HttpsAgent {
  /** Connects to the proxy. It lets go of a connection as soon as that is a tunnel. */
  readonly toProxy: HttpAgent;
  readonly #proxy: ProxyServer;

  constructor(proxy: ProxyServer, options: AgentOptions) {
    super(options);
    this.toProxy = agentTo(proxy, options);
    this.#proxy = proxy;
  }

  override createConnection(options: RequestOptions, callback: OnConnection): undefined {
    this.#openTunnel(options, (error, tunnel) => {
      if (tunnel === undefined) {
        callback(error);
        return;
      }
      const connection = super.createConnection({ ...options, socket: tunnel } as RequestOptions) as TLSSocket;
      // From here on it alone keeps the time: what it writes does not pass the tunnel's own clock. In a tunnel, it takes no
      // timeout from its options.
      tunnel.setTimeout(0).on('error', (error) => connection.destroy(error));
      callback(null, connection.setTimeout(options.timeout ?? 0));
    });
  }

  #openTunnel({ host, port }: RequestOptions, callback: (error: Error | null, tunnel?: Socket) => void): void {
    const { variable, isSecure, headers } = this.#proxy;
    const fail = (message: string, code: string | undefined) =>
      callback(Object.assign(new Error(`no way through the proxy that ${variable} names: ${message}`), { code }));
    const authority = `${isIPv6(host ?? '') ? `[${host}]` : host}:${port}`;
    request({
      agent: this.toProxy,
      protocol: isSecure ? 'https:' : 'http:',
      method: 'CONNECT',
      path: authority,
      headers: { ...headers, Host: authority },
    })
      .on('error', (error: NodeJS.ErrnoException) => fail(error.message, error.code))
      .on('connect', ({ statusCode = 0 }, tunnel: Socket, first) => {
        // The service speaks when spoken to: what is there already is a page of the proxy's.
        if (statusCode < 200 || statusCode > 299 || first.length > 0) {
          tunnel.destroy();
          fail(`it answered CONNECT with ${statusCode} ${STATUS_CODES[statusCode] ?? ''}`.trim(), codeOf(statusCode));
          return;
        }
        callback(null, tunnel);
      })
      .end();
  }
}

/** Whether it may open the tunnel later. The code is all that the SDK hands on of an error. */
function codeOf(status: number): string {
  if (status === 407) return 'EPROXYAUTH';
  const isPassing = status === 408 || status === 429 || (status >= 500 && status !== 501 && status !== 505);
  return isPassing || status < 300 ? 'EPROXY' : 'EPROXYREFUSED';
}

/** `addRequest` is where node:http hands a request to its agent, but absent from the type. */
type RequestAgent = HttpAgent & {
  protocol: string;
  defaultPort: number;
  addRequest(request: ClientRequest, options: object): void;
};

/** For http: the proxy is given each request with the whole URL (RFC 9112, 3.2.2), and makes connections of its own. */
export function forwardingAgent(proxy: ProxyServer, options: AgentOptions): HttpAgent {
  const agent = agentTo(proxy, options) as RequestAgent;
  const addRequest = agent.addRequest.bind(agent);
  agent.addRequest = (request, options) => {
    request.path = `http://${request.getHeader('host')}${request.path}`;
    for (const [name, value] of Object.entries(proxy.headers)) request.setHeader(name, value);
    addRequest(request, options);
  };
  // What goes to a secure proxy are still requests of http.
  agent.protocol = 'http:';
  agent.defaultPort = 80;
  return agent;
}

/** An agent's host and port go before those of a request. */
function agentTo({ isSecure, host, port }: ProxyServer, options: AgentOptions): HttpAgent {
  const there = { ...options, host, port };
  // Else the name of the service would be asked of the proxy.
  return isSecure ? new HttpsAgent({ ...there, servername: isIP(host) === 0 ? host : '' }) : new HttpAgent(there);
}
