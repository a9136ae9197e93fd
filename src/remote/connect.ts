// Connects to the blob of a destination with a credential, in the same way for every command that uses the service.

import { authorityHostOfCloud } from '../azure/auth/clouds.ts';
import type { Credential } from '../azure/auth/credentials.ts';
import { assertSasAllows, parseSas, readSas } from '../azure/auth/sas.ts';
import { missingLetters } from '../azure/auth/sas-permissions.ts';
import { parseDestination } from '../azure/destination.ts';
import { connectDiskBlob, type DiskTokenSource } from '../azure/disk-blob.ts';
import { connectPageBlob } from '../azure/page-blob.ts';
import type { ConnectOptions } from '../azure/pages.ts';
import { isLoopback, parseStorageHost } from '../azure/storage-host.ts';
import { MIB } from '../base/byte-range.ts';
import type { RateLimit } from '../base/rate-timetable.ts';
import { VERSION } from '../base/version.ts';
import { CredentialError, UsageError } from '../errors.ts';
import { type EventListener, retryEvent, type UploadEvent } from '../events.ts';
import type { ServiceOptions } from '../options.ts';
import type { BlobAddress, BlobProperties, PageBlob } from '../target/page-blob.ts';
import type { PageStore, StoreProperties } from '../target/page-store.ts';
import { type Concurrency, threadsWarning } from '../transfer/concurrency-limits.ts';
import { TimedPacer } from '../transfer/pacer.ts';
import { Retrier } from '../transfer/retry.ts';
import { RetryingPageStore } from './retrying-page-store.ts';

/** The address of the blob, and the credential for it. */
export interface BlobAccess {
  readonly address: BlobAddress;
  /** Undefined for requests without one. */
  readonly credential: Credential | undefined;
  /** The permission letters that a SAS must have. Without r, nothing can be looked up or read back. */
  readonly permissions: string;
}

/** Whether requests that read are allowed, as far as the credential shows. */
export function canRead({ permissions }: BlobAccess): boolean {
  return permissions.includes('r');
}

/**
 * Parses the destination, with the SAS of its URL or else the credential of the options. Sends nothing.
 * @throws {UsageError} the destination is not valid.
 * @throws {CredentialError} the SAS is malformed, lacks permissions or has expired, or a token would be sent over http. An expired
 *   SAS is accepted if `renewSas` can replace it.
 * @param permissions - The letters that a SAS must have.
 * @param dispensable - Those of them that a SAS for a blob may lack. The returned `permissions` do not contain them then.
 */
export function accessOf(options: ServiceOptions, permissions: string, dispensable = ''): BlobAccess {
  const { credential: given = { kind: 'entra' } } = options;
  const keyAccount = given.kind === 'account-key' ? given.accountName : undefined;
  const mayBeVersion = permissions === 'r';
  const { address, sas } = parseDestination(options.destination, options.serviceUrl, keyAccount, { mayBeVersion });
  if (permissions.includes('w')) refuseSecondary(address);
  const chosen: Credential = sas === undefined ? given : { kind: 'sas', sas };
  if (address.isDisk === true && chosen.kind !== 'sas') throw needsGrant(address, permissions);
  if (chosen.kind === 'anonymous' && permissions !== 'r') throw needsCredential(address);
  if (chosen.kind !== 'sas') {
    if (chosen.kind === 'entra' || chosen.kind === 'token') assertEncrypted(address);
    return { address, credential: inCloud(chosen, address, options.cloud), permissions };
  }
  const parsed = parseSas(chosen.sas, address);
  const needed = address.isDisk === true ? permissions : neededOf(parsed, permissions, dispensable);
  try {
    assertSasAllows(parsed, needed, new Date(), address);
  } catch (error) {
    const isReplaceable = options.renewSas !== undefined && error instanceof CredentialError && error.isExpired;
    if (!isReplaceable) throw error;
  }
  return { address, credential: { kind: 'sas', sas: parsed }, permissions: needed };
}

