// What is told of each request to the service: enough for a support case, and no secret.
import { printable } from '../../base/printable.ts';
import { ServiceError } from '../../errors.ts';
import type { RequestRecord } from '../../events.ts';

/** The parts of the SDK's responses and errors that are read here. */
interface Answered {
  readonly requestId?: string;
  readonly clientRequestId?: string;
  readonly _response?: { readonly status: number };
}

interface Failed {
  /** A number in errors of the DOM. */
  readonly code?: string | number;
  readonly statusCode?: number;
  readonly request?: { readonly headers: { get(name: string): string | undefined } };
  readonly response?: { readonly headers: { get(name: string): string | undefined } };
}

/** @param response - What the SDK gave. */
export function answeredRequest(what: string, durationMs: number, response: object): RequestRecord {
  const { requestId, clientRequestId, _response } = response as Answered;
  // The SDK leaves the status out of the pages of a list, which are there only when it is 200.
  return compact({ what, status: _response?.status ?? 200, requestId, clientRequestId, durationMs });
}

/** @param error - What the SDK threw, or what we made of an answer on its way to the SDK. */
export function failedRequest(what: string, durationMs: number, error: unknown): RequestRecord {
  if (error instanceof ServiceError) {
    const { status, reason, requestId } = error.failure;
    return compact({ what, status, reason, requestId, clientRequestId: undefined, durationMs });
  }
  const { code, statusCode, request, response } = error as Failed;
  return compact({
    what,
    status: statusCode,
    reason: response?.headers.get('x-ms-error-code') ?? (typeof code === 'string' ? code : (error as Error).name),
    requestId: response?.headers.get('x-ms-request-id'),
    clientRequestId: request?.headers.get('x-ms-client-request-id'),
    durationMs,
  });
}

type Incomplete<T> = { readonly [K in keyof T]: T[K] | undefined };

function compact(record: Incomplete<RequestRecord>): RequestRecord {
  const known = Object.entries(record).filter(([, value]) => value !== undefined);
  const safe = (value: unknown) => (typeof value === 'string' ? printable(value) : Math.round(Number(value)));
  return Object.fromEntries(known.map(([name, value]) => [name, safe(value)])) as unknown as RequestRecord;
}
