// Copy Blob of the page-blob test server, asynchronous as in the service: pending for some looks at the blob, then successful, failed or
// aborted. Source: REST, Copy Blob.

import { randomUUID } from 'node:crypto';
import { authorize, type Credentials } from './authorization.ts';
import { checkCreateConditions } from './conditions.ts';
import { invalidBlobType, invalidHeader, ServiceError } from './error.ts';
import { tagsOf, tierOf } from './new-blob-headers.ts';
import { containerOf, leaseIdOf, type OperationContext, type ServiceResponse, versionHeaders } from './operation.ts';
import type { Operation, ServiceRequest } from './request.ts';
import { type BlobStore, StoredBlob, versionOf } from './store.ts';

/** How the next copies behave. Fields may change while the server runs. */
export interface CopyModel {
  /** How many looks at the blob find the copy pending. @default 0: it ends at once */
  pendingLooks: number;
  /** @default success */
  outcome: 'success' | 'failed' | 'aborted';
}

/** An account from which a server can copy. */
export interface CopySource {
  /** URL of the account. */
  readonly url: string;
  readonly store: BlobStore;
  readonly credentials: Credentials;
}

/** The last copy onto a blob. */
export interface StoredCopy {
  readonly id: string;
  readonly source: StoredBlob;
  readonly sourceUrl: string;
  readonly sourceEtag: string;
  status: 'pending' | 'success' | 'failed' | 'aborted';
  looksLeft: number;
  readonly looks: number;
  readonly outcome: CopyModel['outcome'];
  description: string | undefined;
  completedAt: Date | undefined;
}

/** Operations that the service refuses while a copy to the blob is pending. */
const REFUSED_MEANWHILE: readonly Operation[] = [
  'PutBlob',
  'CopyBlob',
  'PutPage',
  'ClearPages',
  'SetBlobMetadata',
  'SetBlobProperties',
];

/** Throws 409 for a write to a blob whose copy is pending. */
export function checkNoPendingCopy({ request, store }: OperationContext): void {
  const copy = store.containers.get(request.container)?.blobs.get(request.blob)?.copy;
  if (copy?.status !== 'pending' || !REFUSED_MEANWHILE.includes(request.operation)) return;
  throw new ServiceError(409, 'PendingCopyOperation', 'There is currently a pending copy operation.');
}

/** Copy Blob. */
export function copyBlob(context: OperationContext): ServiceResponse {
  const { request, store, now, grant } = context;
  const { source, url } = sourceOf(context);
  const sourceEtag = request.headers.get('x-ms-source-if-match');
  if (sourceEtag !== undefined && sourceEtag !== source.etag) {
    throw new ServiceError(412, 'SourceConditionNotMet', 'The source condition specified is not met.');
  }
  const container = containerOf(request, store);
  const existing = container.blobs.get(request.blob);
  existing?.lease.check(leaseIdOf(request, 'x-ms-lease-id'), 'write', now);
  try {
    checkCreateConditions(request, existing);
  } catch (error) {
    if (!(error instanceof ServiceError) || error.status !== 412) throw error;
    throw new ServiceError(412, 'TargetConditionNotMet', 'The target condition specified is not met.');
  }
  if (existing !== undefined && grant.permissions !== 'all' && !grant.permissions.includes('w')) {
    throw new ServiceError(403, 'UnauthorizedBlobOverwrite', 'This request is not authorized to overwrite blobs.');
  }
  if (existing !== undefined && existing.type !== source.type) throw invalidBlobType();
  const tier = tierOf(request, context.kind, source.size);
  const tags = tagsOf(request, grant);

  const blob = new StoredBlob(source.type, source.size, new Date(now), context.discard, existing);
  blob.sequenceNumber = source.sequenceNumber;
  blob.headers = source.headers;
  blob.tier = tier ?? source.tier;
  // Without x-ms-tags, the tags of the source are not copied.
  blob.tags = tags;
  blob.metadata = request.metadata.length === 0 ? source.metadata : new Map(request.metadata);
  const { pendingLooks, outcome } = context.copyModel ?? { pendingLooks: 0, outcome: 'success' };
  blob.copy = {
    ...{ id: randomUUID(), source, sourceUrl: url, sourceEtag: source.etag, status: 'pending', outcome },
    ...{ looks: pendingLooks, looksLeft: pendingLooks, description: undefined, completedAt: undefined },
  };
  container.blobs.set(request.blob, blob);
  store.touch(blob, new Date(now));
  if (pendingLooks === 0) finishCopy(blob, store, now);
  return {
    status: 202,
    headers: { ...versionHeaders(blob), 'x-ms-copy-id': blob.copy.id, 'x-ms-copy-status': blob.copy.status },
    committed: true,
  };
}

