// Looks at a blob and its container in Azure, with the credential at hand and without one. Changes nothing.

import { readSas } from '../azure/auth/sas.ts';
import { PAGE_SIZE } from '../base/byte-range.ts';
import { CredentialError, DestinationError, ServiceError, UsageError } from '../errors.ts';
import { shielded } from '../events.ts';
import type { ServiceOptions } from '../options.ts';
import { accessOf, type BlobAccess, connect, warnOfPlainHttp } from '../remote/connect.ts';
import { lookWithoutCredential } from '../remote/public-blob.ts';
import type { BlobProperties } from '../target/page-blob.ts';
import { pageChecksum } from '../transfer/checksum.ts';
import type { Looked, TargetFacts } from './check-facts.ts';

/** A check does not wait for a network that is down, in milliseconds. */
const GIVE_UP_AFTER_MS = 60_000;
/** For the connection only: the requests are sent one after the other. */
const MAX_REQUESTS = 1;

export interface TargetOptions extends ServiceOptions {
  readonly onEvent?: Parameters<typeof shielded>[0];
}

/** @throws {UsageError | CredentialError} a managed disk, or as `accessOf`, before anything is sent. */
export function targetAccess(options: TargetOptions): BlobAccess {
  const access = accessOf(options, 'r');
  if (access.address.isDisk !== true) return access;
  throw new UsageError(
    `${access.address.url} is the address of a managed disk, which has no container. Name a blob as the destination, or use vhdup disk status for the disk.`,
  );
}

/** @param expectedSize - Length of the uploaded image in bytes. @throws the reason of `signal` on abort. */
export async function lookAtTarget(
  options: TargetOptions,
  access: BlobAccess,
  expectedSize: number,
  signal: AbortSignal,
): Promise<TargetFacts> {
  const emit = shielded(options.onEvent);
  warnOfPlainHttp(access, emit);
  const settings = { giveUpAfterMs: GIVE_UP_AFTER_MS, ...options, maxRequests: MAX_REQUESTS };
  const { blob, store } = await connect(access, settings, emit);
  try {
    const found = await looked(() => store.properties(signal));
    const { address, credential } = access;
    const common = {
      ...{ address, expectedSize, blob: found },
      ...(credential?.kind === 'sas' ? { sas: readSas(credential.sas) } : {}),
    };
    // Every other look would wait as long for a service that cannot be reached.
    if (!found.known && found.hasFailed === true) return { ...common, footer: found, access: found, anonymous: found };
    return {
      ...common,
      footer: await looked(() => readFooter(store, found, signal)),
      access: await looked(() =>
        store.request('Get Container Properties', signal, (attempt) => blob.containerAccess(attempt)),
      ),
      anonymous: await looked(() => lookWithoutCredential(address, settings, signal)),
    };
  } finally {
    blob.close();
  }
}

type Store = Awaited<ReturnType<typeof connect>>['store'];

async function readFooter(
  store: Store,
  found: Looked<BlobProperties | undefined>,
  signal: AbortSignal,
): Promise<Uint8Array> {
  if (!found.known) throw new DestinationError(found.reason);
  if (found.value === undefined) throw new DestinationError('the blob does not exist');
  const { size, etag } = found.value;
  if (size < PAGE_SIZE) throw new DestinationError(`the blob has only ${size} bytes`);
  const footer = new Uint8Array(PAGE_SIZE);
  const checksumOf = (bytes: Uint8Array) => Promise.resolve(pageChecksum('crc64', bytes));
  await store.read(
    { offset: size - PAGE_SIZE, length: PAGE_SIZE },
    footer,
    { etag, checksum: 'crc64', checksumOf },
    signal,
  );
  return footer;
}

/** The answer, or why there is none. A refusal must not hide the other findings. */
async function looked<T>(look: () => Promise<T>): Promise<Looked<T>> {
  try {
    return { known: true, value: await look() };
  } catch (error) {
    if (error instanceof ServiceError) return { known: false, reason: error.message, hasFailed: true };
    const isRefusal = error instanceof CredentialError || error instanceof DestinationError;
    if (isRefusal) return { known: false, reason: error.message };
    throw error;
  }
}
