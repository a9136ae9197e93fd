// Opens a session on the content of a managed disk. Its page list and the checkpoint are all that shows what it holds.

import { randomUUID } from 'node:crypto';
import { type ByteRange, PAGE_SIZE } from '../base/byte-range.ts';
import { RangeSet } from '../base/range-set.ts';
import { DestinationError } from '../errors.ts';
import { type DiskLifecycle, diskGone } from '../remote/disk-lifecycle.ts';
import { listedRanges } from '../remote/page-ranges.ts';
import type { Checkpoint } from '../state/checkpoint.ts';
import type { StoreProperties } from '../target/page-store.ts';
import { emptyCheckpoint, leaseOf, type Session, type TargetRequest } from './context.ts';
import { assertSameSource } from './identity.ts';
import { holdsSamePages } from './proof.ts';
import { loadCheckpoint } from './session.ts';

export interface DiskSessionRequest extends TargetRequest {
  readonly lifecycle: DiskLifecycle;
}

/**
 * Resumes the upload of the checkpoint, or starts one. Writes nothing to the disk.
 * @throws {CheckpointError | ImageChangedError | DestinationError} checkpoint, image and disk do not belong together, or the disk holds
 *   data that nobody allowed to overwrite.
 */
export async function openDiskSession(request: DiskSessionRequest): Promise<Session> {
  const { source, store, file, lifecycle, restart, overwrite, resumeFromBlob, signal } = request;
  const stored = await loadCheckpoint(request);
  if (stored !== undefined && !restart) assertSameSource(stored, request);
  const disk = await store.properties(signal);
  assertFits(disk, request);

  if (stored !== undefined && !restart && stored.failed !== true && stored.done.length > 0) {
    // A disk that does not list its pages is read back at the end.
    if (await holdsSamePages(stored, store, signal)) return await resumed(stored, disk.etag, request);
    // Something else has written to the disk, or pages were lost: everything is sent again, into the same disk, and read back.
    const again = start(stored, [{ offset: 0, length: source.diskSize }]);
    await file.save({
      ...emptyCheckpoint(again, request),
      ...lifecycle.remembered,
      unverified: again.unverified.ranges,
    });
    return again;
  }
  const mayOverwrite = restart || overwrite || stored !== undefined;
  if (!mayOverwrite && !resumeFromBlob && (await holdsData(request))) {
    const known = 'Give --overwrite to write over whatever it holds.';
    throw new DestinationError(
      store.isListUnknown
        ? `Nothing shows whether the managed disk behind ${store.url} holds data: it does not list its pages. ${known}`
        : `The managed disk behind ${store.url} already holds data of an upload that this checkpoint does not know. If it is an upload of this image, give --resume-from-blob to resume it, or --checkpoint to name its checkpoint. Give --overwrite to write over the data.`,
    );
  }
  const identity = stored ?? { uploadId: randomUUID(), startedAt: new Date().toISOString() };
  // A disk that was taken from another program has everything to read back before anything is done.
  const session = start(identity, stored?.done.length === 0 ? stored.unverified : []);
  if (!resumeFromBlob) await request.assertOwnManifest?.(stored?.uploadId);
  const fromBlob = (resumeFromBlob || stored?.fromBlob === true) && !restart;
  const earlier: Checkpoint = {
    ...emptyCheckpoint(session, request),
    ...lifecycle.remembered,
    unverified: session.unverified.ranges,
    ...(fromBlob ? { fromBlob } : {}),
  };
  await file.save(earlier);
  return fromBlob ? { ...session, earlier } : session;
}

/** @param unverified - What to read back at the end. */
function start(
  { uploadId, startedAt }: Pick<Session, 'uploadId' | 'startedAt'>,
  unverified: readonly ByteRange[],
): Session {
  return { uploadId, startedAt, isComplete: false, unverified: new RangeSet(unverified) };
}

/** Everything done so far is unverified, unless the disk has the ETag of the last orderly stop. Saved before the first write. */
async function resumed(stored: Checkpoint, current: string, { file, owner }: DiskSessionRequest): Promise<Session> {
  const { etag, ...known } = stored;
  const { uploadId, startedAt, done } = stored;
  const unverified = new RangeSet([...stored.unverified, ...(etag !== undefined && etag === current ? [] : done)]);
  await file.save({ ...known, unverified: unverified.ranges, lease: leaseOf(owner, false) });
  return { uploadId, startedAt, earlier: stored, isComplete: false, unverified };
}

/** @throws {DestinationError} the disk cannot hold exactly this image. */
function assertFits(
  disk: StoreProperties | undefined,
  { store, source }: DiskSessionRequest,
): asserts disk is StoreProperties {
  if (disk === undefined) throw diskGone(store.url);
  if (disk.size === source.size) return;
  throw new DestinationError(
    `The managed disk behind ${store.url} was created for an upload of ${disk.size} bytes, but the image takes ${source.size} bytes as a fixed VHD (the disk rounded up to a whole MiB, and a footer of 512 bytes). Create the disk with uploadSizeBytes ${source.size} (az disk create --upload-type Upload --upload-size-bytes ${source.size}).`,
  );
}

/** Whether the disk lists any page but the footer, which the service may have written itself. */
async function holdsData({ store, source, signal }: DiskSessionRequest): Promise<boolean> {
  for await (const { offset, length } of listedRanges(store, signal)) {
    return offset < source.diskSize || length > PAGE_SIZE;
  }
  return false;
}
