// Parses the URL of a blob, without its SAS, for any cloud, private endpoint or emulator.
import { printable } from '../base/printable.ts';
import { redact, signatureAt } from '../base/redact.ts';
import { UsageError } from '../errors.ts';
import type { BlobAddress } from '../target/page-blob.ts';
import { hasSasFields, sasField } from './auth/sas-text.ts';
import { splitVersion } from './blob-version.ts';
import { assertBlobService, type Endpoint, parseEndpoint } from './endpoint.ts';
import { decodedUrl, isUrl, percentDecoded, unescapeMarkup, withoutWrapping } from './given-text.ts';
import { accountPlace, isDiskUrl, isPublicDomain, parseStorageHost } from './storage-host.ts';

export type { BlobAddress };

/** What a URL may name besides a blob, and how messages name the endpoint. */
export interface AddressRules {
  /** A container. Its address has an empty `blobName`, and its `url` is that of the container. */
  readonly mayBeContainer?: boolean | undefined;
  /** A snapshot or a version of a blob, which can only be read. */
  readonly mayBeVersion?: boolean | undefined;
  /** Where the endpoint comes from, for messages. @default "the endpoint" */
  readonly endpointSource?: string | undefined;
}

/** The destination that the user named: its address, and the SAS in its URL. */
export interface Destination {
  readonly address: BlobAddress;
  /** As given, without the question mark. A secret. */
  readonly sas?: string;
}

const EXAMPLE = 'https://ACCOUNT.blob.core.windows.net/CONTAINER/BLOB.vhd';
const CONTAINER_NAME = /^(\$root|\$web|[a-z0-9](?:[a-z0-9]|-(?=[a-z0-9])){2,62})$/;
const ACCOUNT_NAME = /^[a-z0-9]{3,24}(?:-secondary)?$/;

/**
 * Parses a blob URL, with or without a SAS, or `container/blob` when `serviceUrl` names the account.
 * @param serviceUrl - The account's endpoint. It also decides whether the path of a URL starts with the account when the host
 *   does not show that.
 * @param accountName - The account whose key signs requests, for the same purpose.
 * @throws {UsageError} not a URL, no container or blob in it, the URL of a snapshot, or an ambiguous URL.
 */
export function parseDestination(
  text: string,
  serviceUrl?: string,
  accountName?: string,
  { mayBeContainer = false, mayBeVersion = false, endpointSource }: AddressRules = {},
): Destination {
  assertNotOnlySas(text);
  const given = split(decodedUrl(withoutWrapping(text)));
  const { place } = given;
  const { version, query } = splitVersion(given.query);
  const endpoint =
    serviceUrl === undefined ? undefined : parseEndpoint(serviceUrl, endpointSource ?? 'The endpoint', accountName);
  if (endpoint?.query !== undefined) {
    throw new UsageError(
      'The endpoint must not contain a SAS. Append the SAS to the destination, or set AZURE_STORAGE_SAS_TOKEN.',
    );
  }
  assertSafePath(place);
  const url = toUrl(isUrl(place) ? place : absolute(place, endpoint, endpointSource), place);
  if (version !== undefined && !mayBeVersion) {
    const [kind = ''] = version.split('=');
    throw new UsageError(`The destination is a ${kind} of a blob, which is read-only. Name the blob itself.`);
  }
  assertBlob(url, query);
  const base = isWithinEndpoint(url, endpoint) ? endpoint.url : baseOf(url, accountName);
  const account = isWithinEndpoint(url, endpoint) ? endpoint.accountName : accountOf(url, base);
  const segments = url.href.slice(base.length).split('/').slice(1);
  // A URL may omit the root container. A SAS for a blob shows that the only name in the path is a blob.
  if (segments.length === 1 && segments[0] !== '' && /^b[sv]?$/.test(sasField(query, 'sr') ?? '')) {
    segments.unshift('$root');
  }
  const [containerName = '', ...blob] = segments;
  const isContainer = mayBeContainer && (blob.length === 0 || (blob.length === 1 && blob[0] === ''));
  if (isWithinEndpoint(url, endpoint) && endpoint.isAmbiguous && blob.length === 0 && !mayBeContainer) {
    throw ambiguousEndpoint(withoutQuery(url), endpoint, endpointSource);
  }
  if (containerName === '' || (!isContainer && (blob.length === 0 || blob.at(-1) === ''))) {
    const what = mayBeContainer ? 'a container, or a container and a blob,' : 'a container and a blob,';
    throw new UsageError(`The destination must name ${what} as in ${EXAMPLE}, but is ${withoutQuery(url)}.`);
  }
  const container = decode(containerName, url);
  if (!CONTAINER_NAME.test(container)) {
    throw new UsageError(
      `"${printable(container)}" is not a valid container name: use 3 to 63 lower-case letters, digits and single hyphens.`,
    );
  }
  const containerUrl = `${base}/${containerName}`;
  const address = {
    url: isContainer ? containerUrl : `${containerUrl}/${blob.join('/')}`,
    containerUrl,
    accountName: account,
    containerName: container,
    blobName: decode(blob.join('/'), url),
    ...(version === undefined ? {} : { version }),
    ...(isDiskUrl(url) ? { isDisk: true as const } : {}),
  };
  return { address, ...(query === '' ? {} : { sas: query }) };
}

