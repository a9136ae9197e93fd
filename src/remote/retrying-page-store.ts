// RetryingPageStore: a PageStore whose methods retry until they succeed, so that no caller repeats a request itself.

import type { LimitFunction } from 'p-limit';
import type { ByteRange } from '../base/byte-range.ts';
import type { Checksum, ChecksumAlgorithm, PageRun } from '../base/page-run.ts';
import { CredentialError, ServiceError } from '../errors.ts';
import type { PageRangeList, PageStore, StoreProperties } from '../target/page-store.ts';
import { CongestionControl } from '../transfer/congestion-control.ts';
import type { Retrier } from '../transfer/retry.ts';
import { SizedWrites } from './sized-writes.ts';

/** Attempts of one Get Page Ranges that the service must fail before its page list is given up. */
const MAX_LIST_FAILURES = 6;
/** The service failed, or ran out of time. Other failures may lie in the network, which returns. */
const LIST_FAILURES: readonly (number | undefined)[] = [408, 500, 504];

/** Wraps each attempt of a write. A lease uses it to renew itself when an attempt shows that it has expired. */
export interface Holder {
  attempt<T>(operation: () => Promise<T>): Promise<T>;
}

export interface CheckedReadOptions {
  /** Refuse to read if the target has another ETag, which means that it was modified. */
  readonly etag: string;
  /** Request this checksum of the range from the service, and compare it with that of the received bytes. */
  readonly checksum: ChecksumAlgorithm;
  readonly checksumOf: (bytes: Uint8Array) => Promise<Checksum | undefined>;
}

export interface RetryingPageStoreOptions<Properties extends StoreProperties> {
  readonly store: PageStore<Properties>;
  /** Also renews credentials. */
  readonly retrier: Retrier;
  /** The most requests in flight that move pages. */
  readonly maxRequests: number;
  /** Called with the new number of requests that may be in flight. */
  readonly onConcurrency: (requests: number) => void;
  /** Called with the new largest request size in bytes, after something on the way refused larger requests. */
  readonly onSmaller: (bytes: number) => void;
  /** Called when the target fails to list its pages. @default that is a failure like any other */
  readonly onNoPageList?: () => void;
}

export class RetryingPageStore<Properties extends StoreProperties = StoreProperties> {
  readonly #store: PageStore<Properties>;
  readonly #retrier: Retrier;
  readonly #sizedWrites: SizedWrites;
  readonly #newCongestion: () => CongestionControl;
  readonly #onNoPageList: (() => void) | undefined;
  #congestionInUse: CongestionControl | undefined;
  #holder: Holder = { attempt: (operation) => operation() };
  #isListUnknown = false;

