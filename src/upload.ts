// uploadImage: the whole story of an upload on one page.
import { connectPageBlob } from './azure/azure-page-blob.ts';
import type { Credential } from './azure/credentials.ts';
import { type Destination, parseDestination } from './azure/destination.ts';
import type { PageBlobTarget } from './azure/page-blob-target.ts';
import { assertSasAllows, assertSasCreatesContainers, parseSas } from './azure/sas.ts';
import type { BlobLease } from './blob-lease.ts';
import { PAGE_SIZE } from './byte-range.ts';
import { checkBeforeUpload } from './check-before-upload.ts';
import { Autosave } from './checkpoint/autosave.ts';
import { CheckpointFile } from './checkpoint/checkpoint-file.ts';
import { ChildAbort } from './child-abort.ts';
import { CredentialError } from './errors.ts';
import { checkEvent, type EventListener, retryEvent, shielded, type TransferTotals } from './events.ts';
import { watchExpiry } from './expiry-watch.ts';
import type { DiskImage, ImageWarning } from './image/disk-image.ts';
import { asFixedVhd, type FixedVhdView } from './image/fixed-vhd-view.ts';
import { openDiskImage } from './image/open-disk-image.ts';
import {
  type Concurrency,
  checkChecksum,
  checkMaxRate,
  checkMetadata,
  checkResumeOptions,
  checkRetryOptions,
  concurrencyOf,
  type UploadOptions,
} from './options.ts';
import { verifyPageMap } from './page-map.ts';
import { completeMetadata, emptyCheckpoint, openSession, type Session } from './session.ts';
import { SoleOwner } from './sole-owner.ts';
import type { ChecksumAlgorithm, TransferTarget } from './target.ts';
import { pageChecksum } from './transfer/checksum.ts';
import { Line } from './transfer/line.ts';
import { Pacer } from './transfer/pacer.ts';
import { Progress } from './transfer/progress.ts';
import { Retrier } from './transfer/retry.ts';
import { transferWithProgress } from './transfer-with-progress.ts';
import { VERSION } from './version.ts';

/** How often the checkpoint is saved, in milliseconds: what kill -9 can cost at most, beside the windows in flight. */
const SAVE_INTERVAL_MS = 1000;
/** What a stop waits for at most, to know how it left the blob, in milliseconds. */
const LAST_LOOK_TIMEOUT_MS = 5000;

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
  /** Whether the page ranges of the blob were compared with what was sent. */
  readonly verified: 'map';
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
  checkRetryOptions(options);
  checkResumeOptions(options);
  const destination = parseDestination(options.destination, options.serviceUrl);
  const credential = credentialFor(destination, options);
  const trustUnmarkedSectors = options.trustUnmarkedSectors === true;
  const signal = options.signal ?? new AbortController().signal;
  signal.throwIfAborted();
  const emit = shielded(options.onEvent);
  const startMs = performance.now();
  if (!isConfidential(destination.address.url)) {
    emit({
      type: 'warning',
      code: 'plain-http',
      message: `${destination.address.url} is not https: everybody on the way can read the disk and the credentials.`,
    });
  }

  const warnings: ImageWarning[] = [];
  const image = await openDiskImage(options.image, {
    ...options,
    onWarning: (warning) => {
      warnings.push(warning);
      emit({ type: 'warning', ...warning });
    },
    onDebug: (message) => emit({ type: 'debug', message }),
  });
  try {
    if (options.skipChecks !== true) {
      const findings = await checkBeforeUpload(image, warnings, { blobName: destination.address.blobName });
      for (const finding of findings) emit(checkEvent(finding));
    }
    const source = asFixedVhd(image);
    const blob = await connectPageBlob(destination.address, credential, {
      userAgent: `vhdup/${VERSION}`,
      onEvent: emit,
      onRequest: (record) => emit({ type: 'request', ...record }),
      ...(options.renewSas === undefined ? {} : { renewSas: options.renewSas }),
      ...(options.giveUpAfterMs === undefined ? {} : { giveUpAfterMs: options.giveUpAfterMs }),
      ...(options.stallTimeoutMs === undefined ? {} : { stallTimeoutMs: options.stallTimeoutMs }),
      ...(maxRate === Number.POSITIVE_INFINITY ? {} : { throttle: throttleAt(maxRate) }),
    });
    const file = new CheckpointFile(options.checkpoint ?? `${options.image}.vhdup.json`);
    const retrier = new Retrier(
      options,
      (notice) => emit(retryEvent(notice)),
      (error, failedSignal) => blob.renewed(error, failedSignal),
    );
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
      });

      const upload: Upload = {
        saveFailed: false,
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
      await work(upload, concurrency, checksum);

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
        verified: 'map',
      };
    } finally {
      await sole.end();
      blob.close();
    }
  } finally {
    await image.close();
  }
}

