// The end of an upload: writes the footer, verifies the blob and marks it as complete.

import { PAGE_SIZE } from '../base/byte-range.ts';
import { CredentialError, DestinationError, LocalFileError } from '../errors.ts';
import type { EventListener } from '../events.ts';
import type { DiskImage } from '../image/disk-image.ts';
import type { FixedVhdView } from '../image/fixed-vhd-view.ts';
import type { VerifiedLevel, VerifyLevel } from '../options.ts';
import { isModified } from '../remote/blob-lifecycle.ts';
import type { DiskExport } from '../remote/disk-export.ts';
import type { RetryingPageStore } from '../remote/retrying-page-store.ts';
import type { Capabilities, RemoteLifecycle } from '../target/lifecycle.ts';
import { pageChecksum } from '../transfer/checksum.ts';
import type { Concurrency } from '../transfer/concurrency-limits.ts';
import type { PageSetDigest } from '../transfer/page-set-digest.ts';
import type { Progress } from '../transfer/progress.ts';
import type { WindowMemory } from '../transfer/window-memory.ts';
import { verifyPageList } from '../verify/page-list.ts';
import type { Artifacts } from './artifacts.ts';
import type { Checkpointing, ReadBack } from './checkpointing.ts';
import type { Session } from './context.ts';
import { COMMITTED_ADVICE, type ReadBackLevel, type ReadBackOptions, readBack } from './read-back.ts';

/** A target to which something else writes meanwhile is compared this often at most. */
const COMPARISONS = 3;

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
  /** Opens the target for reading once it is final; undefined if that is not possible. */
  readonly openExport: ((signal: AbortSignal) => Promise<DiskExport>) | undefined;
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
  const { image, source, store, lifecycle, progress, memory, emit } = upload;
  emit({ type: 'phase', phase: 'finishing' });
  await image.assertUnchanged();
  const range = { offset: source.diskSize, length: PAGE_SIZE };
  const footer = { range, bytes: source.footer, checksum: pageChecksum(memory.algorithm, source.footer) };
  await store.write(footer, signal);
  progress.runSent(range);

  const sent = progress.pages.with(range);
  let contentMd5: Uint8Array | undefined;
  try {
    contentMd5 = await md5?.digest((done) => emit({ type: 'hashing', done, size: source.size }));
    if (contentMd5 !== undefined) {
      // The MD5 thread reads the image on its own, and may have read it long after everything was sent.
      await image.assertUnchanged();
      // Before the read-back, because it changes the ETag: if its answer was lost, nothing shows who changed it.
      await lifecycle.setContentMd5(contentMd5, signal);
    }
    let manifestWritten: Promise<void> | undefined;
    const { verified, pending } = await whileUnmodified(upload, async () => {
      const proof = await verify(upload, sent, signal);
      manifestWritten ??= manifest?.complete(footer, sent);
      await manifestWritten;
      upload.checkpointing.unread = proof.pending;
      // Under a lease nothing else writes. Without one, the blob must keep the ETag of the read-back to the end.
      const isProved =
        proof.etag !== undefined || (lifecycle.isHeld && proof.verified === 'ranges' && isAllVerified(upload));
      const etag = await lifecycle.finish(signal, proof.etag, () => upload.checkpointing.save());
      if (isProved && etag !== undefined) await manifest?.complete(footer, sent, etag).catch(unlessLocal);
      return proof;
    });
    if (pending !== undefined) await readCommitted(upload, pending, signal);
    return { verified, contentMd5: contentMd5 === undefined ? undefined : Buffer.from(contentMd5).toString('base64') };
  } catch (error) {
    throw changedMeanwhile(error, store.url);
  }
}

/**
 * Compares again if something writes to the target meanwhile. Mostly that is the last request of a run that was killed, which a server
 * or a proxy had received: it holds the right bytes, and nothing follows it.
 */
async function whileUnmodified<T>({ store, checkpointing, emit }: Upload, compare: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await compare();
    } catch (error) {
      if (!isModified(error) || attempt === COMPARISONS) throw error;
      // What was read proves nothing about the target now.
      checkpointing.readBack = undefined;
      const message = `Something else wrote to ${store.url} while it was being compared. It is compared again.`;
      emit({ type: 'warning', code: 'modified-meanwhile', message });
    }
  }
}

function changedMeanwhile(error: unknown, url: string): unknown {
  if (!isModified(error)) return error;
  return new DestinationError(
    `Something else keeps writing to ${url} while it is being compared. Run the same command again when nothing else uses it: unverified data is then read back once more.`,
    { cause: error, reason: 'ConditionNotMet' },
  );
}

/** The level that the user asked for, or else the least that leaves nothing unverified. */
function levelOf(asked: VerifyLevel | undefined, { unverified }: Session): VerifiedLevel {
  return asked ?? (unverified.ranges.length > 0 ? 'unverified' : 'ranges');
}

/** The blob is complete: a manifest that lacks its ETag only costs a later --base a read-back. @throws any other error. */
function unlessLocal(error: unknown): void {
  if (!(error instanceof LocalFileError)) throw error;
}

function isAllVerified({ session }: Upload): boolean {
  return session.unverified.ranges.length === 0;
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

/** What was compared before the target becomes final. */
interface Proof {
  readonly verified: VerifiedLevel;
  /** The ETag at which the target was read back; undefined if it was not. */
  readonly etag?: string;
  /** What can only be read back when the target is final, because the credential for the upload cannot read. */
  readonly pending?: ReadBackLevel;
}

/** @throws {VerificationError} the target holds other pages or other bytes. */
async function verify(upload: Upload, sent: PageSetDigest, signal: AbortSignal): Promise<Proof> {
  const { store, session, checkpointing, emit } = upload;
  const asked = levelOf(upload.verify, session);
  if (asked === 'none') return { verified: asked };
  emit({ type: 'phase', phase: 'verifying' });
  await verifyPageList(store, sent, signal);
  const level = store.isListUnknown ? 'full' : asked;
  if (level === 'ranges') return { verified: level };
  const onStart = (started: ReadBack) => {
    checkpointing.readBack = started;
  };
  const advice = 'Upload it again with --restart --overwrite.';
  try {
    return {
      verified: level,
      etag: await readBack(readBackOf(upload, { level, isOurs: true, onStart, advice }), signal),
    };
  } catch (error) {
    const isUnreadable = error instanceof CredentialError && !error.isExpired;
    if (upload.openExport === undefined || !isUnreadable) throw error;
    checkpointing.readBack = undefined;
    return { verified: level, pending: level };
  }
}

/** Reads back a disk that is final already. */
async function readCommitted(upload: Upload, level: ReadBackLevel, signal: AbortSignal): Promise<void> {
  const opened = await upload.openExport?.(signal);
  if (opened === undefined) return;
  upload.emit({ type: 'phase', phase: 'verifying' });
  const parts = readBackOf(upload, { level, isOurs: false, advice: COMMITTED_ADVICE });
  try {
    await readBack({ ...parts, store: opened.store }, signal);
  } finally {
    await opened.end();
  }
}

function readBackOf(
  upload: Upload,
  more: Pick<ReadBackOptions, 'level' | 'isOurs' | 'onStart' | 'advice'>,
): ReadBackOptions {
  const { session, checkpointing } = upload;
  const emit: EventListener = (event) => {
    // Save soon: only the checkpoint records what was read back, and a kill would lose it.
    if (event.type === 'progress') checkpointing.saveSoon();
    upload.emit(event);
  };
  return { ...upload, emit, unverified: session.unverified, ...more };
}
