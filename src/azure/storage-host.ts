// Derives from a host name: the account and service, whether it belongs to Azure, whether it is this machine.
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
  /** Whether the name is in a domain that only Microsoft assigns: then the host certainly belongs to the account. */
  readonly isOfKnownCloud: boolean;
}

/**
 * Storage endpoint domains of the public cloud, its DNS zones, China and the US government. Private endpoints use the same
 * domains. Source: learn.microsoft.com/azure/storage/common/storage-account-overview, Storage account endpoints.
 */
const KNOWN_SUFFIXES = new Set([
  'core.windows.net',
  'storage.azure.net',
  'core.chinacloudapi.cn',
  'core.usgovcloudapi.net',
]);

/** ACCOUNT[-ALIAS…][.zNN][.privatelink].SERVICE.SUFFIX, in any cloud, on Azure Stack, or an Azurite host name. */
const STORAGE_HOST = /^([a-z0-9-]+)((?:\.(?:privatelink|z\d{1,2}))*)\.(blob|dfs|file|queue|table|web)\.(.+)$/;

/**
 * What host names of the same account add to its name. The SDKs remove them in any order. An account itself has no hyphens, except
 * those of managed disks. Sources: learn.microsoft.com/azure/storage/common/network-routing-preference; StorageUrl of the SDK for C++,
 * StorageImplUtils of the SDK for Java.
 */
const ALIASES = /(?:-(?:secondary|ipv6|dualstack|microsoftrouting|internetrouting))+$/;

/** Names of Kubernetes services, where the second label is a namespace. */
const CLUSTER_HOST = /\.svc(?:\.[a-z0-9.-]+)?$/;

/** The account name of emulators; learn.microsoft.com/azure/storage/common/storage-use-azurite */
export const EMULATOR_ACCOUNT = 'devstoreaccount1';

/** Undefined if the host name does not contain an account. */
export function parseStorageHost(hostname: string): StorageHost | undefined {
  const match = STORAGE_HOST.exec(hostname);
  if (match === null || CLUSTER_HOST.test(hostname)) return undefined;
  const [, name = '', between = '', service = '', suffix = ''] = match;
  const isOfKnownCloud = KNOWN_SUFFIXES.has(suffix);
  // Other host names may contain "web" or "file" too.
  if (service !== 'blob' && !isOfKnownCloud && !suffix.endsWith('azurestack.external')) return undefined;
  // Static websites have their own zone, which the account's other endpoints do not have.
  const zone = service === 'web' && suffix.startsWith('core.') ? '' : between;
  return {
    account: name.replace(ALIASES, ''),
    service,
    isSecondary: ALIASES.exec(name)?.[0].includes('-secondary') === true,
    blobHost: `${name}${zone}.blob.${suffix}`,
    isOfKnownCloud,
  };
}

/** Where a URL names the account: in its host, in the first segment of its path, or the host does not show it. */
export type AccountPlace = 'host' | 'path' | 'unknown';

/** The ports of emulators and of IoT Edge. The Storage SDKs use the same ports to detect an account in the path. */
const PATH_STYLE_PORT = /^1[01][01]0[0-4]$/;

/** Domains that do not exist in public DNS: they cannot be the custom domain of an account. */
const PRIVATE_NAME = /\.(?:local|localdomain|internal|lan|intranet|private|corp|home|svc|test|home\.arpa)$/;

/**
 * @param accounts - Known account names. The emulator's is always known.
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

/** Whether a host without an account name is probably a custom domain. Azure supports those for public names over https. */
export function isPublicDomain({ protocol, port, hostname }: URL): boolean {
  return protocol === 'https:' && port === '' && !PRIVATE_NAME.test(hostname) && !CLUSTER_HOST.test(hostname);
}

/** Whether a host is always this machine, whatever DNS answers (RFC 6761). */
export function isLoopback(hostname: string): boolean {
  return /^(?:127(?:\.\d+){3}|localhost|.+\.localhost|\[::1\]|\[::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4}\])$/.test(hostname);
}

/** Names of the accounts that hold the content of managed disks while somebody has access to them: md-impexp-*, md-hdd-*, md-*. */
const DISK_ACCOUNT = /^md-[a-z0-9-]+$/;

/** Whether a URL is that of a managed disk, as granting access to one returns it. Servers for tests have the account in their path. */
export function isDiskUrl(url: URL): boolean {
  const host = parseStorageHost(url.hostname);
  if (host !== undefined && DISK_ACCOUNT.test(host.account)) return true;
  return isLoopback(url.hostname) && DISK_ACCOUNT.test(url.pathname.split('/')[1] ?? '');
}