  constructor(options: RetryingPageStoreOptions<Properties>) {
    const { store, retrier, maxRequests, onConcurrency, onSmaller, onNoPageList } = options;
    this.#store = store;
    this.#retrier = retrier;
    this.#onNoPageList = onNoPageList;
    this.#sizedWrites = new SizedWrites({
      target: { write: (run, signal) => this.#writeAtOnce(run, signal) },
      onSmaller,
    });
    this.#newCongestion = () => new CongestionControl(maxRequests, onConcurrency);
  }

  get url(): string {
    return this.#store.url;
  }

  /** Requests sent so far, and how many of them were retries. */
  get counters(): { readonly requests: number; readonly retries: number } {
    return { requests: this.#store.requests, retries: this.#retrier.retries };
  }

  /** Requests that were repeated because their bytes arrived damaged. */
  get checksumMismatches(): number {
    return this.#retrier.checksumMismatches;
  }

  /** When the credential expires for good; undefined if that is not known. */
  get credentialExpiresOn(): Date | undefined {
    return this.#store.credentialExpiresOn;
  }

  /** Runs as many requests at once as congestion control allows. Reads use it here; for writes, the transfer that reads ahead uses it. */
  get limit(): LimitFunction {
    return this.#congestion.limit;
  }

  /** Every later write goes through `holder`. */
  holdBy(holder: Holder): void {
    this.#holder = holder;
  }

  /**
   * Makes any other request until it succeeds.
   * @param what - For messages: "Set Blob Metadata".
   * @throws {ServiceError} the failure is not transient, or retries are exhausted; anything else that `operation` throws; the reason
   *   of `signal` on abort.
   */
  request<T>(what: string, signal: AbortSignal, operation: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return this.#retrier.run(what, signal, operation);
  }

  /** Undefined if the target does not exist. */
  properties(signal: AbortSignal): Promise<Properties | undefined> {
    return this.request('Get Blob Properties', signal, (attempt) => this.#store.properties(attempt));
  }

  /** Sends one request, or several if something on the way refuses large ones. */
  write(run: PageRun, signal: AbortSignal): Promise<void> {
    return this.#sizedWrites.write(run, signal);
  }

  clear(range: ByteRange, signal: AbortSignal): Promise<void> {
    const what = `Clear Pages ${range.offset}+${range.length}`;
    return this.request(what, signal, (attempt) => this.#holder.attempt(() => this.#store.clear(range, attempt)));
  }

  /**
   * Fills `into`, which is as long as `range`, at most 4 MiB.
   * @returns whether the service sent a checksum of the range to compare with.
   * @throws {DestinationError} the target does not exist, or was modified.
   */
  async read(
    range: ByteRange,
    into: Uint8Array,
    { etag, checksum, checksumOf }: CheckedReadOptions,
    signal: AbortSignal,
  ): Promise<boolean> {
    const what = `Get Blob ${range.offset}+${range.length}`;
    const read = async (attempt: AbortSignal) => {
      const sent = await this.#store.read(range, into, { etag, checksum }, attempt);
      if (sent === undefined) return false;
      assertArrived(what, sent, await checksumOf(into));
      return true;
    };
    return await this.limit(() => this.#paced(what, range.length, signal, read));
  }

  /** Whether the target has failed to list its pages. Then any page may hold data, and only reading it shows what. */
  get isListUnknown(): boolean {
    return this.#isListUnknown;
  }

  /** Undefined if the target does not list its pages, and `onNoPageList` allows that. */
  async pageRanges(marker: string | undefined, signal: AbortSignal): Promise<PageRangeList | undefined> {
    if (this.#isListUnknown) return undefined;
    let failures = 0;
    try {
      return await this.request('Get Page Ranges', signal, async (attempt) => {
        try {
          return await this.#store.pageRanges(marker, attempt);
        } catch (error) {
          if (error instanceof ServiceError && LIST_FAILURES.includes(error.failure.status)) failures += 1;
          if (this.#onNoPageList === undefined || failures < MAX_LIST_FAILURES) throw error;
          throw new NoPageList();
        }
      });
    } catch (error) {
      const isRefused = error instanceof CredentialError && !error.isExpired;
      if (this.#onNoPageList === undefined || !(isRefused || error instanceof NoPageList)) throw error;
      if (!this.#isListUnknown) this.#onNoPageList();
      this.#isListUnknown = true;
      return undefined;
    }
  }

  #writeAtOnce(run: PageRun, signal: AbortSignal): Promise<void> {
    const { offset, length } = run.range;
    return this.#paced(`Put Page ${offset}+${length}`, length, signal, (attempt) =>
      this.#holder.attempt(() => this.#store.write(run, attempt)),
    );
  }

  /** Makes a request that moves `bytes` of pages, under congestion control. */
  #paced<T>(what: string, bytes: number, signal: AbortSignal, move: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const congestion = this.#congestion;
    return this.#retrier.run(
      what,
      signal,
      (attempt) => congestion.attempt(bytes, () => move(attempt)),
      (turn) => congestion.admit(bytes, turn),
    );
  }

  /** Created at the first use, so that it reports its first number when pages start to move. */
  get #congestion(): CongestionControl {
    this.#congestionInUse ??= this.#newCongestion();
    return this.#congestionInUse;
  }
}

/** Ends the retries of a listing. */
class NoPageList extends Error {}

function assertArrived(what: string, sent: Checksum, received: Checksum | undefined): void {
  if (received === undefined || Buffer.compare(sent.value, received.value) === 0) return;
  throw new ServiceError(
    `${what} failed: the service sent bytes with the ${sent.algorithm} ${hex(sent)}, but the bytes received have ${hex(received)}.`,
    { reason: 'ChecksumMismatch', transient: true, checksumMismatch: true },
  );
}

function hex({ value }: Checksum): string {
  return Buffer.from(value).toString('hex');
}
