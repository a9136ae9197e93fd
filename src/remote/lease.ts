// Holds the blob for one run: no other program can write to it, and of two runs of one upload only one goes on.

import { isAbsent, isLost, isRefusal, isReplaced, isTaken, knowsLeases } from '../azure/lease-errors.ts';
import { ChildAbort } from '../base/linked-abort.ts';
import { DestinationError, InUseError, ServiceError } from '../errors.ts';
import type { EventListener } from '../events.ts';
import { isComplete, OWNER, UPLOAD_ID } from '../state/blob-metadata.ts';
import type { CheckpointLease } from '../state/checkpoint.ts';
import { decodeOwner, describeOwner, isGone, type Owner } from '../state/lease-holder.ts';
import type { PageBlobTarget } from '../target/page-blob.ts';
import type { Retrier } from '../transfer/retry.ts';

/** Two renewals may get lost. */
const RENEW_INTERVAL_MS = 20_000;
/** What the end of a run waits for at most, in milliseconds. */
const RELEASE_TIMEOUT_MS = 5000;
const RELEASE_TRIES = 3;

export interface BlobLeaseOptions {
  readonly blob: PageBlobTarget;
  readonly owner: Owner;
  readonly retrier: Retrier;
  readonly emit: EventListener;
  readonly signal: AbortSignal;
  /** Called when the blob is somebody else's now, between two writes. */
  readonly onLost: (error: Error) => void;
}

export class BlobLease {
  readonly owner: Owner;
  readonly #options: BlobLeaseOptions;
  readonly #stop: ChildAbort;
  /** Of the run before: whoever knows the id of its lease can take it over. */
  #inheritedIds: readonly string[] = [];
  /** The run before, where it holds the blob now and may live. */
  #rival: Owner | undefined;
  #isHeld = false;
  /** Whether one of the ids may be in force, also when nobody answers for this run any more. */
  #mayBeInForce = false;
  #isContinued: boolean | undefined;
  #isExposed = false;
  #etag: string | undefined;
  #uploadId: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #regaining: Promise<void> | undefined;

  constructor(options: BlobLeaseOptions) {
    this.owner = options.owner;
    this.#options = options;
    this.#stop = new ChildAbort(options.signal);
  }

  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Whether somebody ended the lease, or wrote to the blob when it had run out: what was sent may have been written over. */
  get isExposed(): boolean {
    return this.#isExposed;
  }

  /** The blob's ETag when the lease was taken: nobody else can change it from then on. Undefined where there is none. */
  get etag(): string | undefined {
    return this.#etag;
  }

  /**
   * Whether it goes on from the lease of the run before: nothing else has written to the blob since that one took it. The
   * service renews a lease that has run out, but not once the blob was written to or was somebody else's. Source: REST, Lease Blob.
   * Undefined where it was not asked, or gives no leases.
   */
  get isContinued(): boolean | undefined {
    return this.#isContinued;
  }

