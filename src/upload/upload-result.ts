// The start event and the result of an upload.

import type { FreeSpaceReport } from '../base/skip-free.ts';
import type { TransferTotals, UploadEvent } from '../events.ts';
import type { DiskImage } from '../image/disk-image.ts';
import type { FixedVhdView } from '../image/fixed-vhd-view.ts';
import { recordedFiles } from '../image/recorded-files.ts';
import type { FreeSpaceImage } from '../image/without-free-space.ts';
import type { UploadOptions, VerifiedLevel } from '../options.ts';
import type { Concurrency } from '../transfer/concurrency-limits.ts';
import { Progress } from '../transfer/progress.ts';
import type { Session, TargetRequest } from './context.ts';
import type { Finished } from './finish.ts';
import type { FinishedDisk } from './managed-disk.ts';
import type { Skippable } from './skippable.ts';
import type { UploadedDisk } from './target.ts';

export interface UploadResult extends TransferTotals {
  /** Without SAS. */
  readonly url: string;
  readonly uploadId: string;
  /** Length of the blob in bytes: the disk rounded up to a whole MiB, plus the footer. */
  readonly blobSize: number;
  /** Virtual size of the image in bytes. */
  readonly diskSize: number;
  /** Requests that were repeated because their bytes arrived damaged. */
  readonly checksumMismatches: number;
  readonly durationMs: number;
  /** Bytes acknowledged by this run, per second. */
  readonly bytesPerSecond: number;
  /** The level that was compared at the end. */
  readonly verified: VerifiedLevel;
  /** Whether an earlier run had already completed the upload. */
  readonly alreadyComplete: boolean;
  /** The Content-MD5 of the blob in base64; only with `contentMd5`. */
  readonly contentMd5?: string;
  /** Only for a managed disk. */
  readonly disk?: UploadedDisk;
  /** Only with `skipFree`. */
  readonly freeSpace?: FreeSpaceResult;
  /** What `skipFree` would have left out of what this run sent. Only without it, and if it is known and worth it. */
  readonly skippable?: Skippable;
}

/** The free space of the guest that was left out. */
export interface FreeSpaceResult extends FreeSpaceReport {
  /** Bytes of it that the image allocates. `unallocated` includes them. */
  readonly leftOut: number;
}

/** @param image - With free space left out, if there is a report. */
export function freeSpaceOfResult(
  report: FreeSpaceReport | undefined,
  image: DiskImage & Partial<Pick<FreeSpaceImage, 'leftOut'>>,
): { readonly freeSpace?: FreeSpaceResult } {
  return report === undefined ? {} : { freeSpace: { ...report, leftOut: image.leftOut ?? 0 } };
}

export function startEvent(
  { image, source, targetUrl, file }: TargetRequest,
  { uploadId, earlier }: Session,
  threads: UploadOptions['threads'] = 'auto',
  { maxWindows }: Concurrency,
): UploadEvent {
  return {
    type: 'start',
    image: image.path,
    format: image.format,
    files: recordedFiles(image),
    diskSize: image.size,
    url: targetUrl,
    blobSize: source.size,
    uploadId,
    ...(earlier === undefined ? {} : { resumedFrom: earlier.startedAt }),
    checkpoint: file.path,
    threads,
    maxWindows,
  };
}

export function resultOf(
  { image, source, store, targetUrl }: TargetRequest,
  { uploadId, isComplete }: Session,
  progress: Progress,
  { verified, contentMd5 }: Finished,
  disk: UploadedDisk | undefined,
  durationMs: number,
): UploadResult {
  return {
    ...progress.totals(source.diskSize),
    ...store.counters,
    url: targetUrl,
    uploadId,
    blobSize: source.size,
    diskSize: image.size,
    checksumMismatches: store.checksumMismatches,
    durationMs,
    bytesPerSecond: (progress.sent * 1000) / durationMs,
    verified,
    alreadyComplete: isComplete,
    ...(disk === undefined ? {} : { disk }),
    ...(contentMd5 === undefined ? {} : { contentMd5 }),
  };
}

/** The result of a run that finds its managed disk finished. */
export function finishedResult(
  { url, finished }: FinishedDisk,
  { image, source }: { readonly image: DiskImage; readonly source: FixedVhdView },
): UploadResult {
  return {
    ...new Progress(finished).totals(source.diskSize),
    ...{ requests: 0, retries: 0, checksumMismatches: 0, durationMs: 0, bytesPerSecond: 0 },
    url,
    uploadId: finished.uploadId,
    blobSize: source.size,
    diskSize: image.size,
    verified: finished.unread ?? 'none',
    alreadyComplete: true,
    ...(finished.disk === undefined ? {} : { disk: { id: finished.disk.id, isCommitted: true } }),
  };
}
