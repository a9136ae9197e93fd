// BlobLifecycle: creates a page blob, holds it under a lease, and records in its metadata which upload it belongs to and its state.

import { PAGE_SIZE } from '../base/byte-range.ts';
import { CredentialError, DestinationError } from '../errors.ts';
import type { EventListener } from '../events.ts';
import { inState, isComplete, OWNER, sequenceNumberOf, UPLOAD_ID } from '../state/blob-metadata.ts';
import type { CheckpointLease } from '../state/checkpoint.ts';
import { decodeOwner, hasExited, type Owner } from '../state/lease-holder.ts';
import type { Capabilities, RemoteLifecycle } from '../target/lifecycle.ts';
import type {
  BlobProperties,
  CopyBlobOptions,
  CreateBlobOptions,
  PageBlob,
  PublicAccess,
} from '../target/page-blob.ts';
import { ServerCopy } from './blob-copy.ts';
import { createContainer } from './container.ts';
import { BlobLease, type BlobLeaseOptions, inUse, replacedMeanwhile } from './lease.ts';
import type { RetryingPageStore } from './retrying-page-store.ts';

/** The end of a run waits this long at most to mark the blob as failed, in milliseconds. */
const MARK_TIMEOUT_MS = 5000;

type Metadata = Readonly<Record<string, string>>;

/** How this run came to hold the blob. */
export interface Hold {
  /** The lease of an earlier run that was renewed; undefined if none could be. */
  readonly takenOver: string | undefined;
  /** The ETag of the blob when the lease was acquired: nothing else changes it from then on. Undefined without a lease. */
  readonly etag: string | undefined;
  /** Whether a lease of something else was broken, which may have written to the blob until then. */
  readonly wasBroken: boolean;
}

export type NewBlob = Omit<CreateBlobOptions, 'sequenceNumber'> & { readonly uploadId: string };

export interface BlobLifecycleOptions extends BlobLeaseOptions {
  /** Whether the credential may read. @default true */
  readonly canRead?: boolean;
}

export class BlobLifecycle implements RemoteLifecycle {
  readonly #blob: PageBlob;
  readonly #store: RetryingPageStore<BlobProperties>;
  readonly #owner: Owner;
  readonly #canRead: boolean;
  readonly #emit: EventListener;
  readonly #lease: BlobLease;
  /** Creates the blob as a copy of another one, without a lease: the service copies to no blob that has one. */
  readonly copy: ServerCopy;
  /** The metadata that this run gave the blob; undefined before that. */
  #metadata: Metadata | undefined;
  /** Whether an attempt to create the blob has failed in a way that does not show whether the service created it. */
  #mayHaveCreated = false;
  /** Why this run may not create the container. */
  #containerRefusal: CredentialError | undefined;

  constructor(options: BlobLifecycleOptions) {
    this.#blob = options.blob;
    this.#store = options.store;
    this.#owner = options.owner;
    this.#canRead = options.canRead ?? true;
    this.#emit = options.emit;
    this.#lease = new BlobLease(options);
    this.#store.holdBy(this.#lease);
    this.copy = new ServerCopy(options.blob, options.store);
  }

