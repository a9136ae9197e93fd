// Where a blob is: its URL taken apart, without the SAS, for any cloud, private endpoint or emulator.
import { isIP } from 'node:net';
import { redact } from '../base/redact.ts';
import { UsageError } from '../errors.ts';
import type { BlobAddress } from '../target/page-blob.ts';

export type { BlobAddress };

/** What the user named: the address, and the SAS that its URL carried. */
export interface Destination {
  readonly address: BlobAddress;
  /** Without the question mark. A secret. */
  readonly sas?: string;
}

const EXAMPLE = 'https://ACCOUNT.blob.core.windows.net/CONTAINER/BLOB.vhd';
const CONTAINER_NAME = /^(\$root|\$web|[a-z0-9](?:[a-z0-9]|-(?=[a-z0-9])){2,62})$/;

/**
 * Takes a blob URL, with or without a SAS, or `container/blob` when `serviceUrl` says of which account.
 * @throws {UsageError} not a URL, no container or blob in it, a URL of a snapshot or of a managed disk.
 */
export function parseDestination(text: string, serviceUrl?: string): Destination {
  const url = toUrl(text.trim(), serviceUrl);
  refuseWhatCannotBeWritten(url);
  const segments = url.pathname.split('/').slice(1);
  const accountName = isPathStyle(url.hostname) ? segments.shift() : url.hostname.split('.')[0];
  const containerName = segments.shift();
  const blobName = segments.join('/');
  if (!accountName || !containerName || blobName === '' || blobName.endsWith('/')) {
    throw new UsageError(
      `The destination must name a container and a blob, as in ${EXAMPLE}, but is ${withoutQuery(url)}.`,
    );
  }
  const container = decode(containerName, url);
  if (!CONTAINER_NAME.test(container)) {
    throw new UsageError(
      `"${container}" cannot be a container: 3 to 63 lower-case letters, digits and single hyphens make its name.`,
    );
  }
  const prefix = url.pathname.slice(0, url.pathname.length - blobName.length - 1);
  const sas = url.search.slice(1);
  return {
    address: {
      url: withoutQuery(url),
      containerUrl: `${url.origin}${prefix}`,
      accountName,
      containerName: container,
      blobName: decode(blobName, url),
    },
    ...(sas === '' ? {} : { sas }),
  };
}

/** Whether a destination is a URL, and not container/blob. */
export function isUrl(destination: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(destination.trim());
}

function toUrl(text: string, serviceUrl: string | undefined): URL {
  const isWhole = isUrl(text);
  if (!isWhole && serviceUrl === undefined) {
    throw new UsageError(
      `The destination "${shown(text)}" is not a URL, and no account is known. Give the blob's URL (${EXAMPLE}), or set AZURE_STORAGE_CONNECTION_STRING or AZURE_STORAGE_ACCOUNT.`,
    );
  }
  const full = isWhole ? text : `${serviceUrl?.replace(/\/+$/, '')}/${text.replace(/^\/+/, '')}`;
  let url: URL;
  try {
    url = new URL(full);
  } catch {
    throw new UsageError(`The destination is not a valid URL: ${shown(text)}. It should look like ${EXAMPLE}.`);
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new UsageError(`The destination must be an https URL, but is ${shown(text)}.`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new UsageError('The destination must not hold a user name or password. Use a SAS, or the environment.');
  }
  refuseWhatWouldBeLost(url);
  return url;
}

/** Two slips that would upload to another blob than the one that was meant, and put the SAS into its name or drop it. */
function refuseWhatWouldBeLost(url: URL): void {
  if (url.hash !== '') {
    throw new UsageError(
      `The destination ${withoutQuery(url)} goes on with a #, which no server gets to see. Write it as %23 where it belongs to the blob's name.`,
    );
  }
  if (/sig(?:=|%(?:25)*3d)/i.test(url.pathname)) {
    throw new UsageError(
      'The path of the destination holds what looks like a SAS. Between the blob and its SAS stands a question mark, neither & nor %3F.',
    );
  }
}

function refuseWhatCannotBeWritten(url: URL): void {
  for (const parameter of ['snapshot', 'versionid']) {
    if (url.searchParams.has(parameter)) {
      throw new UsageError(
        `The destination is a ${parameter} of a blob, which cannot be written. Name the blob itself.`,
      );
    }
  }
  // Put Blob on such a host would wipe the disk: github.com/Azure/azure-storage-azcopy/issues/1582
  if (/^md-/i.test(url.hostname)) {
    throw new UsageError(
      `${url.hostname} is the address of a managed disk. This version uploads to page blobs only: upload to a storage account, then make the disk from the blob.`,
    );
  }
  if (/\.(?:file|queue|table|dfs|web)\.core\./i.test(url.hostname)) {
    throw new UsageError(`${url.hostname} is not a blob endpoint. It should look like ${EXAMPLE}.`);
  }
}

/** Emulators and IP endpoints name the account in the path: http://127.0.0.1:10000/devstoreaccount1/container/blob */
export function isPathStyle(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '');
  return isIP(host) !== 0 || !host.includes('.') || host.endsWith('.docker.internal');
}

function decode(part: string, url: URL): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new UsageError(`The destination has a malformed percent-encoding: ${withoutQuery(url)}.`);
  }
}

/** What was given, without what may be a SAS. */
function shown(text: string): string {
  return redact(text.replace(/[?#][\s\S]*$/, ''));
}

function withoutQuery(url: URL): string {
  return `${url.origin}${url.pathname}`;
}
