// The identity endpoint of App Service on loopback (IDENTITY_ENDPOINT and IDENTITY_HEADER), from which the managed identity
// credentials of @azure/identity get tokens: learn.microsoft.com/azure/app-service/overview-managed-identity, REST endpoint reference.

import { randomUUID } from 'node:crypto';
import { seededRandom } from '../page-blob-server/faults.ts';
import type { TestClock } from '../test-server/clock.ts';
import { count, newHttpCounters } from '../test-server/counters.ts';
import type { Answer, Exchange } from '../test-server/exchange.ts';
import { FaultRules, type Repetition } from '../test-server/fault-rules.ts';
import { TestServer } from '../test-server/server.ts';
import { deliver, endsEarly, proxyPage, type WireFault } from '../test-server/wire-faults.ts';
import { PRINCIPAL, type TokenIssuer } from './token-issuer.ts';

const API_VERSION = '2019-08-01';
const MAX_BODY = 64 * 1024;

export interface IdentityMatch extends Repetition {
  /** The audience that the token is requested for. */
  readonly audience?: string;
}

export type IdentityFault =
  /** The endpoint refuses to issue a token. */
  { readonly kind: 'error'; readonly status: number; readonly message: string } | WireFault;

/** One request. */
export interface IdentityRequest {
  readonly id: string;
  readonly operation: 'GetToken';
  readonly audience: string;
  /** Of a user-assigned identity. */
  readonly clientId: string | undefined;
  readonly status: number | undefined;
}

export interface IdentityServerOptions {
  readonly issuer: TokenIssuer;
  readonly clock: TestClock;
  readonly onRequest?: (entry: IdentityRequest) => void;
}

export class IdentityServer extends TestServer {
  readonly counters = newHttpCounters<IdentityRequest['operation']>();
  readonly log: IdentityRequest[] = [];
  readonly faults = new FaultRules<IdentityMatch, IdentityRequest, IdentityFault>(
    seededRandom(1),
    ({ audience }, match) => match.audience === undefined || match.audience === audience,
  );
  readonly #secret = randomUUID();
  readonly #options: IdentityServerOptions;

  constructor(options: IdentityServerOptions) {
    super({ clock: options.clock });
    this.#options = options;
  }

  /** What a process needs to get tokens from here. */
  get environment(): { readonly IDENTITY_ENDPOINT: string; readonly IDENTITY_HEADER: string } {
    return { IDENTITY_ENDPOINT: `${this.origin}/msi/token`, IDENTITY_HEADER: this.#secret };
  }

  protected override async serve(exchange: Exchange, id: string): Promise<void> {
    const url = new URL(exchange.message.url ?? '/', this.origin);
    const entry: { -readonly [K in keyof IdentityRequest]: IdentityRequest[K] } = {
      id,
      operation: 'GetToken',
      audience: url.searchParams.get('resource') ?? '',
      clientId: url.searchParams.get('client_id') ?? undefined,
      status: undefined,
    };
    this.log.push(entry);
    this.#options.onRequest?.(entry);
    count(this.counters.byOperation, entry.operation);
    this.changed();
    const fault = this.faults.strike(entry);
    if (await endsEarly(exchange, fault)) return;
    await exchange.receive(false, MAX_BODY, (bytes) => {
      this.counters.bytesReceived += bytes;
    });
    await deliver(exchange, this.#answer(exchange, url, entry.audience, fault), fault, {
      onStatus: (status) => {
        entry.status = status;
        count(this.counters.byStatus, status);
      },
      onBytes: (bytes) => {
        this.counters.bytesSent += bytes;
      },
    });
  }

  #answer({ message }: Exchange, url: URL, audience: string, fault: IdentityFault | undefined): Answer {
    if (fault?.kind === 'proxy-page') return proxyPage(fault.status);
    if (fault?.kind === 'error') return problem(fault.status, fault.message);
    if (message.method !== 'GET' || url.pathname !== '/msi/token') return problem(404, 'Not found.');
    if (message.headers['x-identity-header'] !== this.#secret) return problem(401, 'X-IDENTITY-HEADER is not valid.');
    if (url.searchParams.get('api-version') !== API_VERSION) return problem(400, 'api-version is not valid.');
    if (audience === '') return problem(400, 'resource is missing.');
    const { token, lifetimeMs } = this.#options.issuer.issue(audience);
    return json(200, {
      access_token: token,
      // Clients compare this with the clock of the machine.
      expires_on: String(Math.floor((Date.now() + lifetimeMs) / 1000)),
      resource: audience,
      token_type: 'Bearer',
      client_id: url.searchParams.get('client_id') ?? PRINCIPAL,
    });
  }
}

function problem(status: number, message: string): Answer {
  return json(status, { statusCode: status, message });
}

function json(status: number, value: object): Answer {
  const body = Buffer.from(JSON.stringify(value));
  const headers = { 'content-type': 'application/json; charset=utf-8', 'content-length': String(body.length) };
  return { status, headers, body: [body] };
}