  /** For the checkpoint, which has to be saved before the lease is taken, and once more when it was left. */
  get claim(): CheckpointLease {
    const ids = [this.owner.id, ...this.#inheritedIds];
    return { owner: this.owner, ids, ...(this.#mayBeInForce ? { held: true } : {}) };
  }

  /**
   * What a run that is over left is ours to take, and what has run out. That of a run that may live, here or elsewhere, is not.
   * @param isLeased - Whether somebody holds the blob now.
   */
  inherit(claim: CheckpointLease | undefined, isLeased: boolean): void {
    if (claim === undefined) return;
    this.#inheritedIds = claim.ids;
    this.#mayBeInForce = claim.held === true;
    this.#rival = isLeased && !isGone(claim.owner) ? claim.owner : undefined;
  }

  /**
   * Before the checkpoint names this run: later ones would take it for the last that held the blob.
   * @throws {InUseError} the run before holds it, and may live.
   */
  async assertFree(breakForeign: boolean): Promise<void> {
    if (this.#rival !== undefined && !breakForeign) throw this.inUse(await this.#holder());
  }

  /**
   * Makes the lease of the run before this run's own, where that can be done.
   * Call `assertFree` first.
   */
  async takeOver(): Promise<void> {
    for (const id of this.#inheritedIds) {
      this.#isContinued = (await this.#change(id)) ?? this.#isContinued;
      if (this.#isContinued === true) break;
    }
    if (this.#isContinued === true && this.#rival !== undefined) this.#tellOfBroken(this.#rival);
  }

  /**
   * Takes the lease, or says that the service gives none and goes on without.
   * @param uploadId - The upload that the blob will belong to, as long as the lease is held.
   * @returns whether somebody else held it until now, who may have written to the blob in the last moment.
   * @throws {InUseError} somebody else holds it.
   */
  async take(uploadId: string, breakForeign: boolean): Promise<boolean> {
    this.#uploadId = uploadId;
    let isBroken = false;
    try {
      this.#etag = await this.#acquire();
    } catch (error) {
      if (isTaken(error)) {
        this.#etag = await this.#breakForeign(breakForeign);
        isBroken = true;
      } else if (isRefusal(error)) {
        this.#inheritedIds = [];
        this.#mayBeInForce = false;
        this.#options.emit({
          type: 'warning',
          code: 'no-lease',
          message: `The service gives no lease for ${this.#url} (${(error as Error).message}). Going on without: nothing else may write to it meanwhile.`,
        });
        return false;
      } else {
        throw error;
      }
    }
    this.#inheritedIds = [];
    this.#isHeld = true;
    this.#mayBeInForce = true;
    this.#options.blob.leases.use(this.owner.id);
    this.#timer ??= setInterval(() => this.#keep(), RENEW_INTERVAL_MS).unref();
    return isBroken;
  }

  /**
   * Makes one attempt of a write. When the lease has run out, on a line that was down or a machine that was asleep, it is
   * renewed, and the attempt fails so that it is made again.
   * @throws {InUseError} somebody else went on with the upload.
   * @throws {ServiceError} transient: the lease is there again.
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

  /** From now on the checkpoint counts on it no more: to be saved before the lease is left, as the run may be killed between the two. */
  letGo(): void {
    if (this.#isHeld) this.#mayBeInForce = false;
  }

  /**
   * Gives the blob back. Requests of this run that still are on their way are refused by the service from then on.
   * @returns the blob's ETag at that moment, where that is certain. Does not fail: a lease that is left ends by itself.
   */
  async leave(): Promise<string | undefined> {
    this.#stopRenewing();
    await this.#regaining?.catch(() => undefined);
    if (!this.#isHeld) return undefined;
    this.#isHeld = false;
    try {
      return await this.#release(AbortSignal.timeout(RELEASE_TIMEOUT_MS));
    } finally {
      this.#options.blob.leases.use(undefined);
    }
  }

  /** Keeps it in force until it runs out, for the next run to go on from, where it is still held. */
  abandon(): void {
    this.#stopRenewing();
    this.#isHeld = false;
  }

  get #url(): string {
    return this.#options.blob.address.url;
  }

  #stopRenewing(): void {
    clearInterval(this.#timer);
    this.#stop.abort(new Error('The run is over.'));
    this.#stop.unlink();
  }

  async #release(signal: AbortSignal): Promise<string | undefined> {
    for (let attempt = 1; attempt <= RELEASE_TRIES; attempt++) {
      try {
        return await this.#options.blob.leases.release(this.owner.id, signal);
      } catch (error) {
        // A try whose answer was lost may have ended it, and others may have written to the blob since.
        if (error instanceof DestinationError) break;
      }
    }
    return undefined;
  }

  #acquire(): Promise<string | undefined> {
    const { blob, retrier } = this.#options;
    return retrier.run('Acquire Lease', this.#stop.signal, (attempt) => blob.leases.acquire(this.owner.id, attempt));
  }

  /** Should the process live after all, its writes are refused from now on. @returns undefined where there are no leases. */
  async #change(id: string): Promise<boolean | undefined> {
    const { blob, retrier } = this.#options;
    const { signal } = this.#stop;
    const renew = (which: string) => retrier.run('Renew Lease', signal, (attempt) => blob.leases.renew(which, attempt));
    const change = () =>
      retrier.run('Change Lease', signal, (attempt) => blob.leases.change(id, this.owner.id, attempt));
    try {
      await renew(id);
      await change().catch(async (error: unknown) => {
        if (!isAbsent(error)) throw error;
        // It ran out again, on a line that was down: after it was changed, but the answer was lost, or before.
        await renew(this.owner.id).catch(async (failure: unknown) => {
          if (!(failure instanceof DestinationError)) throw failure;
          await renew(id);
          await change();
        });
      });
      return true;
    } catch (error) {
      // Somebody else has written to the blob or held it, or the service has no leases: the acquisition tells.
      if (!isRefusal(error)) throw error;
      return knowsLeases(error) ? false : undefined;
    }
  }

  async #breakForeign(isAllowed: boolean): Promise<string | undefined> {
    const { blob, retrier } = this.#options;
    const holder = await this.#holder();
    if (!isAllowed) throw this.inUse(holder);
    await retrier.run('Break Lease', this.#stop.signal, (attempt) => blob.leases.break(attempt));
    this.#tellOfBroken(holder);
    try {
      return await this.#acquire();
    } catch (error) {
      throw isTaken(error) ? this.inUse(await this.#holder()) : error;
    }
  }

  #tellOfBroken(holder: Owner | undefined): void {
    const who = holder === undefined ? 'another program' : `${describeOwner(holder)},`;
    const message = `Broke the lease on ${this.#url}, which ${who} held.`;
    this.#options.emit({ type: 'warning', code: 'lease-broken', message });
  }

  /** Undefined where it is no run of ours. */
  async #holder(): Promise<Owner | undefined> {
    const { blob, retrier } = this.#options;
    const there = await retrier.run('Get Blob Properties', this.#stop.signal, (attempt) => blob.properties(attempt));
    return decodeOwner(there?.metadata[OWNER]);
  }

  /** @param holder - Undefined where it is no run of ours. */
  inUse(holder: Owner | undefined): InUseError {
    return new InUseError(
      holder === undefined
        ? `${this.#url} is in use: another program holds a lease on it, as a virtual machine does with its disks. When you are sure that nothing needs it, give --break-lease.`
        : isGone(holder)
          ? `${this.#url} is in use: the lease of an upload that was killed (${describeOwner(holder)}) has not run out yet. Try again in a minute, or give --break-lease to take the blob at once.`
          : `${this.#url} is in use: ${describeOwner(holder)}, is uploading to it. Should that process be gone, try again in a minute, or give --break-lease to take the blob from it.`,
    );
  }

  /** A renewal that does not come through ends nothing: the next one, or a write, will see. */
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
    try {
      await this.#options.blob.leases.renew(this.owner.id, this.#stop.signal);
    } catch (error) {
      if (!isAbsent(error) && !isReplaced(error)) throw error;
      await this.#assertStillOurs();
      this.#isHeld = false;
      this.#isExposed = true;
      throw new InUseError(
        `Somebody broke the lease of this upload on ${this.#url}, or held or wrote to it when the lease had run out. This run has stopped. When nothing else uses the blob any more, give --restart to upload from the beginning, or --verify full to go on and have everything read back at the end.`,
      );
    }
  }

  async #assertStillOurs(): Promise<void> {
    const there = await this.#options.blob.properties(this.#stop.signal);
    if (there === undefined || there.metadata[UPLOAD_ID] !== this.#uploadId) {
      this.#isHeld = false;
      throw new DestinationError(
        `${this.#url} was ${there === undefined ? 'deleted' : 'replaced'} while the upload was running. Give --restart to upload from the beginning, with --overwrite if what is there now may go.`,
      );
    }
    const owner = decodeOwner(there.metadata[OWNER]);
    if (owner?.id === this.owner.id) return;
    this.#isHeld = false;
    throw new InUseError(
      owner === undefined && isComplete(there.metadata)
        ? `${this.#url} was completed by another run of this upload. This run has stopped.`
        : `${this.#url} was taken over by ${owner === undefined ? 'another program' : describeOwner(owner)}. This run has stopped.`,
    );
  }
}
