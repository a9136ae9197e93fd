// A server on loopback that gives scripted answers as Azure Resource Manager, and a client for it whose pauses take no time.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { ArmClient, type ArmClientOptions } from '../../../src/azure/arm/arm-client.ts';
import type { RequestRecord } from '../../../src/events.ts';
import { Retrier, type RetryNotice, type RetryOptions } from '../../../src/transfer/retry.ts';

export interface Reply {
  readonly status: number;
  /** An object is sent as JSON, a text as it is. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Closes the connection: after the request without an answer, or in the middle of the body. */
  readonly cut?: 'before' | 'middle';
}

export interface SeenRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

export interface ScriptedArm {
  readonly origin: string;
  readonly seen: SeenRequest[];
  /** "PUT /x", in order, without queries. */
  readonly calls: string[];
  /** Answers requests for `call` ("PUT /x", or with its query) in order. The last reply repeats. */
  reply(call: string, ...replies: readonly Reply[]): void;
}

/** Answers everything else with status 418 and the code Unscripted. */
export async function scriptedArm(): Promise<ScriptedArm> {
  const scripts = new Map<string, Reply[]>();
  const calls: string[] = [];
  const { origin, seen } = await answeringArm(({ method, target }) => {
    const call = `${method} ${target.split('?', 1)[0]}`;
    calls.push(call);
    const script = scripts.get(`${method} ${target}`) ?? scripts.get(call) ?? [];
    return (script.length > 1 ? script.shift() : script[0]) ?? unscripted(call);
  });
  return { origin, seen, calls, reply: (call, ...replies) => scripts.set(call, [...replies]) };
}

/** A server on loopback that gives the replies of a function, until the end of the test. */
export async function answeringArm(
  answer: (request: SeenRequest) => Reply,
): Promise<Pick<ScriptedArm, 'origin' | 'seen'>> {
  const seen: SeenRequest[] = [];
  const server = createServer((request, response) => {
    const { method = '', url = '', headers } = request;
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const arrived = { method, target: url, headers, body: Buffer.concat(pieces).toString() };
      seen.push(arrived);
      const reply = answer(arrived);
      if (reply.cut === 'before') {
        request.socket.destroy();
        return;
      }
      const isText = typeof reply.body === 'string';
      const bytes = Buffer.from(reply.body === undefined ? '' : isText ? `${reply.body}` : JSON.stringify(reply.body));
      response.writeHead(reply.status, {
        'content-length': bytes.length,
        'x-ms-request-id': `request-${seen.length}`,
        ...(bytes.length === 0 ? {} : { 'content-type': isText ? 'text/html' : 'application/json; charset=utf-8' }),
        ...reply.headers,
      });
      if (reply.cut === 'middle') response.write(bytes.subarray(0, 5), () => request.socket.destroy());
      else response.end(bytes);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

function unscripted(call: string): Reply {
  return { status: 418, body: { error: { code: 'Unscripted', message: call } } };
}

export interface TestClient {
  readonly client: ArmClient;
  /** The pauses between polls, in milliseconds. */
  readonly pauses: number[];
  readonly records: RequestRecord[];
  readonly notices: RetryNotice[];
  /** The scopes and options of the tokens that were requested. */
  readonly tokenRequests: (readonly [scope: string | string[], options: object | undefined])[];
}

/** Issues the tokens token-1, token-2, ... for an hour each. */
export function testClient(
  endpoint: string,
  options: Partial<ArmClientOptions> & { readonly retry?: RetryOptions; readonly tokens?: readonly string[] } = {},
): TestClient {
  const pauses: number[] = [];
  const records: RequestRecord[] = [];
  const notices: RetryNotice[] = [];
  const tokenRequests: (readonly [string | string[], object | undefined])[] = [];
  const client = new ArmClient({
    target: { endpoint, armScope: 'https://management.core.windows.net//.default' },
    userAgent: 'vhdup/test',
    credential: {
      getToken: (scopes, given) => {
        tokenRequests.push([scopes, given]);
        const token = options.tokens?.[tokenRequests.length - 1] ?? `token-number-${tokenRequests.length}`;
        return Promise.resolve({ token, expiresOnTimestamp: Date.now() + 3_600_000 });
      },
    },
    retries: new Retrier({ retryDelayMs: 1, maxRetryDelayMs: 1, ...options.retry }, (notice) => notices.push(notice)),
    wait: (ms, signal) => {
      signal.throwIfAborted();
      pauses.push(ms);
      return Promise.resolve();
    },
    onRequest: (record) => records.push(record),
    ...options,
  });
  onTestFinished(() => client.close());
  return { client, pauses, records, notices, tokenRequests };
}
