// What a verification has compared so far, and the file that keeps it between two runs.

import { LinkedAbort } from '../base/linked-abort.ts';
import { sidePath } from '../base/side-file.ts';
import { encodeSkippedFree, type SkippedFree } from '../base/skip-free.ts';
import { messageOf } from '../base/thrown.ts';
import { CheckpointError, ImageAccessError } from '../errors.ts';
import type { EventListener } from '../events.ts';
import type { DiskImage } from '../image/disk-image.ts';
import type { FixedVhdView } from '../image/fixed-vhd-view.ts';
import { recordedFiles } from '../image/recorded-files.ts';
import type { VerifyOptions } from '../options.ts';
import type { ReadProperties } from '../remote/read-target.ts';
import type { RetryingPageStore } from '../remote/retrying-page-store.ts';
import { Autosave } from '../state/autosave.ts';
import { StateFile } from '../state/checkpoint-file.ts';
import { ExclusiveAccess } from '../state/exclusive-access.ts';
import type { ManifestReader } from '../state/manifest-reader.ts';
import { Progress } from '../transfer/progress.ts';
import { Differences } from './differences.ts';
import { decodeVerification, encodeVerification, type Verification, type VerifiedThings } from './verification.ts';

/** How often the state is saved, in milliseconds. */
const SAVE_INTERVAL_MS = 1000;

/** The parts of one verification. */
export interface Verified {
  readonly options: VerifyOptions;
  readonly image: DiskImage;
  readonly source: FixedVhdView;
  readonly store: RetryingPageStore<ReadProperties>;
  /** What messages and the file call it. The address of a disk's content changes with each access to it. */
  readonly url: string;
  readonly properties: ReadProperties;
  readonly manifest: ManifestReader | undefined;
  /** The free space that `image` leaves out. */
  readonly freeSpace: SkippedFree | undefined;
  readonly emit: EventListener;
  readonly signal: AbortSignal;
}

/** The file that keeps the state, and the lock on it. */
interface Kept {
  readonly file: StateFile<Verification>;
  readonly access: ExclusiveAccess;
}

export class VerificationState {
  readonly progress: Progress;
  readonly differences: Differences;
  readonly readBackBefore: number;
  readonly #verified: Verified;
  readonly #kept: Kept | undefined;
  readonly #earlier: Verification | undefined;
  readonly #startedAt: string;
  /** Whether the last save failed, so that the warning is not repeated every second. */
  #saveFailed = false;

  constructor(verified: Verified, kept?: Kept, earlier?: Verification) {
    this.#verified = verified;
    this.#kept = kept;
    this.#earlier = earlier;
    this.progress = new Progress(earlier);
    this.differences = new Differences(earlier?.differences);
    this.readBackBefore = earlier?.readBack ?? 0;
    this.#startedAt = earlier?.startedAt ?? new Date().toISOString();
  }

  /**
   * The caller closes it. If the folder is not writable, warns and keeps no state.
   * @throws {InUseError} another run uses the file. @throws {CheckpointError} the file is not a checkpoint, or cannot be read.
   */
  static async open(verified: Verified): Promise<VerificationState> {
    const { options, emit, signal } = verified;
    const path = options.checkpoint ?? (await sidePath(options.image, '.vhdup-verify.json'));
    const file = new StateFile<Verification>(path, { encode: encodeVerification, decode: decodeVerification });
    const access = await ExclusiveAccess.begin(path, signal).catch((error: unknown) => {
      if (!(error instanceof CheckpointError)) throw error;
      // A verification can run without a file. It only cannot be resumed.
      emit({ type: 'warning', code: 'checkpoint-not-saved', message: error.message });
      return undefined;
    });
    if (access === undefined) return new VerificationState(verified);
    try {
      return new VerificationState(verified, { file, access }, await loadEarlier(verified, file));
    } catch (error) {
      await access.end();
      throw error;
    }
  }

  get notice(): { resumedFrom?: string; checkpoint?: string } {
    return {
      ...(this.#earlier === undefined ? {} : { resumedFrom: this.#earlier.startedAt }),
      ...(this.#kept === undefined ? {} : { checkpoint: this.#kept.file.path }),
    };
  }

  /** Saves at intervals and at the end of `work`, and aborts `work` if the image changes. */
  async keptWhile<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { image, signal } = this.#verified;
    const stop = new LinkedAbort(this.#kept?.access.signal ?? signal);
    const autosave = new Autosave(SAVE_INTERVAL_MS, () =>
      image.assertUnchanged().then(
        () => this.#save(),
        (error: unknown) => {
          // An image whose metadata cannot be read now has not necessarily changed.
          if (!(error instanceof ImageAccessError)) stop.abort(error);
        },
      ),
    );
    try {
      return await work(stop.signal);
    } finally {
      await autosave.stop();
      stop.unlink();
      await this.#save();
    }
  }

  async remove(): Promise<void> {
    await this.#kept?.file
      .remove()
      .catch((error: unknown) =>
        this.#verified.emit({ type: 'warning', code: 'checkpoint-not-removed', message: messageOf(error) }),
      );
  }

  /** Releases the file for other runs. */
  async close(): Promise<void> {
    await this.#kept?.access.end();
  }

  async #save(): Promise<void> {
    if (this.#kept?.access.mayWrite !== true) return;
    const { file } = this.#kept;
    const { progress } = this;
    const { emit } = this.#verified;
    try {
      await file.save({
        startedAt: this.#startedAt,
        things: thingsOf(this.#verified),
        done: progress.done.ranges,
        sent: { bytes: progress.pages.bytes, pages: progress.pages.toString() },
        readBack: this.readBackBefore + progress.sent,
        differences: this.differences.summary,
      });
      this.#saveFailed = false;
      emit({ type: 'saved', checkpoint: file.path });
    } catch (error) {
      if (this.#saveFailed) return;
      this.#saveFailed = true;
      emit({ type: 'warning', code: 'checkpoint-not-saved', message: messageOf(error) });
    }
  }
}

/** The state of an earlier run, if image, blob and manifest are the same. */
async function loadEarlier(verified: Verified, file: StateFile<Verification>): Promise<Verification | undefined> {
  const { options, emit } = verified;
  const warn = (message: string) => emit({ type: 'warning', code: 'verification-restarted', message });
  let earlier: Verification | undefined;
  try {
    earlier = await file.load();
  } catch (error) {
    if (!(error instanceof CheckpointError) || error.isForeign) throw error;
    if (options.restart !== true) warn(error.message);
  }
  if (earlier === undefined || options.restart === true) return undefined;
  // It is safe to compare again, but not to rely on a comparison with something else.
  if (JSON.stringify(earlier.things) === JSON.stringify(thingsOf(verified))) return earlier;
  warn(
    `The verification starts over: since it started at ${earlier.startedAt}, the image or the blob has changed, or another one was named.`,
  );
  return undefined;
}

function thingsOf({ options, image, url, properties, manifest, freeSpace }: Verified): VerifiedThings {
  return {
    image: recordedFiles(image),
    trustUnmarkedSectors: options.trustUnmarkedSectors === true,
    ...(freeSpace === undefined ? {} : { skipFree: encodeSkippedFree(freeSpace) }),
    blobUrl: url,
    etag: properties.etag,
    manifest: manifest?.header.uploadId ?? null,
  };
}
