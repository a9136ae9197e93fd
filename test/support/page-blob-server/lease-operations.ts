// Lease Blob: acquire, renew, change, release and break.

import { randomUUID } from 'node:crypto';
import { invalidHeader } from './error.ts';
import {
  blobForLease,
  leaseIdOf,
  type OperationContext,
  requiredLeaseId,
  type ServiceResponse,
  versionHeaders,
} from './operation.ts';
import { requiredHeader } from './request.ts';

/** Acquire: 15 to 60 seconds, or -1 for an infinite lease. */
export function acquireLease(context: OperationContext): ServiceResponse {
  const { request, now } = context;
  const value = requiredHeader(request, 'x-ms-lease-duration');
  const seconds = Number(value);
  if (!Number.isInteger(seconds) || (seconds !== -1 && (seconds < 15 || seconds > 60))) {
    throw invalidHeader('x-ms-lease-duration', value);
  }
  const id = leaseIdOf(request, 'x-ms-proposed-lease-id') ?? randomUUID();
  const blob = blobForLease(context);
  blob.lease.acquire(id, seconds === -1 ? Number.POSITIVE_INFINITY : seconds * 1000, now);
  return { status: 201, headers: { ...versionHeaders(blob), 'x-ms-lease-id': id } };
}

/** Renew. */
export function renewLease(context: OperationContext): ServiceResponse {
  const id = requiredLeaseId(context.request, 'x-ms-lease-id');
  const blob = blobForLease(context);
  blob.lease.renew(id, context.now);
  return { status: 200, headers: { ...versionHeaders(blob), 'x-ms-lease-id': id } };
}

/** Change the id. */
export function changeLease(context: OperationContext): ServiceResponse {
  const id = requiredLeaseId(context.request, 'x-ms-lease-id');
  const proposedId = requiredLeaseId(context.request, 'x-ms-proposed-lease-id');
  const blob = blobForLease(context);
  blob.lease.change(id, proposedId, context.now);
  return { status: 200, headers: { ...versionHeaders(blob), 'x-ms-lease-id': proposedId } };
}

/** Release. */
export function releaseLease(context: OperationContext): ServiceResponse {
  const id = requiredLeaseId(context.request, 'x-ms-lease-id');
  const blob = blobForLease(context);
  blob.lease.release(id, context.now);
  return { status: 200, headers: versionHeaders(blob) };
}

/** Break, after at most 60 seconds. */
export function breakLease(context: OperationContext): ServiceResponse {
  const value = context.request.headers.get('x-ms-lease-break-period');
  const seconds = value === undefined ? undefined : Number(value);
  if (seconds !== undefined && !(Number.isInteger(seconds) && seconds >= 0 && seconds <= 60)) {
    throw invalidHeader('x-ms-lease-break-period', value ?? '');
  }
  const blob = blobForLease(context);
  const remainingMs = blob.lease.break(seconds === undefined ? undefined : seconds * 1000, context.now);
  return {
    status: 202,
    headers: { ...versionHeaders(blob), 'x-ms-lease-time': String(Math.ceil(remainingMs / 1000)) },
  };
}
