// Creates the container of a blob, and reports where an existing container differs from what was asked for.

import { CredentialError } from '../errors.ts';
import type { EventListener } from '../events.ts';
import type { BlobProperties, PageBlob, PublicAccess } from '../target/page-blob.ts';
import type { RetryingPageStore } from './retrying-page-store.ts';

export const DESCRIBED_ACCESS: Readonly<Record<PublicAccess, string>> = {
  none: 'private (no public access)',
  blob: 'public for reading blobs (blob)',
  container: 'public for reading and listing blobs (container)',
};

export interface ContainerRequest {
  readonly blob: PageBlob;
  readonly store: RetryingPageStore<BlobProperties>;
  readonly emit: EventListener;
}

/**
 * Tolerates a credential that may not create containers, because the container may exist. An existing container is never changed:
 * if its public access is another one, or unknown, a warning says how to change it.
 * @param asked - Undefined if the user did not ask for any public access.
 * @returns why the credential may not create the container; undefined if the container exists now.
 */
export async function createContainer(
  { blob, store, emit }: ContainerRequest,
  asked: PublicAccess | undefined,
  signal: AbortSignal,
): Promise<CredentialError | undefined> {
  const access = asked ?? 'none';
  const { accountName = 'ACCOUNT', containerName, containerUrl } = blob.address;
  const warn = (found: string) =>
    emit({
      type: 'warning',
      code: 'container-access',
      message: `${found} --public-access changes no existing container. To change it, run az storage container set-permission --account-name ${accountName} --name '${containerName}' --public-access ${access}.`,
    });
  try {
    const outcome = await store.request('Create Container', signal, (attempt) => blob.createContainer(access, attempt));
    if (outcome === 'created' || asked === undefined) return undefined;
  } catch (error) {
    const refusal = refusalIn(error);
    if (asked !== undefined)
      warn(`${containerUrl} may exist without the public access "${access}": ${refusal.message}`);
    return refusal;
  }
  try {
    const found = await store.request('Get Container Properties', signal, (attempt) => blob.containerAccess(attempt));
    if (found !== undefined && found !== access) warn(`${containerUrl} exists and is ${DESCRIBED_ACCESS[found]}.`);
  } catch (error) {
    warn(`${containerUrl} exists, and its public access is unknown: ${refusalIn(error).message}`);
  }
  return undefined;
}

/** A credential that may do less. @throws `error`, if it is anything else. */
function refusalIn(error: unknown): CredentialError {
  if (error instanceof CredentialError && !error.isExpired) return error;
  throw error;
}
