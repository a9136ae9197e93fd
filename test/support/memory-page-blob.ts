// A page blob in memory, for tests that need no server. It follows the contract of PageBlob.

import type { ByteRange } from '../../src/base/byte-range.ts';
import type { Checksum, PageRun } from '../../src/base/page-run.ts';
import { subtractRanges } from '../../src/base/range-list.ts';
import { DestinationError } from '../../src/errors.ts';
import { RetryingPageStore } from '../../src/remote/retrying-page-store.ts';
import type {
  BlobAddress,
  BlobLeases,
  BlobProperties,
  CopyBlobOptions,
  CreateBlobOptions,
  PageBlob,
  PublicAccess,
} from '../../src/target/page-blob.ts';
import type { PageRangeList } from '../../src/target/page-store.ts';
import { Retrier, type RetryNotice } from '../../src/transfer/retry.ts';
import { ServiceError } from './page-blob-server/error.ts';
import { BlobLease } from './page-blob-server/lease.ts';

type Operation =
  | 'createContainer'
  | 'deleteSnapshots'
  | 'containerAccess'
  | 'properties'
  | 'create'
  | 'copyFrom'
  | 'setSequenceNumber'
  | 'write'
  | 'clear'
  | 'pageRanges'
  | 'setMetadata'
  | 'setContentMd5'
  | 'read'
  | 'delete'
  | `${'acquire' | 'renew' | 'change' | 'release' | 'break'}Lease`;

/** A blob that another program or another upload created. */
export interface ForeignBlob {
  readonly type?: BlobProperties['type'];
  readonly size?: number;
  readonly sequenceNumber?: number;
  readonly metadata?: Readonly<Record<string, string>>;
}

export class MemoryPageBlob implements PageBlob {
  readonly address: BlobAddress = {
    url: 'https://account.blob.core.windows.net/vhds/disk.vhd',
    containerUrl: 'https://account.blob.core.windows.net/vhds',
    accountName: 'account',
    containerName: 'vhds',
    blobName: 'disk.vhd',
  };
  requests = 0;

  get url(): string {
    return this.address.url;
  }

