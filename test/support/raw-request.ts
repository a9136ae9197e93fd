// Sends a single HTTP request exactly as given: no retry, no redirect, no added headers except Host and Content-Length.

import { type Agent, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';

/** The answer, body included. */
export interface RawResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
  /** The value of x-ms-error-code, if any. */
  readonly errorCode: string | undefined;
}

/** The request. */
export interface RawRequest {
  readonly method: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly agent?: Agent;
  /** The CA certificate to trust, in PEM. */
  readonly ca?: string;
  readonly signal?: AbortSignal;
}

/** Sends a request to a page-blob service, with an x-ms-version unless `headers` override it (an empty value omits it). */
export function rawRequest(url: string, request: RawRequest): Promise<RawResponse> {
  const { method, body, agent, ca, signal } = request;
  const headers = { 'x-ms-version': '2024-11-04', 'content-length': String(body?.length ?? 0), ...request.headers };
  const given = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== ''));
  return new Promise((resolve, reject) => {
    const send = url.startsWith('https:') ? httpsRequest : httpRequest;
    const options = { method, headers: given, ...(agent && { agent }), ...(ca && { ca }), ...(signal && { signal }) };
    const outgoing = send(url, options, (message) => {
      const pieces: Buffer[] = [];
      message.on('data', (piece: Buffer) => pieces.push(piece));
      message.on('error', reject);
      message.on('end', () => {
        const received = new Map(Object.entries(message.headers).map(([name, value]) => [name, String(value)]));
        resolve({
          status: message.statusCode ?? 0,
          headers: received,
          body: Buffer.concat(pieces),
          errorCode: received.get('x-ms-error-code'),
        });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** The value of Range or x-ms-range for `length` bytes from `offset`. */
export function rangeHeader(offset: number, length: number): string {
  return `bytes=${offset}-${offset + length - 1}`;
}

/** `url` with further query parameters. It may contain a SAS already. */
export function withQuery(url: string, query: string): string {
  return `${url}${url.includes('?') ? '&' : '?'}${query}`;
}
