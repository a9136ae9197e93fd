// The blob endpoint of an account, as a variable, an option or a connection string names it.
import { UsageError } from '../errors.ts';
import { isUrl, withoutWrapping } from './given-text.ts';
import { accountPlace, isPublicDomain, parseStorageHost } from './storage-host.ts';

/** An endpoint taken apart. Holds no secret. */
export interface Endpoint {
  /** The account's URL, without a slash at its end. */
  readonly url: string;
  /** Undefined where the endpoint does not name it: a custom domain. */
  readonly accountName: string | undefined;
  /** A container that the endpoint goes down to. */
  readonly containerName: string | undefined;
  /** Without the question mark: a SAS, perhaps. A secret. */
  readonly query: string | undefined;
}

/**
 * @param text - `https://ACCOUNT.blob.core.windows.net`, `http://HOST:10000/ACCOUNT`, or one of them with a container.
 * @param source - Where it stands, for messages: AZURE_STORAGE_SERVICE_ENDPOINT.
 * @param accountName - The account that the same source names.
 * @throws {UsageError} not a URL, of another service, or with a path that is no account and container.
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
    throw new UsageError(`${source} must be an http or https URL without a user, a password and a #.`);
  }
  assertBlobService(url, source);
  const segments = url.pathname.split('/').filter((segment) => segment !== '');
  const isInPath = isAccountInPath(url, segments, accountName);
  const account = isInPath ? segments.shift() : undefined;
  if (isInPath && account === undefined) {
    const example = `${url.origin}/${accountName ?? 'ACCOUNT'}`;
    throw new UsageError(`${source} names no account: ${url.origin} has it in its path, as in ${example}.`);
  }
  const [container, ...rest] = segments;
  if (rest.length > 0) {
    throw new UsageError(
      `${source} must end in the account or in a container, but is ${url.origin}${url.pathname}. Put the rest of the path into the destination.`,
    );
  }
  return {
    url: account === undefined ? url.origin : `${url.origin}/${account}`,
    accountName: account?.replace(/-secondary$/, '') ?? parseStorageHost(url.hostname)?.account,
    containerName: container,
    query: query === '' ? undefined : query,
  };
}

/** An endpoint whose host does not decide names an account in its path, unless it is a custom domain. */
function isAccountInPath(url: URL, segments: readonly string[], accountName: string | undefined): boolean {
  const place = accountPlace(url, [accountName]);
  return place === 'unknown' ? segments.length > 0 && !isPublicDomain(url) : place === 'path';
}

/** @throws {UsageError} the host is that of files, queues, tables, a data lake or a website; says which one is right. */
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
  return text.length > 200 || /[=;]/.test(text) ? '(not shown: it may hold a secret)' : text;
}
