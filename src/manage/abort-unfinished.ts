// abortUnfinished: gives up an unfinished upload, download or verification, and removes what it has left.

import { dirname, join, resolve } from 'node:path';
import { parseDestination } from '../azure/destination.ts';
import { shownPath } from '../base/printable.ts';
import { shellWord } from '../base/shell-word.ts';
import { sidePath } from '../base/side-file.ts';
import { fileIdentity } from '../download/output-file.ts';
import { CheckpointError, UsageError } from '../errors.ts';
import { type EventListener, shielded } from '../events.ts';
import type { ServiceOptions } from '../options.ts';
import { BlobLifecycle } from '../remote/blob-lifecycle.ts';
import { accessOf, connect } from '../remote/connect.ts';
import { isComplete, UPLOAD_ID } from '../state/blob-metadata.ts';
import type { Checkpoint } from '../state/checkpoint.ts';
import type { DownloadCheckpoint } from '../state/download-checkpoint.ts';
import { ExclusiveAccess } from '../state/exclusive-access.ts';
import { STATE_ENDINGS, type StateKind, stateKindOf } from '../state/state-kind.ts';
import { discardLocalImage, hasUnfinishedFile } from '../target/open-local-image.ts';
import type { BlobProperties } from '../target/page-blob.ts';
import { describeUnfinished, STATE_FILES, type Unfinished } from './unfinished.ts';

export interface AbortOptions extends Omit<ServiceOptions, 'destination'> {
  /** Path of the image, of the file that is written, or of the checkpoint. */
  readonly path: string;
  /** Path of the checkpoint, if it is not beside the image or file. @default found by `path` */
  readonly checkpoint?: string;
  /** URL of the blob of an upload, with or without a SAS. It must be the blob of the checkpoint. @default that of the checkpoint */
  readonly destination?: string;
  /** Asked before anything changes. False stops with a UsageError. @default nothing is asked */
  readonly confirm?: (plan: AbortPlan) => Promise<boolean>;
  readonly signal?: AbortSignal;
  readonly onEvent?: EventListener;
}

/**
 * What happens to the blob or the file.
 * - `delete`: it is incomplete.
 * - `absent`: it does not exist any more.
 * - `complete`: an earlier run has finished it, so it stays.
 * - `other`: something else has its name now, so it stays.
 * - `none`: a verification has none.
 */
export type PartialTarget = 'delete' | 'absent' | 'complete' | 'other' | 'none';

export interface AbortPlan {
  readonly unfinished: Unfinished;
  readonly target: PartialTarget;
}

export interface AbortResult {
  readonly kind: StateKind;
  /** Path of the checkpoint, which was removed. */
  readonly checkpoint: string;
  readonly file?: string;
  readonly url?: string;
  readonly target: PartialTarget;
}

/**
 * @throws {CheckpointError} there is no checkpoint, it is damaged, or it belongs to another blob.
 * @throws {InUseError} a run works on it now. @throws {UsageError} it is the upload to a managed disk, or it was not confirmed.
 */
export async function abortUnfinished(options: AbortOptions): Promise<AbortResult> {
  const { signal: given = new AbortController().signal } = options;
  given.throwIfAborted();
  const { path, kind } = await findUnfinished(options.path, options.checkpoint);
  const access = await ExclusiveAccess.begin(path, given);
  try {
    const unfinished = await describeUnfinished(path, kind);
    const work = { options, path, unfinished, access, emit: shielded(options.onEvent) };
    const target = await (kind === 'upload'
      ? abortUpload(work)
      : kind === 'download'
        ? abortDownload(work)
        : abortVerification(work));
    const { file, url } = unfinished;
    return {
      ...{ kind, checkpoint: path, target },
      ...(file === undefined ? {} : { file }),
      ...(url === undefined ? {} : { url }),
    };
  } finally {
    await access.end();
  }
}

/**
 * The checkpoint of an image or a file; or the path itself, if it is a checkpoint.
 * @param checkpoint - Its path, if it is known.
 * @throws {CheckpointError} there is none.
 */
export async function findUnfinished(
  path: string,
  checkpoint?: string,
): Promise<{ readonly path: string; readonly kind: StateKind }> {
  const beside = [path, ...(await Promise.all(STATE_ENDINGS.map((ending) => sidePath(path, ending))))];
  const candidates = checkpoint === undefined ? beside : [checkpoint];
  for (const candidate of candidates) {
    const kind = await stateKindOf(candidate).catch(() => undefined);
    if (kind !== undefined) return { path: candidate, kind };
  }
  const folder = dirname(path);
  if (checkpoint !== undefined) {
    throw new CheckpointError(
      `${shownPath(checkpoint)} is not the checkpoint of an unfinished upload or download. Name another file with --checkpoint.`,
    );
  }
  throw new CheckpointError(
    `There is nothing to abort: neither ${shownPath(path)} nor ${shownPath(`${path}.vhdup.json`)} is the checkpoint of an unfinished upload or download. List those of the folder with: vhdup list${folder === '.' ? '' : ` ${shellWord(folder)}`}`,
  );
}

