// What answers of success must hold before anything is decided by them.
import type { BlobGetPropertiesResponse } from '@azure/storage-blob';
import type { ByteRange } from '../base/byte-range.ts';
import type { Checksum } from '../base/page-run.ts';
import { printable } from '../base/printable.ts';
import { ServiceError } from '../errors.ts';
import type { BlobProperties } from '../target/page-blob.ts';
import { type SentRequest, unusableAnswer } from './errors.ts';

/** @throws {ServiceError} something is missing that decisions are made by. */
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
  };
}

/** @throws {ServiceError} the answer holds other bytes than those that were asked for. */
export function assertSameRange(
  request: SentRequest,
  { offset, length }: ByteRange,
  { contentRange, requestId }: { readonly contentRange?: string; readonly requestId?: string },
): void {
  const wanted = `bytes ${offset}-${offset + length - 1}/`;
  // Without the header it is the whole blob; its length is compared later.
  const isRight = contentRange === undefined ? offset === 0 : contentRange.startsWith(wanted);
  if (isRight) return;
  const held = contentRange === undefined ? 'the whole blob' : printable(contentRange);
  throw unusableAnswer(request, `its answer holds ${held}, but ${wanted.slice(0, -1)} was asked for`, requestId);
}

/** The service answers with the checksum of what it stored: a second proof that costs nothing. */
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
