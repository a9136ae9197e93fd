// The table of operations of the page-blob test server, called when the body is complete and the caller is authorized, and the operations that create and describe blobs.

import { MIB, PAGE_SIZE } from '../../../src/base/byte-range.ts';
import type { Grant } from './authorization.ts';
import { checkBody, isBase64Of } from './checksum.ts';
import { checkCreateConditions, parseSequenceNumber } from './conditions.ts';
import { checkNoPendingCopy, copyBlob } from './copy-operations.ts';
import { invalidBlobType, invalidHeader, publicAccessNotPermitted, ServiceError, unsupportedHeader } from './error.ts';
import { acquireLease, breakLease, changeLease, releaseLease, renewLease } from './lease-operations.ts';
import { tagsOf, tierOf } from './new-blob-headers.ts';
import {
  blobForRead,
  blobForWrite,
  containerOf,
  leaseIdOf,
  type OperationContext,
  type ServiceResponse,
  sequenceHeader,
  versionHeaders,
  writePieces,
} from './operation.ts';
import { clearPages, getPageRanges, putPage } from './page-operations.ts';
import { getBlob, getBlobMetadata, getBlobProperties } from './read-operations.ts';
import { type Operation, requiredHeader, type ServiceRequest } from './request.ts';
import { type BlobType, StoredBlob, type StoredContainer } from './store.ts';

/** The size of the largest page blob in the service, in bytes. */
export const MAX_BLOB_SIZE = 8 * 1024 * 1024 * MIB;

const MAX_METADATA = 8192;

/** Executes the operation synchronously, so that nothing else changes the account meanwhile. Throws ServiceError. */
export function perform(context: OperationContext): ServiceResponse {
  if (!/^(\$root|\$web|[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9])$/.test(context.request.container)) {
    throw new ServiceError(400, 'InvalidResourceName', 'The specified resource name contains invalid characters.');
  }
  checkNoPendingCopy(context);
  return OPERATIONS[context.request.operation](context);
}

const OPERATIONS: Readonly<Record<Operation, (context: OperationContext) => ServiceResponse>> = {
  CreateContainer: createContainer,
  GetContainerProperties: getContainerProperties,
  DeleteContainer: deleteContainer,
  PutBlob: putBlob,
  CopyBlob: copyBlob,
  GetBlob: getBlob,
  GetBlobProperties: getBlobProperties,
  GetBlobMetadata: getBlobMetadata,
  SetBlobMetadata: setBlobMetadata,
  SetBlobProperties: setBlobProperties,
  SnapshotBlob: snapshotBlob,
  DeleteBlob: deleteBlob,
  PutPage: putPage,
  ClearPages: clearPages,
  GetPageRanges: getPageRanges,
  AcquireLease: acquireLease,
  RenewLease: renewLease,
  ChangeLease: changeLease,
  ReleaseLease: releaseLease,
  BreakLease: breakLease,
  Unsupported: unsupported,
};

function unsupported(): ServiceResponse {
  throw new ServiceError(
    501,
    'NotImplemented',
    'The requested operation is not implemented on the specified resource.',
  );
}

function createContainer({ request, store, now, kind }: OperationContext): ServiceResponse {
  const access = request.headers.get('x-ms-blob-public-access');
  if (access !== undefined && access !== 'blob' && access !== 'container') {
    throw invalidHeader('x-ms-blob-public-access', access);
  }
  if (access !== undefined && kind.isPremium) throw unsupportedHeader('x-ms-blob-public-access');
  // Even if the container exists.
  if (access !== undefined && !kind.allowsPublicAccess) throw publicAccessNotPermitted();
  if (store.containers.has(request.container)) {
    throw new ServiceError(409, 'ContainerAlreadyExists', 'The specified container already exists.');
  }
  const container = store.createContainer(request.container, new Date(now));
  container.publicAccess = access ?? 'none';
  return { status: 201, headers: containerHeaders(container), committed: true };
}

function getContainerProperties({ request, store }: OperationContext): ServiceResponse {
  const container = containerOf(request, store);
  return {
    status: 200,
    headers: {
      ...containerHeaders(container),
      'x-ms-lease-status': 'unlocked',
      'x-ms-lease-state': 'available',
      'x-ms-has-immutability-policy': 'false',
      'x-ms-has-legal-hold': 'false',
      ...(container.publicAccess !== 'none' && { 'x-ms-blob-public-access': container.publicAccess }),
    },
  };
}

