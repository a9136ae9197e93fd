// BlobLifecycle: makes a page blob, holds it under a lease, and says in its metadata which upload it belongs to and how that stands.

import { CredentialError, DestinationError, type InUseError } from '../errors.ts';
import { inState, isComplete, OWNER, sequenceNumberOf, UPLOAD_ID } from '../state/blob-metadata.ts';
import type { CheckpointLease } from '../state/checkpoint.ts';
import { decodeOwner, hasExited, type Owner } from '../state/lease-holder.ts';
import type { Capabilities, Lifecycle } from '../target/lifecycle.ts';
import type { BlobProperties, PageBlob } from '../target/page-blob.ts';
import { BlobLease, type BlobLeaseOptions } from './lease.ts';
import type { RetryingPageStore } from './retrying-page-store.ts';

/** What the end of a run waits for at most, to mark a blob that failed, in milliseconds. */
const MARK_TIMEOUT_MS = 5000;

type Metadata = Readonly<Record<string, string>>;

/** How the blob was taken. */
export interface Hold {
  /** The lease of an earlier run that became this run's; undefined where none was in force any more. */
  readonly takenOver: string | undefined;
  /** The blob's ETag at that moment: nobody else changes it from then on. Undefined where the service gives no leases. */
  readonly etag: string | undefined;
  /** Whether somebody else held the blob until now, who may have written to it in the last moment. */
  readonly wasBroken: boolean;
}

export interface NewBlob {
  /** Length in bytes. */
  readonly size: number;
  readonly metadata: Metadata;
  readonly uploadId: string;
  /** The ETag of the blob that it replaces. Undefined where nothing may be there. */
  readonly replaces: string | undefined;
}

export class BlobLifecycle implements Lifecycle {
  readonly #blob: PageBlob;
  readonly #store: RetryingPageStore<BlobProperties>;
  readonly #owner: Owner;
  readonly #lease: BlobLease;
  /** Of the blob, since it belongs to this run. */
  #metadata: Metadata | undefined;
  /** Why this run may not make the container. */
  #containerRefusal: CredentialError | undefined;

  constructor(options: BlobLeaseOptions) {
    this.#blob = options.blob;
    this.#store = options.store;
    this.#owner = options.owner;
    this.#lease = new BlobLease(options);
    this.#store.holdBy(this.#lease);
  }

