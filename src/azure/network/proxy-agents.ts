// Agents for node:http that connect through a proxy. Unlike those of the SDK, they also time out while connecting to the proxy.
import { type AgentOptions, type ClientRequest, Agent as HttpAgent, request, STATUS_CODES } from 'node:http';
import { Agent as HttpsAgent, type RequestOptions } from 'node:https';
import { isIP, isIPv6, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { codeOf } from '../../base/thrown.ts';
import type { ProxyServer } from './proxy.ts';
import { foreignSchemes } from './proxy-authentication.ts';

type OnConnection = (error: Error | null, connection?: Duplex) => void;

/** For https: each connection is a tunnel through the proxy (CONNECT, RFC 9110, 9.3.6) with TLS to the service inside. */
export class TunnelAgent extends HttpsAgent {
  /** Opens the connections to the proxy. It gives up each connection that becomes a tunnel. */
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
      const inTunnel = { ...options, socket: tunnel };
      const connection = super.createConnection(inTunnel) as TLSSocket;
      // From here on, only the TLS socket has a timeout: its writes do not reset the timer of the tunnel's socket. Inside of a
      // tunnel, it ignores the timeout in its options.
      tunnel.setTimeout(0).on('error', (error) => connection.destroy(error));
      callback(null, connection.setTimeout(options.timeout ?? 0));
    });
  }

  #openTunnel({ host, port }: RequestOptions, callback: (error: Error | null, tunnel?: Socket) => void): void {
    const { variable, isSecure, headers } = this.#proxy;
    const fail = (message: string, code: string | undefined) =>
      callback(Object.assign(new Error(`cannot connect through the proxy in ${variable}: ${message}`), { code }));
    const authority = `${isIPv6(host ?? '') ? `[${host}]` : host}:${port}`;
    request({
      agent: this.toProxy,
      protocol: isSecure ? 'https:' : 'http:',
      method: 'CONNECT',
      path: authority,
      headers: { ...headers, Host: authority },
    })
      .on('error', (error) => fail(error.message, codeOf(error)))
      .on('connect', ({ statusCode = 0, headers }, tunnel: Socket, first) => {
        // The service never sends first: early bytes are a page of the proxy.
        if (statusCode < 200 || statusCode > 299 || first.length > 0) {
          tunnel.destroy();
          const schemes = statusCode === 407 ? foreignSchemes(headers['proxy-authenticate']) : undefined;
          const answer = `it answered CONNECT with ${statusCode} ${STATUS_CODES[statusCode] ?? ''}`.trim();
          if (schemes === undefined) fail(answer, tunnelErrorCode(statusCode));
          else fail(`${answer} and asks for ${schemes}`, 'EPROXYSCHEME');
          return;
        }
        callback(null, tunnel);
      })
      .end();
  }
}

/** Encodes whether a retry may succeed in the code: the SDK preserves nothing else of the error. */
function tunnelErrorCode(status: number): string {
  if (status === 407) return 'EPROXYAUTH';
  const isTransient = status === 408 || status === 429 || (status >= 500 && status !== 501 && status !== 505);
  return isTransient || status < 300 ? 'EPROXY' : 'EPROXYREFUSED';
}

/** node:http passes each request to its agent's `addRequest`, which the type does not declare. */
type RequestAgent = HttpAgent & {
  protocol: string;
  defaultPort: number;
  addRequest(request: ClientRequest, options: object): void;
};

/** For http: each request goes to the proxy with its full URL (RFC 9112, 3.2.2). The proxy opens its own connections. */
export function forwardingAgent(proxy: ProxyServer, options: AgentOptions): HttpAgent {
  const agent = agentTo(proxy, options) as RequestAgent;
  const addRequest = agent.addRequest.bind(agent);
  agent.addRequest = (request, options) => {
    request.path = `http://${request.getHeader('host')}${request.path}`;
    for (const [name, value] of Object.entries(proxy.headers)) request.setHeader(name, value);
    addRequest(request, options);
  };
  // Requests to a secure proxy are still http requests.
  agent.protocol = 'http:';
  agent.defaultPort = 80;
  return agent;
}

/** The host and port of an agent override those of a request. */
function agentTo({ isSecure, host, port }: ProxyServer, options: AgentOptions): HttpAgent {
  const there = { ...options, host, port };
  // The certificate must match the proxy, not the service.
  return isSecure ? new HttpsAgent({ ...there, servername: isIP(host) === 0 ? host : '' }) : new HttpAgent(there);
}
