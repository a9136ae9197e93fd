// Unfinished: an upload, a download or a verification that was interrupted, as its checkpoint describes it.

import { stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isFileProblem } from '../base/file-problem.ts';
import { escapeUnsafe } from '../base/printable.ts';
import { bytesOf } from '../base/range-list.ts';
import { shellWord } from '../base/shell-word.ts';
import { sidePath } from '../base/side-file.ts';
import { decodeSkippedFree, type SkippedFree, skipFreeOption } from '../base/skip-free.ts';
import { messageOf } from '../base/thrown.ts';
import { CheckpointError } from '../errors.ts';
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from '../state/checkpoint.ts';
import { StateFile } from '../state/checkpoint-file.ts';
import { type DownloadCheckpoint, decodeDownload, encodeDownload } from '../state/download-checkpoint.ts';
import { userOf } from '../state/lock.ts';
import type { STATE_ENDINGS, StateKind } from '../state/state-kind.ts';
import { pathOfStored } from '../state/stored-path.ts';
import { formatOfName } from '../target/local-image.ts';
import { decodeVerification, encodeVerification, type Verification } from '../verify/verification.ts';

/** Fields that a damaged checkpoint does not show are absent. */
export interface Unfinished {
  readonly kind: StateKind;
  /** Path of the checkpoint. */
  readonly checkpoint: string;
  /** Path of the image; of the file that is written, for a download. */
  readonly file?: string;
  /** URL of the blob, without SAS, or of the managed disk. */
  readonly url?: string;
  /** ISO 8601. */
  readonly startedAt?: string;
  /** When the progress was last saved, in ISO 8601. */
  readonly savedAt: string;
  /** Bytes of the disk that are finished. Ranges without data count too. */
  readonly done?: number;
  /** Size of the disk in bytes; absent for a verification, which does not store it. */
  readonly size?: number;
  /** The process that works on it now, in words. */
  readonly usedBy?: string;
  /** Why it cannot be resumed. */
  readonly problem?: string;
  /** The command that resumes it. A SAS must be added, if one is needed. */
  readonly resume?: string;
  /** The command that gives it up. */
  readonly abort?: string;
}

/** The state files of each kind. */
export const STATE_FILES = {
  upload: (path: string) => new StateFile<Checkpoint>(path, { encode: encodeCheckpoint, decode: decodeCheckpoint }),
  download: (path: string) =>
    new StateFile<DownloadCheckpoint>(path, { encode: encodeDownload, decode: decodeDownload }),
  verification: (path: string) =>
    new StateFile<Verification>(path, { encode: encodeVerification, decode: decodeVerification }),
} as const;

/** @param path - Of a state file of this kind, which may be damaged. */
export async function describeUnfinished(path: string, kind: StateKind): Promise<Unfinished> {
  const usedBy = await userOf(path).catch(() => undefined);
  const common = {
    ...{ kind, checkpoint: path },
    savedAt: (await stat(path)).mtime.toISOString(),
    ...(usedBy === undefined ? {} : { usedBy }),
  };
  try {
    return { ...common, ...(await factsOf(path, kind)) };
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    return { ...common, problem: messageOf(error) };
  }
}

type Facts = Omit<Unfinished, 'kind' | 'checkpoint' | 'savedAt' | 'usedBy'>;

async function factsOf(path: string, kind: StateKind): Promise<Facts> {
  switch (kind) {
    case 'upload':
      return await ofUpload(path, await loaded(STATE_FILES.upload(path)));
    case 'download':
      return await ofDownload(path, await loaded(STATE_FILES.download(path)));
    case 'verification':
      return await ofVerification(path, await loaded(STATE_FILES.verification(path)));
  }
}

async function loaded<State>(file: StateFile<State>): Promise<State> {
  const state = await file.load();
  if (state === undefined) throw new CheckpointError('The checkpoint was removed meanwhile.');
  return state;
}

async function ofUpload(path: string, state: Checkpoint): Promise<Facts> {
  const { startedAt, image, blobUrl, blobSize, done, disk, failed } = state;
  const place = await imagePlaceOf(path, image[0]?.name ?? '', '.vhdup.json');
  return {
    ...{ file: place.file, url: blobUrl, startedAt, done: bytesOf(done), size: blobSize },
    ...(failed === true ? { problem: 'The blob does not match the image: only --restart replaces it.' } : {}),
    resume: `vhdup upload ${[place.file, ...resumeWords(state, path)].map(safeWord).join(' ')}${place.option}`,
    abort:
      disk === undefined
        ? `vhdup abort ${safeWord(path)}`
        : `vhdup disk abort ${safeWord(disk.id)} --checkpoint ${safeWord(path)}${endpointWords(blobUrl)}`,
  };
}