function deleteContainer({ request, store }: OperationContext): ServiceResponse {
  containerOf(request, store);
  store.containers.delete(request.container);
  return { status: 202, headers: {}, committed: true };
}

function containerHeaders(container: StoredContainer): Record<string, string> {
  return { etag: container.etag, 'last-modified': container.createdAt.toUTCString() };
}

function putBlob(context: OperationContext): ServiceResponse {
  const { request, store, now, grant, body } = context;
  const type = blobTypeOf(request);
  const size = type === 'PageBlob' ? pageBlobSize(context) : body.length;
  if (type === 'AppendBlob' && size !== 0) throw invalidHeader('Content-Length', String(size));
  const checksums = body.length > 0 ? checkBody(request, context.verifyChecksums ? body.pieces : undefined) : {};
  const sequenceNumber = request.headers.get('x-ms-blob-sequence-number') ?? '0';
  const metadata = metadataOf(request);
  const headers = storedHeaders(request);
  const tier = tierOf(request, context.kind, size);
  const tags = tagsOf(request, grant);

  const container = containerOf(request, store);
  const existing = container.blobs.get(request.blob);
  const leaseId = leaseIdOf(request, 'x-ms-lease-id');
  existing?.lease.check(leaseId, 'write', now);
  if (existing === undefined && leaseId !== undefined) {
    throw new ServiceError(412, 'LeaseNotPresentWithBlobOperation', 'There is currently no lease on the blob.');
  }
  checkCreateConditions(request, existing);
  if (existing !== undefined && !permits(grant, 'w')) {
    throw new ServiceError(
      403,
      'UnauthorizedBlobOverwrite',
      'This request is not authorized to perform blob overwrites.',
    );
  }
  if (existing !== undefined && existing.type !== type) throw invalidBlobType();

  const blob = new StoredBlob(type, size, new Date(now), context.discard, existing);
  blob.sequenceNumber = parseSequenceNumber('x-ms-blob-sequence-number', sequenceNumber);
  blob.metadata = metadata;
  blob.headers = headers;
  blob.tier = tier;
  blob.tags = tags;
  writePieces(blob, 0, body);
  container.blobs.set(request.blob, blob);
  store.touch(blob, new Date(now));
  return { status: 201, headers: { ...versionHeaders(blob), ...checksums }, committed: true };
}

function blobTypeOf(request: ServiceRequest): BlobType {
  const type = requiredHeader(request, 'x-ms-blob-type');
  if (type !== 'PageBlob' && type !== 'BlockBlob' && type !== 'AppendBlob') throw invalidHeader('x-ms-blob-type', type);
  return type;
}

function pageBlobSize({ request, body, maxBlobSize }: OperationContext): number {
  if (body.length !== 0) throw invalidHeader('Content-Length', String(body.length));
  return parseBlobSize(requiredHeader(request, 'x-ms-blob-content-length'), maxBlobSize);
}

function parseBlobSize(value: string, maximum: number): number {
  const size = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
  if (!(size <= maximum) || size % PAGE_SIZE !== 0) throw invalidHeader('x-ms-blob-content-length', value);
  return size;
}

function setBlobMetadata(context: OperationContext): ServiceResponse {
  const metadata = metadataOf(context.request);
  const blob = blobForWrite(context);
  blob.metadata = metadata;
  context.store.touch(blob, new Date(context.now));
  return { status: 200, headers: versionHeaders(blob), committed: true };
}

function setBlobProperties(context: OperationContext): ServiceResponse {
  const { request } = context;
  const headers = storedHeaders(request);
  const newSize = request.headers.get('x-ms-blob-content-length');
  const action = request.headers.get('x-ms-sequence-number-action');
  const size = newSize === undefined ? undefined : parseBlobSize(newSize, context.maxBlobSize);
  const blob = blobForWrite(context);
  if ((size !== undefined || action !== undefined) && blob.type !== 'PageBlob') throw invalidBlobType();
  if (action !== undefined) blob.sequenceNumber = nextSequenceNumber(request, action, blob.sequenceNumber);
  if (size !== undefined) blob.resize(size);
  blob.copy = undefined;
  // A request that only changes the size or the sequence number keeps the stored headers; any other replaces all of them.
  const namesHeaders = STORED_HEADERS.some((name) => request.headers.has(`x-ms-blob-${name}`));
  if (namesHeaders || (size === undefined && action === undefined)) blob.headers = headers;
  context.store.touch(blob, new Date(context.now));
  return { status: 200, headers: { ...versionHeaders(blob), ...sequenceHeader(blob) }, committed: true };
}

