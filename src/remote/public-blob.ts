// Public blobs, which everyone can read without a credential.

import { shownUrl } from '../azure/destination.ts';
import { CredentialError, DestinationError } from '../errors.ts';
import type { EventListener } from '../events.ts';
import type { BlobAddress } from '../target/page-blob.ts';
import { type BlobAccess, type ConnectionSettings, connect } from './connect.ts';

/** The answer to a request for the blob without a credential. */
export type AnonymousLook =
  /** Everyone can read the blob. */
  | 'readable'
  /** The answer is the same for a private container and for a blob that does not exist. */
  | 'not-found'
  /** The account forbids public access, whatever its containers allow. */
  | 'forbidden';

const REASONS: Readonly<Record<Exclude<AnonymousLook, 'readable'>, string>> = {
  'not-found': 'the container is private, or the blob does not exist: the service does not say which',
  forbidden: 'the account forbids public access (PublicAccessNotPermitted)',
};

/** Public access is certain only if a request without a credential succeeds: an account can forbid what its containers allow. */
export async function lookWithoutCredential(
  address: BlobAddress,
  settings: ConnectionSettings,
  signal: AbortSignal,
  emit: EventListener = () => undefined,
): Promise<AnonymousLook> {
  const { renewSas: _, ...withoutSas } = settings;
  const { blob, store } = await connect(anonymous(address), withoutSas, emit);
  try {
    return (await store.properties(signal)) === undefined ? 'not-found' : 'readable';
  } catch (error) {
    if (error instanceof DestinationError && error.reason === 'PublicAccessNotPermitted') return 'forbidden';
    // 401 and 403: the container is private.
    if (error instanceof CredentialError) return 'not-found';
    throw error;
  } finally {
    blob.close();
  }
}

/** How to read a blob. */
export interface Reader {
  readonly access: BlobAccess | undefined;
  /** Adds to a refused credential that the blob is not public either. */
  explain(error: unknown): unknown;
}

/**
 * Nobody has to sign in to read a public blob: if a sign-in is the only credential left, one request shows whether the blob can be read
 * without it.
 * @param access - Undefined for a managed disk that is given by its name.
 * @throws {CredentialError} no credential may be sent to this host, and the blob is not public.
 */
export async function withoutCredential(
  settings: Omit<ConnectionSettings, 'maxRequests'>,
  access: BlobAccess | undefined,
  { emit, signal }: { readonly emit: EventListener; readonly signal: AbortSignal },
): Promise<Reader> {
  const kind = access?.credential?.kind;
  if (access === undefined || (kind !== 'entra' && kind !== 'anonymous')) return { access, explain: (error) => error };
  const url = shownUrl(access.address);
  const look = await lookWithoutCredential(access.address, { ...settings, maxRequests: 1 }, signal, emit);
  if (look === 'readable') {
    emit({ type: 'warning', code: 'public-blob', message: `${url} is public: it is read without a credential.` });
    return { access: anonymous(access.address), explain: (error) => error };
  }
  const refusal = `${url} cannot be read without a credential: ${REASONS[look]}.`;
  if (kind === 'entra') return { access, explain: (error) => withRefusal(error, refusal) };
  throw new CredentialError(
    `${refusal} Append a SAS with the permission r to the URL, or set AZURE_STORAGE_CONNECTION_STRING. Microsoft Entra tokens are sent only to hosts of Azure Storage. If this is such a host under another name, set AZURE_STORAGE_SERVICE_ENDPOINT=${new URL(url).origin}.`,
  );
}

function withRefusal(error: unknown, refusal: string): unknown {
  if (!(error instanceof CredentialError) || error.isExpired) return error;
  return new CredentialError(`${refusal} ${error.message}`, { cause: error });
}

function anonymous(address: BlobAddress): BlobAccess {
  return { address, credential: { kind: 'anonymous' }, permissions: 'r' };
}
