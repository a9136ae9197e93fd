// The page blob as the rest of the program sees it: what each operation promises.
import type { ByteRange } from '../byte-range.ts';
import type { TransferTarget } from '../target.ts';
import type { BlobAddress } from './destination.ts';

export interface BlobProperties {
  readonly type: 'PageBlob' | 'BlockBlob' | 'AppendBlob';
  /** Length in bytes. */
  readonly size: number;
  readonly etag: string;
  readonly sequenceNumber: number;
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
  createContainer(signal: AbortSignal): Promise<void>;
  /** Undefined when there is no such blob, or no such container. */
  properties(signal: AbortSignal): Promise<BlobProperties | undefined>;
  create(options: CreateBlobOptions, signal: AbortSignal): Promise<void>;
  /** One page of the list of ranges that were written, ascending. */
  pageRanges(marker: string | undefined, signal: AbortSignal): Promise<PageRangeList>;
  setMetadata(metadata: Readonly<Record<string, string>>, signal: AbortSignal): Promise<void>;
  /** Closes idle connections. */
  close(): void;
}

export interface PageRangeList {
  readonly ranges: readonly ByteRange[];
  /** Where the list goes on; undefined at its end. */
  readonly marker: string | undefined;
}
