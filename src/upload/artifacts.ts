// What an upload leaves to be compared with later: a manifest beside it, and the MD5 of the whole in the blob's properties.

import type { FixedVhdView } from '../image/fixed-vhd-view.ts';
import type { UploadOptions } from '../options.ts';
import type { Checkpoint } from '../state/checkpoint.ts';
import { ContentMd5 } from './content-md5.ts';
import { UploadManifest } from './upload-manifest.ts';

/** Those that were asked for. Who opens them closes them. */
export interface Artifacts {
  readonly manifest: UploadManifest | undefined;
  readonly md5: ContentMd5 | undefined;
}

/**
 * @param state - Of the upload, as it is in the checkpoint.
 * @param onFailure - Called when the MD5 cannot be computed: nothing else waits for it yet.
 * @throws {LocalFileError} the manifest is of another upload, or cannot be written.
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
