// The end of an upload: writes the footer, verifies the blob and marks it as complete.

import { PAGE_SIZE } from '../base/byte-range.ts';
import { subtractRanges } from '../base/range-list.ts';
import { DestinationError, VerificationError } from '../errors.ts';
import type { EventListener } from '../events.ts';
import type { DiskImage } from '../image/disk-image.ts';
import type { FixedVhdView } from '../image/fixed-vhd-view.ts';
import type { VerifiedLevel, VerifyLevel } from '../options.ts';
import { isModified } from '../remote/blob-lifecycle.ts';
import type { RetryingPageStore } from '../remote/retrying-page-store.ts';
import type { Capabilities, RemoteLifecycle } from '../target/lifecycle.ts';
import { pageChecksum } from '../transfer/checksum.ts';
import type { Concurrency } from '../transfer/concurrency-limits.ts';
import type { PageSetDigest } from '../transfer/page-set-digest.ts';
import { Progress } from '../transfer/progress.ts';
import type { WindowMemory } from '../transfer/window-memory.ts';
import { compareBlob } from '../verify/compare-blob.ts';
import { Differences, describeDifferences } from '../verify/differences.ts';
import { hasFooter } from '../verify/footer.ts';
import { verifyPageList } from '../verify/page-list.ts';
import type { Artifacts } from './artifacts.ts';
import type { Checkpointing } from './checkpointing.ts';
import type { Session } from './context.ts';

/** The parts of a running upload. */
export interface Upload {
  readonly image: DiskImage;
  readonly source: FixedVhdView;
  readonly store: RetryingPageStore;
  readonly lifecycle: RemoteLifecycle;
  readonly session: Session;
  readonly progress: Progress;
  readonly checkpointing: Checkpointing;
  /** Shared by sending and reading back, because released memory is not free at once. */
  readonly memory: WindowMemory;
  readonly concurrency: Concurrency;
  /** The level that the user asked for. */
  readonly verify: VerifyLevel | undefined;
  readonly emit: EventListener;
}

export interface Finished {
  /** The level that was compared. */
  readonly verified: VerifiedLevel;
  /** In base64; undefined if it was not computed. */
  readonly contentMd5: string | undefined;
}

/**
 * Writes the footer, which turns the blob into a VHD, verifies the blob and marks it as complete.
 * @throws {VerificationError} the blob does not match the image.
 */
export async function finish(upload: Upload, { manifest, md5 }: Artifacts, signal: AbortSignal): Promise<Finished> {
  const { image, source, store, lifecycle, session, progress, memory, emit } = upload;
  emit({ type: 'phase', phase: 'finishing' });
  await image.assertUnchanged();
  const range = { offset: source.diskSize, length: PAGE_SIZE };
  const footer = { range, bytes: source.footer, checksum: pageChecksum(memory.algorithm, source.footer) };
  await store.write(footer, signal);
  progress.runSent(range);

  const sent = progress.pages.with(range);
  const verified = levelOf(upload.verify, session);
  let contentMd5: Uint8Array | undefined;
  try {
    contentMd5 = await md5?.digest((done) => emit({ type: 'hashing', done, size: source.size }));
    if (contentMd5 !== undefined) {
      // The MD5 thread reads the image on its own, and may have read it long after everything was sent.
      await image.assertUnchanged();
      // Before the read-back, because it changes the ETag: if its answer was lost, nothing shows who changed it.
      await lifecycle.setContentMd5(contentMd5, signal);
    }
    // Without a lease, the blob must keep this ETag from the read-back to the end.
    const etag = await verify(upload, verified, sent, signal);
    await manifest?.complete(footer, sent);
    await lifecycle.finish(signal, etag, () => upload.checkpointing.save());
  } catch (error) {
    throw changedMeanwhile(error, store.url);
  }
  return { verified, contentMd5: contentMd5 === undefined ? undefined : Buffer.from(contentMd5).toString('base64') };
}

function changedMeanwhile(error: unknown, url: string): unknown {
  if (!isModified(error)) return error;
  return new DestinationError(
    `Something else wrote to ${url} while it was being compared. Run the same command again when nothing else uses the blob: unverified data is then read back once more.`,
    { cause: error, reason: 'ConditionNotMet' },
  );
}

/** The level that the user asked for, or else the least that leaves nothing unverified. */
function levelOf(asked: VerifyLevel | undefined, { unverified }: Session): VerifiedLevel {
  return asked ?? (unverified.ranges.length > 0 ? 'unverified' : 'ranges');
}

/** Warns at the start that data is or will be unverified, and what that costs or leaves open. */
export function warnOfUnverified(
  asked: VerifyLevel | undefined,
  { unverified, earlier }: Session,
  { lease, exclusive }: Capabilities,
  url: string,
  emit: EventListener,
): void {
  if (asked === 'full' || ((lease || exclusive) && unverified.ranges.length === 0 && earlier?.fromBlob !== true))
    return;
  const why =
    lease || exclusive
      ? `Neither the ETag nor a lease proves that nothing else has written to ${url} since the previous run of this upload.`
      : `No lease prevents other programs from writing to ${url} during this upload.`;
  const what =
    asked === undefined
      ? 'Unverified data is read back and compared at the end. --verify ranges skips that.'
      : `--verify ${asked} skips the read-back, so a write by something else would go unnoticed.`;
  emit({ type: 'warning', code: 'unverified', message: `${why} ${what}` });
}

/**
 * @returns the ETag at which the blob was read back; undefined if it was not.
 * @throws {VerificationError} the blob holds other pages or other bytes.
 */
async function verify(
  upload: Upload,
  level: VerifiedLevel,
  sent: PageSetDigest,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { store, emit } = upload;
  if (level === 'none') return undefined;
  emit({ type: 'phase', phase: 'verifying' });
  await verifyPageList(store, sent, signal);
  if (level === 'ranges') return undefined;
  const properties = await store.properties(signal);
  if (properties === undefined)
    throw new DestinationError(
      `Cannot verify ${store.url}: the blob no longer exists. Give --restart to upload from the beginning.`,
    );
  await readBack(upload, level, properties.etag, signal);
  return properties.etag;
}

async function readBack(upload: Upload, level: VerifiedLevel, etag: string, signal: AbortSignal): Promise<void> {
  const { source, store, session, checkpointing } = upload;
  const differences = new Differences();
  const disk = [{ offset: 0, length: source.diskSize }];
  const progress = new Progress({ done: level === 'full' ? [] : subtractRanges(disk, session.unverified.ranges) });
  checkpointing.readBack = { done: progress.done, differences };
  const emit: EventListener = (event) => {
    // Save soon: only the checkpoint records what was read back, and a kill would lose it.
    if (event.type === 'progress') checkpointing.saveSoon();
    upload.emit(event);
  };
  try {
    await compareBlob({ ...upload, signal, emit, etag, full: true, isOurs: true, progress, differences });
    if (!(await hasFooter(upload, etag, signal))) {
      differences.add({ kind: 'footer', offset: source.diskSize, length: PAGE_SIZE });
    }
  } catch (error) {
    // A difference outweighs a stop or another failure: a later run may compare less.
    if (differences.summary.count === 0) throw error;
  }
  const { summary } = differences;
  if (summary.count === 0) return;
  throw new VerificationError(
    `${store.url} does not match the image: ${describeDifferences(summary)}. Upload it again with --restart --overwrite.`,
  );
}
