// BlobLease: holds the blob for one run. No other program can write to it, and of two runs of one upload only one does.

import { areLeasesUnavailable, isAbsent, isLost, isReplaced, isTaken } from '../azure/lease-errors.ts';
import { ChildAbort } from '../base/linked-abort.ts';
import { DestinationError, InUseError, ServiceError } from '../errors.ts';
import type { EventListener } from '../events.ts';
import { isComplete, OWNER, UPLOAD_ID } from '../state/blob-metadata.ts';
import { decodeOwner, describeOwner, hasExited, type Owner } from '../state/lease-holder.ts';
import type { BlobProperties, PageBlob } from '../target/page-blob.ts';
import type { RetryingPageStore } from './retrying-page-store.ts';

/** Two renewals may get lost. */
const RENEW_INTERVAL_MS = 20_000;
/** What the end of a run waits for at most, in milliseconds. */
const RELEASE_TIMEOUT_MS = 5000;
const RELEASE_TRIES = 3;

export interface BlobLeaseOptions {
  readonly blob: PageBlob;
  /** The same blob, with retries. */
  readonly store: RetryingPageStore<BlobProperties>;
  /** This run. Its id is that of the lease. */
  readonly owner: Owner;
  readonly emit: EventListener;
  readonly signal: AbortSignal;
  /** Called when the blob is somebody else's now, between two writes. */
  readonly onLost: (error: Error) => void;
}

export class BlobLease {
  readonly #options: BlobLeaseOptions;
  readonly #stop: ChildAbort;
  #isHeld = false;
  #isRefused = false;
  #uploadId: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #regaining: Promise<void> | undefined;

  constructor(options: BlobLeaseOptions) {
    this.#options = options;
    this.#stop = new ChildAbort(options.signal);
  }

  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Whether the service gives no leases here. */
  get isRefused(): boolean {
    return this.#isRefused;
  }

  /**
   * Makes one of the leases `ids` this run's own. The service renews one that has expired, but not once the blob was written to or
   * leased again. Should the run that had it live after all, its writes are refused from then on. Source: REST, Lease Blob.
   * @returns the id that it had; undefined where none of them is in force any more.
   */
  async takeOver(ids: readonly string[]): Promise<string | undefined> {
    for (const id of ids) {
      if (await this.#change(id)) return id;
    }
    return undefined;
  }

  /**
   * Takes the lease. Where the service gives none, says so, and the run works without.
   * @param uploadId - The upload that the blob belongs to, or will belong to, as long as the lease is held.
   * @returns the blob's ETag at that moment: nobody else changes it from then on. And whether somebody else held the blob until now.
   * @throws {InUseError} somebody else holds it, and `breakForeign` is false.
   */
  async acquire(uploadId: string, breakForeign: boolean): Promise<{ etag: string | undefined; wasBroken: boolean }> {
    let etag: string | undefined;
    let wasBroken = false;
    try {
      etag = await this.#acquire();
    } catch (error) {
      if (isTaken(error)) {
        etag = await this.#breakForeign(breakForeign);
        wasBroken = true;
      } else if (areLeasesUnavailable(error)) {
        this.#isRefused = true;
        this.#warn(
          'no-lease',
          `The service gives no lease for ${this.#url} (${error.message}). The upload works without: nothing else may write to the blob meanwhile.`,
        );
        return { etag: undefined, wasBroken };
      } else {
        throw error;
      }
    }
    this.#uploadId = uploadId;
    this.#isHeld = true;
    this.#options.blob.leases.use(this.#options.owner.id);
    this.#timer ??= setInterval(() => this.#keep(), RENEW_INTERVAL_MS).unref();
    return { etag, wasBroken };
  }

  /**
   * Makes one attempt of a write. When the lease has expired, because the connection was down or the machine asleep, it is
   * renewed, and the attempt fails so that it is made again.
   * @throws {InUseError} somebody else has the blob. @throws {ServiceError} transient: the lease is in force again.
   */
  async attempt<T>(operation: () => Promise<T>): Promise<T> {
    try {
      return await operation();
    } catch (error) {
      if (!this.#isHeld || !isLost(error)) throw error;
      await this.#regain();
      const { message, reason = '' } = error;
      throw new ServiceError(message, { status: 412, reason, transient: true });
    }
  }

  /**
   * Gives the blob back. The service refuses requests of this run that are still on their way. Does not fail: a lease that is not
   * released expires.
   * @returns the blob's ETag at that moment, where that is certain.
   */
  async release(): Promise<string | undefined> {
    clearInterval(this.#timer);
    this.#stop.abort(new Error('The run is over.'));
    this.#stop.unlink();
    await this.#regaining?.catch(() => undefined);
    if (!this.#isHeld) return undefined;
    this.#isHeld = false;
    try {
      return await this.#release(AbortSignal.timeout(RELEASE_TIMEOUT_MS));
    } finally {
      this.#options.blob.leases.use(undefined);
    }
  }

  /** @param holder - Undefined where it is no run of vhdup. */
  inUse(holder: Owner | undefined): InUseError {
    return new InUseError(
      holder === undefined
        ? `${this.#url} is in use: another program holds a lease on it, as a virtual machine does with its disks. When you are sure that nothing needs it, give --break-lease.`
        : hasExited(holder)
          ? `${this.#url} is in use: the lease of an upload that was killed (${describeOwner(holder)}) has not expired yet. Retry in a minute, or give --break-lease to take the blob at once.`
          : `${this.#url} is in use: ${describeOwner(holder)}, is uploading to it. If that process has exited, retry in a minute, or give --break-lease to take the blob from it.`,
    );
  }

  /** @param holder - Who lost the blob. Undefined where it is no run of vhdup. */
  warnOfBroken(holder: Owner | undefined): void {
    const who = holder === undefined ? 'another program' : `${describeOwner(holder)},`;
    this.#warn('lease-broken', `Broke the lease on ${this.#url}, which ${who} held.`);
  }

  get #url(): string {
    return this.#options.store.url;
  }

  #warn(code: string, message: string): void {
    this.#options.emit({ type: 'warning', code, message });
  }

  async #release(signal: AbortSignal): Promise<string | undefined> {
    const { leases } = this.#options.blob;
    const { id } = this.#options.owner;
    for (let attempt = 1; attempt <= RELEASE_TRIES; attempt++) {
      try {
        // One that has expired can be released as well, whoever wrote to the blob since: only a renewal shows that nobody did.
        const isProved = await leases.renew(id, signal).then(
          () => true,
          (error: unknown) => {
            if (error instanceof DestinationError) throw error;
            return false;
          },
        );
        const etag = await leases.release(id, signal);
        return isProved ? etag : undefined;
      } catch (error) {
        // An attempt whose answer was lost may have ended it, and others may have written to the blob since.
        if (error instanceof DestinationError) break;
      }
    }
    return undefined;
  }

