// What the service means when it refuses something for a lease. Source: REST, Lease Blob, Blob service error codes.
import { CredentialError, DestinationError, ServiceError, type VhdupError } from '../errors.ts';

const TAKEN = ['LeaseAlreadyPresent', 'LeaseIsBreakingAndCannotBeAcquired'];
const LOST = ['LeaseLost', 'LeaseNotPresentWithBlobOperation', 'LeaseIdMismatchWithBlobOperation'];
const REPLACED = ['LeaseIsBrokenAndCannotBeRenewed', 'LeaseIdMismatchWithLeaseOperation'];
const ABSENT = ['LeaseNotPresentWithLeaseOperation'];

/** An acquisition: it is somebody else's. */
export function isTaken(error: unknown): boolean {
  return hasReason(error, TAKEN);
}

/** A write: the lease that it names is not there any more. */
export function isLost(error: unknown): error is DestinationError {
  return hasReason(error, LOST);
}

/** A renewal: somebody broke the lease, or holds another one. */
export function isReplaced(error: unknown): boolean {
  return hasReason(error, REPLACED);
}

/** A renewal: it ran out, and somebody wrote to the blob, or held it for a while. A change: it ran out. */
export function isAbsent(error: unknown): boolean {
  return hasReason(error, ABSENT);
}

/** Managed disks, old emulators and credentials for writing alone give no leases. */
export function isRefusal(error: unknown): error is VhdupError {
  if (error instanceof CredentialError) return !error.isExpired;
  if (error instanceof DestinationError) return error.reason !== undefined && !/NotFound/.test(error.reason);
  if (!(error instanceof ServiceError)) return false;
  const { status = 0, reason, transient, suspectAddress } = error.failure;
  // What stands in for the service, a proxy or a sign-in page, says nothing of leases.
  if (transient || suspectAddress === true) return false;
  const isUnsupported = status === 501 || reason === 'FeatureNotSupported' || reason === 'NotImplemented';
  return isUnsupported || (status >= 400 && status < 500 && status !== 408 && status !== 429);
}

function hasReason(error: unknown, reasons: readonly string[]): error is DestinationError {
  return error instanceof DestinationError && error.reason !== undefined && reasons.includes(error.reason);
}