/** Without the dispensable letters if they alone are missing. */
function neededOf(sas: string, permissions: string, dispensable: string): string {
  const missing = missingLetters(readSas(sas).permissions, permissions);
  const isDispensable = missing.every((letter) => dispensable.includes(letter));
  return isDispensable ? [...permissions].filter((letter) => !missing.includes(letter)).join('') : permissions;
}

function refuseSecondary({ url }: BlobAddress): void {
  const host = parseStorageHost(new URL(url).hostname);
  if (host?.isSecondary !== true) return;
  throw new UsageError(
    `${url} is the secondary endpoint of the account ${host.account}, which is read-only. Remove -secondary from the host name.`,
  );
}

function needsGrant({ url }: BlobAddress, permissions: string): CredentialError {
  const level = permissions.includes('w') ? 'Write' : 'Read';
  return new CredentialError(
    `${url} is the address of a managed disk, which needs the SAS that was granted with it. Pass the whole URL, in quotes (az disk grant-access --access-level ${level} --query accessSas).`,
  );
}

function needsCredential({ url }: BlobAddress): CredentialError {
  return new CredentialError(
    `Nobody can write to ${url} without a credential. Append a SAS to the URL, set AZURE_STORAGE_CONNECTION_STRING or AZURE_STORAGE_KEY, or sign in with az login or Connect-AzAccount.`,
  );
}

/** Signs in to the cloud that the user named. */
function inCloud(credential: Credential, { url }: BlobAddress, cloud: string | undefined): Credential {
  if (cloud === undefined) return credential;
  const authorityHost = authorityHostOfCloud(cloud, new URL(url).hostname);
  return credential.kind === 'entra' ? { authorityHost, ...credential } : credential;
}

/** Neither the service nor the SDK accepts a token over http. */
function assertEncrypted({ url }: BlobAddress): void {
  if (url.startsWith('https:')) return;
  throw new CredentialError(
    `Microsoft Entra needs https, but the destination is ${url}. Use https://, or append a SAS to the URL.`,
  );
}

export interface BlobConnection {
  /** Makes one attempt per call. The caller closes it. */
  readonly blob: PageBlob;
  /** The same blob, with retries. */
  readonly store: RetryingPageStore<BlobProperties>;
}

export interface ConnectionSettings extends Omit<ServiceOptions, 'destination'> {
  /** Limit of the bytes sent per second. @default no limit */
  readonly maxRate?: RateLimit;
  /** Limit of the bytes received per second. @default no limit */
  readonly maxReadRate?: RateLimit;
  readonly maxRequests: number;
}

/** Sends nothing. */
export async function connect(
  { address, credential, permissions }: BlobAccess,
  options: ConnectionSettings,
  emit: EventListener,
): Promise<BlobConnection> {
  const blob = await connectPageBlob(address, credential, connectOptions(permissions, options, emit));
  return { blob, store: withRetries(blob, options, emit) };
}

export interface DiskConnection {
  /** Makes one attempt per call. The caller closes it. */
  readonly disk: PageStore;
  /** The same content, with retries. */
  readonly store: RetryingPageStore;
  /** Whether the disk has refused the checksum of a write. */
  readonly refusesChecksums: () => boolean;
}

/** Connects to the content of a managed disk. Sends nothing. @param tokens - For disks that require them; @default Microsoft Entra */
export async function connectDisk(
  { address, credential, permissions }: BlobAccess,
  options: ConnectionSettings,
  emit: EventListener,
  tokens?: DiskTokenSource,
): Promise<DiskConnection> {
  let refusesChecksums = false;
  const onChecksumRefused = () => {
    refusesChecksums = true;
    emit({
      type: 'warning',
      code: 'no-checksums',
      message: `The managed disk behind ${address.url} refuses checksums of what is sent. Everything is read back and compared at the end.`,
    });
  };
  const disk = await connectDiskBlob(address, credential, {
    ...connectOptions(permissions, options, emit),
    onChecksumRefused,
    ...(tokens === undefined ? {} : { tokens }),
  });
  const onNoPageList = () =>
    emit({
      type: 'warning',
      code: 'no-page-list',
      message: `The managed disk behind ${address.url} does not list its pages, so any of them may hold data. ${permissions.includes('w') ? 'Everything is sent, also zeros, and read back at the end.' : 'All of them are read, also zeros.'}`,
    });
  const store = withRetries(disk, { ...options, onNoPageList }, emit);
  return { disk, store, refusesChecksums: () => refusesChecksums };
}

