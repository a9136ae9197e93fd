// BlobLease: the lease under which one run holds the blob, so that no other program or run can write to it.

import { areLeasesUnavailable, isAbsent, isHeldByOther, isLost, isReplaced, isTaken } from '../azure/lease-errors.ts';
import { LinkedAbort } from '../base/linked-abort.ts';
import { CredentialError, DestinationError, InUseError, ServiceError } from '../errors.ts';
import type { EventListener } from '../events.ts';
import { isComplete, OWNER, UPLOAD_ID } from '../state/blob-metadata.ts';
import { decodeOwner, describeOwner, hasExited, type Owner } from '../state/lease-holder.ts';
import type { BlobProperties, PageBlob } from '../target/page-blob.ts';
import type { RetryingPageStore } from './retrying-page-store.ts';

/** A lease lasts 60 seconds, so two renewals in a row may get lost. */
const RENEW_INTERVAL_MS = 20_000;
/** The end of a run waits this long at most, in milliseconds. */
const RELEASE_TIMEOUT_MS = 5000;
const RELEASE_TRIES = 3;

export interface BlobLeaseOptions {
  readonly blob: PageBlob;
  /** The same blob, with retries. */
  readonly store: RetryingPageStore<BlobProperties>;
  /** This run. Its id is the lease id. */
  readonly owner: Owner;
  readonly emit: EventListener;
  readonly signal: AbortSignal;
  /** Called if a renewal between two writes shows that this run has lost the blob. */
  readonly onLost: (error: Error) => void;
}

export class BlobLease {
  readonly #options: BlobLeaseOptions;
  readonly #stop: LinkedAbort;
  #isHeld = false;
  #isRefused = false;
  #uploadId: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #regaining: Promise<void> | undefined;

  constructor(options: BlobLeaseOptions) {
    this.#options = options;
    this.#stop = new LinkedAbort(options.signal);
  }

  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Whether the service has refused a lease on this blob. */
  get isRefused(): boolean {
    return this.#isRefused;
  }

