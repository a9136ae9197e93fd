// What an upload leaves to be compared with later: a manifest beside it, and the MD5 of the whole in the blob's properties.

import { ChildAbort } from '../base/linked-abort.ts';
import type { FixedVhdView } from '../image/fixed-vhd-view.ts';
import type { UploadOptions } from '../options.ts';
import type { Checkpoint } from '../state/checkpoint.ts';
import { ContentMd5 } from './content-md5.ts';
import { UploadManifest } from './upload-manifest.ts';

/** Those that were asked for. */
export interface Proofs {
  readonly manifest: UploadManifest | undefined;
  readonly md5: ContentMd5 | undefined;
}

/**
 * Runs `work` with them, and ends them however it ends. A failure of the MD5 aborts the signal that `work` gets.
 * @param state - Of the upload, as it is in the checkpoint.
 * @throws {LocalFileError} the manifest is of another upload, or cannot be written; what `work` throws.
 */
export async function withProofs<T>(
  options: UploadOptions,
  source: FixedVhdView,
  state: Checkpoint,
  signal: AbortSignal,
  work: (proofs: Proofs, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { manifest: path, checksum, overwrite, restart } = options;
  const stop = new ChildAbort(signal);
  let manifest: UploadManifest | undefined;
  let md5: ContentMd5 | undefined;
  try {
    if (path !== undefined) {
      const mayReplace = overwrite === true || restart === true;
      manifest = await UploadManifest.open(path, state, checksum === 'md5' ? 'md5' : 'crc64', mayReplace);
    }
    if (options.contentMd5 === true) md5 = new ContentMd5(source, stop.signal, (error) => stop.abort(error));
    return await work({ manifest, md5 }, stop.signal);
  } finally {
    await md5?.close();
    await manifest?.close();
    stop.unlink();
  }
}
