// Requests without credentials to the page-blob test server: what a public container allows, unless the account forbids it.

import type { PublicAccess } from '../../../src/target/page-blob.ts';
import type { Grant } from './authorization.ts';
import { publicAccessNotPermitted } from './error.ts';
import type { AccountKind } from './operation.ts';
import type { Operation, ServiceRequest } from './request.ts';
import type { StoredContainer } from './store.ts';

/** What everyone may do in a public container. Source: "Configure anonymous read access for containers and blobs". */
const PUBLIC_OPERATIONS: Readonly<Record<PublicAccess, readonly Operation[]>> = {
  none: [],
  blob: ['GetBlob', 'GetBlobProperties', 'GetBlobMetadata', 'GetPageRanges'],
  container: ['GetBlob', 'GetBlobProperties', 'GetBlobMetadata', 'GetPageRanges', 'GetContainerProperties'],
};

/**
 * The permissions of a request without credentials; undefined if it has some, or may do nothing.
 * Throws 409 if the account forbids public access.
 */
export function anonymousGrant(
  { headers, query, operation }: ServiceRequest,
  container: StoredContainer | undefined,
  { allowsPublicAccess }: AccountKind,
): Grant | undefined {
  if (headers.has('authorization') || query.has('sig')) return undefined;
  if (!allowsPublicAccess) throw publicAccessNotPermitted();
  return PUBLIC_OPERATIONS[container?.publicAccess ?? 'none'].includes(operation) ? { permissions: 'r' } : undefined;
}
