// What one upload works with, and what it leaves to the next run: its checkpoint while it runs, and the blob when it ends early.

import { ChildAbort } from '../base/linked-abort.ts';
import { subtractRanges } from '../base/range-list.ts';
import {
  CorruptImageError,
  DestinationError,
  ImageAccessError,
  ImageChangedError,
  VerificationError,
} from '../errors.ts';
import type { EventListener } from '../events.ts';
import type { DiskImage } from '../image/disk-image.ts';
import type { FixedVhdView } from '../image/fixed-vhd-view.ts';
import type { BlobLease } from '../remote/lease.ts';
import { Autosave } from '../state/autosave.ts';
import { OWNER, UPLOAD_ID } from '../state/blob-metadata.ts';
import type { Checkpoint } from '../state/checkpoint.ts';
import type { CheckpointFile } from '../state/checkpoint-file.ts';
import type { PageBlobTarget } from '../target/page-blob.ts';
import type { Progress } from '../transfer/progress.ts';
import type { Retrier } from '../transfer/retry.ts';
import type { SoleOwner } from './exclusive-access.ts';
import { emptyCheckpoint, leftMetadata, type Session, spoiltMetadata } from './session.ts';
import type { UploadManifest } from './upload-manifest.ts';
import type { ReadBack } from './verify-upload.ts';

/** How often the checkpoint is saved, in milliseconds: what kill -9 can cost at most, beside the windows in flight. */
const SAVE_INTERVAL_MS = 1000;
/** What a stop waits for at most, to mark the blob, in milliseconds. */
const MARK_TIMEOUT_MS = 5000;

/** The nouns of one upload. */
export interface Upload {
  /** Whether the last save failed: it is said once, not every second. */
  saveFailed: boolean;
  /** Whether the blob holds something else than the image. */
  isSpoilt: boolean;
  /** Whether something else wrote to the blob while it was read back. */
  isExposed: boolean;
  /** Set while the blob is read back, and afterwards. */
  readBack: ReadBack | undefined;
  readonly trustUnmarkedSectors: boolean;
  readonly image: DiskImage;
  readonly source: FixedVhdView;
  readonly blob: PageBlobTarget;
  readonly file: CheckpointFile;
  readonly retrier: Retrier;
  readonly sole: SoleOwner;
  readonly lease: BlobLease;
  readonly session: Session;
  readonly progress: Progress;
  readonly emit: EventListener;
}

/** An image that was cut or written to while it was read looks damaged, or other than what was sent, before it is looked at. */
export async function causeOf(error: unknown, image: DiskImage): Promise<unknown> {
  const mayBeImage = [CorruptImageError, ImageAccessError, VerificationError].some((kind) => error instanceof kind);
  if (!mayBeImage) return error;
  return await image.assertUnchanged().then(
    () => error,
    (change: unknown) => (change instanceof ImageChangedError ? change : error),
  );
}

/** What a run that fails or is stopped leaves to the next one: a blob that is free, and its ETag, which any other writer changes. */
export async function leaveBlob(upload: Upload, manifest: UploadManifest | undefined, error: unknown): Promise<void> {
  const { lease } = upload;
  upload.isSpoilt = error instanceof VerificationError || error instanceof ImageChangedError;
  const isChanged = error instanceof DestinationError && error.reason === 'ConditionNotMet';
  // Under the lease it was a late request of this run; should it be broken, the mark fails.
  upload.isExposed = isChanged && !lease.isHeld;
  if (isChanged) upload.readBack = undefined;
  const save = (left?: KnownEtag) => saveState(upload, manifest, left).catch(() => false);
  // The failure that is under way says more than another one.
  const isSaved = await save();
  const marked = await markBlob(upload);
  // Until the blob and the checkpoint say that it was left, only the lease can tell the next run of foreign writes.
  if (!isSaved || marked === undefined) return lease.abandon();
  // While the lease is held, nobody else changes the ETag, and afterwards it tells of any write: also should this run be killed now.
  const { etag: ofMark } = marked;
  // Without a lease, a request that was cut off may still be carried out.
  const mayChange = lease.isHeld ? {} : ({ etagMayChange: true } as const);
  lease.letGo();
  if (!(await save(ofMark === undefined ? {} : { etag: ofMark, ...mayChange }))) return lease.abandon();
  const etag = await lease.leave();
  if (etag !== undefined) await save({ etag });
}