function nextSequenceNumber(request: ServiceRequest, action: string, current: bigint): bigint {
  const name = 'x-ms-blob-sequence-number';
  const value = request.headers.get(name);
  switch (action.toLowerCase()) {
    case 'increment':
      if (value !== undefined) throw invalidHeader(name, value);
      return current + 1n;
    case 'update':
      return parseSequenceNumber(name, requiredHeader(request, name));
    case 'max': {
      const wanted = parseSequenceNumber(name, requiredHeader(request, name));
      return wanted > current ? wanted : current;
    }
    default:
      throw invalidHeader('x-ms-sequence-number-action', action);
  }
}

function deleteBlob(context: OperationContext): ServiceResponse {
  const blob = blobForWrite(context);
  const snapshots = context.request.headers.get('x-ms-delete-snapshots');
  if (snapshots !== undefined) blob.snapshots.clear();
  if (snapshots !== 'only') {
    if (blob.snapshots.size > 0) throw snapshotsPresent();
    containerOf(context.request, context.store).blobs.delete(context.request.blob);
  }
  return { status: 202, headers: { 'x-ms-delete-type-permanent': 'true' }, committed: true };
}

/** Snapshot Blob. Source: REST, Snapshot Blob. */
function snapshotBlob(context: OperationContext): ServiceResponse {
  const blob = blobForRead(context);
  if (context.kind.isPremium) checkSnapshotLimits(blob, context.now);
  const id = blob.addSnapshot(new Date(context.now));
  return { status: 201, headers: { ...versionHeaders(blob), 'x-ms-snapshot': id }, committed: true };
}

/** Source: REST, "Perform REST operations against page blobs with premium storage": 100 snapshots, and one in ten minutes. */
function checkSnapshotLimits({ snapshots }: StoredBlob, now: number): void {
  if (snapshots.size >= 100) {
    throw new ServiceError(409, 'SnapshotCountExceeded', 'The snapshot count against this blob has been exceeded.');
  }
  const newest = [...snapshots.keys()].at(-1);
  if (newest === undefined || now - Date.parse(newest) >= 10 * 60_000) return;
  throw new ServiceError(
    409,
    'SnapshotOperationRateExceeded',
    'The rate of snapshot operations against this blob has been exceeded.',
  );
}

/**
 * Only Delete Blob is documented to fail while there are snapshots. A blob that is overwritten keeps them. Source: "Blob snapshots":
 * snapshots persist until they are explicitly deleted, and a blob that is overwritten by a copy keeps those that it has.
 */
function snapshotsPresent(): ServiceError {
  return new ServiceError(409, 'SnapshotsPresent', 'This operation is not permitted because the blob has snapshots.');
}

function permits(grant: Grant, letter: string): boolean {
  return grant.permissions === 'all' || grant.permissions.includes(letter);
}

function metadataOf(request: ServiceRequest): Map<string, string> {
  const metadata = new Map<string, string>();
  const seen = new Set<string>();
  let size = 0;
  for (const [name, value] of request.metadata) {
    if (name === '') {
      throw new ServiceError(400, 'EmptyMetadataKey', 'The key for one of the metadata key-value pairs is empty.');
    }
    // Names are C# identifiers and keep their case, but two names must not differ only in case.
    if (!/^[A-Za-z_]\w*$/.test(name) || !/^[\x20-\x7e]*$/.test(value) || seen.has(name.toLowerCase())) {
      throw new ServiceError(
        400,
        'InvalidMetadata',
        'The metadata specified is invalid. It has characters that are not permitted.',
      );
    }
    seen.add(name.toLowerCase());
    metadata.set(name, value);
    size += name.length + value.length;
  }
  if (size > MAX_METADATA) {
    throw new ServiceError(
      400,
      'MetadataTooLarge',
      'The metadata specified exceeds the maximum permissible limit (8KB).',
      {
        details: { MaxLimit: String(MAX_METADATA) },
      },
    );
  }
  return metadata;
}

const STORED_HEADERS = [
  'cache-control',
  'content-type',
  'content-md5',
  'content-encoding',
  'content-language',
  'content-disposition',
];

function storedHeaders(request: ServiceRequest): Map<string, string> {
  const stored = new Map<string, string>();
  for (const name of STORED_HEADERS) {
    const value = request.headers.get(`x-ms-blob-${name}`);
    if (value === undefined || value === '') continue;
    if (name === 'content-md5' && !isBase64Of(16, value)) throw invalidHeader('x-ms-blob-content-md5', value);
    stored.set(name, value);
  }
  return stored;
}
