// Parses the blob endpoint of an account, from a variable, an option or a connection string.
import { printable } from '../base/printable.ts';
import { UsageError } from '../errors.ts';
import { isUrl, withoutWrapping } from './given-text.ts';
import { accountPlace, isPublicDomain, parseStorageHost } from './storage-host.ts';

/** A parsed endpoint. Only `query` may contain a secret. */
export interface Endpoint {
  /** The account's URL, without a trailing slash. */
  readonly url: string;
  /** Undefined for a custom domain, which does not name the account. */
  readonly accountName: string | undefined;
  /** The container, if the endpoint ends in one. */
  readonly containerName: string | undefined;
  /** Whether the path may also be the container of a custom domain: neither the host nor a known account decides. */
  readonly isAmbiguous: boolean;
  /** Without the question mark. It may be a SAS: a secret. */
  readonly query: string | undefined;
}

/**
 * @param text - `https://ACCOUNT.blob.core.windows.net`, `http://HOST:10000/ACCOUNT`, or either of them with a container.
 * @param source - Where the text comes from, for messages: AZURE_STORAGE_SERVICE_ENDPOINT.
 * @param accountName - The account named by the same source.
 * @throws {UsageError} not a URL, the URL of another service, a path that is not an account and a container, or another account.
 */
export function parseEndpoint(text: string, source: string, accountName?: string): Endpoint {
  const bare = withoutWrapping(text);
  const [place = '', query = ''] = bare.split(/\?([\s\S]*)/, 2);
  if (!isUrl(place) || !URL.canParse(place)) {
    throw new UsageError(
      `${source} must be a URL such as https://ACCOUNT.blob.core.windows.net, but is "${shown(place)}".`,
    );
  }
  const url = new URL(place);
  if (!/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '' || url.hash !== '') {
    throw new UsageError(`${source} must be an http or https URL without a user, a password or a #.`);
  }
  assertBlobService(url, source);
  const segments = url.pathname.split('/').filter((segment) => segment !== '');
  assertSameAccount(url, segments, source, accountName);
  const isInPath = isAccountInPath(url, segments, accountName);
  const account = isInPath ? segments.shift() : undefined;
  if (isInPath && account === undefined) {
    const example = `${url.origin}/${accountName ?? 'ACCOUNT'}`;
    throw new UsageError(`${source} names no account: ${url.origin} needs it in its path, as in ${example}.`);
  }
  const [container, ...rest] = segments;
  if (rest.length > 0) {
    throw new UsageError(
      `${source} must end in the account or in a container, but is ${url.origin}${url.pathname}. Move the rest of the path to the destination.`,
    );
  }
  return {
    url: account === undefined ? url.origin : `${url.origin}/${account}`,
    accountName: account?.replace(/-secondary$/, '') ?? parseStorageHost(url.hostname)?.account,
    containerName: container,
    isAmbiguous: account !== undefined && accountPlace(url, [accountName]) === 'unknown',
    query: query === '' ? undefined : query,
  };
}

/**
 * If the host does not decide, a path starts with an account: the endpoint of a custom domain has no path. The same endpoint is
 * parsed with and without the name of its account, for example for a SAS, and must mean the same.
 */
function isAccountInPath(url: URL, segments: readonly string[], accountName: string | undefined): boolean {
  const place = accountPlace(url, [accountName]);
  return place === 'unknown' ? segments.length > 0 : place === 'path';
}

/** @throws {UsageError} the endpoint of a domain that may be the account's own has a path, which names something else. */
function assertSameAccount(
  url: URL,
  [first]: readonly string[],
  source: string,
  accountName: string | undefined,
): void {
  if (first === undefined || accountName === undefined) return;
  if (accountPlace(url, [accountName]) !== 'unknown' || !isPublicDomain(url)) return;
  throw new UsageError(
    `${source} is ${url.origin}${url.pathname}, but the account is ${accountName}. On such a host, the path of an endpoint is the account. If ${url.hostname} is a custom domain of ${accountName}, use ${url.origin}, and write the container in the destination.`,
  );
}

/** @throws {UsageError} the host is the account's endpoint for files, queues, tables, a data lake or a website. The message names the blob endpoint. */
export function assertBlobService(url: URL, source: string): void {
  const host = parseStorageHost(url.hostname);
  if (host === undefined || host.service === 'blob') return;
  throw new UsageError(
    `${source} is on ${url.hostname}, which is not a blob endpoint but the account's ${SERVICE_NAMES[host.service] ?? host.service} endpoint. Use ${url.protocol}//${host.blobHost}${url.pathname} instead.`,
  );
}

const SERVICE_NAMES: Readonly<Record<string, string>> = {
  dfs: 'Data Lake (dfs)',
  file: 'file share',
  queue: 'queue',
  table: 'table',
  web: 'static website',
};

function shown(text: string): string {
  return text.length > 200 || /[=;]/.test(text) ? '(not shown: it may contain a secret)' : printable(text);
}
