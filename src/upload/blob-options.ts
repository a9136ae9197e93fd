// The options of a new blob: content type, tier and tags. They are applied when the blob is created, or when the copy of a base has ended.

import { UsageError } from '../errors.ts';
import type { UploadOptions } from '../options.ts';
import type { BlobProperties, NewBlobOptions } from '../target/page-blob.ts';
import type { SessionRequest } from './context.ts';

/** Source: PremiumPageBlobTier of @azure/storage-blob. */
const TIERS = ['P4', 'P6', 'P10', 'P15', 'P20', 'P30', 'P40', 'P50', 'P60', 'P70', 'P80'];

/** Limits and characters of index tags. Source: REST, Set Blob Tags. */
const MAX_TAGS = 10;
const MAX_TAG_NAME = 128;
const MAX_TAG_VALUE = 256;
const TAG_CHARACTERS = /^[A-Za-z0-9 +\-./:=_]*$/;

/** A media type with optional parameters: `application/x-vhd`, `text/plain; charset=utf-8`. Source: RFC 9110, section 8.3.1. */
const MEDIA_TYPE = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+\/[!#$%&'*+.^_`|~0-9A-Za-z-]+(?: *;[\x20-\x7e]*)?$/;

/** @throws {UsageError} an option is not valid, or belongs to another one that is missing. */
export function checkBlobOptions(options: UploadOptions): NewBlobOptions {
  const { createContainer, publicAccess, contentType, pageBlobTier, blobTags } = options;
  if (publicAccess !== undefined && publicAccess !== 'blob' && publicAccess !== 'container') {
    throw new UsageError(`publicAccess must be blob or container, but is ${String(publicAccess)}.`);
  }
  if (publicAccess !== undefined && createContainer !== true) {
    throw new UsageError(
      'publicAccess (--public-access) is for a new container, so it needs createContainer (--create-container). vhdup changes no existing container: use az storage container set-permission.',
    );
  }
  if (contentType !== undefined && !MEDIA_TYPE.test(contentType)) {
    throw new UsageError(
      `contentType (--content-type) must be a media type such as application/octet-stream, but is "${contentType}".`,
    );
  }
  const tier = tierOf(pageBlobTier);
  const tags = checkTags(blobTags);
  return {
    ...(contentType === undefined ? {} : { contentType }),
    ...(tier === undefined ? {} : { tier }),
    ...(tags === undefined ? {} : { tags }),
  };
}

/** @param asked - In any case. `None`, the default of AzCopy, is the same as no tier. */
function tierOf(asked: string | undefined): string | undefined {
  const tier = asked?.toUpperCase();
  if (tier === undefined || tier === 'NONE') return undefined;
  if (TIERS.includes(tier)) return tier;
  throw new UsageError(`pageBlobTier (--page-blob-tier) must be one of ${TIERS.join(', ')}, but is "${asked}".`);
}

function checkTags(tags: UploadOptions['blobTags']): UploadOptions['blobTags'] {
  const entries = Object.entries(tags ?? {});
  if (entries.length === 0) return undefined;
  if (entries.length > MAX_TAGS) {
    throw new UsageError(`A blob has at most ${MAX_TAGS} tags (--blob-tags), but ${entries.length} are given.`);
  }
  for (const [name, value] of entries) {
    if (name.length === 0 || name.length > MAX_TAG_NAME) {
      throw new UsageError(`The name of a tag has 1 to ${MAX_TAG_NAME} characters, but "${name}" has ${name.length}.`);
    }
    if (value.length > MAX_TAG_VALUE) {
      throw new UsageError(
        `The value of a tag has at most ${MAX_TAG_VALUE} characters, but that of "${name}" has ${value.length}.`,
      );
    }
    // The Storage SDK copies tags into an object, where this name would set the prototype.
    if (!TAG_CHARACTERS.test(name) || !TAG_CHARACTERS.test(value) || name === '__proto__') {
      throw new UsageError(
        `The tag "${name}" contains a character that Azure does not allow: use letters, digits, spaces and + - . / : = _ (percent-encoded in --blob-tags).`,
      );
    }
  }
  return tags;
}

/** Warns if a resumed blob was created with other options: they are not applied again. */
export function warnOfOtherOptions(
  existing: BlobProperties | undefined,
  { blobOptions: { contentType, tier } = {}, emit }: Pick<SessionRequest, 'blobOptions' | 'emit'>,
): void {
  const others = [
    ['--content-type', contentType, existing?.contentType],
    ['--page-blob-tier', tier, existing?.tier],
  ] as const;
  for (const [option, asked, found] of others) {
    if (asked === undefined || found === undefined || asked === found) continue;
    emit({
      type: 'warning',
      code: 'blob-options',
      message: `${option} ${asked} is not applied: the upload resumes, and its blob was created with ${found}. Give --restart to start over with the new value.`,
    });
  }
}
