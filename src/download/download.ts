// downloadImage: writes the disk in a blob to a local file, and resumes where an earlier run left off.

import { sidePath } from '../base/side-file.ts';
import { CheckpointError } from '../errors.ts';
import { shielded } from '../events.ts';
import type { DownloadOptions } from '../options.ts';
import { warnOfThreads } from '../remote/connect.ts';
import { withoutCredential } from '../remote/public-blob.ts';
import { openReadTarget } from '../remote/read-target.ts';
import { StateFile } from '../state/checkpoint-file.ts';
import { type DownloadCheckpoint, decodeDownload, encodeDownload } from '../state/download-checkpoint.ts';
import { ExclusiveAccess } from '../state/exclusive-access.ts';
import { discardLocalImage } from '../target/open-local-image.ts';
import type { DownloadResult } from './download-result.ts';
import { leftOutOf } from './left-out.ts';
import { assertNoOther, checkOutput, fileIdentity } from './output-file.ts';
import { differenceOf, factsOf, openManifest, resumable } from './plan-download.ts';
import { alreadyComplete, receiveDisk } from './receive-disk.ts';
import type { DownloadRun } from './reception.ts';
import { settingsOf } from './settings.ts';
import { lookAtSource } from './source-disk.ts';

export type { DownloadResult };

/**
 * Writes the disk in a page blob or a managed disk to a local file. Resumes where an earlier run of the same download left off.
 * A failure leaves a checkpoint and a temporary file from which the same call resumes, unless the message says otherwise. The file
 * gets its name only when it is complete and verified.
 * @throws {VhdupError} one subclass for each kind of failure; the reason of `signal`, unchanged, on abort.
 */
export async function downloadImage(options: DownloadOptions): Promise<DownloadResult> {
  const startMs = performance.now();
  const settings = settingsOf(options);
  const { output, concurrency, overwrite, restart, signal: given } = settings;
  given.throwIfAborted();
  const emit = shielded(options.onEvent);
  warnOfThreads(concurrency, emit);
  const path = options.checkpoint ?? (await sidePath(output, '.vhdup.json'));
  await assertNoOther(output, { '--checkpoint': path, '--manifest': options.manifest });
  // The lock would only complain about the checkpoint.
  await checkOutput(output, true);
  const file = new StateFile<DownloadCheckpoint>(path, { encode: encodeDownload, decode: decodeDownload });
  const access = await ExclusiveAccess.begin(path, given);
  try {
    const stored = await loadEarlier(file, restart);
    await checkOutput(output, overwrite || stored !== undefined);
    const { signal } = access;
    const readBefore = stored?.source.uniqueId ?? undefined;
    const reader = await withoutCredential(settings.reading, settings.access, { emit, signal });
    const target = await openReadTarget(settings.reading, reader.access, { concurrency, readBefore, emit, signal });
    try {
      return await download({ settings, file, access, target, emit, startMs }, stored);
    } catch (error) {
      throw reader.explain(error);
    } finally {
      await target.close();
    }
  } finally {
    await access.end();
  }
}

/** @throws {CheckpointError} it cannot be read or used, and it is not to be discarded. */
async function loadEarlier(
  file: StateFile<DownloadCheckpoint>,
  restart: boolean,
): Promise<DownloadCheckpoint | undefined> {
  try {
    return await file.load();
  } catch (error) {
    if (restart && error instanceof CheckpointError && !error.isForeign) return undefined;
    throw error;
  }
}

/** @param stored - The state of an earlier run. */
async function download(run: DownloadRun, stored: DownloadCheckpoint | undefined): Promise<DownloadResult> {
  const { settings, target, access, file, emit } = run;
  const { format, checksum, output, restart, overwrite } = settings;
  const disk = await lookAtSource(target, { format, checksum, emit, signal: access.signal });
  const manifest = await openManifest(settings.manifest, target.url, disk);
  try {
    const leftOut = await leftOutOf(run, disk);
    const facts = factsOf(run, disk, manifest, leftOut?.report, stored);
    if (stored?.finishing !== undefined && stored.finishing === (await fileIdentity(output))) {
      // The file has its name. A kill between the two steps of the renaming leaves both names.
      await discardLocalImage(output, stored.file);
      await file.remove();
      if (!restart && differenceOf(stored, facts) === undefined) return await alreadyComplete(run, disk, leftOut);
      await checkOutput(output, overwrite);
      return await receiveDisk(run, { disk, facts, manifest, leftOut, earlier: undefined });
    }
    const earlier = await resumable(run, facts, stored);
    return await receiveDisk(run, { disk, facts, manifest, leftOut, earlier });
  } finally {
    await manifest?.close();
  }
}