  get capabilities(): Capabilities {
    const lease = !this.#lease.isRefused;
    const always = {
      metadata: true,
      exclusive: false,
      checksums: true,
      conditions: true,
      clear: true,
      startsAsZeros: true,
    };
    return { ...always, lease, read: this.#canRead };
  }

  /** Whether this run holds a lease on the blob, so that nothing else can write to it. */
  get isHeld(): boolean {
    return this.#lease.isHeld;
  }

  /** Whether the blob may belong to this run although `create` has failed: an attempt before the refusal may have created it. */
  get mayHaveCreated(): boolean {
    return this.#mayHaveCreated;
  }

  /** The blob itself remembers everything. */
  get remembered(): object {
    return {};
  }

  properties(signal: AbortSignal): Promise<BlobProperties | undefined> {
    return this.#store.properties(signal);
  }

  /**
   * Sends nothing. Call it before the checkpoint or the blob names this run.
   * @throws {InUseError} a run that may be alive holds the blob.
   */
  assertFree(known: CheckpointLease | undefined, existing: BlobProperties | undefined, breakForeign: boolean): void {
    const living = breakForeign ? undefined : this.#livingHolder(known, existing);
    if (living !== undefined) throw inUse(this.#store.url, living);
  }

  /**
   * Acquires the lease on the blob, if the service supports leases. Call `assertFree` first.
   * @param known - The leases of earlier runs. @param existing - The blob before this run; undefined if this run created it.
   * @throws {InUseError} something else holds a lease on it.
   */
  async hold(
    known: CheckpointLease | undefined,
    existing: BlobProperties | undefined,
    uploadId: string,
    breakForeign: boolean,
  ): Promise<Hold> {
    const owner = decodeOwner(existing?.metadata[OWNER]);
    // If the checkpoint is lost, the blob still names the lease id of its last run.
    const ofBlob = existing?.isLeased === true && owner !== undefined ? [owner.id] : [];
    const takenOver = await this.#lease.takeOver([...new Set([...(known?.ids ?? []), ...ofBlob])]);
    const living = this.#livingHolder(known, existing);
    if (takenOver !== undefined && living !== undefined) this.#lease.warnOfBroken(living);
    return { takenOver, ...(await this.#lease.acquire(uploadId, breakForeign)) };
  }

  /** Tolerates a credential that may not create containers, because the container may exist. */
  async createContainer(access: PublicAccess | undefined, signal: AbortSignal): Promise<void> {
    const request = { blob: this.#blob, store: this.#store, emit: this.#emit };
    this.#containerRefusal = await createContainer(request, access, signal);
  }

  /** Call it while this run holds the blob that it is going to replace. */
  async deleteSnapshots(signal: AbortSignal): Promise<void> {
    await this.#store.request('Delete Snapshots', signal, (attempt) =>
      this.#lease.attempt(() => this.#blob.deleteSnapshots(attempt)),
    );
  }

  /** Replaces only the blob that `replaces` names. @throws {DestinationError} another blob exists. */
  async create({ uploadId, ...blob }: NewBlob, signal: AbortSignal): Promise<void> {
    const options = { ...blob, sequenceNumber: sequenceNumberOf(uploadId) };
    try {
      await this.#store.request('Put Blob', signal, async (attempt) => {
        try {
          await this.#lease.attempt(() => this.#blob.create(options, attempt));
        } catch (error) {
          if (!isRefusal(error)) this.#mayHaveCreated = true;
          throw error;
        }
      });
    } catch (error) {
      if (!(error instanceof DestinationError)) throw error;
      this.#explainContainer(error);
      // An earlier attempt whose answer was lost may have created the blob.
      if (!(await this.#hasCreated(uploadId, signal))) throw error;
    }
    this.#adopt(uploadId, blob.metadata);
  }

  /** Starts to create the blob as a copy, without a lease. @throws as `ServerCopy.start` does. */
  async startCopy(uploadId: string, options: CopyBlobOptions, signal: AbortSignal): Promise<string | undefined> {
    return await this.copy.start(uploadId, options, signal).catch((error: unknown) => {
      this.#explainContainer(error);
      throw error;
    });
  }

  /**
   * Names this run in the blob: the first write of a run that resumes.
   * @param etag - Without a lease, the ETag that the blob must still have.
   * @returns false if the blob was modified since.
   */
  async mark(uploadId: string, metadata: Metadata, etag: string, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#setMetadata(metadata, signal, this.isHeld ? undefined : etag);
      this.#adopt(uploadId, metadata);
      return true;
    } catch (error) {
      if (isModified(error)) return false;
      throw error;
    }
  }

  /**
   * Changes the ETag of the blob.
   * @throws {DestinationError} the blob was deleted or replaced; without a lease, something else is writing to it.
   */
  async setContentMd5(md5: Uint8Array, signal: AbortSignal): Promise<void> {
    const set = async () => {
      const etag = this.isHeld ? undefined : await this.#etagOfOwn(signal);
      await this.#store.request('Set Blob Properties', signal, (attempt) =>
        this.#lease.attempt(() => this.#blob.setContentMd5(md5, attempt, etag)),
      );
    };
    await set().catch(async (error: unknown) => {
      if (!isModified(error)) throw error;
      // An earlier attempt whose answer was lost may have changed the ETag. To set the same MD5 again is harmless.
      await set();
    });
  }

  /**
   * Marks the blob as complete and releases the lease.
   * @param etag - The ETag at which the content was read back. Checked only without a lease.
   * @returns the ETag of the complete blob; undefined if the answer was lost.
   * @throws {DestinationError} something else has modified the blob since.
   */
  async finish(signal: AbortSignal, etag?: string): Promise<string | undefined> {
    const metadata = inState(this.#metadata ?? {}, 'complete');
    let completed: string | undefined;
    try {
      const condition = this.isHeld ? undefined : (etag ?? (await this.#etagOfOwn(signal)));
      completed = await this.#setMetadata(metadata, signal, condition);
    } catch (error) {
      if (!isModified(error)) throw error;
      // An earlier attempt whose answer was lost may have marked the blob.
      const found = (await this.properties(signal))?.metadata ?? {};
      if (!isComplete(found) || found[UPLOAD_ID] !== metadata[UPLOAD_ID]) throw error;
    }
    await this.#lease.release();
    return completed;
  }

  /**
   * Deletes the blob, even while this run holds it.
   * @param etag - Without a lease, the ETag that the blob must still have.
   * @returns false if it does not exist.
   */
  async delete(etag: string, signal: AbortSignal): Promise<boolean> {
    return await this.#store.request('Delete Blob', signal, (attempt) =>
      this.#lease.attempt(() => this.#blob.delete(attempt, this.isHeld ? undefined : etag)),
    );
  }

  /**
   * Ends the leases of earlier runs on a blob that a copy replaces. Call `assertFree` first.
   * @param breakForeign - Also break a lease of something else.
   * @throws {InUseError} something else holds a lease on it.
   */
  async endLeases(known: CheckpointLease | undefined, existing: BlobProperties, breakForeign: boolean): Promise<void> {
    if (!existing.isLeased) return;
    const owner = decodeOwner(existing.metadata[OWNER]);
    const ids = [...(known?.ids ?? []), ...(owner === undefined ? [] : [owner.id])];
    await this.#lease.releaseAbandoned([...new Set(ids)]);
    await this.#lease.endAny(owner, breakForeign);
  }

  /** Releases the leases `ids` of runs that have ended. Does not fail. */
  releaseAbandoned(ids: readonly string[]): Promise<void> {
    return this.#lease.releaseAbandoned(ids);
  }

  /** @param isFailed - Mark the blob as failed, so that no later run resumes it. */
  async abandon(isFailed = false): Promise<string | undefined> {
    if (isFailed) await this.#markFailed().catch(() => undefined);
    return await this.#lease.release();
  }

  /** Another run that holds the blob and is not known to have exited. */
  #livingHolder(known: CheckpointLease | undefined, existing: BlobProperties | undefined): Owner | undefined {
    if (existing?.isLeased !== true) return undefined;
    const holders = [decodeOwner(existing.metadata[OWNER]), known?.owner];
    return holders.find((holder) => holder !== undefined && holder.id !== this.#owner.id && !hasExited(holder));
  }

  /** Whether the existing blob belongs to the upload. */
  async #hasCreated(uploadId: string, signal: AbortSignal): Promise<boolean> {
    if (this.#canRead) {
      const found = await this.properties(signal).catch(() => undefined);
      return found?.metadata[UPLOAD_ID] === uploadId;
    }
    // The only proof without reading: the service accepts a guarded write only if the blob has the sequence number of the upload.
    this.#blob.guardWith(sequenceNumberOf(uploadId));
    const firstPage = { offset: 0, length: PAGE_SIZE };
    return await this.#store.clear(firstPage, signal).then(
      () => true,
      (error: unknown) => {
        // Any other failure proves nothing.
        if (error instanceof DestinationError && error.reason === 'SequenceNumberConditionNotMet') {
          this.#mayHaveCreated = false;
        }
        return false;
      },
    );
  }

  /** @throws {CredentialError} the container does not exist, and this run may not create it. */
  #explainContainer(error: unknown): void {
    const isMissing = error instanceof DestinationError && error.reason === 'ContainerNotFound';
    if (this.#containerRefusal === undefined || !isMissing) return;
    const { message } = this.#containerRefusal;
    throw new CredentialError(`The container of ${this.#store.url} does not exist and cannot be created. ${message}`);
  }

  #adopt(uploadId: string, metadata: Metadata): void {
    this.#metadata = metadata;
    this.#blob.guardWith(sequenceNumberOf(uploadId));
  }

  async #markFailed(): Promise<void> {
    if (this.#metadata === undefined) return;
    const signal = AbortSignal.timeout(MARK_TIMEOUT_MS);
    const found = this.isHeld ? undefined : await this.#blob.properties(signal);
    // Without a lease, another blob may have replaced this one.
    if (!this.isHeld && found?.metadata[UPLOAD_ID] !== this.#metadata[UPLOAD_ID]) return;
    await this.#blob.setMetadata(inState(this.#metadata, 'failed'), signal, found?.etag);
  }

  /**
   * Undefined if nothing can be read.
   * @throws {DestinationError} the blob was deleted or replaced.
   */
  async #etagOfOwn(signal: AbortSignal): Promise<string | undefined> {
    if (!this.#canRead) return undefined;
    const found = await this.properties(signal);
    if (found !== undefined && found.metadata[UPLOAD_ID] === this.#metadata?.[UPLOAD_ID]) return found.etag;
    throw replacedMeanwhile(this.#store.url, found);
  }

  #setMetadata(metadata: Metadata, signal: AbortSignal, etag: string | undefined): Promise<string | undefined> {
    return this.#store.request('Set Blob Metadata', signal, (attempt) =>
      this.#lease.attempt(() => this.#blob.setMetadata(metadata, attempt, etag)),
    );
  }
}

/** Whether the service has refused the request without executing it. */
function isRefusal(error: unknown): boolean {
  return error instanceof DestinationError || error instanceof CredentialError;
}

/** Whether a condition on the ETag failed: something has modified the blob. */
export function isModified(error: unknown): error is DestinationError {
  return error instanceof DestinationError && error.reason === 'ConditionNotMet';
}
