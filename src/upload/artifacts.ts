// What an upload leaves for later comparisons: a manifest file, and the Content-MD5 of the blob.

import type { FixedVhdView } from '../image/fixed-vhd-view.ts';
import type { UploadOptions } from '../options.ts';
import type { Checkpoint } from '../state/checkpoint.ts';
import { ContentMd5 } from './content-md5.ts';
import { UploadManifest } from './upload-manifest.ts';

/** Undefined fields were not asked for. Close with `closeArtifacts`. */
export interface Artifacts {
  readonly manifest: UploadManifest | undefined;
  readonly md5: ContentMd5 | undefined;
}

/**
 * @param state - The checkpoint of the upload.
 * @param onFailure - Called if the MD5 cannot be computed, because nothing awaits it until the end.
 * @throws {LocalFileError} the manifest belongs to another upload, or cannot be written.
 */
export async function openArtifacts(
  options: UploadOptions,
  source: FixedVhdView,
  state: Checkpoint,
  signal: AbortSignal,
  onFailure: (error: unknown) => void,
): Promise<Artifacts> {
  const { manifest: path, checksum, overwrite, restart, contentMd5 } = options;
  const mayReplace = overwrite === true || restart === true;
  const algorithm = checksum === 'md5' ? 'md5' : 'crc64';
  const manifest = path === undefined ? undefined : await UploadManifest.open(path, state, algorithm, mayReplace);
  return { manifest, md5: contentMd5 === true ? new ContentMd5(source, signal, onFailure) : undefined };
}

export async function closeArtifacts({ manifest, md5 }: Artifacts): Promise<void> {
  await md5?.close();
  await manifest?.close();
}