/** The blob says how it was left, and has this ETag since, where the service told. */
interface Marked {
  readonly etag: string | undefined;
}

/**
 * Says in the blob how it was left. No later run may go on with one that holds something else than the image, not even one that
 * verifies less.
 */
async function markBlob({ blob, lease, session, isSpoilt, isExposed, readBack }: Upload): Promise<Marked | undefined> {
  if ((isExposed || lease.isExposed) && !isSpoilt) return undefined;
  const signal = AbortSignal.timeout(MARK_TIMEOUT_MS);
  const metadata = isSpoilt ? spoiltMetadata(session) : leftMetadata(session, blob.nowMs);
  try {
    if (lease.isHeld) {
      return { etag: await blob.setMetadata(metadata, signal) };
    }
    // Without a lease, it may be somebody else's by now.
    blob.leases.use(undefined);
    const there = await blob.properties(signal);
    const name = isSpoilt ? UPLOAD_ID : OWNER;
    if (there?.metadata[name] !== session.metadata[name]) return undefined;
    // Of another blob than the one that is there: its ETag would prove what was not read.
    if (!isSpoilt && readBack !== undefined && readBack.etag !== there?.etag) return undefined;
    return { etag: await blob.setMetadata(metadata, signal, there?.etag) };
  } catch {
    return undefined;
  }
}

/**
 * Keeps the checkpoint in step with what the service has acknowledged, as long as `action` runs. Its time counts too: where the
 * service gives no leases, the last write of a killed run has to be soon after it.
 * @throws {ImageChangedError} the image was written to, or replaced; what `action` throws.
 */
export async function whileSaving<T>(
  upload: Upload,
  manifest: UploadManifest | undefined,
  signal: AbortSignal,
  action: (signal: AbortSignal, saveNow: () => void) => Promise<T>,
): Promise<T> {
  const stop = new ChildAbort(signal);
  const save = () => saveState(upload, manifest).catch((error: unknown) => stop.abort(error));
  const autosave = new Autosave(SAVE_INTERVAL_MS, save);
  try {
    return await action(stop.signal, () => autosave.now());
  } finally {
    await autosave.stop();
    stop.unlink();
  }
}

/**
 * Saves what has been acknowledged until now, once it is seen that the image is what it was when that was read. A checkpoint
 * that cannot be written stops nothing that is under way: the next save may succeed.
 * @returns whether it was saved.
 * @throws {ImageChangedError} the image was written to, or replaced.
 */
export async function saveState(
  upload: Upload,
  manifest: UploadManifest | undefined,
  left?: KnownEtag,
): Promise<boolean> {
  const { image, file, sole, emit } = upload;
  if (!sole.mayWriteCheckpoint) return false;
  const state = stateOf(upload, left);
  if (!upload.isSpoilt) await image.assertUnchanged();
  try {
    // First what proves a window, then that it is done.
    await manifest?.flush();
    await file.save(state);
    upload.saveFailed = false;
    emit({ type: 'saved', checkpoint: file.path });
    return true;
  } catch (error) {
    if (upload.saveFailed) return false;
    upload.saveFailed = true;
    emit({
      type: 'warning',
      code: 'checkpoint-not-saved',
      message: `${(error as Error).message} The upload goes on, and tries again every second.`,
    });
    return false;
  }
}

type KnownEtag = Pick<Checkpoint, 'etag' | 'etagMayChange'>;

/**
 * What has been acknowledged until now.
 * @param left - What is known of the blob's ETag, by whoever leaves it.
 */
export function stateOf(upload: Upload, left?: KnownEtag): Checkpoint {
  const { session, progress } = upload;
  // A difference that was found must not be forgotten: all is read again then.
  const readBack = upload.readBack?.differences.summary.count === 0 ? upload.readBack : undefined;
  const etag = readBack?.etag ?? (progress.sent === 0 ? session.etag : undefined);
  const doubted = subtractRanges(session.doubted?.ranges ?? [], readBack?.done.ranges ?? []);
  return {
    ...emptyCheckpoint(session, upload),
    ...(left ?? (etag === undefined ? {} : { etag, etagMayChange: true })),
    ...(session.doubted === undefined ? {} : { doubted }),
    done: [...progress.done.ranges],
    sent: { bytes: progress.pages.bytes, pages: progress.pages.toString() },
    ...(upload.isExposed ? { state: 'exposed' } : {}),
    ...(upload.isSpoilt ? { state: 'spoilt' } : {}),
  };
}
