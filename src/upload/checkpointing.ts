// Checkpointing: saves what the service has acknowledged, and what the next run needs after a stop.

import { LinkedAbort } from '../base/linked-abort.ts';
import { subtractRanges } from '../base/range-list.ts';
import type { RangeSet } from '../base/range-set.ts';
import { messageOf } from '../base/thrown.ts';
import { CorruptImageError, ImageAccessError, ImageChangedError, VerificationError } from '../errors.ts';
import type { EventListener } from '../events.ts';
import type { DiskImage } from '../image/disk-image.ts';
import { isModified } from '../remote/blob-lifecycle.ts';
import { Autosave } from '../state/autosave.ts';
import type { Checkpoint } from '../state/checkpoint.ts';
import type { CheckpointFile } from '../state/checkpoint-file.ts';
import type { ExclusiveAccess } from '../state/exclusive-access.ts';
import type { RemoteLifecycle } from '../target/lifecycle.ts';
import type { Progress } from '../transfer/progress.ts';
import type { Differences } from '../verify/differences.ts';
import { leaseOf, type Session } from './context.ts';
import type { UploadManifest } from './upload-manifest.ts';

/** Milliseconds between saves. A kill loses at most this much progress and the windows in flight. */
const SAVE_INTERVAL_MS = 1000;

/** What was read back so far. */
export interface ReadBack {
  readonly done: RangeSet;
  readonly differences: Differences;
}

export interface CheckpointingOptions {
  readonly image: DiskImage;
  readonly file: CheckpointFile;
  readonly access: ExclusiveAccess;
  readonly session: Session;
  readonly progress: Progress;
  readonly lifecycle: RemoteLifecycle;
  /** The checkpoint of the upload before anything was sent. */
  readonly empty: Checkpoint;
  readonly emit: EventListener;
}

export class Checkpointing {
  /** Its entries are flushed before the checkpoint that relies on them is saved. */
  manifest: UploadManifest | undefined;
  /** Set when the read-back begins. */
  readBack: ReadBack | undefined;
  /** What is to be read back when the target is final. */
  unread: Checkpoint['unread'];
  readonly #options: CheckpointingOptions;
  #autosave: Autosave | undefined;
  /** Whether the blob does not match the image. */
  #isFailed = false;
  /** Whether the last save failed, so that the warning is not repeated every second. */
  #saveFailed = false;

  constructor(options: CheckpointingOptions) {
    this.#options = options;
  }

  /** The checkpoint of what was acknowledged so far. */
  get state(): Checkpoint {
    const { session, progress, lifecycle, empty, access } = this.#options;
    // Once a difference was found, everything stays unverified: the next run must find the difference again.
    const readBack = this.readBack?.differences.summary.count === 0 ? this.readBack.done.ranges : [];
    return {
      ...empty,
      ...lifecycle.remembered,
      done: [...progress.done.ranges],
      sent: { bytes: progress.pages.bytes, pages: progress.pages.toString() },
      unverified: subtractRanges(session.unverified.ranges, readBack),
      lease: leaseOf(access.owner, lifecycle.isHeld),
      ...(session.base === undefined ? {} : { base: { ...session.base, ...progress.base } }),
      ...(session.earlier?.fromBlob === true ? { fromBlob: true } : {}),
      ...(this.#isFailed ? { failed: true } : {}),
      ...(this.unread === undefined ? {} : { unread: this.unread }),
    };
  }

  /**
   * Saves once a second while `action` runs.
   * @throws {ImageChangedError} the image was modified; what `action` throws.
   */
  async whileSaving<T>(signal: AbortSignal, action: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const stop = new LinkedAbort(signal);
    const save = () =>
      this.save().catch((error: unknown) => {
        // An image whose metadata cannot be read now has not necessarily changed: the next check may succeed.
        if (!(error instanceof ImageAccessError)) stop.abort(error);
      });
    this.#autosave = new Autosave(SAVE_INTERVAL_MS, save);
    try {
      return await action(stop.signal);
    } finally {
      await this.#autosave.stop();
      stop.unlink();
    }
  }

  /** Starts a save without waiting for it. */
  saveSoon(): void {
    this.#autosave?.now();
  }

  /**
   * Checks that the image is unchanged, then saves what was acknowledged so far. A save that fails is only a warning, because the
   * next one may succeed.
   * @param etag - ETag of the blob when its lease was released.
   * @throws {ImageChangedError} the image was modified.
   */
  async save(etag?: string): Promise<void> {
    const { image, file, access, emit } = this.#options;
    if (!access.mayWrite) return;
    const state = { ...this.state, ...(etag === undefined ? {} : { etag }) };
    if (!this.#isFailed) await image.assertUnchanged();
    try {
      // The manifest first: the checkpoint must not count a window whose checksums are not on disk.
      await this.manifest?.flush();
      await file.save(state);
      this.#saveFailed = false;
      emit({ type: 'saved', checkpoint: file.path });
    } catch (error) {
      if (this.#saveFailed) return;
      this.#saveFailed = true;
      this.#warn(
        'checkpoint-not-saved',
        `${messageOf(error)} The upload continues and tries to save again every second.`,
      );
    }
  }

  /** Removes the checkpoint of a completed upload, unless another run uses the file now. */
  async remove(): Promise<void> {
    const { file, access } = this.#options;
    if (!access.mayWrite) return;
    await file.remove().catch((error: unknown) => this.#warn('checkpoint-not-removed', messageOf(error)));
  }

  /** Saves what the next run needs after `error` has stopped this one, and releases the blob. Does not fail. */
  async release(error: unknown): Promise<void> {
    this.#isFailed = error instanceof VerificationError || error instanceof ImageChangedError;
    // The caller throws `error`, which explains more than a failure to save.
    const save = (etag?: string) => this.save(etag).catch(() => undefined);
    // The blob was modified while it was read back, so what was read proves nothing about it now.
    if (isModified(error)) this.readBack = undefined;
    await save();
    const etag = await this.#options.lifecycle.abandon(this.#isFailed);
    if (etag !== undefined) await save(etag);
  }

  #warn(code: string, message: string): void {
    this.#options.emit({ type: 'warning', code, message });
  }
}

/** An image that is modified while it is read looks corrupt, or different from the blob. The change is the real cause. */
export async function causeOf(error: unknown, image: DiskImage): Promise<unknown> {
  const mayBeImage = [CorruptImageError, ImageAccessError, VerificationError].some((kind) => error instanceof kind);
  if (!mayBeImage) return error;
  return await image.assertUnchanged().then(
    () => error,
    (change: unknown) => (change instanceof ImageChangedError ? change : error),
  );
}
