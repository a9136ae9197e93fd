// Checkpointing: keeps the checkpoint in step with what the service has acknowledged, and leaves it to the next run at the end.

import { ChildAbort } from '../base/linked-abort.ts';
import { subtractRanges } from '../base/range-list.ts';
import type { RangeSet } from '../base/range-set.ts';
import { CorruptImageError, ImageAccessError, ImageChangedError, VerificationError } from '../errors.ts';
import type { EventListener } from '../events.ts';
import type { DiskImage } from '../image/disk-image.ts';
import { Autosave } from '../state/autosave.ts';
import type { Checkpoint } from '../state/checkpoint.ts';
import type { CheckpointFile } from '../state/checkpoint-file.ts';
import type { ExclusiveAccess } from '../state/exclusive-access.ts';
import type { Progress } from '../transfer/progress.ts';
import type { Differences } from '../verify/differences.ts';
import { leaseOf, type Session } from './context.ts';
import type { UploadManifest } from './upload-manifest.ts';

/** How often the checkpoint is saved, in milliseconds: what kill -9 costs at most, beside the windows in flight. */
const SAVE_INTERVAL_MS = 1000;

/** How much was read back. It grows. */
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
  /** The checkpoint of the upload before it sent anything. */
  readonly empty: Checkpoint;
  /** Whether the blob is held now. */
  readonly isHeld: () => boolean;
  readonly emit: EventListener;
}

export class Checkpointing {
  /** Its entries are saved before the checkpoint counts on them. */
  manifest: UploadManifest | undefined;
  /** Set once something is read back. */
  readBack: ReadBack | undefined;
  readonly #options: CheckpointingOptions;
  #autosave: Autosave | undefined;
  /** Whether the blob is not the image. */
  #isFailed = false;
  /** Whether the last save failed: the warning is given once, not every second. */
  #saveFailed = false;

  constructor(options: CheckpointingOptions) {
    this.#options = options;
  }

  /** What was acknowledged until now. */
  get state(): Checkpoint {
    const { session, progress, empty, access, isHeld } = this.#options;
    // A difference must not be forgotten by a run that is stopped: all is read again then.
    const readBack = this.readBack?.differences.summary.count === 0 ? this.readBack.done.ranges : [];
    return {
      ...empty,
      done: [...progress.done.ranges],
      sent: { bytes: progress.pages.bytes, pages: progress.pages.toString() },
      unverified: subtractRanges(session.unverified.ranges, readBack),
      lease: leaseOf(access.owner, isHeld()),
      ...(session.earlier?.fromBlob === true ? { fromBlob: true } : {}),
      ...(this.#isFailed ? { failed: true } : {}),
    };
  }

  /**
   * Saves once a second as long as `action` runs.
   * @throws {ImageChangedError} the image was written to; what `action` throws.
   */
  async whileSaving<T>(signal: AbortSignal, action: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const stop = new ChildAbort(signal);
    const save = () =>
      this.save().catch((error: unknown) => {
        // An image that cannot be looked at now is not one that changed: as long as it can be read, the next look may succeed.
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

  /** Saves as soon as it can, without waiting for it. */
  saveSoon(): void {
    this.#autosave?.now();
  }

  /**
   * Saves what was acknowledged until now, once it is seen that the image is what it was when that was read. A checkpoint that
   * cannot be written stops nothing: the next save may succeed.
   * @param etag - Of a blob that was given back.
   * @throws {ImageChangedError} the image was written to.
   */
  async save(etag?: string): Promise<void> {
    const { image, file, access, emit } = this.#options;
    if (!access.mayWrite) return;
    const state = { ...this.state, ...(etag === undefined ? {} : { etag }) };
    if (!this.#isFailed) await image.assertUnchanged();
    try {
      // First what proves a window, then that it is done.
      await this.manifest?.flush();
      await file.save(state);
      this.#saveFailed = false;
      emit({ type: 'saved', checkpoint: file.path });
    } catch (error) {
      if (this.#saveFailed) return;
      this.#saveFailed = true;
      this.#warn('checkpoint-not-saved', `${messageOf(error)} The upload continues, and tries again every second.`);
    }
  }

  /** The upload is complete: nothing is left to resume. */
  async remove(): Promise<void> {
    await this.#options.file.remove().catch((error: unknown) => this.#warn('checkpoint-not-removed', messageOf(error)));
  }

  /**
   * What a run that fails or is stopped leaves to the next one.
   * @param abandon - Gives the blob back, and says in it whether it failed. @returns its ETag, where that proves something.
   */
  async leave(error: unknown, abandon: (isFailed: boolean) => Promise<string | undefined>): Promise<void> {
    this.#isFailed = error instanceof VerificationError || error instanceof ImageChangedError;
    // The failure that is under way says more than another one.
    const save = (etag?: string) => this.save(etag).catch(() => undefined);
    // Of another version of the blob than the one that the next run will find.
    if (isChanged(error)) this.readBack = undefined;
    await save();
    const etag = await abandon(this.#isFailed);
    if (etag !== undefined) await save(etag);
  }

  #warn(code: string, message: string): void {
    this.#options.emit({ type: 'warning', code, message });
  }
}

/** An image that was cut or written to while it was read looks damaged, or other than what was sent, before that is seen. */
export async function causeOf(error: unknown, image: DiskImage): Promise<unknown> {
  const mayBeImage = [CorruptImageError, ImageAccessError, VerificationError].some((kind) => error instanceof kind);
  if (!mayBeImage) return error;
  return await image.assertUnchanged().then(
    () => error,
    (change: unknown) => (change instanceof ImageChangedError ? change : error),
  );
}

function isChanged(error: unknown): boolean {
  return error instanceof Error && 'reason' in error && error.reason === 'ConditionNotMet';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
