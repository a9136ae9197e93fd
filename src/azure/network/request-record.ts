// The record of each request to the service: enough for a support case, without secrets.
import { printable } from '../../base/printable.ts';
import { ServiceError } from '../../errors.ts';
import type { RequestRecord } from '../../events.ts';

/** The parts of the SDK's responses that are read here. */
interface Answered {
  readonly requestId?: string;
  readonly clientRequestId?: string;
  readonly _response?: { readonly status: number };
  readonly etag?: string;
  readonly lastModified?: Date;
  readonly version?: string;
}

/** They are many, and their ETags are of no use to anybody later. */
const MOVES_DATA = /^(?:Put Page|Clear Pages|Get Blob|Get Page Ranges)(?: \d|$)/;
/** Their ETags are those of the container. */
const IS_ABOUT_CONTAINER = /Container/;

/** The parts of the SDK's errors that are read here. */
interface Failed {
  readonly name?: string;
  /** A number in DOM errors. */
  readonly code?: string | number;
  readonly statusCode?: number;
  readonly request?: { readonly headers: { get(name: string): string | undefined } };
  readonly response?: { readonly headers: { get(name: string): string | undefined } };
}

/** @param response - The response of the SDK. */
export function answeredRequest(what: string, durationMs: number, response: Answered): RequestRecord {
  const { requestId, clientRequestId, _response } = response;
  // The SDK omits the status of the pages of a list, which exist only for status 200.
  const status = _response?.status ?? 200;
  return requestRecord({ what, status, requestId, clientRequestId, durationMs, ...blobAfter(what, response) });
}

/** What the answer shows of the blob. */
function blobAfter(what: string, { etag, lastModified, version }: Answered) {
  if (etag === undefined || MOVES_DATA.test(what) || IS_ABOUT_CONTAINER.test(what)) return {};
  return { etag, version, lastModified: lastModified?.toISOString() };
}

/** @param error - An error of the SDK, or a ServiceError for an answer that never reached the SDK. */
export function failedRequest(what: string, durationMs: number, error: unknown): RequestRecord {
  if (error instanceof ServiceError) {
    const { status, reason, requestId } = error.failure;
    return requestRecord({ what, status, reason, requestId, durationMs });
  }
  const { name, code, statusCode, request, response }: Failed = error instanceof Error ? error : {};
  return requestRecord({
    what,
    status: statusCode,
    reason: response?.headers.get('x-ms-error-code') ?? (typeof code === 'string' ? code : name),
    requestId: response?.headers.get('x-ms-request-id'),
    clientRequestId: request?.headers.get('x-ms-client-request-id'),
    durationMs,
  });
}

export type RequestFields = { readonly [K in keyof RequestRecord]?: RequestRecord[K] | undefined } & {
  readonly what: string;
  readonly durationMs: number;
};

/** Safe to print, and without the fields that are unknown. */
export function requestRecord({
  what,
  status,
  reason,
  requestId,
  clientRequestId,
  etag,
  lastModified,
  version,
  durationMs,
}: RequestFields): RequestRecord {
  return {
    what: printable(what),
    ...(status === undefined ? {} : { status }),
    ...(reason === undefined ? {} : { reason: printable(reason) }),
    ...(requestId === undefined ? {} : { requestId: printable(requestId) }),
    ...(clientRequestId === undefined ? {} : { clientRequestId: printable(clientRequestId) }),
    ...(etag === undefined ? {} : { etag: printable(etag) }),
    ...(lastModified === undefined ? {} : { lastModified }),
    ...(version === undefined ? {} : { version: printable(version) }),
    durationMs: Math.round(durationMs),
  };
}
