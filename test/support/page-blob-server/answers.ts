// The answers of the page-blob test server that do not come from an operation: errors, and answers changed by faults.

import type { Answer } from '../test-server/exchange.ts';
import { invalidHeader, missingHeader, ServiceError } from './error.ts';
import type { AnswerFault, Fault } from './faults.ts';
import type { ServiceRequest } from './request.ts';

const NEWEST_VERSION = '2026-10-06';

/** Throws 400 unless the request names a version of the REST API that the service supports. */
export function checkVersion(request: ServiceRequest): void {
  const version = request.headers.get('x-ms-version');
  if (version === undefined) throw missingHeader('x-ms-version');
  if (!/^20\d\d-\d\d-\d\d$/.test(version) || version > NEWEST_VERSION) throw invalidHeader('x-ms-version', version);
}

/** The headers of every answer of the service. */
export function commonHeaders(request: ServiceRequest, now: Date): Record<string, string> {
  const clientRequestId = request.headers.get('x-ms-client-request-id');
  return {
    server: 'Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0',
    date: now.toUTCString(),
    'x-ms-request-id': request.id,
    'x-ms-version': request.headers.get('x-ms-version') ?? NEWEST_VERSION,
    ...(clientRequestId !== undefined && { 'x-ms-client-request-id': clientRequestId }),
  };
}

/** An error as the service sends it. */
export function errorAnswer(error: ServiceError, always: Record<string, string>, id: string, now: Date): Answer {
  const xml = Buffer.from(error.toXml(id, now));
  const headers = { ...always, ...error.headers, 'x-ms-error-code': error.code };
  if (error.status === 304) return { status: 304, headers, body: [] };
  return {
    status: error.status,
    headers: { ...headers, 'content-type': 'application/xml', 'content-length': String(xml.length) },
    body: [xml],
  };
}

/** The error of a fault of the kind `status`. */
export function faultError(fault: Extract<Fault, { kind: 'status' }>): ServiceError {
  return serviceFailure(
    fault.status,
    fault.code,
    fault.retryAfterSeconds === undefined ? {} : { 'retry-after': String(fault.retryAfterSeconds) },
  );
}

/**
 * The answer of a fault of the kind `answer`.
 * @param always - The headers of every answer of the service.
 * @param done - The answer of the operation, if it was executed.
 */
export function faultAnswer(fault: AnswerFault, always: Record<string, string>, done: Answer | undefined): Answer {
  const { code, headers = {}, body, isForeign = false } = fault;
  const error = code === undefined ? undefined : serviceFailure(fault.status ?? 200, code);
  const text = typeof body === 'string' ? body : error?.toXml(always['x-ms-request-id'] ?? '', new Date());
  const pieces = typeof body === 'function' ? body() : text === undefined ? done?.body : [Buffer.from(text)];
  const all: Record<string, string | undefined> = {
    ...(isForeign ? {} : { ...always, ...done?.headers }),
    ...(code === undefined ? {} : { 'x-ms-error-code': code, 'content-type': 'application/xml' }),
    ...(text === undefined ? {} : { 'content-length': String(Buffer.byteLength(text)) }),
    ...(typeof body === 'function' ? { 'content-length': undefined } : {}),
    ...headers,
  };
  const given = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { status: fault.status ?? done?.status ?? 200, headers: Object.fromEntries(given), body: pieces ?? [] };
}

const FAILURE_MESSAGES: Readonly<Record<string, string>> = {
  ServerBusy: 'The server is currently unable to receive requests. Please retry your request.',
  InternalError: 'The server encountered an internal error. Please retry the request.',
  OperationTimedOut: 'Operation could not be completed within the permitted time.',
};

/** A failure of the service. */
export function serviceFailure(status: number, code: string, headers: Record<string, string> = {}): ServiceError {
  return new ServiceError(status, code, FAILURE_MESSAGES[code] ?? `The request failed with ${code}.`, { headers });
}

/** A bug in this server. The answer names it, so that a test can detect it. */
export function unexpected(error: unknown): ServiceError {
  return new ServiceError(
    500,
    'TestServerBug',
    error instanceof Error ? (error.stack ?? error.message) : String(error),
  );
}