  get capabilities(): Capabilities {
    return { metadata: true, lease: !this.#lease.isRefused, conditions: true, clear: true, startsAsZeros: true };
  }

  /** Whether nothing else can write to the blob now. */
  get isHeld(): boolean {
    return this.#lease.isHeld;
  }

  properties(signal: AbortSignal): Promise<BlobProperties | undefined> {
    return this.#store.properties(signal);
  }

  /**
   * Sends nothing: call it before anything is written that names this run.
   * @throws {InUseError} a run that may still live holds the blob.
   */
  assertFree(known: CheckpointLease | undefined, there: BlobProperties | undefined, breakForeign: boolean): void {
    const living = breakForeign ? undefined : this.#livingHolder(known, there);
    if (living !== undefined) throw this.#lease.inUse(living);
  }

  /**
   * Keeps everybody else from writing to the blob, where the service gives leases. Call `assertFree` first.
   * @param known - What an earlier run left. @param there - The blob before this run; undefined where this run made it.
   * @throws {InUseError} somebody else holds it.
   */
  async hold(
    known: CheckpointLease | undefined,
    there: BlobProperties | undefined,
    uploadId: string,
    breakForeign: boolean,
  ): Promise<Hold> {
    const owner = decodeOwner(there?.metadata[OWNER]);
    // Where the checkpoint is lost, the blob says under which id its last run held it.
    const ofBlob = there?.isLeased === true && owner !== undefined ? [owner.id] : [];
    const takenOver = await this.#lease.takeOver([...new Set([...(known?.ids ?? []), ...ofBlob])]);
    const living = this.#livingHolder(known, there);
    if (takenOver !== undefined && living !== undefined) this.#lease.warnOfBroken(living);
    return { takenOver, ...(await this.#lease.acquire(uploadId, breakForeign)) };
  }

  /** @param holder - Undefined where it is no run of vhdup. */
  inUse(holder: Owner | undefined): InUseError {
    return this.#lease.inUse(holder);
  }

  /** A credential that may not create containers is not refused yet: the container may exist all the same. */
  async createContainer(signal: AbortSignal): Promise<void> {
    try {
      await this.#store.request('Create Container', signal, (attempt) => this.#blob.createContainer(attempt));
    } catch (error) {
      if (!(error instanceof CredentialError) || error.isExpired) throw error;
      this.#containerRefusal = error;
    }
  }

  /** Never replaces another blob than the one that it names. @throws {DestinationError} there is another one. */
  async create({ size, metadata, uploadId, replaces }: NewBlob, signal: AbortSignal): Promise<void> {
    const options = {
      size,
      metadata,
      sequenceNumber: sequenceNumberOf(uploadId),
      ...(replaces === undefined ? {} : { replaces }),
    };
    try {
      await this.#store.request('Put Blob', signal, (attempt) => this.#blob.create(options, attempt));
    } catch (error) {
      if (this.#containerRefusal !== undefined && isContainerAbsent(error)) {
        const { message } = this.#containerRefusal;
        throw new CredentialError(`There is no container for ${this.#store.url}, and it cannot be created. ${message}`);
      }
      // The answer to an earlier attempt may have been lost after the service had created the blob.
      if (!(error instanceof DestinationError) || !(await this.#isOf(uploadId, signal))) throw error;
    }
    this.#adopt(uploadId, metadata);
  }

  /** Whether the blob belongs to this upload. Not when that cannot be found out. */
  async #isOf(uploadId: string, signal: AbortSignal): Promise<boolean> {
    const there = await this.properties(signal).catch(() => undefined);
    return there?.metadata[UPLOAD_ID] === uploadId;
  }

  /**
   * The first write of a run that resumes: the blob names it from then on.
   * @param etag - What the blob must still have, where nothing holds it.
   * @returns false where it has another one.
   */
  async mark(uploadId: string, metadata: Metadata, etag: string, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#setMetadata(metadata, signal, this.isHeld ? undefined : etag);
      this.#adopt(uploadId, metadata);
      return true;
    } catch (error) {
      if (isChanged(error)) return false;
      throw error;
    }
  }

  /**
   * @param etag - As `finish` has it.
   * @returns the ETag that the blob has from then on, where it was given one.
   */
  async setContentMd5(md5: Uint8Array, signal: AbortSignal, etag?: string): Promise<string | undefined> {
    const set = (attempt: AbortSignal) =>
      this.#lease.attempt(() => this.#blob.setContentMd5(md5, attempt, this.isHeld ? undefined : etag));
    const now = await this.#store.request('Set Blob Properties', signal, set);
    return etag === undefined ? undefined : now;
  }

  /**
   * The blob says that it is whole, and is free.
   * @param etag - The ETag that the content was proven at, where nothing held the blob meanwhile.
   * @throws {DestinationError} it has another one: something else wrote to it.
   */
  async finish(signal: AbortSignal, etag?: string): Promise<void> {
    const metadata = inState(this.#metadata ?? {}, 'complete');
    try {
      const condition = this.isHeld ? undefined : (etag ?? (await this.#etagOfOwn(signal)));
      await this.#setMetadata(metadata, signal, condition);
    } catch (error) {
      if (!isChanged(error)) throw error;
      // The answer to an earlier attempt may have been lost.
      const there = (await this.properties(signal))?.metadata ?? {};
      if (!isComplete(there) || there[UPLOAD_ID] !== metadata[UPLOAD_ID]) throw error;
    }
    await this.#lease.release();
  }

  /** @param isFailed - The blob is not the image: it says so, so that no later run resumes it. */
  async abandon(isFailed = false): Promise<string | undefined> {
    if (isFailed) await this.#markFailed().catch(() => undefined);
    return await this.#lease.release();
  }

  /** A run that holds the blob now, and is not known to be over. */
  #livingHolder(known: CheckpointLease | undefined, there: BlobProperties | undefined): Owner | undefined {
    if (there?.isLeased !== true) return undefined;
    const holders = [decodeOwner(there.metadata[OWNER]), known?.owner];
    return holders.find((holder) => holder !== undefined && holder.id !== this.#owner.id && !hasExited(holder));
  }

  #adopt(uploadId: string, metadata: Metadata): void {
    this.#metadata = metadata;
    this.#blob.guardWith(sequenceNumberOf(uploadId));
  }

  async #markFailed(): Promise<void> {
    if (this.#metadata === undefined) return;
    const signal = AbortSignal.timeout(MARK_TIMEOUT_MS);
    const there = this.isHeld ? undefined : await this.#blob.properties(signal);
    // Without a lease, it may be another blob by now.
    if (!this.isHeld && there?.metadata[UPLOAD_ID] !== this.#metadata[UPLOAD_ID]) return;
    await this.#blob.setMetadata(inState(this.#metadata, 'failed'), signal, there?.etag);
  }

  /** @throws {DestinationError} the blob is another one. */
  async #etagOfOwn(signal: AbortSignal): Promise<string> {
    const there = await this.properties(signal);
    if (there !== undefined && there.metadata[UPLOAD_ID] === this.#metadata?.[UPLOAD_ID]) return there.etag;
    throw new DestinationError(
      `${this.#store.url} was ${there === undefined ? 'deleted' : 'replaced'} while the upload was running. Give --restart to upload from the beginning, with --overwrite if the existing blob may be replaced.`,
    );
  }

  #setMetadata(metadata: Metadata, signal: AbortSignal, etag: string | undefined): Promise<string | undefined> {
    return this.#store.request('Set Blob Metadata', signal, (attempt) =>
      this.#lease.attempt(() => this.#blob.setMetadata(metadata, attempt, etag)),
    );
  }
}

function isChanged(error: unknown): boolean {
  return error instanceof DestinationError && error.reason === 'ConditionNotMet';
}

function isContainerAbsent(error: unknown): boolean {
  return error instanceof DestinationError && error.reason === 'ContainerNotFound';
}