function connectOptions(permissions: string, options: ConnectionSettings, emit: EventListener): ConnectOptions {
  const { renewSas, giveUpAfterMs, stallTimeoutMs, collectGarbage, maxRate = Number.POSITIVE_INFINITY } = options;
  const { maxReadRate = Number.POSITIVE_INFINITY } = options;
  return {
    userAgent: `vhdup/${VERSION}`,
    permissions,
    onEvent: emit,
    onSignIn: (message) => emit({ type: 'debug', message }),
    onRequest: (record) => emit({ type: 'request', ...record }),
    ...(renewSas === undefined ? {} : { renewSas }),
    ...(giveUpAfterMs === undefined ? {} : { giveUpAfterMs }),
    ...(stallTimeoutMs === undefined ? {} : { stallTimeoutMs }),
    ...(collectGarbage === undefined ? {} : { collectGarbage }),
    ...(maxRate === Number.POSITIVE_INFINITY ? {} : { throttle: throttleAt(maxRate, emit) }),
    ...(maxReadRate === Number.POSITIVE_INFINITY ? {} : { throttleReads: throttleAt(maxReadRate, emit) }),
  };
}

function withRetries<Properties extends StoreProperties>(
  store: PageStore<Properties>,
  options: ConnectionSettings & { readonly onNoPageList?: () => void },
  emit: EventListener,
): RetryingPageStore<Properties> {
  return new RetryingPageStore({
    store,
    retrier: new Retrier(
      options,
      (notice) => emit(retryEvent(notice)),
      (error, failedSignal) => store.renewed(error, failedSignal),
    ),
    maxRequests: options.maxRequests,
    onConcurrency: (requests) => emit({ type: 'concurrency', requests }),
    onSmaller: (bytes) => emit(smallerRequests(store.url, bytes)),
    ...(options.onNoPageList === undefined ? {} : { onNoPageList: options.onNoPageList }),
  });
}

function smallerRequests(url: string, bytes: number): UploadEvent {
  const size = bytes >= MIB ? `${bytes / MIB} MiB` : `${bytes / 1024} KiB`;
  return {
    type: 'warning',
    code: 'smaller-requests',
    message: `A proxy or gateway on the way to ${url} refuses large requests (413). From now on, requests are at most ${size}.`,
  };
}

export function warnOfPlainHttp({ address: { url } }: BlobAccess, emit: EventListener): void {
  if (isConfidential(url)) return;
  emit({
    type: 'warning',
    code: 'plain-http',
    message: `${url} is not https. Others on the network can read the disk and the credentials.`,
  });
}

/** Warns if memory does not allow the requested number of threads. */
export function warnOfThreads(concurrency: Concurrency, emit: EventListener): void {
  const message = threadsWarning(concurrency);
  if (message !== undefined) emit({ type: 'warning', code: 'threads-bounded', message });
}

/** Whether requests are encrypted or stay on this machine. */
function isConfidential(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' || isLoopback(hostname);
}

/** Limits all connections together. */
function throttleAt(limit: RateLimit, emit: EventListener): (bytes: number, signal: AbortSignal) => Promise<void> {
  const pacer = new TimedPacer(limit, (rate) => emit({ type: 'debug', message: newRateText(rate) }));
  return (bytes, signal) => pacer.pass(bytes, signal);
}

function newRateText(bytesPerSecond: number): string {
  if (bytesPerSecond === Number.POSITIVE_INFINITY) return 'The timetable of the rate limit ends the limit now.';
  return `The timetable of the rate limit allows ${Math.round(bytesPerSecond)} bytes per second from now on.`;
}
