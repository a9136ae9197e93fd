// Reads a target back and compares it with the image.

import { type ByteRange, PAGE_SIZE } from '../base/byte-range.ts';
import type { ChecksumAlgorithm } from '../base/page-run.ts';
import { subtractRanges } from '../base/range-list.ts';
import { RangeSet } from '../base/range-set.ts';
import { DestinationError, VerificationError } from '../errors.ts';
import type { EventListener } from '../events.ts';
import type { FixedVhdView } from '../image/fixed-vhd-view.ts';
import type { DiskExport } from '../remote/disk-export.ts';
import type { RetryingPageStore } from '../remote/retrying-page-store.ts';
import type { Concurrency } from '../transfer/concurrency-limits.ts';
import { Progress } from '../transfer/progress.ts';
import { WindowMemory } from '../transfer/window-memory.ts';
import { compareBlob } from '../verify/compare-blob.ts';
import { Differences, describeDifferences } from '../verify/differences.ts';
import { hasFooter } from '../verify/footer.ts';
import type { ReadBack } from './checkpointing.ts';

/** The next step if a disk that is final already does not hold the image. */
export const COMMITTED_ADVICE = 'Do not use this disk: delete it (az disk delete), and upload again with --restart.';

/** What has to be read back: every page, or those that something else may have written to. */
export type ReadBackLevel = 'unverified' | 'full';

export interface ReadBackOptions {
  readonly source: FixedVhdView;
  readonly store: RetryingPageStore;
  readonly memory: WindowMemory;
  readonly concurrency: Concurrency;
  readonly emit: EventListener;
  readonly level: ReadBackLevel;
  /** What `unverified` reads. */
  readonly unverified: RangeSet;
  /** Whether the target must end with the footer that was sent. The service may write one of its own. */
  readonly isOurs: boolean;
  /** Receives what is read back, before the first read. */
  readonly onStart?: (readBack: ReadBack) => void;
  /** The next step if the target differs. */
  readonly advice: string;
}

/**
 * @returns the ETag at which the target was read back.
 * @throws {VerificationError} the target holds other bytes. @throws {DestinationError} the target no longer exists.
 */
export async function readBack(options: ReadBackOptions, signal: AbortSignal): Promise<string> {
  const { source, store, level, unverified, isOurs, onStart, advice } = options;
  const properties = await store.properties(signal);
  if (properties === undefined) {
    throw new DestinationError(
      `Cannot verify ${store.url}: it no longer exists. Give --restart to upload from the beginning.`,
    );
  }
  const { etag } = properties;
  const differences = new Differences();
  const disk = [{ offset: 0, length: source.diskSize }];
  const progress = new Progress({ done: level === 'full' ? [] : subtractRanges(disk, unverified.ranges) });
  onStart?.({ done: progress.done, differences });
  const isOther = properties.size !== source.size;
  if (isOther) differences.add({ kind: 'footer', offset: source.diskSize, length: PAGE_SIZE });
  try {
    await compareBlob({ ...options, signal, etag, full: true, isOurs: true, progress, differences });
    if (!isOther && !(await hasFooter(options, etag, signal, isOurs))) {
      differences.add({ kind: 'footer', offset: source.diskSize, length: PAGE_SIZE });
    }
  } catch (error) {
    // A difference outweighs a stop or another failure: a later run may compare less.
    if (differences.summary.count === 0) throw error;
  }
  const { summary } = differences;
  if (summary.count === 0) return etag;
  throw new VerificationError(`${store.url} does not match the image: ${describeDifferences(summary)}. ${advice}`);
}

export interface FinishedOptions extends Pick<ReadBackOptions, 'source' | 'concurrency' | 'emit' | 'level'> {
  readonly disk: { openExport(signal: AbortSignal): Promise<DiskExport> };
  readonly checksum: ChecksumAlgorithm;
  /** What `unverified` reads. */
  readonly unverified: readonly ByteRange[];
}

/** Reads back a disk that an earlier run has finished. @throws as `readBack` and `exportDisk` do. */
export async function readFinished(options: FinishedOptions, signal: AbortSignal): Promise<void> {
  const opened = await options.disk.openExport(signal);
  const memory = new WindowMemory(options.checksum);
  try {
    options.emit({ type: 'phase', phase: 'verifying' });
    const unverified = new RangeSet([...options.unverified]);
    const { store } = opened;
    await readBack({ ...options, store, memory, unverified, isOurs: false, advice: COMMITTED_ADVICE }, signal);
  } finally {
    await memory.close();
    await opened.end();
  }
}
