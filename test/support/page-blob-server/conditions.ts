// Conditional headers, as described in "Specifying conditional headers for Blob service operations".

import { conditionNotMet, invalidHeader, ServiceError } from './error.ts';
import type { ServiceRequest } from './request.ts';
import type { StoredBlob } from './store.ts';

/** Throws 304 (reads) or 412 (writes) unless the If-… headers are met by the blob. */
export function checkConditions(request: ServiceRequest, blob: StoredBlob, access: 'read' | 'write'): void {
  const failure = access === 'read' ? notModified : conditionNotMet;
  const headers = conditionalHeaders(request);
  if (headers.ifMatch !== undefined && !matches(headers.ifMatch, blob.etag)) throw conditionNotMet();
  if (headers.ifNoneMatch !== undefined) {
    if (headers.ifNoneMatch === '*') {
      throw new ServiceError(
        400,
        'UnsatisfiableCondition',
        'The request includes an unsatisfiable condition for this operation.',
      );
    }
    if (matches(headers.ifNoneMatch, blob.etag)) throw failure();
  }
  const changedAt = Math.floor(blob.lastModified.getTime() / 1000) * 1000;
  if (headers.ifModifiedSince !== undefined && changedAt <= headers.ifModifiedSince) throw failure();
  if (headers.ifUnmodifiedSince !== undefined && changedAt > headers.ifUnmodifiedSince) throw conditionNotMet();
}

/** The conditions of Put Blob, for which the blob need not exist: 409 BlobAlreadyExists for `If-None-Match: *` if it does. */
export function checkCreateConditions(request: ServiceRequest, existing: StoredBlob | undefined): void {
  const { ifMatch, ifNoneMatch } = conditionalHeaders(request);
  if (existing === undefined) {
    if (ifMatch !== undefined) throw conditionNotMet();
    return;
  }
  if (ifNoneMatch === '*') throw new ServiceError(409, 'BlobAlreadyExists', 'The specified blob already exists.');
  checkConditions(request, existing, 'write');
}

/** Throws 412 unless the x-ms-if-sequence-number-… headers of Put Page are met. */
export function checkSequenceNumber(request: ServiceRequest, blob: StoredBlob): void {
  const holds: readonly [string, (wanted: bigint) => boolean][] = [
    ['x-ms-if-sequence-number-le', (wanted) => blob.sequenceNumber <= wanted],
    ['x-ms-if-sequence-number-lt', (wanted) => blob.sequenceNumber < wanted],
    ['x-ms-if-sequence-number-eq', (wanted) => blob.sequenceNumber === wanted],
  ];
  for (const [name, condition] of holds) {
    const value = request.headers.get(name);
    if (value === undefined) continue;
    if (!condition(parseSequenceNumber(name, value))) {
      throw new ServiceError(
        412,
        'SequenceNumberConditionNotMet',
        'The sequence number condition specified was not met.',
      );
    }
  }
}

/** A sequence number: 0 to 2^63 - 1. */
export function parseSequenceNumber(name: string, value: string): bigint {
  if (!/^\d{1,19}$/.test(value) || BigInt(value) >= 2n ** 63n) throw invalidHeader(name, value);
  return BigInt(value);
}

interface ConditionalHeaders {
  readonly ifMatch: string | undefined;
  readonly ifNoneMatch: string | undefined;
  readonly ifModifiedSince: number | undefined;
  readonly ifUnmodifiedSince: number | undefined;
}

function conditionalHeaders(request: ServiceRequest): ConditionalHeaders {
  const ifMatch = request.headers.get('if-match');
  const ifNoneMatch = request.headers.get('if-none-match');
  const ifModifiedSince = date(request, 'if-modified-since');
  const ifUnmodifiedSince = date(request, 'if-unmodified-since');
  const matching = ifMatch !== undefined || ifUnmodifiedSince !== undefined;
  const differing = ifNoneMatch !== undefined || ifModifiedSince !== undefined;
  if (matching && differing) {
    throw new ServiceError(
      400,
      'MultipleConditionHeadersNotSupported',
      'Multiple condition headers are not supported.',
    );
  }
  return { ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince };
}

function date(request: ServiceRequest, name: string): number | undefined {
  const value = request.headers.get(name);
  if (value === undefined) return undefined;
  const time = Date.parse(value);
  if (Number.isNaN(time)) throw invalidHeader(name, value);
  return time;
}

function matches(condition: string, etag: string): boolean {
  if (condition === '*') return true;
  return condition.split(',').some((wanted) => unquoted(wanted.trim()) === unquoted(etag));
}

function unquoted(etag: string): string {
  return etag.replace(/^"|"$/g, '');
}

function notModified(): ServiceError {
  return new ServiceError(
    304,
    'ConditionNotMet',
    'The condition specified using HTTP conditional header(s) is not met.',
  );
}
