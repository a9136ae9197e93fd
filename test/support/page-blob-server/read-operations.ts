// Get Blob, Get Blob Properties and Get Blob Metadata.

import { type ByteRange, endOf, MIB } from '../../../src/base/byte-range.ts';
import { crc64Base64, md5Base64 } from './checksum.ts';
import { advanceCopy, copyHeaders } from './copy-operations.ts';
import { invalidHeader, invalidRange } from './error.ts';
import { tierForSize } from './new-blob-headers.ts';
import {
  type AccountKind,
  blobForRead,
  metadataHeaders,
  type OperationContext,
  type ServiceResponse,
  sequenceHeader,
  versionHeaders,
} from './operation.ts';
import { requestedRange, type ServiceRequest } from './request.ts';
import type { StoredBlob } from './store.ts';

const MAX_CHECKSUMMED_READ = 4 * MIB;

/** Get Blob, whole or a range. */
export function getBlob(context: OperationContext): ServiceResponse {
  const { request } = context;
  const blob = blobForRead(context);
  const wanted = requestedRange(request);
  if (wanted === undefined) {
    const range = { offset: 0, length: blob.size };
    return {
      status: 200,
      headers: propertyHeaders(blob, context),
      body: blob.pieces(range),
      contentLength: blob.size,
    };
  }
  if (wanted.offset >= blob.size) throw invalidRange(blob.size);
  const range = { offset: wanted.offset, length: Math.min(wanted.length, blob.size - wanted.offset) };
  const { 'content-md5': contentMd5, ...properties } = propertyHeaders(blob, context);
  return {
    status: 206,
    headers: {
      ...properties,
      ...(contentMd5 !== undefined && { 'x-ms-blob-content-md5': contentMd5 }),
      ...rangeChecksums(request, blob, range),
      'content-range': `bytes ${range.offset}-${endOf(range) - 1}/${blob.size}`,
    },
    body: blob.pieces(range),
    contentLength: range.length,
  };
}

function rangeChecksums(request: ServiceRequest, blob: StoredBlob, range: ByteRange): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, header, checksum] of [
    ['x-ms-range-get-content-md5', 'content-md5', md5Base64],
    ['x-ms-range-get-content-crc64', 'x-ms-content-crc64', crc64Base64],
  ] as const) {
    const value = request.headers.get(name);
    if (value?.toLowerCase() !== 'true') continue;
    if (range.length > MAX_CHECKSUMMED_READ) throw invalidHeader(name, value);
    headers[header] = checksum(blob.pieces(range));
  }
  return headers;
}

/** Get Blob Properties. */
export function getBlobProperties(context: OperationContext): ServiceResponse {
  const blob = blobForRead(context);
  advanceCopy(blob, context.store, context.now);
  return { status: 200, headers: propertyHeaders(blob, context), contentLength: blob.size };
}

/** Get Blob Metadata. */
export function getBlobMetadata(context: OperationContext): ServiceResponse {
  const blob = blobForRead(context);
  return { status: 200, headers: { ...versionHeaders(blob), ...metadataHeaders(blob) } };
}

/** In premium accounts, a tier that was not set is inferred. Source: REST, Get Blob Properties. */
function tierHeaders({ tier, size }: StoredBlob, { isPremium }: AccountKind): Record<string, string> {
  if (tier !== undefined) return { 'x-ms-access-tier': tier };
  return isPremium ? { 'x-ms-access-tier': tierForSize(size), 'x-ms-access-tier-inferred': 'true' } : {};
}

function propertyHeaders(blob: StoredBlob, { now, kind }: OperationContext): Record<string, string> {
  return {
    'content-type': 'application/octet-stream',
    ...Object.fromEntries(blob.headers),
    ...versionHeaders(blob),
    ...metadataHeaders(blob),
    ...sequenceHeader(blob),
    ...blob.lease.describe(now),
    ...copyHeaders(blob),
    'accept-ranges': 'bytes',
    'x-ms-blob-type': blob.type,
    'x-ms-creation-time': blob.createdAt.toUTCString(),
    'x-ms-server-encrypted': 'true',
    ...tierHeaders(blob, kind),
  };
}
