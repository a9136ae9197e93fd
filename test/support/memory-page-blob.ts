// A page blob in memory, for tests of what decides over blobs and needs no server. It follows the contract of PageBlobTarget.
import type { BlobAddress } from '../../src/azure/destination.ts';
import type {
  BlobProperties,
  CreateBlobOptions,
  PageBlobTarget,
  PageRangeList,
} from '../../src/azure/page-blob-target.ts';
import type { ByteRange } from '../../src/byte-range.ts';
import { DestinationError } from '../../src/errors.ts';
import type { PageRun } from '../../src/target.ts';

type Operation = 'createContainer' | 'properties' | 'create' | 'write' | 'pageRanges' | 'setMetadata';

/** What another program, or another upload, put there. */
export interface ForeignBlob {
  readonly type?: BlobProperties['type'];
  readonly size?: number;
  readonly sequenceNumber?: number;
  readonly metadata?: Readonly<Record<string, string>>;
}

export class MemoryPageBlob implements PageBlobTarget {
  readonly address: BlobAddress = {
    url: 'https://account.blob.core.windows.net/vhds/disk.vhd',
    containerUrl: 'https://account.blob.core.windows.net/vhds',
    accountName: 'account',
    containerName: 'vhds',
    blobName: 'disk.vhd',
  };
  requests = 0;
  readonly credentialEndsOn = undefined;
  /** Undefined where there is no blob. */
  blob: BlobProperties | undefined;
  /** Written ranges, in the order in which they are listed. */
  ranges: ByteRange[] = [];
  /** How many ranges one answer lists. */
  rangesPerList = 2;
  guard: number | undefined;
  readonly operations: Operation[] = [];
  readonly #faults: { readonly operation: Operation; readonly when: 'before' | 'after'; readonly error: Error }[] = [];
  #changes = 0;

  put({ type = 'PageBlob', size = 0, sequenceNumber = 0, metadata = {} }: ForeignBlob): void {
    this.#changes += 1;
    this.blob = { type, size, sequenceNumber, metadata, etag: `"${this.#changes}"` };
  }

  /** The next `operation` fails: before it has had any effect, or after it, as when its answer is lost. */
  failOnce(operation: Operation, error: Error, when: 'before' | 'after' = 'before'): void {
    this.#faults.push({ operation, when, error });
  }

  renewed(): Promise<boolean> {
    return Promise.resolve(false);
  }

  guardWith(sequenceNumber: number): void {
    this.guard = sequenceNumber;
  }

  createContainer(signal: AbortSignal): Promise<void> {
    return this.#answer('createContainer', signal, () => undefined);
  }

  properties(signal: AbortSignal): Promise<BlobProperties | undefined> {
    return this.#answer('properties', signal, () => this.blob);
  }

  create({ size, sequenceNumber, metadata, replaces }: CreateBlobOptions, signal: AbortSignal): Promise<void> {
    return this.#answer('create', signal, () => {
      if (replaces === undefined && this.blob !== undefined) throw refused('BlobAlreadyExists');
      if (replaces !== undefined && this.blob?.etag !== replaces) throw refused('ConditionNotMet');
      this.put({ size, sequenceNumber, metadata });
      this.ranges = [];
    });
  }

  write({ range }: PageRun, signal: AbortSignal): Promise<void> {
    return this.#answer('write', signal, () => {
      this.ranges.push(range);
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

  setMetadata(metadata: Readonly<Record<string, string>>, signal: AbortSignal): Promise<void> {
    return this.#answer('setMetadata', signal, () => {
      if (this.blob !== undefined) this.put({ ...this.blob, metadata });
    });
  }

  close(): void {
    this.guard = undefined;
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

function refused(reason: string): DestinationError {
  return new DestinationError(`Put Blob failed: ${reason}`, { reason });
}
