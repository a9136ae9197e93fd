// SavedDownload: keeps the progress of a download, so that a later run resumes after a stop, a kill or a power failure.

import { LinkedAbort } from '../base/linked-abort.ts';
import { messageOf } from '../base/thrown.ts';
import { CheckpointError } from '../errors.ts';
import type { EventListener } from '../events.ts';
import { Autosave } from '../state/autosave.ts';
import type { StateFile } from '../state/checkpoint-file.ts';
import type { DownloadCheckpoint } from '../state/download-checkpoint.ts';
import type { ExclusiveAccess } from '../state/exclusive-access.ts';
import type { LocalImage } from '../target/local-image.ts';
import type { Progress } from '../transfer/progress.ts';
import type { BlobSource } from './blob-source.ts';

/** Milliseconds between saves. A kill loses at most this much progress and the windows in flight. */
const SAVE_INTERVAL_MS = 1000;
/** A save flushes the file. On a slow disk, at most this fraction of the time goes into saves. */
const MAX_SAVING = 0.2;

/** What does not change during a run. */
export type DownloadFacts = Pick<
  DownloadCheckpoint,
  'startedAt' | 'name' | 'format' | 'source' | 'diskSize' | 'manifest' | 'skipFree'
>;

export interface SavedDownloadOptions {
  readonly facts: DownloadFacts;
  /** The state that this run resumes. */
  readonly earlier: DownloadCheckpoint | undefined;
  readonly file: StateFile<DownloadCheckpoint>;
  readonly access: ExclusiveAccess;
  readonly image: LocalImage;
  readonly progress: Progress;
  readonly source: BlobSource;
  readonly emit: EventListener;
}

export class SavedDownload {
  readonly #options: SavedDownloadOptions;
  /** Whether the last save failed, so that the warning is not repeated every second. */
  #saveFailed = false;
  #nextMs = 0;
  #isResumable: boolean;

  constructor(options: SavedDownloadOptions) {
    this.#options = options;
    this.#isResumable = options.earlier !== undefined;
  }

  /** Whether there is a checkpoint, which a later run can resume. */
  get isResumable(): boolean {
    return this.#isResumable;
  }

  /** Bytes received in earlier runs. */
  get receivedBefore(): number {
    return this.#options.earlier?.received ?? 0;
  }

  /** Whether the service has sent a checksum for everything that was received, in all runs. */
  get isProven(): boolean {
    const { earlier, source } = this.#options;
    return source.isProven && earlier?.isProven !== false;
  }

  /** Saves while `work` runs. @throws {LocalFileError} the file cannot be made durable; what `work` throws. */
  async whileSaving<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const stop = new LinkedAbort(signal);
    const autosave = new Autosave(SAVE_INTERVAL_MS, async () => {
      const startMs = performance.now();
      if (startMs < this.#nextMs) return;
      await this.save().catch((error: unknown) => stop.abort(error));
      const endMs = performance.now();
      this.#nextMs = endMs + (endMs - startMs) * (1 / MAX_SAVING - 1);
    });
    try {
      return await work(stop.signal);
    } finally {
      await autosave.stop();
      stop.unlink();
    }
  }

  /**
   * A checkpoint that cannot be saved is only a warning, because the next one may be.
   * @param finishing - As in `DownloadCheckpoint`. @throws {LocalFileError} the file cannot be made durable.
   * @throws {CheckpointError} the first checkpoint, or that with `finishing`, cannot be saved.
   */
  async save(finishing?: string): Promise<void> {
    const { facts, file, access, image, progress, source, emit } = this.#options;
    if (!access.mayWrite) return;
    // Taken first: all writes that it counts have settled, so that the state of the image covers them.
    const counted = {
      done: [...progress.done.ranges],
      sent: { bytes: progress.pages.bytes, pages: progress.pages.toString() },
      received: this.receivedBefore + source.received,
      isProven: this.isProven,
    };
    const state = await image.checkpoint();
    try {
      await file.save({ ...facts, ...counted, file: state, ...(finishing === undefined ? {} : { finishing }) });
      this.#saveFailed = false;
      this.#isResumable = true;
      emit({ type: 'saved', checkpoint: file.path });
    } catch (error) {
      if (!(error instanceof CheckpointError) || finishing !== undefined || !this.#isResumable) throw error;
      if (this.#saveFailed) return;
      this.#saveFailed = true;
      emit({
        type: 'warning',
        code: 'checkpoint-not-saved',
        message: `${messageOf(error)} The download continues and tries to save again every second.`,
      });
    }
  }

  async remove(): Promise<void> {
    const { file, access, emit } = this.#options;
    if (!access.mayWrite) return;
    await file
      .remove()
      .catch((error: unknown) => emit({ type: 'warning', code: 'checkpoint-not-removed', message: messageOf(error) }));
  }
}
