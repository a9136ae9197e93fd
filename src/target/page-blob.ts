// The interface of a page blob: what each operation guarantees.

import type { PageStore, StoreProperties } from './page-store.ts';

/** The address of a blob. */
export interface BlobAddress {
  /** URL of the blob without its query, as messages show it. */
  readonly url: string;
  /** URL of the container. */
  readonly containerUrl: string;
  /** Undefined if the URL does not name the account, as with a custom domain. */
  readonly accountName: string | undefined;
  /** Decoded, as the service knows it. */
  readonly containerName: string;
  /** Decoded, as the service knows it. It may contain slashes. */
  readonly blobName: string;
  /** A snapshot or a version of the blob, as the query of its URL names it: `snapshot=TIME` or `versionid=TIME`. It never changes. */
  readonly version?: string;
  /** The blob is the content of a managed disk that waits for its upload, or is exported. */
  readonly isDisk?: true;
}

/** Who may read a container without a credential: nobody; everyone, but only blobs whose names they know; everyone, with a list. */
export type PublicAccess = 'none' | 'blob' | 'container';

export interface BlobProperties extends StoreProperties {
  readonly type: 'PageBlob' | 'BlockBlob' | 'AppendBlob';
  readonly sequenceNumber: number;
  /** Whether any program holds a lease on it now. */
  readonly isLeased: boolean;
  /** Names are in lower case, as HTTP returns them. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The stored Content-MD5: 16 bytes. The service neither checks nor updates it. */
  readonly contentMd5?: Uint8Array;
  readonly contentType?: string;
  /** The tier of a blob of a premium account: P10, ... */
  readonly tier?: string;
  /** The last copy onto the blob. Absent once the properties of the blob were set after it ended. */
  readonly copy?: BlobCopy;
}

/** A copy that the service makes. */
export interface BlobCopy {
  readonly id: string;
  /** While it is pending, nothing can write to the blob. After `failed` and `aborted`, the blob is empty. */
  readonly status: 'pending' | 'success' | 'failed' | 'aborted';
  /** Bytes copied so far. */
  readonly done: number;
  /** Why it failed, in the words of the service. Foreign text. */
  readonly description?: string;
  /** Whether the blob was modified after the copy had ended, to the precision of HTTP dates. */
  readonly wasWrittenSince: boolean;
}

/** What a new blob gets besides its content and the metadata of its upload. */
export interface NewBlobOptions {
  /** @default application/octet-stream */
  readonly contentType?: string;
  /** P4 to P80; only in premium accounts. @default the service chooses it by the size */
  readonly tier?: string;
  /** Index tags, by name. */
  readonly tags?: Readonly<Record<string, string>>;
}

export interface CreateBlobOptions extends NewBlobOptions {
  /** Length in bytes, a multiple of 512. */
  readonly size: number;
  readonly sequenceNumber: number;
  readonly metadata: Readonly<Record<string, string>>;
  /** Replace the blob that has this ETag. Without it, no blob may exist, also in a race. */
  readonly replaces?: string;
}

export interface CopyBlobOptions {
  /** URL of the blob to copy, with its SAS if it has one. A secret. */
  readonly source: string;
  /** Refuse if the source has another ETag. */
  readonly sourceEtag: string;
  /** Replaces the metadata of the source. */
  readonly metadata: Readonly<Record<string, string>>;
  /** P4 to P80; only in premium accounts. @default the service chooses it */
  readonly tier?: string;
  /** Index tags, by name. Those of the source are not copied. */
  readonly tags?: Readonly<Record<string, string>>;
  /** Replace the blob that has this ETag. Without it, no blob may exist, also in a race. */
  readonly replaces?: string;
}

/** One blob of the service. Each method makes one attempt, as those of PageStore do. */
export interface PageBlob extends PageStore<BlobProperties> {
  readonly address: BlobAddress;
  readonly leases: BlobLeases;
  /** From now on, writes require the blob to have `sequenceNumber`, so that a blob that replaced this one is never written to. */
  guardWith(sequenceNumber: number): void;
  /**
   * Creates the container if it does not exist. Never changes an existing one.
   * @throws {CredentialError} the credential may not create it. The container may exist nevertheless.
   */
  createContainer(access: PublicAccess, signal: AbortSignal): Promise<'created' | 'exists'>;
  /**
   * Who may read the container without a credential; undefined if it does not exist.
   * @throws {CredentialError} the credential is not allowed to read it. No service SAS is.
   */
  containerAccess(signal: AbortSignal): Promise<PublicAccess | undefined>;
  /** Deletes all snapshots of the blob, and not the blob itself. Succeeds if there are none. */
  deleteSnapshots(signal: AbortSignal): Promise<void>;
  create(options: CreateBlobOptions, signal: AbortSignal): Promise<void>;
  /**
   * Starts a copy of another blob, which the service makes.
   * @returns the id of the copy if it has ended already. Otherwise the properties of the blob show it.
   */
  copyFrom(options: CopyBlobOptions, signal: AbortSignal): Promise<string | undefined>;
  /**
   * @param etag - Refuse if the blob has another ETag.
   * @returns the new ETag, if the service sends it.
   */
  setSequenceNumber(sequenceNumber: number, signal: AbortSignal, etag: string): Promise<string | undefined>;
  /**
   * @param etag - Refuse if the blob has another ETag.
   * @returns the new ETag, if the service sends it.
   */
  setMetadata(
    metadata: Readonly<Record<string, string>>,
    signal: AbortSignal,
    etag?: string,
  ): Promise<string | undefined>;
  /**
   * Deletes the blob, and with it its lease.
   * @param etag - Refuse if the blob has another ETag.
   * @returns false if it does not exist.
   */
  delete(signal: AbortSignal, etag?: string): Promise<boolean>;
  /**
   * Sets the Content-MD5 of the blob, which the service stores but never checks.
   * @param md5 - Undefined removes it.
   * @param etag - Refuse if the blob has another ETag.
   * @param contentType - @default the blob keeps its own
   * @returns the new ETag, if the service sends it.
   */
  setContentMd5(
    md5: Uint8Array | undefined,
    signal: AbortSignal,
    etag?: string,
    contentType?: string,
  ): Promise<string | undefined>;
}

/**
 * The lease of the blob. Each method makes one attempt, which is harmless to repeat.
 * @throws {DestinationError} with the service's `reason`: LeaseAlreadyPresent, LeaseIdMismatchWithLeaseOperation, ...
 */
export interface BlobLeases {
  /** From now on, creations, writes and metadata changes name this lease; with undefined they name none. */
  use(id: string | undefined): void;
  /** Acquires the lease for 60 seconds, or renews one with the same id. @returns the ETag of the blob, if the service sends it. */
  acquire(id: string, signal: AbortSignal): Promise<string | undefined>;
  /** Renews the lease for 60 seconds, even an expired one if nobody has written to or leased the blob since. */
  renew(id: string, signal: AbortSignal): Promise<void>;
  change(id: string, newId: string, signal: AbortSignal): Promise<void>;
  /** @returns the ETag of the blob at that moment, if the service sends it. */
  release(id: string, signal: AbortSignal): Promise<string | undefined>;
  /** Ends any lease on the blob at once. */
  break(signal: AbortSignal): Promise<void>;
}
