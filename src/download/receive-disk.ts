// receiveDisk: receives what is missing, verifies it, and gives the file its name.

import { LocalFileError, VerificationError } from '../errors.ts';
import type { EventListener } from '../events.ts';
import { watchExpiry } from '../remote/expiry-watch.ts';
import type { LocalImage } from '../target/local-image.ts';
import { openLocalImage } from '../target/open-local-image.ts';
import { localConcurrency } from '../transfer/concurrency-limits.ts';
import { moveDisk } from '../transfer/move-disk.ts';
import { Progress } from '../transfer/progress.ts';
import { WindowMemory } from '../transfer/window-memory.ts';
import { BlobSource } from './blob-source.ts';
import type { DownloadProof, DownloadResult } from './download-result.ts';
import { fileIdentity, freeSpace, lengthOf, noSpace } from './output-file.ts';
import type { DownloadPlan, DownloadRun, LeftOutOfBlob, Reception } from './reception.ts';
import { SavedDownload } from './saved-download.ts';
import { type SourceDisk, sourceChanged } from './source-disk.ts';
import { isSourceChanged, temporaryPathOf, verifyDownload } from './verify-download.ts';

/**
 * @throws {DestinationError} the blob was changed. @throws {VerificationError} the content is not what it should be. In both cases
 * nothing is left. Any other failure leaves what a later run can resume.
 */
export async function receiveDisk(run: DownloadRun, plan: DownloadPlan): Promise<DownloadResult> {
  const { settings, target, access } = run;
  const { disk, manifest, leftOut, earlier } = plan;
  await checkSpace(run, plan);
  const image = await openImage(run, plan);
  const memory = new WindowMemory(manifest?.header.checksum ?? settings.checksum);
  try {
    const { etag } = disk.properties;
    const { signal } = access;
    const { size: diskSize, endOfData } = disk;
    const source = new BlobSource({ target, etag, diskSize, endOfData, memory, manifest, free: leftOut?.map, signal });
    const progress = new Progress(earlier);
    const parts = { ...run, ...plan, image, source, progress, memory };
    const reception = { ...parts, saved: new SavedDownload(parts) };
    return await receive(reception).catch(async (error: unknown) => {
      throw await stopped(reception, error);
    });
  } finally {
    await memory.close();
  }
}

/** The result if an earlier run has finished the file. */
export async function alreadyComplete(
  run: DownloadRun,
  disk: SourceDisk,
  leftOut: LeftOutOfBlob | undefined,
): Promise<DownloadResult> {
  const size = await lengthOf(run.settings.output);
  const amounts = { size, received: 0, written: 0, receivedBefore: 0 };
  return { ...resultOf(run, { disk, leftOut }, amounts, []), alreadyComplete: true };
}

/** @throws {LocalFileError} a file without holes does not fit. */
async function checkSpace({ settings }: DownloadRun, { disk, earlier }: DownloadPlan): Promise<void> {
  const { output, sparse, format } = settings;
  const isFlat = format === 'vhd' || format === 'raw';
  if (sparse || !isFlat || earlier !== undefined) return;
  const free = await freeSpace(output);
  const needed = disk.size + disk.footer.length;
  if (free === undefined || free >= needed) return;
  throw new LocalFileError(
    `${noSpace(output, needed, free)} Free some space, name a file on another disk, or give --sparse or --format vhdx, which store only data.`,
  );
}

async function openImage({ settings }: DownloadRun, { disk, earlier }: DownloadPlan): Promise<LocalImage> {
  const { output: path, format, overwrite, sparse } = settings;
  return await openLocalImage({
    ...{ path, format, overwrite, sparse, resumable: true },
    diskSize: disk.size,
    diskId: disk.diskId,
    timestamp: disk.timestamp,
    ...(format === 'vhd' ? { footer: disk.footer } : {}),
    ...(earlier === undefined ? {} : { resume: earlier.file }),
  });
}