/** The words that resume an upload, after those of its image. @param path - Of the checkpoint. */
function resumeWords(state: Checkpoint, path: string): readonly string[] {
  const { blobUrl, disk, base, trustUnmarkedSectors, skipFree, failed, given = {} } = state;
  const { parentPaths = [], metadata = [] } = given;
  const flag = (name: string, isGiven: boolean | undefined) => (isGiven === true ? [name] : []);
  const option = (name: string, value: string | undefined) => (value === undefined ? [] : [name, value]);
  const file = (name: string, stored: string | undefined) =>
    option(name, stored === undefined ? undefined : pathOfStored(stored, dirname(path)));
  return [
    ...(disk === undefined ? [blobUrl] : ['--disk', disk.id, ...endpointOption(blobUrl)]),
    ...option('--base', base?.url),
    // Only a run that starts the copy compares the base.
    ...(base?.copied === false || failed === true
      ? [...file('--base-manifest', given.baseManifest), ...flag('--trust-base', given.trustBase)]
      : []),
    ...option('--format', given.format),
    ...parentPaths.flatMap((parent) => file('--parent-path', parent)),
    ...flag('--allow-network-parents', given.allowNetworkParents),
    ...flag('--trust-unmarked-sectors', trustUnmarkedSectors),
    ...(skipFree === undefined ? [] : [skipFreeOption(skipFree)]),
    ...flag('--skip-checks', given.skipChecks),
    ...flag('--content-md5', given.contentMd5),
    ...file('--manifest', given.manifest),
    ...option('--checksum', given.checksum),
    ...option('--verify', given.verify),
    ...metadata.flatMap((pair) => ['--metadata', pair]),
    // For a blob that is still to be created, now or after a later failure. One that exists has them already.
    ...option('--content-type', given.contentType),
    ...option('--page-blob-tier', given.pageBlobTier),
    ...option('--blob-tags', given.blobTags),
    ...flag('--restart', failed),
  ];
}

/** An upload of an image that was interrupted. */
export interface UnfinishedUpload {
  readonly facts: Unfinished;
  /** The URL of its blob, or --disk and its id; and the options without which it does not resume. */
  readonly words: readonly string[];
}

/**
 * The upload of which this is the checkpoint.
 * @param checkpoint - @default the one beside the image
 * @returns undefined if there is none that can be read, or if it is of another image.
 */
export async function unfinishedUploadOf(image: string, checkpoint?: string): Promise<UnfinishedUpload | undefined> {
  const path = checkpoint ?? (await sidePath(image, '.vhdup.json'));
  try {
    const state = await STATE_FILES.upload(path).load();
    if (state === undefined || state.image[0]?.name !== basename(image)) return undefined;
    return { facts: await describeUnfinished(path, 'upload'), words: resumeWords(state, path) };
  } catch (error) {
    // The upload itself explains what is wrong with the file.
    if (error instanceof CheckpointError || isFileProblem(error)) return undefined;
    throw error;
  }
}

async function ofDownload(path: string, state: DownloadCheckpoint): Promise<Facts> {
  const { startedAt, name, format, source, diskSize, done, skipFree } = state;
  const place = await placeOf(path, name, '.vhdup.json');
  const file = safeWord(place.file);
  const id = diskIdIn(source.url);
  const words = id === undefined ? `${safeWord(source.url)} ${file}` : `${file} ${diskWords(source.url, id)}`;
  return {
    ...{ file: place.file, url: source.url, startedAt, done: bytesOf(done), size: diskSize },
    resume: `vhdup download ${words}${format === formatOfName(place.file) ? '' : ` --format ${format}`}${skipFreeWords(skipFree)}${place.option}`,
    abort: `vhdup abort ${safeWord(path)}`,
  };
}

async function ofVerification(path: string, state: Verification): Promise<Facts> {
  const { startedAt, things, done } = state;
  const place = await imagePlaceOf(path, things.image[0]?.name ?? '', '.vhdup-verify.json');
  const id = diskIdIn(things.blobUrl);
  const target = id === undefined ? safeWord(things.blobUrl) : diskWords(things.blobUrl, id);
  // The metadata of a blob says it.
  const skipped = id === undefined ? '' : skipFreeWords(decodeSkippedFree(things.skipFree ?? ''));
  return {
    ...{ file: place.file, url: things.blobUrl, startedAt, done: bytesOf(done) },
    resume: `vhdup verify ${safeWord(place.file)} ${target} --full${skipped}${place.option}`,
    abort: `vhdup abort ${safeWord(path)}`,
  };
}

function skipFreeWords(skipFree: SkippedFree | undefined): string {
  return skipFree === undefined ? '' : ` ${skipFreeOption(skipFree)}`;
}

/** Nothing shows in which folder an image is that does not lie beside its checkpoint. */
async function imagePlaceOf(path: string, name: string, ending: (typeof STATE_ENDINGS)[number]) {
  const place = await placeOf(path, name, ending);
  const exists = await stat(place.file).then(
    () => true,
    () => false,
  );
  return exists ? place : { ...place, file: name };
}

/** Where the image or file is, and the option that names the checkpoint if it has another name than by default. */
async function placeOf(
  path: string,
  name: string,
  ending: (typeof STATE_ENDINGS)[number],
): Promise<{ readonly file: string; readonly option: string }> {
  // A file may have been renamed together with its checkpoint.
  const beside = join(dirname(path), name);
  const isDefault = (await sidePath(beside, ending)) === join(dirname(path), basename(path));
  if (isDefault) return { file: beside, option: '' };
  if (path.endsWith(ending)) return { file: path.slice(0, -ending.length), option: '' };
  return { file: beside, option: ` --checkpoint ${safeWord(path)}` };
}

/** The resource id in the URL of a managed disk that was given by its name. */
function diskIdIn(url: string): string | undefined {
  const { pathname } = new URL(url);
  return pathname.startsWith('/subscriptions/') ? pathname : undefined;
}

function diskWords(url: string, id: string): string {
  return `--disk ${safeWord(id)}${endpointWords(url)}`;
}

function endpointWords(url: string): string {
  return endpointOption(url)
    .map((word) => ` ${safeWord(word)}`)
    .join('');
}

/** The option that leads to another cloud than the public one. */
function endpointOption(url: string): readonly string[] {
  const { origin, host } = new URL(url);
  return host === 'management.azure.com' ? [] : ['--arm-endpoint', origin];
}

/** A word of a command, quoted for the shell. It is never cut: the command would do something else. */
function safeWord(text: string): string {
  return shellWord(escapeUnsafe(text));
}
