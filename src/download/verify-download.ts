// What is compared at the end of a download, before the file gets its name.

import { dirname, join } from 'node:path';
import { DestinationError, ServiceError, VerificationError } from '../errors.ts';
import { isModified } from '../remote/blob-lifecycle.ts';
import type { ManifestReader } from '../state/manifest-reader.ts';
import type { LocalImage } from '../target/local-image.ts';
import { md5Mismatch, md5OfImage } from './content-md5.ts';
import type { DownloadProof } from './download-result.ts';
import type { Reception } from './reception.ts';
import { sourceChanged } from './source-disk.ts';

/** How long the cause of a failure is looked up, in milliseconds. */
const LOOK_TIMEOUT_MS = 5000;

/** @throws {DestinationError} the blob was changed. @throws {VerificationError} the content is not what it should be. */
export async function verifyDownload(reception: Reception, signal: AbortSignal): Promise<readonly DownloadProof[]> {
  const { target, disk, saved, manifest, settings, emit } = reception;
  const { etag } = disk.properties;
  emit({ type: 'phase', phase: 'verifying' });
  const now = await target.store.properties(signal);
  if (now?.etag !== etag || now.size !== disk.properties.size) throw sourceChanged(target.url);
  if (manifest !== undefined) comparePages(reception, manifest);
  const isMd5 = await compareMd5(reception, signal);
  return [
    ...(etag === '' ? [] : (['unchanged'] as const)),
    ...(saved.isProven && settings.checksum !== 'none' ? (['checksums'] as const) : []),
    ...(isMd5 ? (['content-md5'] as const) : []),
    ...(manifest === undefined ? [] : (['manifest'] as const)),
  ];
}

/** Each window was compared when it arrived. The pages as a whole show that none is missing. */
function comparePages({ target, disk, progress }: Reception, manifest: ManifestReader): void {
  const pages = progress.pages.with({ offset: disk.size, length: disk.footer.length });
  if (pages.toString() === manifest.end.pages) return;
  throw new VerificationError(
    `${target.url} does not hold the pages that the manifest ${manifest.path} records. Something else has written to it. The incomplete file was removed. To download the blob as it is, leave out --manifest.`,
  );
}

/** @returns whether there is an MD5, so that the file was compared with it. */
async function compareMd5(reception: Reception, signal: AbortSignal): Promise<boolean> {
  const { target, disk, image, saved, settings, leftOut, emit } = reception;
  const stored = disk.properties.contentMd5;
  // The MD5 is that of the blob with its free space.
  const isPart = leftOut !== undefined && leftOut.map.bytes > 0;
  if (stored === undefined || settings.verify === 'none' || isPart) return false;
  const { footer, size: length } = disk;
  const found = await md5OfImage({ image, length, footer, emit, signal });
  if (Buffer.compare(found, stored) !== 0) throw md5Mismatch(target.url, stored, found, saved.isProven);
  return true;
}

/** Whether a failure has its cause in a change of the blob: that it was modified, or that it is shorter now. */
export async function isSourceChanged({ target, disk }: Reception, error: unknown): Promise<boolean> {
  if (isModified(error)) return true;
  const isRefusal = error instanceof ServiceError && !error.failure.transient;
  if (!isRefusal && !(error instanceof DestinationError)) return false;
  const now = await target.store.properties(AbortSignal.timeout(LOOK_TIMEOUT_MS)).catch(() => undefined);
  return now !== undefined && now.etag !== disk.properties.etag;
}

/** What the file is called until it is complete. */
export async function temporaryPathOf(image: LocalImage): Promise<string> {
  return join(dirname(image.path), (await image.checkpoint()).temporary);
}