/** The nouns of one upload. */
interface Upload {
  /** Whether the last save failed: it is said once, not every second. */
  saveFailed: boolean;
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

async function work(upload: Upload, concurrency: Concurrency, checksum: ChecksumAlgorithm): Promise<void> {
  try {
    await sendDisk(upload, concurrency, checksum);
    await finish(upload, checksum);
  } catch (error) {
    await leave(upload);
    throw error;
  }
}

/** Sends every window that is left, and keeps the checkpoint in step with what the service has acknowledged. */
async function sendDisk(upload: Upload, concurrency: Concurrency, checksum: ChecksumAlgorithm): Promise<void> {
  const { image, source, blob, retrier, sole, lease, progress, emit } = upload;
  const stop = new ChildAbort(sole.signal);
  const autosave = new Autosave(SAVE_INTERVAL_MS, () =>
    image.assertUnchanged().then(
      () => save(upload),
      (error: unknown) => stop.abort(error),
    ),
  );
  const line = new Line(concurrency.maxRequests, (requests) => emit({ type: 'concurrency', requests }));
  const target: TransferTarget = {
    write: async (run, writeSignal) => {
      if (progress.isFound(run.range)) return;
      const { offset, length } = run.range;
      const send = (attempt: AbortSignal) => lease.attempt(() => line.attempt(length, () => blob.write(run, attempt)));
      await retrier.run(`Put Page ${offset}+${length}`, writeSignal, send, (turn) => line.admit(length, turn));
    },
  };
  const requests = () => ({ requests: blob.requests, retries: retrier.retries });
  try {
    await transferWithProgress({
      source,
      target,
      limit: line.limit,
      maxWindows: concurrency.maxWindows,
      signal: stop.signal,
      emit,
      checksum,
      progress,
      requests,
    });
  } finally {
    await autosave.stop();
    stop.unlink();
    await save(upload);
  }
}

/** Writes the footer, which makes a VHD of what was sent, and proves that everything is there. */
async function finish(upload: Upload, checksum: ChecksumAlgorithm): Promise<void> {
  const { image, source, blob, file, retrier, sole, lease, session, progress, emit } = upload;
  const { signal } = sole;
  emit({ type: 'phase', phase: 'finishing' });
  await image.assertUnchanged();
  const range = { offset: source.size - PAGE_SIZE, length: PAGE_SIZE };
  const footer = { range, bytes: source.footer, checksum: pageChecksum(checksum, source.footer) };
  await retrier.run('Put Page of the footer', signal, (attempt) => lease.attempt(() => blob.write(footer, attempt)));
  progress.runSent(range);
  // Only for its time: the footer may have waited for hours, and is not to be taken for a write of somebody else.
  await save(upload);

  emit({ type: 'phase', phase: 'verifying' });
  await verifyPageMap(blob, progress.pages.with(range), retrier, signal);
  await retrier.run('Set Blob Metadata', signal, (attempt) =>
    lease.attempt(() => blob.setMetadata(completeMetadata(session), attempt)),
  );
  await lease.leave();
  await file
    .remove()
    .catch((error: Error) => emit({ type: 'warning', code: 'checkpoint-not-removed', message: error.message }));
}

/** What a run that fails or is stopped leaves to the next one: a blob that is free, and its ETag, which any other writer changes. */
async function leave(upload: Upload): Promise<void> {
  // Without a lease, a request that was cut off may still be carried out.
  if (!(await upload.lease.leave())) return;
  const there = await upload.blob.properties(AbortSignal.timeout(LAST_LOOK_TIMEOUT_MS)).catch(() => undefined);
  if (there !== undefined) await save(upload, there.etag);
}

/** A checkpoint that cannot be written stops nothing that is under way: the next save may succeed. */
async function save(upload: Upload, etag?: string): Promise<void> {
  const { file, session, sole, progress, emit } = upload;
  if (!sole.mayWriteCheckpoint) return;
  try {
    await file.save({
      ...emptyCheckpoint(session, upload),
      done: progress.done.ranges,
      sent: { bytes: progress.pages.bytes, pages: progress.pages.toString() },
      ...(etag === undefined ? {} : { etag }),
    });
    upload.saveFailed = false;
    emit({ type: 'saved', checkpoint: file.path });
  } catch (error) {
    if (upload.saveFailed) return;
    upload.saveFailed = true;
    emit({ type: 'warning', code: 'checkpoint-not-saved', message: (error as Error).message });
  }
}

/** Smooths what is sent to `bytesPerSecond`, over all connections. */
function throttleAt(bytesPerSecond: number): (bytes: number, signal: AbortSignal) => Promise<void> {
  const pacer = new Pacer(bytesPerSecond);
  return (bytes, signal) => pacer.pass(bytes, signal);
}

/** Encrypted, or not leaving this machine. */
function isConfidential(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' || /^(?:127\.|localhost$|\[::1\]$)|\.localhost$/.test(hostname);
}

/**
 * The SAS of the URL, or the credential of the options.
 * @throws {CredentialError} a SAS that cannot do what an upload needs. One that has only expired may be replaced later.
 */
function credentialFor({ address, sas }: Destination, options: UploadOptions): Credential {
  const chosen: Credential = sas === undefined ? (options.credential ?? { kind: 'entra' }) : { kind: 'sas', sas };
  if (chosen.kind !== 'sas') return chosen;
  const parsed = parseSas(chosen.sas, address);
  try {
    assertSasAllows(parsed, 'rw');
    if (options.createContainer === true) assertSasCreatesContainers(parsed);
  } catch (error) {
    const isReplaceable = options.renewSas !== undefined && error instanceof CredentialError && error.isExpired;
    if (!isReplaceable) throw error;
  }
  return { kind: 'sas', sas: parsed };
}
