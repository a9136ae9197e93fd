// uploadImage: the whole story of an upload on one page.
import { PAGE_SIZE } from '../base/byte-range.ts';
import { sidePath } from '../base/side-file.ts';
import { checkBeforeUpload } from '../check/preflight.ts';
import { checkEvent, shielded, type TransferTotals, type UploadEvent } from '../events.ts';
import type { ImageWarning } from '../image/disk-image.ts';
import { asFixedVhd } from '../image/fixed-vhd-view.ts';
import { openDiskImage } from '../image/open-disk-image.ts';
import type { UploadOptions, VerifiedLevel } from '../options.ts';
import { accessOf, connect, warnOfPlainHttp, warnOfThreads } from '../remote/connect.ts';
import { watchExpiry } from '../remote/expiry-watch.ts';
import { SizedWrites } from '../remote/sized-writes.ts';
import { CheckpointFile } from '../state/checkpoint-file.ts';
import type { ChecksumAlgorithm, TransferTarget } from '../target/page-target.ts';
import { pageChecksum } from '../transfer/checksum.ts';
import { concurrencyOf } from '../transfer/concurrency-limits.ts';
import { Line } from '../transfer/congestion-control.ts';
import { transferWithProgress } from '../transfer/move-disk.ts';
import { Progress } from '../transfer/progress.ts';
import { WindowMemory } from '../transfer/window-memory.ts';
import {
  checkChecksum,
  checkMaxRate,
  checkMetadata,
  checkResumeOptions,
  checkRetryOptions,
  checkVerify,
} from '../validate-options.ts';
import { type Proofs, withProofs } from './artifacts.ts';
import { causeOf, leaveBlob, saveState, stateOf, type Upload, whileSaving } from './checkpointing.ts';
import { SoleOwner } from './exclusive-access.ts';
import { openSession } from './open-session.ts';
import { completeMetadata } from './session.ts';
import { UploadManifest } from './upload-manifest.ts';
import { type ReadBack, type VerifyUploadOptions, verifiedLevelOf, verifyUpload } from './verify-upload.ts';

const MIB = 1024 * 1024;

export interface UploadResult extends TransferTotals {
  /** Without SAS. */
  readonly url: string;
  readonly uploadId: string;
  /** Length of the blob in bytes: the disk rounded up to a whole MiB, and the footer. */
  readonly blobSize: number;
  /** Virtual size of the image in bytes. */
  readonly diskSize: number;
  /** Requests whose bytes arrived damaged and were sent again. */
  readonly checksumMismatches: number;
  readonly durationMs: number;
  /** Bytes acknowledged by this run, per second. */
  readonly bytesPerSecond: number;
  /** What was compared at the end. */
  readonly verified: VerifiedLevel;
  /** In base64, as the blob has it; only with `contentMd5`. */
  readonly contentMd5?: string;
}

/**
 * Uploads a disk image as a fixed VHD into a page blob. Goes on where an earlier run of the same upload stopped.
 * Every failure leaves a checkpoint from which the same call goes on, unless the message says otherwise.
 * @throws {VhdupError} one subclass for each kind of failure; the reason of `signal`, unchanged, on abort.
 */
