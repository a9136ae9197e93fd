// Which free space the upload of a blob left out, by its metadata or its manifest: a verification leaves out the same.
import {
  decodeSkippedFree,
  type FreeSpaceReport,
  type SkipFree,
  type SkippedFree,
  skipFreeOption,
} from '../base/skip-free.ts';
import { UsageError, VerificationError } from '../errors.ts';
import type { ReadProperties } from '../remote/read-target.ts';
import { SKIP_FREE, UPLOAD_ID } from '../state/blob-metadata.ts';
import type { ManifestReader } from '../state/manifest-reader.ts';

/** What an upload by vhdup left out. */
export interface Recorded {
  readonly skipped: SkippedFree | undefined;
}

/** Undefined if neither the blob nor a manifest shows it. @throws {VerificationError} they contradict each other, or are damaged. */
export function recordedFreeSpace(
  url: string,
  { metadata }: ReadProperties,
  manifest: ManifestReader | undefined,
): Recorded | undefined {
  const ofManifest = manifest && { skipped: manifest.header.skipFree };
  if (metadata?.[UPLOAD_ID] === undefined) return ofManifest;
  const text = metadata[SKIP_FREE];
  const skipped = text === undefined ? undefined : decodeSkippedFree(text);
  if (text !== undefined && skipped === undefined) {
    throw new VerificationError(
      `Cannot verify ${url}: its metadata ${SKIP_FREE} is damaged, so it does not say which free space its upload left out. Give --manifest, or compare a downloaded copy.`,
    );
  }
  if (ofManifest === undefined || isSame(ofManifest.skipped, skipped)) return { skipped };
  throw new VerificationError(
    `${url} and the manifest ${manifest?.path} are from different uploads: they left out different free space. Name the manifest of this blob.`,
  );
}

/**
 * The free space to leave out: that of the upload, otherwise what the user asks for.
 * @throws {UsageError} the user asks for another one than the upload left out.
 */
export function modeFor(
  url: string,
  recorded: Recorded | undefined,
  asked: SkipFree | undefined,
): SkipFree | undefined {
  if (recorded === undefined) return asked;
  const { skipped } = recorded;
  if (asked === undefined || asked === skipped?.mode) return skipped?.mode;
  throw new UsageError(
    `${url} was uploaded with ${skipFreeOption(skipped)}, not with ${skipFreeOption({ mode: asked })}. Leave the option out: vhdup reads from the blob what was left out.`,
  );
}

/** @throws {VerificationError} the image has other free space now than when it was uploaded. */
export function assertSameFreeSpace(
  path: string,
  url: string,
  found: FreeSpaceReport,
  recorded: Recorded | undefined,
): void {
  const { skipped } = recorded ?? {};
  if (skipped === undefined || skipped.digest === found.digest) return;
  throw new VerificationError(
    `Cannot compare ${path} with ${url}: the free space of the image has the digest ${found.digest}, but its upload left out free space with the digest ${skipped.digest}. The image was changed since, or another version of vhdup reads it in another way. Verify with the image and the version of the upload, or upload it again.`,
  );
}

function isSame(one: SkippedFree | undefined, other: SkippedFree | undefined): boolean {
  return one?.mode === other?.mode && one?.digest === other?.digest;
}
