// Options for the blob that an upload creates, and for its container. The names of AzCopy.
import type { Options } from 'yargs';
import { UsageError } from '../../errors.ts';

export const BLOB_OPTIONS = {
  'public-access': {
    choices: ['blob', 'container'] as const,
    requiresArg: true,
    describe: 'With --create-container: let everyone read the blobs of the new container, or also list them  [private]',
  },
  'content-type': {
    type: 'string',
    requiresArg: true,
    describe: 'Content type of the new blob  [application/octet-stream]',
  },
  'page-blob-tier': {
    type: 'string',
    requiresArg: true,
    describe: 'Tier of the new blob in a premium account: P4 to P80  [by its size]',
  },
  'blob-tags': {
    type: 'string',
    requiresArg: true,
    describe: 'Index tags of the new blob, as "name=value&name2=value2", percent-encoded',
  },
} as const satisfies Record<string, Options>;

export interface BlobArguments {
  readonly publicAccess: 'blob' | 'container' | undefined;
  readonly contentType: string | undefined;
  readonly pageBlobTier: string | undefined;
  readonly blobTags: string | undefined;
}

/** The options of the library. @throws {UsageError} the tags cannot be parsed. */
export function blobOptions({ publicAccess, contentType, pageBlobTier, blobTags }: BlobArguments) {
  return {
    ...(publicAccess === undefined ? {} : { publicAccess }),
    ...(contentType === undefined ? {} : { contentType }),
    ...(pageBlobTier === undefined ? {} : { pageBlobTier }),
    ...(blobTags === undefined ? {} : { blobTags: parseTags(blobTags) }),
  };
}

/** Parses "a=b&c=d" as AzCopy does: the form encoding of URLs, where + is a space. */
export function parseTags(text: string): Record<string, string> {
  const tags = new Map<string, string>();
  for (const part of text.split('&')) {
    const equals = part.indexOf('=');
    if (equals < 1) {
      throw new UsageError(`--blob-tags must have the form "name=value&name2=value2", but a part of it is "${part}".`);
    }
    const [name, value] = [decoded(part.slice(0, equals)), decoded(part.slice(equals + 1))];
    if (tags.has(name)) throw new UsageError(`--blob-tags contains the tag "${name}" more than once.`);
    tags.set(name, value);
  }
  return Object.fromEntries(tags);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    throw new UsageError(`--blob-tags has a malformed percent-encoding: "${text}".`);
  }
}
