// The common parts of the operations of the page-blob test server: arguments and results, the lookup of the blob, and its headers.

import type { RequestBody } from '../test-server/exchange.ts';
import type { Grant } from './authorization.ts';
import { checkConditions } from './conditions.ts';
import type { CopyModel, CopySource } from './copy-operations.ts';
import { blobNotFound, containerNotFound, invalidBlobType, invalidHeader, missingHeader } from './error.ts';
import type { ServiceRequest } from './request.ts';
import { type BlobStore, type BlobType, type StoredBlob, type StoredContainer, versionOf } from './store.ts';

/** The kind of the account, and its settings. */
export interface AccountKind {
  /** For premium page blobs, which have tiers and no public access. */
  readonly isPremium: boolean;
  /** allowBlobPublicAccess */
  readonly allowsPublicAccess: boolean;
}

/** Everything that an operation may read and change. */
export interface OperationContext {
  readonly request: ServiceRequest;
  readonly body: RequestBody;
  readonly grant: Grant;
  readonly store: BlobStore;
  /** Milliseconds of the server's clock. */
  readonly now: number;
  readonly discard: boolean;
  readonly verifyChecksums: boolean;
  readonly rangesPerResponse: number;
  /** Get Page Ranges lists each page alone. */
  readonly listsEachPage?: boolean;
  readonly maxBlobSize: number;
  readonly kind: AccountKind;
  /** @default copies end at once */
  readonly copyModel?: CopyModel;
  /** The accounts from which Copy Blob can copy. @default none */
  readonly copySources?: readonly CopySource[];
}

/** A successful answer. `contentLength` is the length of `body`. */
export interface ServiceResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Iterable<Uint8Array>;
  readonly contentLength?: number;
  /** Whether the operation changed the blob. */
  readonly committed?: boolean;
  /** Bytes of Put Page that had been written before. */
  readonly rewritten?: number;
}

/** Throws 404 if the container does not exist. */
export function containerOf(request: ServiceRequest, store: BlobStore): StoredContainer {
  const container = store.containers.get(request.container);
  if (container === undefined) throw containerNotFound();
  return container;
}

function blobOf({ request, store }: OperationContext): StoredBlob {
  const base = containerOf(request, store).blobs.get(request.blob);
  const blob = base && versionOf(base, request.query);
  if (blob === undefined) throw blobNotFound();
  return blob;
}

/** The blob of a request that reads it: it exists, and lease and conditions allow it. */
export function blobForRead(context: OperationContext): StoredBlob {
  const blob = blobOf(context);
  blob.lease.check(leaseIdOf(context.request, 'x-ms-lease-id'), 'read', context.now);
  checkConditions(context.request, blob, 'read');
  return blob;
}

/** The blob of a request that writes it: it exists, is of the type, and lease and conditions allow it. */
export function blobForWrite(context: OperationContext, type?: BlobType): StoredBlob {
  const blob = blobOf(context);
  if (type !== undefined && blob.type !== type) throw invalidBlobType();
  blob.lease.check(leaseIdOf(context.request, 'x-ms-lease-id'), 'write', context.now);
  checkConditions(context.request, blob, 'write');
  return blob;
}

/** The blob of a lease operation, which has its own rules for leases. */
export function blobForLease(context: OperationContext): StoredBlob {
  const blob = blobOf(context);
  checkConditions(context.request, blob, 'write');
  return blob;
}

/** A lease id from the headers, in lower case. Throws 400 if it is not a GUID. */
export function leaseIdOf(request: ServiceRequest, name: string): string | undefined {
  const id = request.headers.get(name);
  if (id !== undefined && !/^[\da-f]{8}-([\da-f]{4}-){3}[\da-f]{12}$/i.test(id)) throw invalidHeader(name, id);
  return id?.toLowerCase();
}

/** A required lease id. */
export function requiredLeaseId(request: ServiceRequest, name: string): string {
  const id = leaseIdOf(request, name);
  if (id === undefined) throw missingHeader(name);
  return id;
}

/** ETag and Last-Modified. */
export function versionHeaders(blob: StoredBlob): Record<string, string> {
  return { etag: blob.etag, 'last-modified': blob.lastModified.toUTCString() };
}

/** The sequence number of a page blob. */
export function sequenceHeader(blob: StoredBlob): Record<string, string> {
  return blob.type === 'PageBlob' ? { 'x-ms-blob-sequence-number': String(blob.sequenceNumber) } : {};
}

/** The metadata, one header each. */
export function metadataHeaders(blob: StoredBlob): Record<string, string> {
  return Object.fromEntries([...blob.metadata].map(([name, value]) => [`x-ms-meta-${name}`, value]));
}

/** Writes a body into the blob, from `offset` on. */
export function writePieces(blob: StoredBlob, offset: number, body: RequestBody): void {
  for (const piece of body.pieces ?? []) {
    blob.write(offset, piece);
    offset += piece.length;
  }
}
