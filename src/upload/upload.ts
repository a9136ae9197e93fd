// uploadImage: every step of an upload, from the options to the result.

import { sidePath } from '../base/side-file.ts';
import type { FreeSpaceReport } from '../base/skip-free.ts';
import { checkBeforeUpload } from '../check/preflight.ts';
import { UsageError, VerificationError } from '../errors.ts';
import { checkEvent, collectingListeners, type EventListener, shielded, warningOnce } from '../events.ts';
import type { DiskImage, ImageWarning } from '../image/disk-image.ts';
import { asFixedVhd, type FixedVhdView } from '../image/fixed-vhd-view.ts';
import { openDiskImage } from '../image/open-disk-image.ts';
import type { UploadOptions } from '../options.ts';
import { canRead, warnOfThreads } from '../remote/connect.ts';
import { watchExpiry } from '../remote/expiry-watch.ts';
import { CheckpointFile } from '../state/checkpoint-file.ts';
import { ExclusiveAccess } from '../state/exclusive-access.ts';
import { concurrencyOf } from '../transfer/concurrency-limits.ts';
import { moveDisk } from '../transfer/move-disk.ts';
import { Progress } from '../transfer/progress.ts';
import { WindowMemory } from '../transfer/window-memory.ts';
import { isZero } from '../transfer/zero-pages.ts';
import {
  checkBaseOptions,
  checkChecksum,
  checkMaxRate,
  checkMetadata,
  checkResumeOptions,
  checkRetryOptions,
  checkSkipFree,
  checkVerify,
} from '../validate-options.ts';
import { leaveOutFreeSpace } from '../volume/free-space/leave-out.ts';
import { type Artifacts, closeArtifacts, openArtifacts } from './artifacts.ts';
import { baseAccessOf } from './base-blob.ts';
import { assertHasAncestors } from './base-check.ts';
import { checkBlobOptions } from './blob-options.ts';
import { Checkpointing, causeOf } from './checkpointing.ts';
import { emptyCheckpoint, type TargetRequest } from './context.ts';
import { type Finished, finish, type Upload, warnOfUnverified } from './finish.ts';
import { givenOptions } from './given-options.ts';
import { type FinishedDisk, openManagedDisk } from './managed-disk.ts';
import { Patch } from './patch.ts';
import { readFinished } from './read-back.ts';
import { ListedPages } from './recover.ts';
import { sendPatch } from './send-patch.ts';
import { SkippableSpace } from './skippable.ts';
import { destinationOf, type OpenTargetRequest, openTarget, type UploadTarget } from './target.ts';
import { UploadManifest } from './upload-manifest.ts';
import { finishedResult, freeSpaceOfResult, resultOf, startEvent, type UploadResult } from './upload-result.ts';

export type { UploadResult };

/** Checks the options. @throws {UsageError | CredentialError} */
function settingsOf(options: UploadOptions) {
  checkRetryOptions(options);
  checkResumeOptions(options);
  checkBaseOptions(options);
  checkSkipFree(options.skipFree);
  const verify = checkVerify(options.verify);
  const destination = destinationOf(options);
  return {
    concurrency: concurrencyOf(options.threads),
    maxRate: checkMaxRate(options.maxRate),
    checksum: checkChecksum(options.checksum),
    metadata: checkMetadata(options.metadata),
    blobOptions: checkBlobOptions(options),
    // Without the permission to read, nothing can be compared.
    verify: destination === undefined || canRead(destination) ? verify : ('none' as const),
    destination,
    base: options.base === undefined ? undefined : baseAccessOf(options.base, options, destination),
    signal: options.signal ?? new AbortController().signal,
  };
}

type Settings = ReturnType<typeof settingsOf>;

/**
 * Uploads a disk image as a fixed VHD to a page blob. Resumes where an earlier run of the same upload left off.
 * Every failure leaves a checkpoint from which the same call resumes, unless the message says otherwise.
 * @throws {VhdupError} one subclass for each kind of failure; the reason of `signal`, unchanged, on abort.
 */
export async function uploadImage(options: UploadOptions): Promise<UploadResult> {
  const settings = settingsOf(options);
  settings.signal.throwIfAborted();
  await UploadManifest.check(options);
  const emit = warningOnce('no-page-list', shielded(options.onEvent));
  warnOfThreads(settings.concurrency, emit);
  const opening = await openChecked(options, settings, emit);
  const { image, freeSpace, warnings } = opening;
  try {
    const file = new CheckpointFile(options.checkpoint ?? (await sidePath(options.image, '.vhdup.json')));
    const access = await ExclusiveAccess.begin(file.path, settings.signal);
    try {
      const source = asFixedVhd(image);
      const opened = await open({
        ...settings,
        ...flagsOf(options),
        options,
        image,
        source,
        skipFree: skippedFree(freeSpace),
        given: givenOptions(options, file.path),
        assertOwnManifest: UploadManifest.guardOf(options),
        file,
        ...run(access),
        emit,
      });
      const resources = { image, freeSpace, warnings, source, file, access };
      try {
        if ('finished' in opened) return await resultOfFinished(opened, settings, resources, emit);
        return await upload(options, settings, { ...resources, target: opened }, emit);
      } finally {
        opened.close();
      }
    } finally {
      await access.end();
    }
  } finally {
    await image.close();
  }
}