  readonly credentialExpiresOn = undefined;
  /** The public access of the container; undefined until a request creates it. */
  container: PublicAccess | undefined;
  /** Undefined if there is no blob. */
  blob: Omit<BlobProperties, 'isLeased'> | undefined;
  /** Written ranges, in the order of the list. */
  ranges: ByteRange[] = [];
  /** Number of ranges in one answer. */
  rangesPerList = 2;
  guard: number | undefined;
  /** The lease in the service. */
  lease = new BlobLease();
  /** The lease id in requests. */
  leaseId: string | undefined;
  readonly leases: BlobLeases = {
    use: (id) => {
      this.leaseId = id;
    },
    acquire: (id, signal) =>
      this.#leaseAnswer('acquireLease', signal, (now) => this.lease.acquire(id, 60_000, now)).then(
        () => this.blob?.etag,
      ),
    renew: (id, signal) => this.#leaseAnswer('renewLease', signal, (now) => this.lease.renew(id, now)),
    change: (id, newId, signal) => this.#leaseAnswer('changeLease', signal, (now) => this.lease.change(id, newId, now)),
    release: (id, signal) =>
      this.#leaseAnswer('releaseLease', signal, (now) => this.lease.release(id, now)).then(() => this.blob?.etag),
    break: (signal) => this.#leaseAnswer('breakLease', signal, (now) => void this.lease.break(0, now)),
  };
  contentMd5: Uint8Array | undefined;
  snapshots = 0;
  readonly operations: Operation[] = [];
  readonly #faults: { readonly operation: Operation; readonly when: 'before' | 'after'; readonly error: Error }[] = [];
  #changes = 0;

  put({ type = 'PageBlob', size = 0, sequenceNumber = 0, metadata = {} }: ForeignBlob): void {
    this.#changes += 1;
    this.blob = { type, size, sequenceNumber, metadata, etag: `"${this.#changes}"` };
  }

  /** Makes the next `operation` fail: before it has an effect, or afterwards, like a lost answer. */
  failOnce(operation: Operation, error: Error, when: 'before' | 'after' = 'before'): void {
    this.#faults.push({ operation, when, error });
  }

  renewed(): Promise<boolean> {
    return Promise.resolve(false);
  }

  guardWith(sequenceNumber: number): void {
    this.guard = sequenceNumber;
  }

  createContainer(access: PublicAccess, signal: AbortSignal): Promise<'created' | 'exists'> {
    return this.#answer('createContainer', signal, () => {
      if (this.container !== undefined) return 'exists';
      this.container = access;
      return 'created';
    });
  }

  containerAccess(signal: AbortSignal): Promise<PublicAccess | undefined> {
    return this.#answer('containerAccess', signal, () => this.container);
  }

  deleteSnapshots(signal: AbortSignal): Promise<void> {
    return this.#answer('deleteSnapshots', signal, () => {
      this.#checkLease();
      this.snapshots = 0;
    });
  }

  properties(signal: AbortSignal): Promise<BlobProperties | undefined> {
    const isLeased = () => ['leased', 'breaking'].includes(this.lease.state(Date.now()));
    return this.#answer('properties', signal, () => this.blob && { ...this.blob, isLeased: isLeased() });
  }

  create(options: CreateBlobOptions, signal: AbortSignal): Promise<void> {
    const { size, sequenceNumber, metadata, replaces, contentType, tier } = options;
    return this.#answer('create', signal, () => {
      if (replaces === undefined && this.blob !== undefined) throw refused('BlobAlreadyExists');
      if (replaces !== undefined && this.blob?.etag !== replaces) throw refused('ConditionNotMet');
      if (this.blob === undefined) this.lease = new BlobLease();
      this.#checkLease();
      this.put({ size, sequenceNumber, metadata });
      const own = { ...(contentType === undefined ? {} : { contentType }), ...(tier === undefined ? {} : { tier }) };
      if (this.blob !== undefined) this.blob = { ...this.blob, ...own };
      this.ranges = [];
    });
  }

  /** The copy ends at once, and has the size of the blob that it replaces. */
  copyFrom({ metadata, replaces }: CopyBlobOptions, signal: AbortSignal): Promise<string | undefined> {
    return this.#answer('copyFrom', signal, () => {
      if (replaces === undefined && this.blob !== undefined) throw refused('BlobAlreadyExists');
      if (replaces !== undefined && this.blob?.etag !== replaces) throw refused('TargetConditionNotMet');
      this.#checkLease();
      this.put({ size: this.blob?.size ?? 0, metadata });
      return `copy-${this.#changes}`;
    });
  }

  setSequenceNumber(sequenceNumber: number, signal: AbortSignal, etag: string): Promise<string | undefined> {
    return this.#answer('setSequenceNumber', signal, () => {
      this.#checkLease();
      if (this.blob?.etag !== etag) throw refused('ConditionNotMet');
      this.put({ ...this.blob, sequenceNumber });
      return this.blob.etag;
    });
  }

  write({ range }: PageRun, signal: AbortSignal): Promise<void> {
    return this.#answer('write', signal, () => {
      this.#checkLease();
      this.ranges.push(range);
    });
  }

  clear(range: ByteRange, signal: AbortSignal): Promise<void> {
    return this.#answer('clear', signal, () => {
      this.#checkLease();
      this.ranges = subtractRanges(this.ranges, [range]);
    });
  }

  delete(signal: AbortSignal, etag?: string): Promise<boolean> {
    return this.#answer('delete', signal, () => {
      if (this.blob === undefined) return false;
      if (etag !== undefined && this.blob.etag !== etag) throw refused('ConditionNotMet');
      this.#checkLease();
      this.blob = undefined;
      return true;
    });
  }

  pageRanges(marker: string | undefined, signal: AbortSignal): Promise<PageRangeList> {
    return this.#answer('pageRanges', signal, () => {
      const start = Number(marker ?? 0);
      const end = start + this.rangesPerList;
      return {
        ranges: this.ranges.slice(start, end),
        marker: end < this.ranges.length ? String(end) : undefined,
      };
    });
  }

  setMetadata(
    metadata: Readonly<Record<string, string>>,
    signal: AbortSignal,
    etag?: string,
  ): Promise<string | undefined> {
    return this.#answer('setMetadata', signal, () => {
      this.#checkLease();
      if (etag !== undefined && this.blob?.etag !== etag) throw refused('ConditionNotMet');
      if (this.blob !== undefined) this.put({ ...this.blob, metadata });
      return this.blob?.etag;
    });
  }

  setContentMd5(md5: Uint8Array | undefined, signal: AbortSignal): Promise<string | undefined> {
    return this.#answer('setContentMd5', signal, () => {
      this.contentMd5 = md5;
      return this.blob?.etag;
    });
  }

  /** Contents are not stored: every page reads as zeros. */
  read(_: ByteRange, into: Uint8Array, __: object, signal: AbortSignal): Promise<Checksum | undefined> {
    return this.#answer('read', signal, () => {
      into.fill(0);
      return undefined;
    });
  }

  close(): void {
    this.guard = undefined;
  }

  #checkLease(): void {
    withReason(() => this.lease.check(this.blob === undefined ? undefined : this.leaseId, 'write', Date.now()));
  }

  #leaseAnswer(operation: Operation, signal: AbortSignal, effect: (now: number) => void): Promise<void> {
    return this.#answer(operation, signal, () => {
      if (this.blob === undefined) throw refused('BlobNotFound');
      withReason(() => effect(Date.now()));
    });
  }

  async #answer<T>(operation: Operation, signal: AbortSignal, effect: () => T): Promise<T> {
    await Promise.resolve();
    signal.throwIfAborted();
    this.requests += 1;
    this.operations.push(operation);
    const at = this.#faults.findIndex((fault) => fault.operation === operation);
    const [fault] = at < 0 ? [] : this.#faults.splice(at, 1);
    if (fault?.when === 'before') throw fault.error;
    const result = effect();
    if (fault !== undefined) throw fault.error;
    return result;
  }
}

/** The blob with retries that do not wait. */
export function retrying(
  blob: MemoryPageBlob,
  onRetry: (notice: RetryNotice) => void = () => undefined,
): RetryingPageStore<BlobProperties> {
  const retrier = new Retrier({ retryDelayMs: 0, retries: 3 }, onRetry);
  return new RetryingPageStore({
    store: blob,
    retrier,
    maxRequests: 4,
    onConcurrency: () => undefined,
    onSmaller: () => undefined,
  });
}

function withReason(effect: () => void): void {
  try {
    effect();
  } catch (error) {
    throw error instanceof ServiceError ? refused(error.code) : error;
  }
}

function refused(reason: string): DestinationError {
  return new DestinationError(`Refused: ${reason}`, { reason });
}
