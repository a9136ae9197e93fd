// What becomes of the checkpoint and the lease of a run that may not work on the blob.

import { CredentialError, DestinationError, InUseError, type VhdupError } from '../errors.ts';
import type { BlobLease } from '../remote/lease.ts';
import type { Checkpoint } from '../state/checkpoint.ts';
import type { SessionRequest } from './session.ts';

/**
 * Puts the checkpoint back as it was when the blob may not be worked on. After anything else, an abort or a lost answer, this
 * run may have done something to the blob, and the next one has to know it as its own.
 */
export async function unlessRefused<T>(
  stored: Checkpoint | undefined,
  { file, lease }: SessionRequest,
  action: () => Promise<T>,
): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (isRefused(error)) await (stored === undefined ? file.remove() : file.save(withProof(stored, lease)));
    // Where the lease of the run before has become this one's, only that is left to prove anything.
    if (lease.isContinued === true) lease.abandon();
    else await lease.leave();
    throw error;
  }
}

function withProof(stored: Checkpoint, { isContinued, claim }: BlobLease): Checkpoint {
  return isContinued !== true || stored.lease === undefined
    ? stored
    : { ...stored, lease: { ...stored.lease, ids: claim.ids } };
}

function isRefused(error: unknown): error is VhdupError {
  return error instanceof DestinationError || error instanceof CredentialError || error instanceof InUseError;
}
