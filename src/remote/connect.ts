// From a destination and a credential to a blob that requests can be sent to: the same for every command that uses the service.

import type { Credential } from '../azure/auth/credentials.ts';
import { assertSasAllows, assertSasCreatesContainers, parseSas } from '../azure/auth/sas.ts';
import { parseDestination } from '../azure/destination.ts';
import { connectPageBlob } from '../azure/page-blob.ts';
import { VERSION } from '../base/version.ts';
import { CredentialError } from '../errors.ts';
import { type EventListener, retryEvent } from '../events.ts';
import { type Concurrency, type ServiceOptions, threadsWarning } from '../options.ts';
import type { BlobAddress, BlobProperties, PageBlob } from '../target/page-blob.ts';
import { Pacer } from '../transfer/pacer.ts';
import { Retrier } from '../transfer/retry.ts';
import { RetryingPageStore } from './retrying-page-store.ts';

/** Where the blob is, and what opens it. */
export interface BlobAccess {
  readonly address: BlobAddress;
  readonly credential: Credential;
  /** The letters that a SAS needs. */
  readonly permissions: string;
}

/**
 * The destination, with the SAS of its URL or the credential of the options. Nothing is sent.
 * @throws {UsageError} the destination cannot be used.
 * @throws {CredentialError} a SAS that cannot do what is needed. One that has only expired may be replaced later.
 */
export function accessOf(options: ServiceOptions, permissions: string, createsContainer = false): BlobAccess {
  const { address, sas } = parseDestination(options.destination, options.serviceUrl);
  const chosen: Credential = sas === undefined ? (options.credential ?? { kind: 'entra' }) : { kind: 'sas', sas };
  if (chosen.kind !== 'sas') return { address, credential: chosen, permissions };
  const parsed = parseSas(chosen.sas, address);
  try {
    assertSasAllows(parsed, permissions);
    if (createsContainer) assertSasCreatesContainers(parsed);
  } catch (error) {
    const isReplaceable = options.renewSas !== undefined && error instanceof CredentialError && error.isExpired;
    if (!isReplaceable) throw error;
  }
  return { address, credential: { kind: 'sas', sas: parsed }, permissions };
}

export interface BlobConnection {
  /** One attempt for each call. The caller's to close. */
  readonly blob: PageBlob;
  /** The same blob, with retries. */
  readonly store: RetryingPageStore<BlobProperties>;
}

/** Sends nothing yet. */
export async function connect(
  { address, credential, permissions }: BlobAccess,
  options: ServiceOptions & { readonly maxRate?: number; readonly maxRequests: number },
  emit: EventListener,
): Promise<BlobConnection> {
  const { renewSas, giveUpAfterMs, stallTimeoutMs, maxRate = Number.POSITIVE_INFINITY } = options;
  const blob = await connectPageBlob(address, credential, {
    userAgent: `vhdup/${VERSION}`,
    permissions,
    onEvent: emit,
    onRequest: (record) => emit({ type: 'request', ...record }),
    ...(renewSas === undefined ? {} : { renewSas }),
    ...(giveUpAfterMs === undefined ? {} : { giveUpAfterMs }),
    ...(stallTimeoutMs === undefined ? {} : { stallTimeoutMs }),
    ...(maxRate === Number.POSITIVE_INFINITY ? {} : { throttle: throttleAt(maxRate) }),
  });
  const retrier = new Retrier(
    options,
    (notice) => emit(retryEvent(notice)),
    (error, failedSignal) => blob.renewed(error, failedSignal),
  );
  const store = new RetryingPageStore({
    store: blob,
    retrier,
    maxRequests: options.maxRequests,
    onConcurrency: (requests) => emit({ type: 'concurrency', requests }),
  });
  return { blob, store };
}

export function warnOfPlainHttp({ address: { url } }: BlobAccess, emit: EventListener): void {
  if (isConfidential(url)) return;
  emit({
    type: 'warning',
    code: 'plain-http',
    message: `${url} is not https: everybody on the way can read the disk and the credentials.`,
  });
}

/** Says what a number of threads does that is more than memory allows for. */
export function warnOfThreads(concurrency: Concurrency, emit: EventListener): void {
  const message = threadsWarning(concurrency);
  if (message !== undefined) emit({ type: 'warning', code: 'threads-bounded', message });
}

/** Encrypted, or not leaving this machine. */
function isConfidential(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' || /^(?:127\.|localhost$|\[::1\]$)|\.localhost$/.test(hostname);
}

/** Smooths what is sent to `bytesPerSecond`, over all connections. */
function throttleAt(bytesPerSecond: number): (bytes: number, signal: AbortSignal) => Promise<void> {
  const pacer = new Pacer(bytesPerSecond);
  return (bytes, signal) => pacer.pass(bytes, signal);
}
