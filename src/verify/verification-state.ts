// What one verification has compared so far, and the file that keeps it between two runs.

import { ChildAbort } from '../base/linked-abort.ts';
import { sidePath } from '../base/side-file.ts';
import { CheckpointError } from '../errors.ts';
import type { EventListener } from '../events.ts';
import type { DiskImage } from '../image/disk-image.ts';
import type { FixedVhdView } from '../image/fixed-vhd-view.ts';
import type { VerifyOptions } from '../options.ts';
import { Autosave } from '../state/autosave.ts';
import { StateFile } from '../state/checkpoint-file.ts';
import type { ManifestReader } from '../state/manifest-reader.ts';
import {
  decodeVerification,
  encodeVerification,
  type Verification,
  type VerifiedThings,
} from '../state/verification.ts';
import type { BlobProperties, PageBlobTarget } from '../target/page-blob.ts';
import type { ChecksumAlgorithm } from '../target/page-target.ts';
import { Progress } from '../transfer/progress.ts';
import type { Retrier } from '../transfer/retry.ts';
import { Differences } from './differences.ts';

/** How often the state is saved, in milliseconds. */
const SAVE_INTERVAL_MS = 1000;

/** The nouns of one verification. */
export interface Verified {
  readonly options: VerifyOptions;
  readonly image: DiskImage;
  readonly source: FixedVhdView;
  readonly blob: PageBlobTarget;
  readonly properties: BlobProperties;
  readonly manifest: ManifestReader | undefined;
  readonly checksum: ChecksumAlgorithm;
  readonly retrier: Retrier;
  readonly emit: EventListener;
  readonly signal: AbortSignal;
}

/** What was compared so far, and the file that keeps it. */
export class VerificationState {
  readonly progress: Progress;
  readonly differences: Differences;
  readonly readBackBefore: number;
  readonly #verified: Verified;
  readonly #file: StateFile<Verification> | undefined;
  readonly #earlier: Verification | undefined;
  readonly #startedAt: string;
  /** Whether the last save failed: it is said once, not every second. */
  #saveFailed = false;

  constructor(verified: Verified, file?: StateFile<Verification>, earlier?: Verification) {
    this.#verified = verified;
    this.#file = file;
    this.#earlier = earlier;
    this.progress = new Progress(earlier);
    this.differences = new Differences(earlier?.differences);
    this.readBackBefore = earlier?.readBack ?? 0;
    this.#startedAt = earlier?.startedAt ?? new Date().toISOString();
  }

  /** @throws {CheckpointError} the file is something else, or cannot be read. */
  static async open(verified: Verified): Promise<VerificationState> {
    const { options, emit } = verified;
    const path = options.checkpoint ?? (await sidePath(options.image, '.vhdup-verify.json'));
    const file = new StateFile<Verification>(path, { encode: encodeVerification, decode: decodeVerification });
    let earlier: Verification | undefined;
    try {
      earlier = await file.load();
    } catch (error) {
      if (!(error instanceof CheckpointError) || error.isForeign) throw error;
      if (options.restart !== true) emit({ type: 'warning', code: 'verification-restarted', message: error.message });
    }
    if (options.restart === true) earlier = undefined;
    // To compare once more harms nothing; to take over what was compared with something else would.
    if (earlier !== undefined && JSON.stringify(earlier.things) !== JSON.stringify(thingsOf(verified))) {
      emit({
        type: 'warning',
        code: 'verification-restarted',
        message: `Since the verification that began at ${earlier.startedAt}, the image or the blob was changed, or another one was named: it begins again.`,
      });
      earlier = undefined;
    }
    return new VerificationState(verified, file, earlier);
  }

  get notice(): { resumedFrom?: string; checkpoint?: string } {
    return {
      ...(this.#earlier === undefined ? {} : { resumedFrom: this.#earlier.startedAt }),
      ...(this.#file === undefined ? {} : { checkpoint: this.#file.path }),
    };
  }

  /** Saves at intervals while `work` runs, and at its end, and watches that the image stays as it is. */
  async keptWhile<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { image, signal } = this.#verified;
    const stop = new ChildAbort(signal);
    const autosave = new Autosave(SAVE_INTERVAL_MS, () =>
      image.assertUnchanged().then(
        () => this.#save(),
        (error: unknown) => stop.abort(error),
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
    await this.#file
      ?.remove()
      .catch((error: Error) =>
        this.#verified.emit({ type: 'warning', code: 'checkpoint-not-removed', message: error.message }),
      );
  }

  async #save(): Promise<void> {
    if (this.#file === undefined) return;
    const { progress } = this;
    const { emit } = this.#verified;
    try {
      await this.#file.save({
        startedAt: this.#startedAt,
        things: thingsOf(this.#verified),
        done: progress.done.ranges,
        sent: { bytes: progress.pages.bytes, pages: progress.pages.toString() },
        readBack: this.readBackBefore + progress.sent,
        differences: this.differences.summary,
      });
      this.#saveFailed = false;
      emit({ type: 'saved', checkpoint: this.#file.path });
    } catch (error) {
      if (this.#saveFailed) return;
      this.#saveFailed = true;
      emit({ type: 'warning', code: 'checkpoint-not-saved', message: (error as Error).message });
    }
  }
}

function thingsOf({ options, image, blob, properties, manifest }: Verified): VerifiedThings {
  return {
    image: image.files.map(({ name, size, modifiedMs, diskId }) => ({ name, size, modifiedMs, diskId })),
    trustUnmarkedSectors: options.trustUnmarkedSectors === true,
    blobUrl: blob.address.url,
    etag: properties.etag,
    manifest: manifest?.header.uploadId ?? null,
  };
}
