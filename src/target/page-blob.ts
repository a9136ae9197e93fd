// The page blob as the rest of the program sees it: what each operation promises.

import type { BlobAddress } from '../azure/destination.ts';
import type { ByteRange } from '../base/byte-range.ts';
import type { Checksum, ChecksumAlgorithm, TransferTarget } from './page-target.ts';

export interface BlobProperties {
  readonly type: 'PageBlob' | 'BlockBlob' | 'AppendBlob';
  /** Length in bytes. */
  readonly size: number;
  readonly etag: string;
  readonly sequenceNumber: number;
  /** When it was last written to, by the clock of the service. */
  readonly modifiedMs: number;
  /** Whether somebody holds a lease on it now. */
  readonly isLeased: boolean;
  /** Names in lower case, as HTTP gives them. */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface CreateBlobOptions {
  /** Length in bytes, a multiple of 512. */
  readonly size: number;
  readonly sequenceNumber: number;
  readonly metadata: Readonly<Record<string, string>>;
  /** Replace the blob that has this ETag. Without it, nothing may be there, also in a race. */
  readonly replaces?: string;
}

export interface ReadBlobOptions {
  /** Refuse to read when the blob has another ETag: it was changed. */
  readonly etag: string;
  /** Ask the service for this checksum of the range. */
  readonly checksum: ChecksumAlgorithm;
}

/**
 * One blob of the service. Each method is one attempt: the caller retries. All of them may run side by side, and throw
 * ServiceError, CredentialError or DestinationError.
 */
export interface PageBlobTarget extends TransferTarget {
  readonly address: BlobAddress;
  /** Requests sent so far, those that failed included. */
  readonly requests: number;
  /** When the credential ends for good; undefined where that cannot be told, or where it renews itself. */
  readonly credentialEndsOn: Date | undefined;
  /**
   * Whether the request that failed with `error` may be sent again, because its credential had ended and another one is in
   * use now. Waits for that one, for hours if need be.
   * @throws {CredentialError} what was given instead cannot be used either; the reason of `signal` on abort.
   */
  renewed(error: unknown, signal: AbortSignal): Promise<boolean>;
  /** Every write after this one is refused by the service unless the blob carries `sequenceNumber`: a blob that was replaced is never written to. */
  guardWith(sequenceNumber: number): void;
  readonly leases: BlobLeases;
  /** The time by the clock of the service, in milliseconds since 1970; by the clock of this machine before it has answered. */
  readonly nowMs: number;
  /**
   * Makes the container, unless it exists.
   * @throws {CredentialError} the credential may not; the container may exist all the same.
   */
  createContainer(signal: AbortSignal): Promise<void>;
  /** Undefined when there is no such blob, or no such container. */
  properties(signal: AbortSignal): Promise<BlobProperties | undefined>;
  create(options: CreateBlobOptions, signal: AbortSignal): Promise<void>;
  /** One page of the list of ranges that were written, ascending. */
  pageRanges(marker: string | undefined, signal: AbortSignal): Promise<PageRangeList>;
  /**
   * @param etag - Refuse when the blob has another one.
   * @returns the one that it has from then on, where the service tells.
   */
  setMetadata(
    metadata: Readonly<Record<string, string>>,
    signal: AbortSignal,
    etag?: string,
  ): Promise<string | undefined>;
  /** Sets what the service stores as the blob's Content-MD5 and never checks. */
  setContentMd5(md5: Uint8Array, signal: AbortSignal): Promise<void>;
  /**
   * Fills `into`, which is as long as `range`, at most 4 MiB.
   * @returns the service's checksum of the range, where it was asked for and the service gives one. It is not checked here.
   */
  read(
    range: ByteRange,
    into: Uint8Array,
    options: ReadBlobOptions,
    signal: AbortSignal,
  ): Promise<Checksum | undefined>;
  /** Closes idle connections. */
  close(): void;
}

/**
 * The lease of the blob. Each method is one attempt, and harmless when it is made again.
 * @throws {DestinationError} with the service's `reason`: LeaseAlreadyPresent, LeaseIdMismatchWithLeaseOperation, ...
 */
export interface BlobLeases {
  /** Every creation, write and change of metadata after this one names this lease; none does with undefined. */
  use(id: string | undefined): void;
  /** For 60 seconds. A lease with the same id is renewed. @returns the blob's ETag at that moment, where the service tells. */
  acquire(id: string, signal: AbortSignal): Promise<string | undefined>;
  /** For 60 seconds, also when it has run out and nobody has written to the blob or held it since. */
  renew(id: string, signal: AbortSignal): Promise<void>;
  change(id: string, newId: string, signal: AbortSignal): Promise<void>;
  /** @returns the blob's ETag at that moment, where the service tells. */
  release(id: string, signal: AbortSignal): Promise<string | undefined>;
  /** Ends the lease, whoever holds it, at once. */
  break(signal: AbortSignal): Promise<void>;
}

export interface PageRangeList {
  readonly ranges: readonly ByteRange[];
  /** Where the list goes on; undefined at its end. */
  readonly marker: string | undefined;
}