  #acquire(): Promise<string | undefined> {
    const { blob, store, owner } = this.#options;
    return store.request('Acquire Lease', this.#stop.signal, (attempt) => blob.leases.acquire(owner.id, attempt));
  }

  /** @returns false where it is not in force any more, or the service has no leases. */
  async #change(id: string): Promise<boolean> {
    const { blob, store, owner } = this.#options;
    const { signal } = this.#stop;
    const renew = (which: string) =>
      store.request('Renew Lease', signal, (attempt) => blob.leases.renew(which, attempt));
    const change = () => store.request('Change Lease', signal, (attempt) => blob.leases.change(id, owner.id, attempt));
    try {
      await renew(id);
      await change().catch(async (error: unknown) => {
        if (!isAbsent(error)) throw error;
        // It expired once more: after it was changed, but the answer was lost, or before.
        await renew(owner.id).catch(async (failure: unknown) => {
          if (!(failure instanceof DestinationError)) throw failure;
          await renew(id);
          await change();
        });
      });
      return true;
    } catch (error) {
      if (!areLeasesUnavailable(error)) throw error;
      return false;
    }
  }

  async #breakForeign(isAllowed: boolean): Promise<string | undefined> {
    const { blob, store } = this.#options;
    const holder = await this.#holder();
    if (!isAllowed) throw this.inUse(holder);
    await store.request('Break Lease', this.#stop.signal, (attempt) => blob.leases.break(attempt));
    this.warnOfBroken(holder);
    try {
      return await this.#acquire();
    } catch (error) {
      throw isTaken(error) ? this.inUse(await this.#holder()) : error;
    }
  }

  /** Undefined where it is no run of vhdup. */
  async #holder(): Promise<Owner | undefined> {
    const there = await this.#options.store.properties(this.#stop.signal);
    return decodeOwner(there?.metadata[OWNER]);
  }

  /** A renewal that does not arrive ends nothing: the next one, or a write, will show. */
  #keep(): void {
    this.#regain().catch((error: unknown) => {
      if (error instanceof InUseError || error instanceof DestinationError) this.#options.onLost(error);
    });
  }

  /** One at a time, for however many writes. */
  #regain(): Promise<void> {
    this.#regaining ??= this.#renew().finally(() => {
      this.#regaining = undefined;
    });
    return this.#regaining;
  }

  async #renew(): Promise<void> {
    const { blob, owner } = this.#options;
    try {
      await blob.leases.renew(owner.id, this.#stop.signal);
    } catch (error) {
      if (!isAbsent(error) && !isReplaced(error)) throw error;
      throw await this.#lost();
    }
  }

  /** Why the lease cannot be renewed. */
  async #lost(): Promise<Error> {
    const there = await this.#options.blob.properties(this.#stop.signal);
    this.#isHeld = false;
    if (there === undefined || there.metadata[UPLOAD_ID] !== this.#uploadId) {
      return new DestinationError(
        `${this.#url} was ${there === undefined ? 'deleted' : 'replaced'} while the upload was running. Give --restart to upload from the beginning, with --overwrite if the existing blob may be replaced.`,
      );
    }
    const owner = decodeOwner(there.metadata[OWNER]);
    const what =
      owner?.id === this.#options.owner.id
        ? 'Somebody broke the lease of this upload on it, or held or wrote to it when the lease had expired. Run the same command again when nothing else uses the blob: what was sent is read back then'
        : owner === undefined && isComplete(there.metadata)
          ? 'It was completed by another run of this upload'
          : `It was taken over by ${owner === undefined ? 'another program' : describeOwner(owner)}`;
    return new InUseError(`This run stopped uploading to ${this.#url}. ${what}.`);
  }
}