interface Work {
  readonly options: AbortOptions;
  /** Of the checkpoint. */
  readonly path: string;
  readonly unfinished: Unfinished;
  readonly access: ExclusiveAccess;
  readonly emit: EventListener;
}

async function abortVerification(work: Work): Promise<PartialTarget> {
  await confirmed(work, 'none');
  await STATE_FILES.verification(work.path).remove();
  return 'none';
}

async function abortDownload(work: Work): Promise<PartialTarget> {
  const file = STATE_FILES.download(work.path);
  const state = await file.load();
  if (state === undefined) return 'absent';
  const output = outputOf(work, state);
  const isFinished = state.finishing !== undefined && (await fileIdentity(output)) === state.finishing;
  const exists = await hasUnfinishedFile(output, state.file);
  const isBeside = resolve(await sidePath(output, '.vhdup.json')) === resolve(work.path);
  if (!exists && !isFinished && !isBeside && work.options.checkpoint === undefined) {
    throw new CheckpointError(
      `${shownPath(work.path)} is the checkpoint of a download to a file ${shownPath(state.name)} in another folder. Name that file too, so that what the download has left there is removed: vhdup abort ${shellWord(`FOLDER/${state.name}`)} --checkpoint ${shellWord(work.path)}`,
    );
  }
  const target = isFinished ? 'complete' : exists ? 'delete' : 'absent';
  await confirmed(work, target);
  await discardLocalImage(output, state.file);
  await file.remove();
  return target;
}

/** The file that the download writes. The checkpoint knows only its name. */
function outputOf({ options, path, unfinished }: Work, { name }: DownloadCheckpoint): string {
  return options.checkpoint === undefined ? (unfinished.file ?? join(dirname(path), name)) : options.path;
}

async function abortUpload(work: Work): Promise<PartialTarget> {
  const file = STATE_FILES.upload(work.path);
  const state = await file.load();
  if (state === undefined) return 'absent';
  refuseDisk(state, work);
  const destination = work.options.destination ?? state.blobUrl;
  const access = accessOf({ ...work.options, destination }, 'rd');
  if (access.address.url !== state.blobUrl) {
    throw new CheckpointError(
      `The checkpoint ${shownPath(work.path)} belongs to the upload to ${state.blobUrl}, not to ${access.address.url}. Name that blob, or leave the URL out.`,
    );
  }
  const { blob, store } = await connect(access, { ...work.options, maxRequests: 1 }, work.emit);
  const { owner, signal } = work.access;
  const lifecycle = new BlobLifecycle({
    ...{ blob, store, owner, emit: work.emit, signal },
    onLost: (error) => work.access.stop(error),
  });
  try {
    const found = await store.properties(signal);
    const target = targetOf(found, state);
    if (target === 'delete') lifecycle.assertFree(state.lease, found, false);
    await confirmed(work, target);
    const done = target === 'delete' ? await deleteBlob(lifecycle, found, state, signal) : target;
    await file.remove();
    return done;
  } finally {
    await lifecycle.abandon();
    blob.close();
  }
}

function targetOf(found: BlobProperties | undefined, { uploadId }: Checkpoint): PartialTarget {
  if (found === undefined) return 'absent';
  if (found.metadata[UPLOAD_ID] !== uploadId) return 'other';
  return isComplete(found.metadata) ? 'complete' : 'delete';
}

/** Deletes the blob under a lease, so that no other run starts to write to it meanwhile. */
async function deleteBlob(
  lifecycle: BlobLifecycle,
  found: BlobProperties | undefined,
  state: Checkpoint,
  signal: AbortSignal,
): Promise<PartialTarget> {
  await lifecycle.hold(state.lease, found, state.uploadId, false);
  // The answer of the user may have taken minutes.
  const now = await lifecycle.properties(signal);
  const target = targetOf(now, state);
  if (now === undefined || target !== 'delete') return target;
  return (await lifecycle.delete(now.etag, signal)) ? 'delete' : 'absent';
}

/** Only Azure Resource Manager can delete a disk. */
function refuseDisk({ disk, blobUrl }: Checkpoint, { path, unfinished }: Work): void {
  if (disk === undefined && parseDestination(blobUrl).address.isDisk !== true) return;
  const command = unfinished.abort?.startsWith('vhdup disk abort')
    ? unfinished.abort
    : 'vhdup disk abort NAME -g GROUP --force';
  throw new UsageError(
    `${shownPath(path)} is the checkpoint of an upload to a managed disk, which Azure Resource Manager deletes. Abort it with: ${command}`,
  );
}

/** @throws {UsageError} the answer was no. */
async function confirmed({ options, unfinished, access }: Work, target: PartialTarget): Promise<void> {
  if (options.confirm === undefined || (await options.confirm({ unfinished, target }))) {
    access.signal.throwIfAborted();
    return;
  }
  throw new UsageError('Not confirmed: nothing was removed.');
}
