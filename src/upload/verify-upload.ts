// The proof at the end of an upload: that what is in the blob is what was sent, or what is in the image.

import { subtractRanges } from '../base/range-list.ts';
import type { RangeSet } from '../base/range-set.ts';
import { DestinationError, VerificationError } from '../errors.ts';
import type { EventListener } from '../events.ts';
import type { FixedVhdView } from '../image/fixed-vhd-view.ts';
import type { VerifiedLevel, VerifyLevel } from '../options.ts';
import type { PageBlobTarget } from '../target/page-blob.ts';
import type { Concurrency } from '../transfer/concurrency-limits.ts';
import type { PageSetDigest } from '../transfer/page-set-digest.ts';
import { Progress } from '../transfer/progress.ts';
import type { Retrier } from '../transfer/retry.ts';
import type { WindowMemory } from '../transfer/window-memory.ts';
import { compareBlob } from '../verify/compare-blob.ts';
import { Differences, describeDifferences } from '../verify/differences.ts';
import { verifyPageMap } from '../verify/page-list.ts';
import type { Session } from './session.ts';

/** How far the reading back has come: it grows. */
export interface ReadBack {
  /** Of the blob that is read. */
  readonly etag: string;
  readonly done: RangeSet;
  readonly differences: Pick<Differences, 'summary'>;
}

export interface VerifyUploadOptions {
  readonly level: VerifiedLevel;
  /** What is read back for the level of that name. */
  readonly doubted: RangeSet | undefined;
  /** Called when something is about to be read back, and after each window. */
  readonly onReadBack: (readBack: ReadBack) => void;
  readonly source: FixedVhdView;
  readonly blob: PageBlobTarget;
  /** The pages that were sent, the footer's among them. */
  readonly sent: PageSetDigest;
  readonly memory: WindowMemory;
  readonly concurrency: Concurrency;
  readonly retrier: Retrier;
  readonly signal: AbortSignal;
  readonly emit: EventListener;
}

/** What is verified at the end. Where that is not what one would expect, it is said. */
export function verifiedLevelOf(
  asked: VerifyLevel | undefined,
  { found, doubted }: Session,
  url: string,
  emit: EventListener,
): VerifiedLevel {
  const warn = (code: string, message: string) => emit({ type: 'warning', code, message });
  if (asked === 'full') return asked;
  if (doubted !== undefined && doubted.ranges.length > 0) {
    const doubt = `Neither the ETag nor a lease proves that nothing else has written to ${url} since an earlier run of this upload.`;
    warn(
      'doubted',
      asked === undefined
        ? `${doubt} What was there by then is read back and compared at the end. --verify map leaves that out.`
        : `${doubt} It is taken as it was sent; without --verify ${asked} it would be read back and compared at the end.`,
    );
    return asked ?? 'doubted';
  }
  if (found !== undefined && doubted === undefined) {
    warn(
      'found-not-compared',
      `What ${url} holds already is taken as this upload sent it. With --verify full it is read back and compared at the end.`,
    );
  }
  return asked ?? 'map';
}

/** @throws {VerificationError} the blob holds other pages, or other bytes. */
export async function verifyUpload(options: VerifyUploadOptions): Promise<void> {
  const { level, doubted, source, blob, sent, retrier, signal } = options;
  if (level === 'none') return;
  options.emit({ type: 'phase', phase: 'verifying' });
  await verifyPageMap(blob, sent, retrier, signal);
  if (level === 'map') return;
  const properties = await retrier.run('Get Blob Properties', signal, (attempt) => blob.properties(attempt));
  if (properties === undefined) throw new DestinationError(`${blob.address.url} is no longer there.`);
  const differences = new Differences();
  const disk = [{ offset: 0, length: source.diskSize }];
  const done = level === 'doubted' ? subtractRanges(disk, doubted?.ranges ?? []) : [];
  const progress = new Progress({ done });
  const readBack: ReadBack = { etag: properties.etag, done: progress.done, differences };
  options.onReadBack(readBack);
  const emit: EventListener = (event) => {
    if (event.type === 'progress') options.onReadBack(readBack);
    options.emit(event);
  };
  try {
    await compareBlob({ ...options, emit, etag: properties.etag, full: true, isOurs: true, progress, differences });
  } catch (error) {
    // A run that is stopped must not forget what it has found: a later one may look less closely.
    if (differences.summary.count === 0) throw error;
  }
  const { summary } = differences;
  if (summary.count === 0) return;
  throw new VerificationError(
    `${blob.address.url} does not hold what was sent: ${describeDifferences(summary)}. Upload it again with --restart --overwrite.`,
  );
}
