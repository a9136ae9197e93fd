// The page blob as the rest of the program sees it: what each operation promises.

import type { PageStore, StoreProperties } from './page-store.ts';

/** Where a blob is. */
export interface BlobAddress {
  /** Of the blob, without query: what messages show. */
  readonly url: string;
  /** Of its container. */
  readonly containerUrl: string;
  /** Undefined where the URL does not name it: a custom domain. */
  readonly accountName: string | undefined;
  /** As the service knows it: decoded. */
  readonly containerName: string;
  /** As the service knows it: decoded, with slashes where the path has them. */
  readonly blobName: string;
}

export interface BlobProperties extends StoreProperties {
  readonly type: 'PageBlob' | 'BlockBlob' | 'AppendBlob';
  readonly sequenceNumber: number;
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

/** One blob of the service. Each method is one attempt, as those of PageStore are. */
export interface PageBlob extends PageStore<BlobProperties> {
  readonly address: BlobAddress;
  readonly leases: BlobLeases;
  /** The service refuses every write after this one unless the blob carries `sequenceNumber`: a blob that was replaced is never written to. */
  guardWith(sequenceNumber: number): void;
  /**
   * Makes the container, unless it exists.
   * @throws {CredentialError} the credential may not; the container may exist all the same.
   */
  createContainer(signal: AbortSignal): Promise<void>;
  create(options: CreateBlobOptions, signal: AbortSignal): Promise<void>;
  /**
   * @param etag - Refuse when the blob has another one.
   * @returns the one that it has from then on, where the service says.
   */
  setMetadata(
    metadata: Readonly<Record<string, string>>,
    signal: AbortSignal,
    etag?: string,
  ): Promise<string | undefined>;
  /**
   * Sets what the service stores as the blob's Content-MD5 and never checks.
   * @param etag - Refuse when the blob has another one.
   * @returns the one that it has from then on, where the service says.
   */
  setContentMd5(md5: Uint8Array, signal: AbortSignal, etag?: string): Promise<string | undefined>;
}

/**
 * The lease of the blob. Each method is one attempt, and harmless when it is made again.
 * @throws {DestinationError} with the service's `reason`: LeaseAlreadyPresent, LeaseIdMismatchWithLeaseOperation, ...
 */
export interface BlobLeases {
  /** Every creation, write and change of metadata after this one names this lease; none does with undefined. */
  use(id: string | undefined): void;
  /** For 60 seconds. A lease with the same id is renewed. @returns the blob's ETag at that moment, where the service says. */
  acquire(id: string, signal: AbortSignal): Promise<string | undefined>;
  /** For 60 seconds, also when it has expired and nobody has written to the blob or held it since. */
  renew(id: string, signal: AbortSignal): Promise<void>;
  change(id: string, newId: string, signal: AbortSignal): Promise<void>;
  /** @returns the blob's ETag at that moment, where the service says. */
  release(id: string, signal: AbortSignal): Promise<string | undefined>;
  /** Ends the lease, whoever holds it, at once. */
  break(signal: AbortSignal): Promise<void>;
}
