// Checks that a successful answer contains what later decisions depend on.
import type { BlobGetPropertiesResponse } from '@azure/storage-blob';
import type { ByteRange } from '../base/byte-range.ts';
import type { Checksum } from '../base/page-run.ts';
import { printable } from '../base/printable.ts';
import { ServiceError } from '../errors.ts';
import type { BlobProperties } from '../target/page-blob.ts';
import type { StoreProperties } from '../target/page-store.ts';
import { type SentRequest, unusableAnswer } from './errors.ts';

/** @throws {ServiceError} a required header is missing or unusable. */
export function propertiesOf(response: BlobGetPropertiesResponse): BlobProperties {
  const { blobType, contentLength, etag, requestId } = response;
  const operation = 'Get Blob Properties';
  const fail = (header: string) =>
    unusableAnswer({ operation, what: operation }, `its answer has no usable ${header}`, requestId);
  if (blobType !== 'PageBlob' && blobType !== 'BlockBlob' && blobType !== 'AppendBlob') throw fail('x-ms-blob-type');
  if (!Number.isSafeInteger(contentLength) || contentLength === undefined) throw fail('Content-Length');
  if (etag === undefined || etag === '') throw fail('ETag');
  return {
    type: blobType,
    size: contentLength,
    etag,
    sequenceNumber: response.blobSequenceNumber ?? 0,
    isLeased: response.leaseStatus === 'locked',
    metadata: lowerCaseKeys(response.metadata ?? {}),
    ...(response.contentMD5 === undefined ? {} : { contentMd5: response.contentMD5 }),
    ...(response.contentType === undefined ? {} : { contentType: response.contentType }),
    ...(response.accessTier === undefined ? {} : { tier: response.accessTier }),
    ...copyOf(response),
  };
}

/** HTTP dates have a precision of one second. */
const DATE_PRECISION_MS = 1000;

function copyOf(response: BlobGetPropertiesResponse): Pick<BlobProperties, 'copy'> {
  const { copyId, copyStatus, copyProgress = '', copyStatusDescription, copyCompletedOn, lastModified } = response;
  if (copyId === undefined || copyStatus === undefined) return {};
  const done = Number(/^\d+(?=\/)/.exec(copyProgress)?.[0] ?? 0);
  const isKnown = copyCompletedOn !== undefined && lastModified !== undefined;
  const wasWrittenSince = isKnown && lastModified.getTime() > copyCompletedOn.getTime() + DATE_PRECISION_MS;
  const description = copyStatusDescription === undefined ? {} : { description: copyStatusDescription };
  return { copy: { id: copyId, status: copyStatus, done, wasWrittenSince, ...description } };
}

/**
 * The properties of a managed disk's content. An ETag is not certain there.
 * @throws {ServiceError} a required header is missing or unusable.
 */
export function diskPropertiesOf({ contentLength, etag = '', requestId }: BlobGetPropertiesResponse): StoreProperties {
  if (Number.isSafeInteger(contentLength) && contentLength !== undefined) return { size: contentLength, etag };
  const operation = 'Get Blob Properties';
  throw unusableAnswer({ operation, what: operation }, 'its answer has no usable Content-Length', requestId);
}

/** @throws {ServiceError} the answer contains other bytes than the requested ones. */
export function assertSameRange(
  request: SentRequest,
  { offset, length }: ByteRange,
  { contentRange, requestId }: { readonly contentRange?: string; readonly requestId?: string },
): void {
  const wanted = `bytes ${offset}-${offset + length - 1}/`;
  // Without the header, the answer is the whole blob. Its length is compared later.
  const isRight = contentRange === undefined ? offset === 0 : contentRange.startsWith(wanted);
  if (isRight) return;
  const found = contentRange === undefined ? 'the whole blob' : printable(contentRange);
  throw unusableAnswer(request, `its answer contains ${found}, but ${wanted.slice(0, -1)} was requested`, requestId);
}

/** The service returns the checksum of the bytes that it stored: a second proof at no cost. */
export function assertEchoed(
  what: string,
  checksum: Checksum | undefined,
  { xMsContentCrc64, contentMD5 }: { xMsContentCrc64?: Uint8Array; contentMD5?: Uint8Array },
): void {
  const echoed = checksum?.algorithm === 'crc64' ? xMsContentCrc64 : contentMD5;
  if (checksum === undefined || echoed === undefined) return;
  if (Buffer.compare(checksum.value, echoed) !== 0) {
    throw new ServiceError(
      `${what} failed: the service stored bytes with the ${checksum.algorithm} ${hex(echoed)}, but ${hex(checksum.value)} was sent.`,
      { reason: 'ChecksumEcho', transient: true, checksumMismatch: true },
    );
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function lowerCaseKeys(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name.toLowerCase(), value]));
}