export async function uploadImage(options: UploadOptions): Promise<UploadResult> {
  const concurrency = concurrencyOf(options.threads);
  const maxRate = checkMaxRate(options.maxRate);
  const checksum = checkChecksum(options.checksum);
  const metadata = checkMetadata(options.metadata);
  const verify = checkVerify(options.verify);
  checkRetryOptions(options);
  checkResumeOptions(options);
  const access = accessOf(options, 'rw');
  const trustUnmarkedSectors = options.trustUnmarkedSectors === true;
  const signal = options.signal ?? new AbortController().signal;
  signal.throwIfAborted();
  await UploadManifest.check(options);
  const emit = shielded(options.onEvent);
  const startMs = performance.now();
  warnOfPlainHttp(access, emit);
  warnOfThreads(concurrency, emit);

  const warnings: ImageWarning[] = [];
  const image = await openDiskImage(options.image, {
    ...options,
    // Full is to doubt everything.
    readHoles: verify === 'full',
    onWarning: (warning) => {
      warnings.push(warning);
      emit({ type: 'warning', ...warning });
    },
    onDebug: (message) => emit({ type: 'debug', message }),
  });
  try {
    if (options.skipChecks !== true) {
      const findings = await checkBeforeUpload(image, warnings, { blobName: access.address.blobName });
      for (const finding of findings) emit(checkEvent(finding));
    }
    const source = asFixedVhd(image);
    const { blob, retrier } = await connect(access, { ...options, maxRate }, emit);
    const file = new CheckpointFile(options.checkpoint ?? (await sidePath(options.image, '.vhdup.json')));
    const sole = await SoleOwner.begin({ file, blob, retrier, emit, signal });
    try {
      const session = await openSession({
        image,
        source,
        blob,
        file,
        lease: sole.lease,
        retrier,
        signal: sole.signal,
        metadata,
        overwrite: options.overwrite === true,
        restart: options.restart === true,
        resumeFromBlob: options.resumeFromBlob === true,
        breakLease: options.breakLease === true,
        verifiesAll: verify === 'full',
        trustUnmarkedSectors,
        createContainer: options.createContainer === true,
      });
      emit({
        type: 'start',
        image: image.path,
        format: image.format,
        diskSize: image.size,
        url: blob.address.url,
        blobSize: source.size,
        uploadId: session.uploadId,
        ...(session.earlier === undefined ? {} : { resumedFrom: session.earlier.startedAt }),
        checkpoint: file.path,
        threads: options.threads ?? 'auto',
        maxWindows: concurrency.maxWindows,
      });
      const level = verifiedLevelOf(verify, session, blob.address.url, emit);

      const upload: Upload = {
        saveFailed: false,
        isSpoilt: false,
        isExposed: false,
        readBack: undefined,
        trustUnmarkedSectors,
        image,
        source,
        blob,
        file,
        retrier,
        sole,
        lease: sole.lease,
        session,
        progress: new Progress(session.earlier, session.found),
        emit: watchExpiry(emit, { endsOn: () => blob.credentialEndsOn, maxRate }),
      };
      const contentMd5 = await work(upload, options, { level, checksum, concurrency });

      const durationMs = performance.now() - startMs;
      return {
        ...upload.progress.totals(source.diskSize),
        requests: blob.requests,
        retries: retrier.retries,
        url: blob.address.url,
        uploadId: session.uploadId,
        blobSize: source.size,
        diskSize: image.size,
        checksumMismatches: retrier.checksumMismatches,
        durationMs,
        bytesPerSecond: (upload.progress.sent * 1000) / durationMs,
        verified: level,
        ...(contentMd5 === undefined ? {} : { contentMd5 }),
      };
    } finally {
      await sole.end();
      blob.close();
    }
  } finally {
    await image.close();
  }
}

type WorkOptions = Pick<VerifyUploadOptions, 'level' | 'memory' | 'concurrency'>;

/** @returns the blob's Content-MD5 in base64, where it is computed. */
async function work(
  upload: Upload,
  options: UploadOptions,
  { checksum, ...how }: Omit<WorkOptions, 'memory'> & { readonly checksum: ChecksumAlgorithm },
): Promise<string | undefined> {
  const { source, sole } = upload;
  let isOver = false;
  const leave = async (manifest: UploadManifest | undefined, error: unknown) => {
    isOver = true;
    await leaveBlob(upload, manifest, error);
  };
  return await withProofs(options, source, stateOf(upload), sole.signal, async (proofs, signal) => {
    try {
      // One for both sending and reading back: memory that is let go is not free at once.
      const memory = new WindowMemory(checksum);
      const workOptions: WorkOptions = { ...how, memory };
      const contentMd5 = await whileSaving(upload, proofs.manifest, signal, async (savingSignal, saveNow) => {
        await sendDisk(upload, proofs, workOptions, savingSignal);
        return await finish(upload, proofs, workOptions, savingSignal, saveNow);
      }).finally(() => memory.close());
      await complete(upload, signal);
      isOver = true;
      return contentMd5;
    } catch (error) {
      const cause = await causeOf(error, upload.image);
      await leave(proofs.manifest, cause);
      throw cause;
    }
  }).catch(async (error: unknown) => {
    // The proofs could not even begin.
    if (!isOver) await leave(undefined, error);
    throw error;
  });
}