function run(access: ExclusiveAccess): Pick<OpenTargetRequest, 'owner' | 'signal' | 'onLost'> {
  const { owner, signal } = access;
  return { owner, signal, onLost: (error) => access.stop(error) };
}

function open(request: OpenTargetRequest & Pick<Settings, 'destination'>): Promise<UploadTarget | FinishedDisk> {
  const { destination, options } = request;
  if (destination !== undefined) return openTarget(request, destination);
  if (options.disk !== undefined) return openManagedDisk(request, options.disk);
  throw new UsageError('The destination is missing.');
}

/** An open image, as it is to be uploaded. */
interface Opened {
  readonly image: DiskImage;
  /** What `image` leaves out; undefined without the option. */
  readonly freeSpace: FreeSpaceReport | undefined;
  readonly warnings: readonly ImageWarning[];
}

/** Opens the image, refuses a disk that Azure would certainly reject, and leaves the free space out if that was asked for. */
async function openChecked(options: UploadOptions, settings: Settings, emit: EventListener): Promise<Opened> {
  const { warnings, listeners } = collectingListeners(emit);
  const image = await openDiskImage(options.image, {
    ...options,
    // A full comparison does not rely on the holes that the file system reports.
    readHoles: settings.verify === 'full',
    ...listeners,
  });
  try {
    if (options.base !== undefined) assertHasAncestors(image);
    if (options.skipChecks !== true) {
      const address = settings.destination?.address;
      const blobName = address?.isDisk === true ? undefined : address?.blobName;
      for (const finding of await checkBeforeUpload(image, warnings, { blobName })) emit(checkEvent(finding));
    }
    if (options.skipFree === undefined) return { image, freeSpace: undefined, warnings };
    const left = await leaveOutFreeSpace(image, warnings, options.skipFree, settings.signal);
    emit({ type: 'free-space', ...left.report });
    return { image: left.image, freeSpace: left.report, warnings };
  } catch (error) {
    await image.close();
    throw error;
  }
}

/** Resources of one upload, which the caller closes. */
interface Resources {
  readonly image: DiskImage;
  readonly freeSpace: FreeSpaceReport | undefined;
  readonly warnings: readonly ImageWarning[];
  readonly source: FixedVhdView;
  readonly target: UploadTarget;
  readonly file: CheckpointFile;
  readonly access: ExclusiveAccess;
}

async function upload(
  options: UploadOptions,
  settings: Settings,
  { image, freeSpace, warnings, source, file, access, target }: Resources,
  emit: EventListener,
): Promise<UploadResult> {
  const startMs = performance.now();
  const { store, lifecycle, url: targetUrl } = target;
  const { owner, signal } = access;
  const skipFree = skippedFree(freeSpace);
  const given = givenOptions(options, file.path);
  const request = {
    image,
    source,
    store,
    targetUrl,
    file,
    access,
    owner,
    signal,
    skipFree,
    given,
    assertOwnManifest: UploadManifest.guardOf(options),
    ...flagsOf(options),
  };
  const session = await target.openSession(request).catch(async (error: unknown) => {
    await lifecycle.abandon();
    throw error;
  });
  const progress = new Progress({ done: [], ...session.earlier, ...(session.base && { base: session.base }) });
  const empty = emptyCheckpoint(session, request);
  const checkpointing = new Checkpointing({ image, file, access, session, progress, lifecycle, empty, emit });
  emit(startEvent(request, session, options.threads, settings.concurrency));
  const result = (finished: Finished, skippable?: UploadResult['skippable']): UploadResult => ({
    ...resultOf(request, session, progress, finished, target.disk(), performance.now() - startMs),
    ...freeSpaceOfResult(freeSpace, image),
    ...(skippable === undefined ? {} : { skippable }),
  });
  if (session.isComplete) {
    await lifecycle.abandon();
    await checkpointing.remove();
    return result({ verified: 'none', contentMd5: undefined });
  }
  const { verify, maxRate, concurrency } = settings;
  warnOfUnverified(verify, session, lifecycle.capabilities, store.url, emit);

  let memory: WindowMemory | undefined;
  let artifacts: Artifacts | undefined;
  let patch: Patch | undefined;
  let skippable: SkippableSpace | undefined;
  try {
    memory = new WindowMemory(settings.checksum);
    const isPlain = freeSpace === undefined && options.base === undefined;
    if (isPlain) skippable = new SkippableSpace(image, warnings, signal);
    artifacts = await openArtifacts(options, source, checkpointing.state, signal, (error) => access.stop(error));
    checkpointing.manifest = artifacts.manifest;
    const work: Upload = {
      ...{ image, source, store, lifecycle, session, progress, checkpointing, memory, concurrency, verify },
      openExport: target.openExport,
      emit: watchExpiry(emit, { endsOn: () => store.credentialExpiresOn, maxRate }),
    };
    patch = session.base && (await Patch.open(image, session.base, options));
    const finished = await sendAndFinish(work, artifacts, patch, skippable, signal);
    await checkpointing.remove();
    return result(finished, skippable?.found);
  } catch (error) {
    const cause = await target.causeOf(await causeOf(error, image));
    await checkpointing.release(cause);
    throw cause;
  } finally {
    await skippable?.close();
    await patch?.close();
    if (artifacts !== undefined) await closeArtifacts(artifacts);
    await memory?.close();
  }
}

