// The proof at the end of an upload: that what is in the blob is what was sent, or what is in the image.
import type { PageBlobTarget } from './azure/page-blob-target.ts';
import { compareBlob } from './compare-blob.ts';
import { Differences, describeDifferences } from './differences.ts';
import { DestinationError, VerificationError } from './errors.ts';
import type { EventListener } from './events.ts';
import type { FixedVhdView } from './image/fixed-vhd-view.ts';
import type { Concurrency, VerifyLevel } from './options.ts';
import { verifyPageMap } from './page-map.ts';
import type { ChecksumAlgorithm } from './target.ts';
import type { PageSetDigest } from './transfer/page-set-digest.ts';
import { Progress } from './transfer/progress.ts';
import type { Retrier } from './transfer/retry.ts';

export interface VerifyUploadOptions {
  readonly level: VerifyLevel;
  readonly source: FixedVhdView;
  readonly blob: PageBlobTarget;
  /** The pages that were sent, the footer's among them. */
  readonly sent: PageSetDigest;
  readonly checksum: ChecksumAlgorithm;
  readonly concurrency: Concurrency;
  readonly retrier: Retrier;
  readonly signal: AbortSignal;
  readonly emit: EventListener;
}

/** @throws {VerificationError} the blob holds other pages, or other bytes. */
export async function verifyUpload(options: VerifyUploadOptions): Promise<void> {
  const { level, blob, sent, retrier, signal } = options;
  if (level === 'none') return;
  options.emit({ type: 'phase', phase: 'verifying' });
  await verifyPageMap(blob, sent, retrier, signal);
  if (level === 'map') return;
  const properties = await retrier.run('Get Blob Properties', signal, (attempt) => blob.properties(attempt));
  if (properties === undefined) throw new DestinationError(`${blob.address.url} is no longer there.`);
  const differences = new Differences();
  const progress = new Progress();
  try {
    await compareBlob({ ...options, etag: properties.etag, full: true, isOurs: true, progress, differences });
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