/** Called before each look at a blob: time passes for its copy. */
export function advanceCopy(blob: StoredBlob, store: BlobStore, now: number): void {
  const { copy } = blob;
  if (copy?.status !== 'pending') return;
  if (copy.looksLeft === 0) finishCopy(blob, store, now);
  else copy.looksLeft -= 1;
}

/** The headers that describe the last copy onto the blob. */
export function copyHeaders({ copy, size }: StoredBlob): Record<string, string> {
  if (copy === undefined) return {};
  const total = copy.source.size;
  const done =
    copy.status === 'success' ? total : Math.floor((size * (copy.looks - copy.looksLeft)) / (copy.looks + 1));
  return {
    'x-ms-copy-id': copy.id,
    'x-ms-copy-status': copy.status,
    'x-ms-copy-source': copy.sourceUrl,
    'x-ms-copy-progress': `${done}/${total}`,
    ...(copy.description === undefined ? {} : { 'x-ms-copy-status-description': copy.description }),
    ...(copy.completedAt === undefined ? {} : { 'x-ms-copy-completion-time': copy.completedAt.toUTCString() }),
  };
}

function finishCopy(blob: StoredBlob, store: BlobStore, now: number): void {
  const { copy } = blob;
  if (copy === undefined) return;
  copy.completedAt = new Date(now);
  const isChanged = copy.source.etag !== copy.sourceEtag;
  if (isChanged || copy.outcome !== 'success') {
    copy.status = copy.outcome === 'aborted' ? 'aborted' : 'failed';
    if (isChanged) copy.description = '412 ConditionNotMet "Copy failed when reading the source."';
    else if (copy.status === 'failed') copy.description = '500 InternalServerError "Copy failed."';
    blob.resize(0);
  } else {
    copy.status = 'success';
    for (const range of copy.source.ranges()) {
      let { offset } = range;
      for (const piece of copy.source.pieces(range)) {
        blob.write(offset, piece);
        offset += piece.length;
      }
      blob.markWritten(range);
    }
  }
  store.touch(blob, new Date(now));
}

/** The blob to copy. Throws CannotVerifyCopySource unless it exists and the request may read it. */
function sourceOf({ request, copySources = [], now }: OperationContext): { source: StoredBlob; url: string } {
  const text = request.headers.get('x-ms-copy-source') ?? '';
  if (!URL.canParse(text)) throw invalidHeader('x-ms-copy-source', text);
  const { origin, pathname, searchParams } = new URL(text);
  const place = `${origin}${pathname}`;
  const account = copySources.find(({ url }) => place.startsWith(`${url}/`));
  if (account === undefined) throw cannotVerify(404, 'The specified resource does not exist.');
  const [containerName = '', ...rest] = decodeURIComponent(place.slice(account.url.length + 1)).split('/');
  const query = new Map([...searchParams].map(([name, value]) => [name.toLowerCase(), value]));
  const isSigned = request.headers.has('authorization') && request.account === account.credentials.account;
  if (query.has('sig') || !isSigned) {
    const read: ServiceRequest = {
      ...request,
      ...{ method: 'GET', operation: 'GetBlob', account: account.credentials.account },
      ...{ container: containerName, blob: rest.join('/'), query, headers: new Map() },
    };
    try {
      authorize(read, account.credentials, now);
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      throw cannotVerify(error.status, error.message);
    }
  }
  const base = account.store.containers.get(containerName)?.blobs.get(rest.join('/'));
  const source = base && versionOf(base, query);
  if (source === undefined) throw cannotVerify(404, 'The specified blob does not exist.');
  const snapshot = query.get('snapshot');
  return { source, url: snapshot === undefined ? place : `${place}?snapshot=${snapshot}` };
}

function cannotVerify(status: number, message: string): ServiceError {
  return new ServiceError(status, 'CannotVerifyCopySource', message);
}