/** Sends every window that is left. */
async function sendDisk(
  upload: Upload,
  { manifest }: Proofs,
  { concurrency, memory }: WorkOptions,
  signal: AbortSignal,
): Promise<void> {
  const { source, blob, retrier, lease, progress, emit } = upload;
  const line = new Line(concurrency.maxRequests, (requests) => emit({ type: 'concurrency', requests }));
  const sized = new SizedWrites({
    target: {
      write: async (run, writeSignal) => {
        const { offset, length } = run.range;
        const send = (attempt: AbortSignal) =>
          lease.attempt(() => line.attempt(length, () => blob.write(run, attempt)));
        await retrier.run(`Put Page ${offset}+${length}`, writeSignal, send, (turn) => line.admit(length, turn));
      },
    },
    checksum: (bytes) => memory.checksum(bytes),
    onSmaller: (bytes) => emit(smallerRequests(blob.address.url, bytes)),
  });
  const target: TransferTarget = {
    write: async (run, writeSignal) => {
      if (!progress.isFound(run.range)) await sized.write(run, writeSignal);
      manifest?.runSent(run);
    },
  };
  const requests = () => ({ requests: blob.requests, retries: retrier.retries });
  await transferWithProgress({
    source,
    target,
    limit: line.limit,
    maxWindows: concurrency.maxWindows,
    signal,
    emit,
    memory,
    progress,
    onWindow: (window, runs) => manifest?.windowDone(window, runs),
    requests,
  });
  await saveState(upload, manifest);
}

function smallerRequests(url: string, bytes: number): UploadEvent {
  const size = bytes >= MIB ? `${bytes / MIB} MiB` : `${bytes / 1024} KiB`;
  return {
    type: 'warning',
    code: 'smaller-requests',
    message: `Something between this machine and ${url} refuses larger requests (413): from now on they have at most ${size}.`,
  };
}

/**
 * Writes the footer, which makes a VHD of what was sent, and proves that everything is there.
 * @returns the blob's Content-MD5 in base64, where it is computed.
 */
async function finish(
  upload: Upload,
  { manifest, md5 }: Proofs,
  options: WorkOptions,
  signal: AbortSignal,
  saveNow: () => void,
): Promise<string | undefined> {
  const { image, source, blob, retrier, lease, session, progress, emit } = upload;
  emit({ type: 'phase', phase: 'finishing' });
  await image.assertUnchanged();
  const range = { offset: source.size - PAGE_SIZE, length: PAGE_SIZE };
  const footer = { range, bytes: source.footer, checksum: pageChecksum(options.memory.algorithm, source.footer) };
  await retrier.run('Put Page of the footer', signal, (attempt) => lease.attempt(() => blob.write(footer, attempt)));
  progress.runSent(range);

  const sent = progress.pages.with(range);
  const { doubted } = session;
  const onReadBack = (readBack: ReadBack) => {
    upload.readBack = readBack;
    // A kill must not cost what was read: nothing else proves it to the next run.
    if (doubted !== undefined) saveNow();
  };
  await verifyUpload({ ...options, source, blob, sent, doubted, onReadBack, retrier, signal, emit });
  const contentMd5 = await md5?.digest((done) => emit({ type: 'hashing', done, size: source.size }));
  await manifest?.complete(footer, sent);
  if (contentMd5 !== undefined) {
    // The MD5 reads the image by itself, and may have done so for long after everything was sent.
    await image.assertUnchanged();
    await retrier.run('Set Blob Properties', signal, (attempt) =>
      lease.attempt(() => blob.setContentMd5(contentMd5, attempt)),
    );
  }
  return contentMd5 === undefined ? undefined : Buffer.from(contentMd5).toString('base64');
}

/** Says in the blob that it is whole, and forgets how it came to be. */
async function complete(upload: Upload, signal: AbortSignal): Promise<void> {
  const { blob, file, retrier, lease, session, emit } = upload;
  await retrier.run('Set Blob Metadata', signal, (attempt) =>
    lease.attempt(() => blob.setMetadata(completeMetadata(session), attempt)),
  );
  await file
    .remove()
    .catch((error: Error) => emit({ type: 'warning', code: 'checkpoint-not-removed', message: error.message }));
  // Not before the checkpoint, which counts on it.
  await lease.leave();
}
