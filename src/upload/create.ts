// The blob of a new upload: made where nothing is, or in the place of what may be replaced, and of nothing else.

import { CredentialError, DestinationError, InUseError, type VhdupError } from '../errors.ts';
import { isComplete, isUnfinished, OWNER, sequenceNumberOf, UPLOAD_ID } from '../state/blob-metadata.ts';
import { decodeOwner, describeOwner } from '../state/lease-holder.ts';
import type { BlobProperties, PageBlobTarget } from '../target/page-blob.ts';
import type { Retrier } from '../transfer/retry.ts';
import type { Session, SessionRequest } from './session.ts';

/** @throws {DestinationError | InUseError} something is there that may not be replaced. */
export function assertMayCreate(url: string, there: BlobProperties | undefined, mayReplace: boolean): void {
  if (there === undefined) return;
  if (there.type !== 'PageBlob') {
    throw new DestinationError(
      `Cannot upload to ${url}: a ${there.type} of ${there.size} bytes is there, and a page blob cannot take its place. Delete it, or choose another name.`,
    );
  }
  if (!mayReplace) throw alreadyThere(url, there);
}

/** Never replaces a blob that may not be replaced, also when two machines race. */
export async function createBlob(
  session: Session,
  there: BlobProperties | undefined,
  mayReplace: boolean,
  { blob, source, retrier, signal, createContainer }: SessionRequest,
): Promise<void> {
  const { url } = blob.address;
  const refusal = createContainer && there === undefined ? await makeContainer(blob, retrier, signal) : undefined;
  try {
    await retrier.run('Put Blob', signal, (attempt) =>
      blob.create(
        {
          size: source.size,
          sequenceNumber: sequenceNumberOf(session.uploadId),
          metadata: session.metadata,
          ...(there === undefined ? {} : { replaces: there.etag }),
        },
        attempt,
      ),
    );
  } catch (error) {
    if (!(error instanceof DestinationError)) throw error;
    if (refusal !== undefined && error.reason === 'ContainerNotFound') {
      throw new CredentialError(`There is no container for ${url}, and it cannot be created. ${refusal.message}`);
    }
    // The answer to an earlier try may have been lost after the service had created the blob.
    const now = await retrier
      .run('Get Blob Properties', signal, (attempt) => blob.properties(attempt))
      .catch(() => undefined);
    if (now?.metadata[UPLOAD_ID] === session.uploadId) return;
    // What appears between the look and the creation has its maker at work on it.
    if (now !== undefined && !mayReplace) throw alreadyThere(url, { ...now, isLeased: true });
    throw error;
  }
}

/** @returns why it may not be made: the SAS of a container cannot make it, but the container may be there. */
async function makeContainer(
  blob: PageBlobTarget,
  retrier: Retrier,
  signal: AbortSignal,
): Promise<CredentialError | undefined> {
  try {
    await retrier.run('Create Container', signal, (attempt) => blob.createContainer(attempt));
    return undefined;
  } catch (error) {
    if (error instanceof CredentialError && !error.isExpired) return error;
    throw error;
  }
}

function alreadyThere(url: string, { size, type, metadata, isLeased }: BlobProperties): VhdupError {
  const owner = decodeOwner(metadata[OWNER]);
  if (!isUnfinished(metadata)) {
    const what = isComplete(metadata)
      ? 'a complete upload by vhdup is there. If it is of this image, nothing is left to do'
      : `a ${type} of ${size} bytes is there already`;
    return new DestinationError(
      `Cannot create ${url}: ${what}. Give --overwrite to replace it, or choose another name.`,
    );
  }
  if (isLeased && owner !== undefined) {
    return new InUseError(
      `Cannot create ${url}: ${describeOwner(owner)}, is uploading to it. Wait until it has ended, or choose another name.`,
    );
  }
  const whose = owner === undefined ? '' : ` (by ${describeOwner(owner)})`;
  return new DestinationError(
    `Cannot create ${url}: an upload by vhdup that was not finished is there${whose}. If it is yours, run it again with its checkpoint (--checkpoint), or with --resume-from-blob if that is lost. Give --overwrite to replace it, or choose another name.`,
  );
}
