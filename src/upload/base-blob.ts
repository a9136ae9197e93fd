// The blob of `--base`: the uploaded ancestor that a new blob starts as a copy of.

import { isWithin, readSas } from '../azure/auth/sas.ts';
import { carriesSas, endpointOf, parseDestination, shownUrl } from '../azure/destination.ts';
import { shellWord } from '../base/shell-word.ts';
import { CredentialError, UsageError } from '../errors.ts';
import type { EventListener } from '../events.ts';
import type { UploadOptions } from '../options.ts';
import { accessOf, type BlobAccess, connect } from '../remote/connect.ts';
import type { RetryingPageStore } from '../remote/retrying-page-store.ts';
import type { BlobAddress, BlobProperties } from '../target/page-blob.ts';
import type { Concurrency } from '../transfer/concurrency-limits.ts';

/** Where the base is, and how to read it. */
export interface BaseAccess extends BlobAccess {
  /** The URL from which the service copies it. A secret, if it has a SAS. */
  readonly copySource: string;
}

export interface OpenBase {
  readonly store: RetryingPageStore<BlobProperties>;
  /** Closes its connections. */
  close(): void;
}

/**
 * Parses `base`, with the SAS of its URL or else the credential of the destination. Sends nothing.
 * @param destination - Undefined for a dry run, which needs none.
 * @throws {UsageError} the base is not a blob, or it is the destination.
 * @throws {CredentialError} its SAS is not valid, or it needs one.
 */
export function baseAccessOf(
  base: string,
  options: Pick<UploadOptions, 'serviceUrl' | 'credential' | 'cloud'>,
  destination: BlobAccess | undefined,
): BaseAccess {
  const { serviceUrl, credential, cloud } = options;
  const given = {
    destination: base,
    ...(serviceUrl === undefined ? {} : { serviceUrl }),
    ...(credential === undefined ? {} : { credential }),
    ...(cloud === undefined ? {} : { cloud }),
  };
  const access = ofBase(() =>
    destination === undefined || carriesSas(base) ? accessOf(given, 'r') : sharedAccess(base, serviceUrl, destination),
  );
  const { address } = access;
  if (address.isDisk === true) {
    throw new UsageError(
      `The base ${address.url} is a managed disk, which cannot be copied to a blob. Name a page blob in a storage account.`,
    );
  }
  if (destination !== undefined && isSameBlob(address, destination.address)) {
    throw new UsageError(
      `The base and the destination are the same blob, ${address.url}. Name another destination: the base stays as it is.`,
    );
  }
  return { ...access, copySource: sourceOf(access) };
}

/** Connects to the base. Sends nothing. */
export async function openBase(
  access: BaseAccess,
  { renewSas: _, ...options }: UploadOptions,
  concurrency: Concurrency,
  emit: EventListener,
): Promise<OpenBase> {
  const { blob, store } = await connect(access, { ...options, ...concurrency }, emit);
  return { store, close: () => blob.close() };
}

/** The credential of the destination, if it covers the base too. @throws {CredentialError} the base needs a SAS of its own. */
function sharedAccess(base: string, serviceUrl: string | undefined, destination: BlobAccess): BlobAccess {
  const { credential } = destination;
  const keyAccount = credential?.kind === 'account-key' ? credential.accountName : undefined;
  const { address } = parseDestination(base, serviceUrl, keyAccount, { mayBeVersion: true });
  if (!isWithin(address.url, endpointOf(destination.address))) {
    throw needsSas(address, 'it is in another storage account than the destination');
  }
  if (credential?.kind === 'sas') {
    const { services, resource } = readSas(credential.sas);
    const isCovered =
      services !== undefined || (resource === 'c' && isWithin(address.url, destination.address.containerUrl));
    if (!isCovered) throw needsSas(address, 'the SAS of the destination does not cover it');
  }
  return { address, credential, permissions: 'r' };
}

function needsSas(
  { url, accountName = 'ACCOUNT', containerName, containerUrl, blobName }: BlobAddress,
  why: string,
): CredentialError {
  const withCli = `az storage blob generate-sas --account-name ${accountName} --container-name ${shellWord(containerName)} --name ${shellWord(blobName)} --permissions r --expiry TIME --as-user --auth-mode login --full-uri`;
  return new CredentialError(
    `The base ${url} needs a SAS of its own, because ${why}. Append a SAS with the permission r to the URL of the base, and put the URL in quotes: --base "${url}?SAS". With the key of its account, vhdup sas ${containerUrl} --for marketplace makes one for the container; with Microsoft Entra, ${withCli} makes one for the blob.`,
  );
}

function sourceOf({ address, credential }: BlobAccess): string {
  const url = shownUrl(address);
  if (credential?.kind !== 'sas') return url;
  return `${url}${address.version === undefined ? '?' : '&'}${credential.sas.replace(/^\?/, '')}`;
}

function isSameBlob(one: BlobAddress, other: BlobAddress): boolean {
  return isWithin(one.url, other.url) && isWithin(other.url, one.url);
}

/** Messages about URLs and SAS speak of the destination. */
function ofBase<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof UsageError) {
      throw new UsageError(`--base: ${error.message.replace(/\b([Tt])he destination\b/g, '$1he base')}`);
    }
    if (error instanceof CredentialError && !error.message.startsWith('The base '))
      throw new CredentialError(`--base: ${error.message}`, { isExpired: error.isExpired });
    throw error;
  }
}
