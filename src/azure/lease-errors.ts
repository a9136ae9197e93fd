// Classifies the service's lease errors. Source: REST, Lease Blob, Blob service error codes.
import { CredentialError, DestinationError, ServiceError, type VhdupError } from '../errors.ts';

const TAKEN = ['LeaseAlreadyPresent', 'LeaseIsBreakingAndCannotBeAcquired'];
const LOST = ['LeaseLost', 'LeaseNotPresentWithBlobOperation', 'LeaseIdMismatchWithBlobOperation'];
const REPLACED = ['LeaseIsBrokenAndCannotBeRenewed', 'LeaseIdMismatchWithLeaseOperation'];
const ABSENT = ['LeaseNotPresentWithLeaseOperation'];

/** On acquire: somebody else holds the lease. */
export function isTaken(error: unknown): boolean {
  return hasReason(error, TAKEN);
}

/** On write: the named lease no longer exists. */
export function isLost(error: unknown): error is DestinationError {
  return hasReason(error, LOST);
}

/** On write without a lease id: somebody holds a lease. */
export function isHeldByOther(error: unknown): boolean {
  return hasReason(error, ['LeaseIdMissing']);
}

/** On renew: somebody broke the lease, or holds another one. */
export function isReplaced(error: unknown): boolean {
  return hasReason(error, REPLACED);
}

/** On renew: the lease expired, and somebody wrote to the blob or leased it since. On change: the lease expired. */
export function isAbsent(error: unknown): boolean {
  return hasReason(error, ABSENT);
}

/** Whether leases are unavailable here: managed disks, old emulators and write-only credentials do not grant them. */
export function areLeasesUnavailable(error: unknown): error is VhdupError {
  if (error instanceof CredentialError) return !error.isExpired;
  if (error instanceof DestinationError) return error.reason !== undefined && !/NotFound/.test(error.reason);
  if (!(error instanceof ServiceError)) return false;
  const { status = 0, reason, transient, suspectAddress } = error.failure;
  // An answer of a proxy or a sign-in page proves nothing about leases.
  if (transient || suspectAddress === true) return false;
  const isUnsupported = status === 501 || reason === 'FeatureNotSupported' || reason === 'NotImplemented';
  return isUnsupported || (status >= 400 && status < 500 && status !== 408 && status !== 429);
}

function hasReason(error: unknown, reasons: readonly string[]): error is DestinationError {
  return error instanceof DestinationError && error.reason !== undefined && reasons.includes(error.reason);
}
