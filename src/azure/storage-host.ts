// What the name of a host says: which account and service it is, whether that can be trusted, whether it is this machine.
import { isIP } from 'node:net';

/** A host whose name follows the pattern of Azure Storage. */
export interface StorageHost {
  readonly account: string;
  /** blob, or another service of the account: dfs, file, queue, table, web. */
  readonly service: string;
  /** The read-only copy of an account with RA-GRS. */
  readonly isSecondary: boolean;
  /** The host of the same account's blobs. */
  readonly blobHost: string;
  /** Whether the name lies in a domain that only Microsoft gives out: then the host is surely the account's. */
  readonly isOfKnownCloud: boolean;
}

/**
 * The domains of the storage endpoints of the public cloud, its DNS zones, China and the US government. Private endpoints keep
 * them. Source: learn.microsoft.com/azure/storage/common/storage-account-overview, Storage account endpoints.
 */
const KNOWN_SUFFIXES = new Set([
  'core.windows.net',
  'storage.azure.net',
  'core.chinacloudapi.cn',
  'core.usgovcloudapi.net',
]);

/** ACCOUNT[-secondary][.zNN][.privatelink].SERVICE.SUFFIX, in any cloud, on Azure Stack, or of Azurite by name. */
const STORAGE_HOST = /^([a-z0-9-]+)((?:\.(?:privatelink|z\d{1,2}))*)\.(blob|dfs|file|queue|table|web)\.(.+)$/;

/** Names that Kubernetes gives to services: the second label is a namespace there. */
const CLUSTER_HOST = /\.svc(?:\.[a-z0-9.-]+)?$/;

/** Account names of emulators; learn.microsoft.com/azure/storage/common/storage-use-azurite */
export const EMULATOR_ACCOUNT = 'devstoreaccount1';

/** Undefined where the name of the host does not name an account. */
export function parseStorageHost(hostname: string): StorageHost | undefined {
  const match = STORAGE_HOST.exec(hostname);
  if (match === null || CLUSTER_HOST.test(hostname)) return undefined;
  const [, name = '', between = '', service = '', suffix = ''] = match;
  const isOfKnownCloud = KNOWN_SUFFIXES.has(suffix);
  // A host of somebody's own may have "web" or "file" in its name.
  if (service !== 'blob' && !isOfKnownCloud && !suffix.endsWith('azurestack.external')) return undefined;
  // Static websites have a zone of their own, which the account's other endpoints do not have.
  const zone = service === 'web' && suffix.startsWith('core.') ? '' : between;
  return {
    account: name.replace(/-secondary$/, ''),
    service,
    isSecondary: name.endsWith('-secondary'),
    blobHost: `${name}${zone}.blob.${suffix}`,
    isOfKnownCloud,
  };
}

/** How a URL names the account: by its host, by the first part of its path, or it cannot be told from the host. */
export type AccountPlace = 'host' | 'path' | 'unknown';

/** The ports of emulators and of IoT Edge, which the Storage SDKs too take for accounts in the path. */
const PATH_STYLE_PORT = /^1[01][01]0[0-4]$/;

/** Domains that no public DNS has: nobody can have made them a custom domain of an account. */
const PRIVATE_NAME = /\.(?:local|localdomain|internal|lan|intranet|private|corp|home|svc|test|home\.arpa)$/;

/**
 * @param accounts - Accounts that are known from elsewhere. The emulator's always is.
 */
export function accountPlace(url: URL, accounts: readonly (string | undefined)[] = []): AccountPlace {
  const { hostname, pathname, port } = url;
  const bare = hostname.replace(/^\[|\]$/g, '');
  const host = parseStorageHost(hostname);
  if (host?.isOfKnownCloud) return 'host';
  if (isIP(bare) !== 0 || !bare.includes('.') || bare.endsWith('.docker.internal')) return 'path';
  const first = (pathname.split('/')[1] ?? '').replace(/-secondary$/, '');
  if (first !== '' && first !== host?.account && [EMULATOR_ACCOUNT, ...accounts].includes(first)) return 'path';
  if (host !== undefined) return 'host';
  return PATH_STYLE_PORT.test(port) ? 'path' : 'unknown';
}

/** Whether a host that names no account is probably a custom domain, which Azure offers for public names over https. */
export function isPublicDomain({ protocol, port, hostname }: URL): boolean {
  return protocol === 'https:' && port === '' && !PRIVATE_NAME.test(hostname) && !CLUSTER_HOST.test(hostname);
}

/** Whether a host is this machine, whoever answers name queries (RFC 6761). */
export function isLoopback(hostname: string): boolean {
  return /^(?:127(?:\.\d+){3}|localhost|.+\.localhost|\[::1\]|\[::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4}\])$/.test(hostname);
}
