// What is to be downloaded, and whether an earlier run has begun with the same.

import { basename } from 'node:path';
import { shownPath } from '../base/printable.ts';
import { type SkippedFree, skipFreeOption } from '../base/skip-free.ts';
import { CheckpointError, DestinationError, VerificationError } from '../errors.ts';
import { areDiskAddresses } from '../remote/read-target.ts';
import { UPLOAD_ID } from '../state/blob-metadata.ts';
import type { DownloadCheckpoint, DownloadedThing } from '../state/download-checkpoint.ts';
import { ManifestReader } from '../state/manifest-reader.ts';
import { discardLocalImage } from '../target/open-local-image.ts';
import type { DownloadRun } from './reception.ts';
import type { DownloadFacts } from './saved-download.ts';
import type { SourceDisk } from './source-disk.ts';

/** @throws {VerificationError} the manifest is of another upload. */
export async function openManifest(
  path: string | undefined,
  url: string,
  { properties }: SourceDisk,
): Promise<ManifestReader | undefined> {
  if (path === undefined) return undefined;
  const manifest = await ManifestReader.open(path, properties.size);
  const uploadId = properties.metadata?.[UPLOAD_ID];
  // A managed disk has no metadata; its content shows whether it is that of the manifest.
  if (properties.metadata === undefined || uploadId === manifest.header.uploadId) return manifest;
  await manifest.close();
  throw new VerificationError(
    `${url} and the manifest ${manifest.path} are from different uploads: the blob has the upload id ${uploadId ?? 'absent'}, the manifest has ${manifest.header.uploadId}. Name the manifest of this blob, or download without --manifest.`,
  );
}

export function factsOf(
  { settings, target }: DownloadRun,
  { properties, size }: SourceDisk,
  manifest: ManifestReader | undefined,
  skipFree: SkippedFree | undefined,
  stored: DownloadCheckpoint | undefined,
): DownloadFacts {
  const { url, uniqueId = null } = target;
  const { output, format, restart } = settings;
  return {
    startedAt: stored !== undefined && !restart ? stored.startedAt : new Date().toISOString(),
    name: basename(output),
    format,
    source: { url, uniqueId, etag: properties.etag, size: properties.size },
    diskSize: size,
    manifest: manifest?.header.uploadId ?? null,
    ...(skipFree === undefined ? {} : { skipFree: { mode: skipFree.mode, digest: skipFree.digest } }),
  };
}

/** Why the state belongs to another download, or `changed` if only the blob was modified; undefined if it can be resumed. */
export function differenceOf(stored: DownloadCheckpoint, facts: DownloadFacts): string | undefined {
  const { source } = stored;
  if (source.url !== facts.source.url && !isSameDisk(source, facts.source)) return `it is of ${source.url}`;
  if (source.uniqueId !== facts.source.uniqueId) return `another disk had the name of ${source.url} then`;
  if (stored.format !== facts.format) return `its file has the format ${stored.format}`;
  if (stored.manifest !== facts.manifest) {
    return stored.manifest === null ? 'it was started without --manifest' : 'it was started with another --manifest';
  }
  if (stored.skipFree?.mode !== facts.skipFree?.mode) return `it was started with ${skipFreeOption(stored.skipFree)}`;
  if (stored.skipFree?.digest !== facts.skipFree?.digest && source.etag === facts.source.etag) {
    return 'another version of vhdup found other free space in the disk';
  }
  const isSame = source.etag === facts.source.etag && source.size === facts.source.size;
  return isSame && stored.diskSize === facts.diskSize ? undefined : 'changed';
}

/** The address of a disk's content can change with each access to the disk. The ETag shows that it is the same content. */
function isSameDisk(one: DownloadedThing, other: DownloadedThing): boolean {
  return areDiskAddresses(one.url, other.url) && one.etag !== '' && one.etag === other.etag && one.size === other.size;
}

/** The state to resume. With --restart, discards it. @throws {CheckpointError | DestinationError} it cannot be resumed. */
export async function resumable(
  { settings, file }: DownloadRun,
  facts: DownloadFacts,
  stored: DownloadCheckpoint | undefined,
): Promise<DownloadCheckpoint | undefined> {
  if (settings.restart) {
    if (stored !== undefined) await discardLocalImage(settings.output, stored.file);
    await file.remove();
    return undefined;
  }
  const difference = stored === undefined ? undefined : differenceOf(stored, facts);
  if (stored === undefined || difference === undefined) return stored;
  if (difference === 'changed') {
    throw new DestinationError(
      `${facts.source.url} was changed since the download of ${stored.startedAt} began, so what was received no longer belongs to it. Give --restart to download it from the beginning.`,
      { reason: 'ConditionNotMet' },
    );
  }
  throw new CheckpointError(
    `The checkpoint ${shownPath(file.path)} belongs to another download: ${difference}. Give --restart to discard it, or name another file to download both.`,
  );
}