  /**
   * Renews one of the leases `ids` and changes its id to this run's. The service renews an expired lease only if nobody has written
   * to or leased the blob since. If the previous run is alive after all, its writes fail from then on. Source: REST, Lease Blob.
   * @returns the previous lease id; undefined if none of the leases can be renewed.
   */
  async takeOver(ids: readonly string[]): Promise<string | undefined> {
    for (const id of ids) {
      if (await this.#change(id)) return id;
    }
    return undefined;
  }

  /**
   * Acquires the lease. If the service refuses leases, warns and continues without one.
   * @param uploadId - The upload that the blob belongs to while this lease is held.
   * @returns the ETag of the blob at that moment, undefined without a lease; and whether a lease of something else was broken for it.
   * @throws {InUseError} something else holds a lease, and `breakForeign` is false.
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
          `The service refuses a lease on ${this.#url} (${error.message}). The upload continues without one. Make sure that nothing else writes to the blob meanwhile.`,
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
   * Makes one attempt of a write. If the lease has expired, because the connection was down or the machine asleep, renews it and
   * fails the attempt as transient, so that it is repeated.
   * @throws {InUseError} this run has lost the blob, or something else holds a lease on it. @throws {ServiceError} transient: the lease is renewed.
   */
  async attempt<T>(operation: () => Promise<T>): Promise<T> {
    try {
      return await operation();
    } catch (error) {
      // A credential may be allowed to write, but not to acquire leases.
      if (isHeldByOther(error)) throw inUse(this.#url, await this.#holder());
      if (!this.#isHeld || !isLost(error)) throw error;
      await this.#regain();
      const { message, reason = '' } = error;
      throw new ServiceError(message, { status: 412, reason, transient: true });
    }
  }

  /**
   * Releases the lease. The service refuses requests of this run that are still in flight. Does not fail: a lease that is not
   * released expires.
   * @returns the ETag of the blob at that moment; undefined unless it is certain that nothing else has written to the blob.
   */
  async release(): Promise<string | undefined> {
    clearInterval(this.#timer);
    this.#stop.abort(new Error('The run has ended.'));
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

  /** Releases the leases `ids` of runs that were killed. Does not fail, because they expire. */
  async releaseAbandoned(ids: readonly string[]): Promise<void> {
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(RELEASE_TIMEOUT_MS)]);
    for (const id of ids) {
      await this.#options.blob.leases.release(id, signal).catch(() => undefined);
    }
  }

  /** @param holder - Who holds the lease on the blob, if that is known. @throws {InUseError} it may not be broken. */
  async endAny(holder: Owner | undefined, mayBreak: boolean): Promise<void> {
    const { blob, store } = this.#options;
    if ((await store.properties(this.#stop.signal))?.isLeased !== true) return;
    if (!mayBreak) throw inUse(this.#url, holder);
    await store.request('Break Lease', this.#stop.signal, (attempt) => blob.leases.break(attempt));
    this.warnOfBroken(holder);
  }

  /** @param holder - Whose lease was broken. Undefined if it is not a run of vhdup. */
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
        // An expired lease can be released even if something else has written to the blob since. Only a renewal excludes that.
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
        // An earlier attempt whose answer was lost may have released the lease, and others may have written since.
        if (error instanceof DestinationError) break;
      }
    }
    return undefined;
  }

  #acquire(): Promise<string | undefined> {
    const { blob, store, owner } = this.#options;
    return store.request('Acquire Lease', this.#stop.signal, (attempt) => blob.leases.acquire(owner.id, attempt));
  }

  /** @returns false if the lease cannot be renewed, or the service refuses leases. */
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
        // The lease has expired again: after the change, whose answer was lost, or before it.
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
    if (!isAllowed) throw inUse(this.#url, holder);
    await store.request('Break Lease', this.#stop.signal, (attempt) => blob.leases.break(attempt));
    this.warnOfBroken(holder);
    try {
      return await this.#acquire();
    } catch (error) {
      throw isTaken(error) ? inUse(this.#url, await this.#holder()) : error;
    }
  }

  /** Undefined if it is not a run of vhdup. */
  async #holder(): Promise<Owner | undefined> {
    const properties = await this.#options.store.properties(this.#stop.signal).catch((error: unknown) => {
      // A SAS without the permission to read cannot show who it is.
      if (error instanceof CredentialError && !error.isExpired) return undefined;
      throw error;
    });
    return decodeOwner(properties?.metadata[OWNER]);
  }

  /** A renewal that fails on the way changes nothing: the next renewal or write shows whether the lease is lost. */
  #keep(): void {
    this.#regain().catch((error: unknown) => {
      if (error instanceof InUseError || error instanceof DestinationError) this.#options.onLost(error);
    });
  }

  /** One renewal at a time serves all writes. */
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
    const found = await this.#options.blob.properties(this.#stop.signal);
    this.#isHeld = false;
    if (found === undefined || found.metadata[UPLOAD_ID] !== this.#uploadId) return replacedMeanwhile(this.#url, found);
    const owner = decodeOwner(found.metadata[OWNER]);
    const what =
      owner?.id === this.#options.owner.id
        ? 'Something broke its lease on the blob, or used the blob after the lease had expired. Run the same command again when nothing else uses the blob: the data already sent is then read back'
        : owner === undefined && isComplete(found.metadata)
          ? 'Another run of this upload completed the blob'
          : `The blob was taken over by ${owner === undefined ? 'another program' : describeOwner(owner)}`;
    return new InUseError(`This run stopped uploading to ${this.#url}. ${what}.`);
  }
}

/** @param found - The blob that is there instead. */
export function replacedMeanwhile(url: string, found: BlobProperties | undefined): DestinationError {
  return new DestinationError(
    `${url} was ${found === undefined ? 'deleted' : 'replaced'} while the upload was running. Give --restart to upload from the beginning, with --overwrite if the existing blob may be replaced.`,
  );
}

/** @param holder - Undefined if it is not a run of vhdup. */
export function inUse(url: string, holder: Owner | undefined): InUseError {
  return new InUseError(
    holder === undefined
      ? `${url} is in use: another program holds a lease on it, as a virtual machine does on its disks. If you are sure that nothing needs the blob, give --break-lease.`
      : hasExited(holder)
        ? `${url} is in use: the lease of an upload that was killed (${describeOwner(holder)}) has not expired yet. Retry in a minute, or give --break-lease to take the blob at once.`
        : `${url} is in use: ${describeOwner(holder)}, is uploading to it. If that process has exited, retry in a minute, or give --break-lease to take the blob from it.`,
  );
}
