// Resuming: has anything else written to the blob since the run before?

import { type ByteRange, endOf, PAGE_SIZE } from '../base/byte-range.ts';
import { DestinationError } from '../errors.ts';
import type { BlobLease } from '../remote/lease.ts';
import { listedRanges } from '../remote/page-ranges.ts';
import { isComplete, LEFT, OWNER, STATE } from '../state/blob-metadata.ts';
import type { Checkpoint } from '../state/checkpoint.ts';
import { decodeOwner, type Owner } from '../state/lease-holder.ts';
import type { BlobProperties, PageBlobTarget } from '../target/page-blob.ts';
import { PageSetDigest } from '../transfer/page-set-digest.ts';
import type { Retrier } from '../transfer/retry.ts';

/** What a run that was killed had sent is carried out so long after its last save at most, in milliseconds: it saves every second where it can. */
const UNSAVED_MS = 30_000;

/** Whether the run that wrote the checkpoint was the last one to work on the blob. */
function wasLastRun({ lease }: Checkpoint, last: Owner): boolean {
  return last.id === lease?.owner.id || last.id === lease?.follows;
}

/**
 * The checkpoint with what the blob says of how its last run left it, where that was another one: the checkpoint is a copy that
 * the other did not use, or was lost.
 */
export function asLastRunLeft(stored: Checkpoint, { metadata, modifiedMs }: BlobProperties): Checkpoint {
  const last = decodeOwner(metadata[OWNER]);
  const { [STATE]: state } = metadata;
  const doubt = state === 'doubted' || state === 'exposed' ? ({ state } as const) : {};
  if (last === undefined || wasLastRun(stored, last)) {
    // Also a copy from before the run had doubts.
    return stored.state === undefined || state === 'exposed' ? { ...stored, ...doubt } : stored;
  }
  const { etag: _, etagMayChange: __, state: ___, doubted: ____, ...rest } = stored;
  return { ...rest, ...doubt, savedMs: modifiedMs, lease: { owner: last, ids: [last.id], held: true } };
}

/**
 * What tells of a write by somebody else: after a run that ended in order the ETag, after one that was killed its lease, which
 * no later run can go on from then; without either the time of the last write, which proves nothing (`isProven`).
 * @param stored - With what the last run left.
 * @param there - The blob as it was before this run did anything.
 * @param lease - Once it has tried to go on from the one of the run before.
 * @returns what may have happened to it; undefined where nothing has, or it is too early to tell.
 * @throws {DestinationError} another run of this upload completed it.
 */
export function suspicionOf(
  stored: Checkpoint,
  there: BlobProperties,
  lease?: Pick<BlobLease, 'isContinued'>,
): string | undefined {
  const { etag, done, fromBlob, blobUrl } = stored;
  const leftMs = Date.parse(there.metadata[LEFT] ?? '');
  const stoppedMs = Number.isNaN(leftMs) ? stored.savedMs : leftMs;
  // A run that had only looked, or read back, made one write since: however long that took.
  const hadNotWritten = stored.etagMayChange === true && Number.isNaN(leftMs);
  const isLate = there.modifiedMs > stoppedMs + UNSAVED_MS && !hadNotWritten;
  const goesByLease = stored.lease?.held === true && Number.isNaN(leftMs);
  const isTouched = () => {
    if (etag === there.etag) return false;
    if (etag !== undefined && stored.etagMayChange !== true) return true;
    // What a lease can prove is more than times tell: a mark that was stuck on the line came late.
    if (lease?.isContinued === true || (stored.lease?.held === true && lease === undefined)) return false;
    return isLate || (goesByLease && lease?.isContinued === false);
  };
  const times = [there.modifiedMs, stoppedMs].map((timeMs) => new Date(timeMs).toISOString());
  if (isComplete(there.metadata) && isTouched()) throw completedMeanwhile(blobUrl, there);
  if (stored.state === 'exposed') return "was somebody else's to write to for a while, in the middle of this upload";
  if (!isTouched()) return undefined;
  if (etag !== undefined && stored.etagMayChange !== true) {
    return `was changed after this upload had stopped at ${times[1]}`;
  }
  if (done.length === 0 && fromBlob !== true) return undefined;
  return goesByLease
    ? `was last written to at ${times[0]}, and its lease is not the one any more that this upload held when it stopped at ${times[1]}`
    : `was last written to at ${times[0]}; this upload stopped at ${times[1]}`;
}

/**
 * Whether it is certain that nothing else has written to the blob since, where there is no suspicion. What was sent has to be
 * read back otherwise: somebody may have been as quick as the requests that a killed run had on their way.
 */
export function isProven(
  { etag }: Checkpoint,
  there: BlobProperties,
  { isContinued }: Pick<BlobLease, 'isContinued'>,
): boolean {
  return isContinued === true || etag === there.etag;
}

/**
 * Compares the page ranges in what was done with what was sent for it.
 * @throws {DestinationError} the blob holds more there, or less.
 */
export async function assertSamePages(
  stored: Checkpoint,
  blob: PageBlobTarget,
  retrier: Retrier,
  signal: AbortSignal,
): Promise<void> {
  if (stored.done.length === 0) return;
  const listed = new PageSetDigest();
  for await (const range of parts(listedRanges(blob, retrier, signal), stored.done)) listed.add(range);
  if (listed.equals(PageSetDigest.from(stored.sent.pages, stored.sent.bytes))) return;
  const pages = (bytes: number) => `${bytes / PAGE_SIZE} pages`;
  throw new DestinationError(
    `Cannot resume: the blob ${stored.blobUrl} holds ${pages(listed.bytes)} where this upload had written ${pages(stored.sent.bytes)}, or not the same ones. Something else wrote to it, so what was sent cannot be trusted. Give --restart to upload from the beginning.`,
  );
}

/** What of `ranges` lies in `within`. Both are ascending. */
async function* parts(ranges: AsyncIterable<ByteRange>, within: readonly ByteRange[]): AsyncGenerator<ByteRange> {
  let first = 0;
  for await (const range of ranges) {
    for (let index = first; index < within.length; index++) {
      const part = within[index] ?? range;
      if (part.offset >= endOf(range)) break;
      if (endOf(part) <= range.offset) {
        first = index + 1;
        continue;
      }
      const offset = Math.max(range.offset, part.offset);
      yield { offset, length: Math.min(endOf(range), endOf(part)) - offset };
    }
  }
}

export function completedMeanwhile(url: string, { modifiedMs }: BlobProperties): DestinationError {
  return new DestinationError(
    `Nothing to resume: the blob ${url} was completed by a run of this upload, and last written to at ${new Date(modifiedMs).toISOString()}. Delete the checkpoint, or give --restart to upload it again.`,
  );
}

/**
 * @param what - What happened to the blob.
 * @param hasCheckpoint - Whether there is a checkpoint on disk, that `--restart` would begin again from.
 */
export function touched(stored: Checkpoint, what: string, hasCheckpoint: boolean): DestinationError {
  const fromBeginning = hasCheckpoint ? '--restart' : '--overwrite without --resume-from-blob';
  return new DestinationError(
    `Cannot resume: the blob ${stored.blobUrl} ${what}. Something else may have written to it, so what was sent cannot be trusted. Give ${fromBeginning} to upload from the beginning, or --verify full to go on and have everything read back at the end.`,
  );
}