/** Reads back what the earlier run could not: the credential for an upload may only write. */
async function resultOfFinished(
  disk: FinishedDisk,
  { checksum, concurrency }: Settings,
  { image, freeSpace, source, file, access }: Omit<Resources, 'target'>,
  emit: EventListener,
): Promise<UploadResult> {
  const { unread, unverified } = disk.finished;
  if (unread !== undefined) {
    await readFinished({ disk, source, checksum, concurrency, emit, level: unread, unverified }, access.signal).catch(
      async (error: unknown) => {
        // The next run must not take it for finished.
        if (error instanceof VerificationError) await file.save({ ...disk.finished, failed: true });
        throw await causeOf(error, image);
      },
    );
  }
  await file.remove();
  return { ...finishedResult(disk, { image, source }), ...freeSpaceOfResult(freeSpace, image) };
}

function skippedFree(freeSpace: FreeSpaceReport | undefined): TargetRequest['skipFree'] {
  return freeSpace && { mode: freeSpace.mode, digest: freeSpace.digest };
}

type Flags = Pick<TargetRequest, 'overwrite' | 'restart' | 'resumeFromBlob' | 'trustUnmarkedSectors'>;

function flagsOf(options: UploadOptions): Flags {
  return {
    overwrite: options.overwrite === true,
    restart: options.restart === true,
    resumeFromBlob: options.resumeFromBlob === true,
    trustUnmarkedSectors: options.trustUnmarkedSectors === true,
  };
}

/** Saves the checkpoint once a second meanwhile. */
function sendAndFinish(
  work: Upload,
  artifacts: Artifacts,
  patch: Patch | undefined,
  skippable: SkippableSpace | undefined,
  signal: AbortSignal,
): Promise<Finished> {
  return work.checkpointing.whileSaving(signal, async (savingSignal) => {
    if (patch === undefined) await sendDisk(work, artifacts, skippable, savingSignal);
    else await sendPatch(work, artifacts, patch, savingSignal);
    await work.checkpointing.save();
    return await finish(work, artifacts, savingSignal);
  });
}

/** Sends all remaining windows. */
async function sendDisk(
  work: Upload,
  { manifest }: Artifacts,
  skippable: SkippableSpace | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { source, store, lifecycle, session, progress, concurrency } = work;
  const isFound = session.earlier?.fromBlob === true;
  const mustBeZero = !lifecycle.capabilities.startsAsZeros;
  const { diskSize } = source;
  const listed =
    isFound || mustBeZero
      ? new ListedPages({ store, diskSize, signal, done: progress.doneBefore, mustBeZero })
      : undefined;
  await moveDisk({
    ...work,
    signal,
    limit: store.limit,
    maxWindows: concurrency.maxWindows,
    target: {
      write: (run, writeSignal) => store.write(run, writeSignal),
      alreadyThere: ({ range, bytes }) => isFound && listed?.includes(range) === true && !(mustBeZero && isZero(bytes)),
    },
    ...(listed === undefined ? {} : { alongside: (windows) => listed.alongside(windows) }),
    ...(listed === undefined || !mustBeZero ? {} : { alsoSend: (window) => listed.listedIn(window) }),
    onRun: (run) => {
      manifest?.runSent(run);
      skippable?.runSent(run.range);
    },
    onWindow: (window, runs) => {
      const { lease, exclusive, checksums } = lifecycle.capabilities;
      // Others may have written to these pages, nothing protected their bytes, or nothing shows who wrote them.
      const wasFound = listed?.windowDone(window) === true;
      const isUnknown = store.isListUnknown || wasFound;
      if (!(lease || exclusive) || !checksums || isUnknown) session.unverified.add(window.covers);
      manifest?.windowDone(window, runs);
    },
    requests: () => store.counters,
  });
}
