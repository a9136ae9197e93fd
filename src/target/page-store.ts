// PageStore: reads and writes the pages of a target. A Lifecycle creates and completes the target.

import type { ByteRange } from '../base/byte-range.ts';
import type { Checksum, ChecksumAlgorithm, PageRun } from '../base/page-run.ts';

/** A target of a fixed size that accepts pages in any order and concurrently. */
export interface PageWriter {
  /**
   * Writes the run. Resolves when the target has acknowledged it. Repeating the call is harmless.
   * On abort it soon rejects with the reason of the signal, and no byte is in flight any more.
   * @throws {ServiceError} with `failure.transient` if a retry can help.
   */
  write(run: PageRun, signal: AbortSignal): Promise<void>;
}

export interface StoreProperties {
  /** Length in bytes. */
  readonly size: number;
  /** Changes with each write. Empty if the target does not send it. */
  readonly etag: string;
}

export interface ReadOptions {
  /** Refuse to read if the target has another ETag, which means that it was modified. Needs a target that supports conditions. */
  readonly etag: string;
  /** Request this checksum of the range from the service. */
  readonly checksum: ChecksumAlgorithm;
}

export interface PageRangeList {
  readonly ranges: readonly ByteRange[];
  /** Where the list continues; undefined at the end. */
  readonly marker: string | undefined;
}

/**
 * The pages of one target. Each method makes one attempt; RetryingPageStore adds retries. Methods may run concurrently. They throw
 * ServiceError, CredentialError or DestinationError.
 */
export interface PageStore<Properties extends StoreProperties = StoreProperties> extends PageWriter {
  /** URL of the target, without SAS. */
  readonly url: string;
  /** Requests sent so far, including those that failed. */
  readonly requests: number;
  /** When the credential expires for good; undefined if that is not known or the credential renews itself. */
  readonly credentialExpiresOn: Date | undefined;
  /**
   * Whether the request that failed with `error` can be repeated, because its credential had expired and was replaced. Waits for the
   * new credential, for hours if necessary.
   * @throws {CredentialError} the new credential cannot be used either; the reason of `signal` on abort.
   */
  renewed(error: unknown, signal: AbortSignal): Promise<boolean>;
  /** Undefined if the target does not exist. */
  properties(signal: AbortSignal): Promise<Properties | undefined>;
  /** Clears the pages of `range`: they read as zeros and are no longer listed. */
  clear(range: ByteRange, signal: AbortSignal): Promise<void>;
  /**
   * Fills `into`, which is as long as `range`, at most 4 MiB.
   * @returns the checksum of the range, if it was requested and the service sent one. It is not checked here.
   */
  read(range: ByteRange, into: Uint8Array, options: ReadOptions, signal: AbortSignal): Promise<Checksum | undefined>;
  /** One part of the list of ranges that were written, ascending. */
  pageRanges(marker: string | undefined, signal: AbortSignal): Promise<PageRangeList>;
  /** Closes idle connections. */
  close(): void;
}
