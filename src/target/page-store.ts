// PageStore: what moves the pages of a target. What makes the target exist, and makes it whole, is its Lifecycle.

import type { ByteRange } from '../base/byte-range.ts';
import type { Checksum, ChecksumAlgorithm, PageRun } from '../base/page-run.ts';

/** A place of a fixed size that takes pages in any order and side by side. */
export interface PageWriter {
  /**
   * Puts the run in its place. Resolves when the target has acknowledged it. Doing it again is harmless.
   * On abort it settles soon, with the reason of the signal, and no byte is in flight any more.
   * @throws {ServiceError} with `failure.transient` when trying again can help.
   */
  write(run: PageRun, signal: AbortSignal): Promise<void>;
}

export interface StoreProperties {
  /** Length in bytes. */
  readonly size: number;
  /** Changes with each write. */
  readonly etag: string;
}

export interface ReadOptions {
  /** Refuse to read when the target has another ETag: it was changed. Where it takes conditions. */
  readonly etag: string;
  /** Ask the service for this checksum of the range. */
  readonly checksum: ChecksumAlgorithm;
}

export interface PageRangeList {
  readonly ranges: readonly ByteRange[];
  /** Where the list continues; undefined at its end. */
  readonly marker: string | undefined;
}

/**
 * The pages of one target. Each method is one attempt: RetryingPageStore makes another one. All of them may run side by side, and
 * throw ServiceError, CredentialError or DestinationError.
 */
export interface PageStore<Properties extends StoreProperties = StoreProperties> extends PageWriter {
  /** Of the target, without SAS. */
  readonly url: string;
  /** Requests sent so far, those that failed included. */
  readonly requests: number;
  /** When the credential expires for good; undefined where that is not known, or where it renews itself. */
  readonly credentialEndsOn: Date | undefined;
  /**
   * Whether the request that failed with `error` may be sent again, because its credential had expired and another one is in
   * use now. Waits for that one, for hours if need be.
   * @throws {CredentialError} what was given instead cannot be used either; the reason of `signal` on abort.
   */
  renewed(error: unknown, signal: AbortSignal): Promise<boolean>;
  /** Undefined when there is no such target. */
  properties(signal: AbortSignal): Promise<Properties | undefined>;
  /** Makes the pages of `range` zeros that are not listed any more. */
  clear(range: ByteRange, signal: AbortSignal): Promise<void>;
  /**
   * Fills `into`, which is as long as `range`, at most 4 MiB.
   * @returns the service's checksum of the range, where it was asked for and the service gives one. It is not checked here.
   */
  read(range: ByteRange, into: Uint8Array, options: ReadOptions, signal: AbortSignal): Promise<Checksum | undefined>;
  /** One page of the list of ranges that were written, ascending. */
  pageRanges(marker: string | undefined, signal: AbortSignal): Promise<PageRangeList>;
  /** Closes idle connections. */
  close(): void;
}
