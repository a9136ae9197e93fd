// Creates the blob of a new upload as a copy of its base. Each state between two requests can be resumed after a kill.

import type { Checkpoint, CheckpointBase } from '../state/checkpoint.ts';
import type { BlobProperties } from '../target/page-blob.ts';
import { type BaseRequest, type Session, type SessionRequest, sessionMetadata } from './context.ts';
import { newUpload, prepareContainer, refused } from './create.ts';
import { resume } from './resume.ts';

/** The checkpoint of an upload with a base. */
type BasedCheckpoint = Checkpoint & { readonly base: CheckpointBase };

/**
 * Checks the base, copies it, and takes the copy over.
 * @param stored - The checkpoint to replace.
 * @throws {DestinationError | VerificationError} the base cannot be used, or the copy failed.
 * @throws {DestinationError | InUseError} the existing blob may not be replaced.
 */
export async function copyBase(
  stored: Checkpoint | undefined,
  existing: BlobProperties | undefined,
  request: SessionRequest,
  base: BaseRequest,
): Promise<Session> {
  const { lifecycle, file, breakLease, signal } = request;
  // Before the base is read, which may take long.
  const { checkpoint, mayReplace } = await newUpload(stored, existing, request);
  const chosen = { url: base.url, ...(await base.choose(signal)), copied: false, kept: 0, cleared: 0 };

  // 1. The checkpoint comes first, so that the next run recognises its blob.
  const { uploadId } = checkpoint;
  const intended: BasedCheckpoint = { ...checkpoint, base: chosen };
  await file.save(intended);

  // 2. Start the copy.
  let copyId: string | undefined;
  try {
    if (existing !== undefined) await lifecycle.endLeases(stored?.lease, existing, breakLease);
    await prepareContainer(existing, request);
    const { tier, tags } = request.blobOptions ?? {};
    const options = {
      ...(tier === undefined ? {} : { tier }),
      ...(tags === undefined ? {} : { tags }),
      source: base.copySource,
      sourceEtag: chosen.etag,
      metadata: sessionMetadata(uploadId, request, chosen),
      ...(existing === undefined ? {} : { replaces: existing.etag }),
    };
    copyId = await lifecycle.startCopy(uploadId, options, signal);
  } catch (error) {
    throw await refused(error, stored, uploadId, mayReplace, request);
  }

  // 3. From here on the target belongs to this upload.
  const { replaces: _, ...started } = intended;
  const copying = { ...started, base: { ...chosen, ...(copyId === undefined ? {} : { copyId }) } };
  await file.save(copying);
  base.emit({ type: 'saved', checkpoint: file.path });
  const { earlier, ...session } = await takeOver(copying, request);
  // Nothing was sent before this run.
  return session.isComplete && earlier !== undefined ? { ...session, earlier } : session;
}

/** Takes over a copy that an earlier run started. @throws as `copyBase` does. */
export async function resumeCopy(stored: Checkpoint, request: SessionRequest): Promise<Session> {
  const { base, replaces: _, ...rest } = stored;
  if (base === undefined) return await resume(stored, await request.lifecycle.properties(request.signal), request);
  return await takeOver({ ...rest, base }, request);
}

async function takeOver(copying: BasedCheckpoint, request: SessionRequest): Promise<Session> {
  const { lifecycle, file, base: asked, signal } = request;
  const { base, uploadId } = copying;
  asked?.emit({ type: 'phase', phase: 'copying' });
  const blob = { uploadId, copyId: base.copyId };
  const { found, isCertain } = await lifecycle.copy.wait(
    blob,
    (done) => asked?.emit({ type: 'copying', done, size: request.source.size }),
    signal,
  );
  const etag = await lifecycle.copy.adopt(blob, found, request.blobOptions?.contentType, signal);

  // The ETag proves to `resume` that nothing has written to the copy since.
  const proved = base.proved && isCertain && etag !== undefined;
  const copied = { ...copying, base: { ...base, copied: true, proved }, ...(etag === undefined ? {} : { etag }) };
  await file.save(copied);
  return await resume(copied, await lifecycle.properties(signal), request);
}