/** Whether a destination contains a SAS of any kind. */
export function carriesSas(destination: string): boolean {
  return hasSasFields(split(decodedUrl(withoutWrapping(destination))).query);
}

/** The URL of the blob as messages show it, with its snapshot or version, and without a SAS. */
export function shownUrl({ url, version }: BlobAddress): string {
  return version === undefined ? url : `${url}?${version}`;
}

/** Never shows the text: it is a secret. @throws {UsageError} the URL before the SAS is missing. */
function assertNotOnlySas(text: string): void {
  const bare = unescapeMarkup(withoutWrapping(text)).replace(/^[?&\s]+/, '');
  if (isUrl(bare) || !/^(?:[a-z]{2,8}=[^/]*&)*sig(?:=|%(?:25)*3d)/i.test(bare)) return;
  throw new UsageError(
    `A SAS is given where the URL of a blob is expected. Put the URL in front of it, in quotes: "${EXAMPLE}?SAS".`,
  );
}

/** Whether a destination needs an endpoint or an account name to be complete: `container/blob`, or an ambiguous host. */
export function needsEndpoint(destination: string): boolean {
  const { place } = split(decodedUrl(withoutWrapping(destination)));
  return !isUrl(place) || (URL.canParse(place) && accountPlace(new URL(place)) === 'unknown');
}

/** The blob endpoint of the account that contains the blob. */
export function endpointOf({ containerUrl }: BlobAddress): string {
  return containerUrl.slice(0, containerUrl.lastIndexOf('/'));
}

function split(text: string): { place: string; query: string } {
  // A pasted URL may have a backslash before its question mark.
  const [place = '', query = ''] = text.replace(/\\(?=[?&=])/g, '').split(/\?([\s\S]*)/, 2);
  return { place, query };
}

/** The URL of `container/blob`. */
function absolute(place: string, endpoint: Endpoint | undefined, endpointSource = 'the endpoint'): string {
  if (parseStorageHost(place.split('/')[0] ?? '') !== undefined) {
    throw new UsageError(`The destination "${shown(place)}" has no scheme. Write https:// in front of it.`);
  }
  if (endpoint === undefined) {
    throw new UsageError(
      `The destination "${shown(place)}" is not a URL, and no account is known. Pass the blob's URL (${EXAMPLE}), or set AZURE_STORAGE_CONNECTION_STRING or AZURE_STORAGE_ACCOUNT.`,
    );
  }
  const path = place.replace(/^\/+/, '');
  const { url, containerName } = endpoint;
  const [first = '', ...rest] = path.split('/');
  if (endpoint.isAmbiguous && (rest.length === 0 || url.endsWith(`/${first}`))) {
    throw ambiguousEndpoint(shown(place), endpoint, endpointSource);
  }
  if (containerName === undefined) return `${url}/${path}`;
  if (rest.length === 0) return `${url}/${containerName}/${path}`;
  if (first === containerName) return `${url}/${path}`;
  throw new UsageError(
    `The endpoint ${url}/${containerName} ends in the container ${containerName}, but the destination is ${shown(path)}. Write ${containerName}/${shown(path)} for a blob in that container, or remove /${containerName} from ${endpointSource}.`,
  );
}

/** Neither the host nor the path of an endpoint shows whether its path is an account. */
function ambiguousEndpoint(destination: string, { url }: Endpoint, source = 'the endpoint'): UsageError {
  const name = url.slice(url.lastIndexOf('/') + 1);
  return new UsageError(
    `The destination ${destination} is ambiguous: "${name}" in ${url} (${source}) is an account or a container. If it is the account, pass the blob's whole URL: ${url}/CONTAINER/BLOB.vhd. If it is a container of a custom domain, remove /${name} from ${source}, and pass ${name}/BLOB.vhd.`,
  );
}