async function receive(reception: Reception): Promise<DownloadResult> {
  const { saved, image, source, progress, access } = reception;
  // At once, so that no temporary file is left that no checkpoint knows.
  await saved.save();
  emitStart(reception);
  const verified = await saved.whileSaving(access.signal, async (signal) => {
    await move(reception, signal);
    return await verifyDownload(reception, signal);
  });
  await saved.save(await fileIdentity(await temporaryPathOf(image)));
  await image.finish();
  await saved.remove();
  const { received } = source;
  const amounts = { size: image.size, received, receivedBefore: saved.receivedBefore, written: progress.sent };
  return resultOf(reception, reception, amounts, verified);
}

function emitStart({ settings, emit, target, disk, image, facts, earlier, file }: Reception): void {
  emit({
    type: 'start-download',
    url: target.url,
    blobSize: disk.properties.size,
    diskSize: disk.size,
    output: image.path,
    format: facts.format,
    ...(earlier === undefined ? {} : { resumedFrom: earlier.startedAt }),
    checkpoint: file.path,
    threads: settings.threads,
    maxWindows: settings.concurrency.maxWindows,
  });
}

async function move(reception: Reception, signal: AbortSignal): Promise<void> {
  const { settings, source, image, progress, memory, target, emit } = reception;
  const endsOn = () => target.store.credentialExpiresOn;
  const watched = watchExpiry(emit, { endsOn, maxRate: settings.maxRate, work: 'download' });
  await moveDisk({
    ...{ source, target: image, progress, memory, signal },
    limit: localConcurrency().limit,
    pace: target.store.limit,
    maxWindows: settings.concurrency.maxWindows,
    checksums: false,
    emit: warningOfSpace(reception, watched),
    requests: () => target.store.counters,
  });
}

/** Warns once if what the blob lists may not fit. Only the page list shows how much that is. */
function warningOfSpace({ settings, progress, emit }: Reception, next: EventListener): EventListener {
  let isChecked = false;
  return (event) => {
    next(event);
    if (isChecked || event.type !== 'progress' || progress.plan === undefined) return;
    isChecked = true;
    const needed = progress.plan.allocated - progress.plan.done;
    void freeSpace(settings.output).then((free) => {
      if (free === undefined || free >= needed) return;
      const message = `${noSpace(settings.output, needed, free)} If the disk becomes full, the download stops and can be resumed.`;
      emit({ type: 'warning', code: 'low-space', message });
    });
  };
}

/** Keeps what a later run can resume. @returns the failure to throw. */
async function stopped(reception: Reception, error: unknown): Promise<unknown> {
  const { image, saved, target } = reception;
  const isChange = await isSourceChanged(reception, error);
  if (isChange || error instanceof VerificationError) {
    await image.abandon();
    await saved.remove();
    return isChange ? sourceChanged(target.url) : error;
  }
  // The failure explains more than that its progress could not be saved.
  await saved.save().catch(() => undefined);
  // No later run finds a temporary file that no checkpoint names.
  if (saved.isResumable) await image.keep();
  else await image.abandon();
  return error;
}

function resultOf(
  { settings, target, startMs }: DownloadRun,
  { disk: { size: diskSize, properties }, leftOut }: Pick<DownloadPlan, 'disk' | 'leftOut'>,
  amounts: Pick<DownloadResult, 'size' | 'received' | 'receivedBefore' | 'written'>,
  verified: readonly DownloadProof[],
): DownloadResult {
  const { output, format, sparse } = settings;
  const { store, url } = target;
  const durationMs = performance.now() - startMs;
  return {
    ...{ url, output, format, diskSize, blobSize: properties.size, ...amounts },
    alreadyComplete: false,
    ...{ verified, sparse },
    ...store.counters,
    checksumMismatches: store.checksumMismatches,
    durationMs,
    bytesPerSecond: durationMs === 0 ? 0 : (amounts.received * 1000) / durationMs,
    ...(leftOut === undefined ? {} : { freeSpace: leftOut.report }),
  };
}
