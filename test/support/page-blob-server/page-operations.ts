// Put Page (update and clear) and Get Page Ranges.

import { type ByteRange, endOf, MIB, PAGE_SIZE } from '../../../src/base/byte-range.ts';
import { checkBody } from './checksum.ts';
import { checkSequenceNumber } from './conditions.ts';
import {
  invalidBlobType,
  invalidHeader,
  invalidPageRange,
  missingHeader,
  queryParameterOutOfRange,
  requestBodyTooLarge,
  ServiceError,
} from './error.ts';
import {
  blobForRead,
  blobForWrite,
  type OperationContext,
  type ServiceResponse,
  sequenceHeader,
  versionHeaders,
  writePieces,
} from './operation.ts';
import { requestedRange, requiredHeader, type ServiceRequest } from './request.ts';
import type { StoredBlob } from './store.ts';

export const MAX_PUT_PAGE = 4 * MIB;

const MAX_RANGES_PER_RESPONSE = 10_000;

/** Put Page with x-ms-page-write: update. */
export function putPage(context: OperationContext): ServiceResponse {
  const { request, body } = context;
  const write = requiredHeader(request, 'x-ms-page-write');
  if (write.toLowerCase() !== 'update') throw invalidHeader('x-ms-page-write', write);
  if (request.headers.has('x-ms-structured-body')) {
    throw new ServiceError(
      400,
      'UnsupportedHeader',
      'One of the HTTP headers specified in the request is not supported.',
      {
        details: { HeaderName: 'x-ms-structured-body' },
      },
    );
  }
  const range = pageRangeOf(request);
  if (range.length > MAX_PUT_PAGE) throw requestBodyTooLarge(MAX_PUT_PAGE);
  if (body.length !== range.length) throw invalidHeader('Content-Length', String(body.length));
  const checksums = checkBody(request, context.verifyChecksums ? body.pieces : undefined);
  const blob = pageBlobForWrite(context, range);
  writePieces(blob, range.offset, body);
  const rewritten = blob.markWritten(range);
  context.store.touch(blob, new Date(context.now));
  const headers = { ...versionHeaders(blob), ...sequenceHeader(blob), ...checksums };
  return { status: 201, headers, committed: true, rewritten };
}

/** Put Page with x-ms-page-write: clear. */
export function clearPages(context: OperationContext): ServiceResponse {
  const { request, body } = context;
  if (body.length !== 0) throw invalidHeader('Content-Length', String(body.length));
  const range = pageRangeOf(request);
  const blob = pageBlobForWrite(context, range);
  blob.clearPages(range);
  context.store.touch(blob, new Date(context.now));
  return { status: 201, headers: { ...versionHeaders(blob), ...sequenceHeader(blob) }, committed: true };
}

function pageRangeOf(request: ServiceRequest): ByteRange {
  const range = requestedRange(request);
  if (range === undefined) throw missingHeader('x-ms-range');
  if (!Number.isFinite(range.length) || range.offset % PAGE_SIZE !== 0 || range.length % PAGE_SIZE !== 0) {
    throw invalidHeader('x-ms-range', request.headers.get('x-ms-range') ?? request.headers.get('range') ?? '');
  }
  return range;
}

function pageBlobForWrite(context: OperationContext, range: ByteRange): StoredBlob {
  const blob = blobForWrite(context, 'PageBlob');
  checkSequenceNumber(context.request, blob);
  if (endOf(range) > blob.size) throw invalidPageRange();
  return blob;
}

/** Get Page Ranges: adjacent ranges are merged, and answers are paged with a marker. */
export function getPageRanges(context: OperationContext): ServiceResponse {
  const { request } = context;
  const blob = blobForRead(context);
  if (blob.type !== 'PageBlob') throw invalidBlobType();
  const range = requestedRange(request) ?? { offset: 0, length: Number.POSITIVE_INFINITY };
  if (range.offset > 0 && range.offset >= blob.size) throw invalidPageRange();
  const start = range.offset - (range.offset % PAGE_SIZE);
  const end = Math.min(blob.size, Math.ceil(endOf(range) / PAGE_SIZE) * PAGE_SIZE);
  const from = Math.max(start, markerOf(request, blob.size));
  const limit = rangeLimitOf(context);
  const wanted = { offset: from, length: Math.max(0, end - from) };
  const merged = blob.written.within(wanted, limit + 1);
  const found = context.listsEachPage === true ? eachPage(merged, limit + 1) : merged;
  const listed = found
    .slice(0, limit)
    .map(({ offset, length }) => `<PageRange><Start>${offset}</Start><End>${offset + length - 1}</End></PageRange>`)
    .join('');
  const next = found[limit];
  const marker = next === undefined ? '<NextMarker />' : `<NextMarker>${MARKER_PREFIX}${next.offset}</NextMarker>`;
  const xml = Buffer.from(`\uFEFF<?xml version="1.0" encoding="utf-8"?><PageList>${listed}${marker}</PageList>`);
  return {
    status: 200,
    headers: {
      ...versionHeaders(blob),
      'content-type': 'application/xml',
      'x-ms-blob-content-length': String(blob.size),
    },
    body: [xml],
    contentLength: xml.length,
  };
}

function eachPage(ranges: readonly ByteRange[], limit: number): ByteRange[] {
  const pages: ByteRange[] = [];
  for (const range of ranges) {
    for (let offset = range.offset; offset < endOf(range) && pages.length < limit; offset += PAGE_SIZE) {
      pages.push({ offset, length: PAGE_SIZE });
    }
  }
  return pages;
}

const MARKER_PREFIX = '2!page!';

function markerOf(request: ServiceRequest, size: number): number {
  const marker = request.query.get('marker') ?? '';
  if (marker === '') return 0;
  const offset = marker.startsWith(MARKER_PREFIX) ? Number(marker.slice(MARKER_PREFIX.length)) : Number.NaN;
  if (!Number.isSafeInteger(offset) || offset < 0 || offset >= size) throw queryParameterOutOfRange('marker', marker);
  return offset;
}

function rangeLimitOf({ request, rangesPerResponse }: OperationContext): number {
  // Older versions of the API do not page the ranges.
  if ((request.headers.get('x-ms-version') ?? '') < '2020-10-02') return Number.MAX_SAFE_INTEGER;
  const limit = Math.min(rangesPerResponse, MAX_RANGES_PER_RESPONSE);
  const wanted = request.query.get('maxresults');
  if (wanted === undefined) return limit;
  if (!/^\d{1,9}$/.test(wanted) || Number(wanted) < 1) throw queryParameterOutOfRange('maxresults', wanted);
  return Math.min(Number(wanted), limit);
}