function toUrl(full: string, given: string): URL {
  if (!URL.canParse(full)) {
    throw new UsageError(`The destination is not a valid URL: ${shown(given)}. It should look like ${EXAMPLE}.`);
  }
  const url = new URL(full);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new UsageError(`The destination must be an https URL, but is ${shown(given)}.`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new UsageError(
      'The destination must not contain a user name or password. Use a SAS, or set the credential in the environment.',
    );
  }
  return url;
}

/** Refuses paths that URL parsers silently change: the upload would go to another blob or container than the intended one. */
function assertSafePath(place: string): void {
  const path = place.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/\\]*/i, '');
  if (path.includes('#')) {
    throw new UsageError(
      `The destination ${shown(place)} contains #, and a URL ends there for the service. Write %23 if it belongs to the name of the blob.`,
    );
  }
  if (signatureAt(unescapeMarkup(path)) !== -1) {
    throw new UsageError(
      'The path of the destination contains a SAS. Separate the blob and its SAS with a question mark, not with & or %3F.',
    );
  }
  if (path.includes('\\')) {
    throw new UsageError(
      `The destination ${shown(place)} contains a backslash, which URLs treat as a slash. Write / between folders, or %5C if it belongs to the name of the blob.`,
    );
  }
  const strange = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u.exec(path)?.[0];
  if (strange !== undefined) {
    const code = strange.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0');
    throw new UsageError(
      `The destination contains an invisible character (U+${code}). Chat programs and editors insert such characters. Type that part of the URL again, or percent-encode the character if it belongs to the name.`,
    );
  }
  if ((percentDecoded(path) ?? path).split(/[/\\]/).some((segment) => segment === '.' || segment === '..')) {
    throw new UsageError(
      `The path of the destination ${shown(place)} contains . or .., which leads to another blob. Write the path without it.`,
    );
  }
}

function assertBlob(url: URL, query: string): void {
  if (query !== '' && !hasSasFields(query)) {
    throw new UsageError(
      `The text after the question mark of ${withoutQuery(url)} is not a SAS. Write %3F if the question mark belongs to the name of the blob.`,
    );
  }
  assertBlobService(url, 'The destination');
}

function isWithinEndpoint(url: URL, endpoint: Endpoint | undefined): endpoint is Endpoint {
  return endpoint !== undefined && `${url.origin}${url.pathname}`.startsWith(`${endpoint.url}/`);
}

/** The URL of the account, from the host and the known account names. */
function baseOf(url: URL, accountName: string | undefined): string {
  const [first = '', second = '', ...rest] = url.pathname.split('/').slice(1);
  const inPath = `${url.origin}/${first}`;
  const place = accountPlace(url, [accountName]);
  if (place !== 'unknown') return place === 'path' ? inPath : url.origin;
  // An account, a container and a blob are at least three segments, and the first two must be valid names.
  const canBeInPath = rest.length > 0 && ACCOUNT_NAME.test(first) && CONTAINER_NAME.test(percentDecoded(second) ?? '');
  if (!canBeInPath || isPublicDomain(url)) return url.origin;
  throw new UsageError(
    `${withoutQuery(url)} is ambiguous: "${first}" is an account or a container. Set AZURE_STORAGE_SERVICE_ENDPOINT=${inPath} if it is the account, or AZURE_STORAGE_SERVICE_ENDPOINT=${url.origin} if it is the container (serviceUrl in the library).`,
  );
}

function accountOf(url: URL, base: string): string | undefined {
  const inPath = base.slice(url.origin.length + 1);
  return inPath === '' ? parseStorageHost(url.hostname)?.account : inPath.replace(/-secondary$/, '');
}

function decode(part: string, url: URL): string {
  const decoded = percentDecoded(part);
  if (decoded !== undefined) return decoded;
  throw new UsageError(`The destination has a malformed percent-encoding: ${withoutQuery(url)}.`);
}

/** The given text without a possible SAS, safe to print. */
function shown(text: string): string {
  return printable(redact(text.replace(/[?#][\s\S]*$/, '')));
}

function withoutQuery(url: URL): string {
  return `${url.origin}${url.pathname}`;
}
