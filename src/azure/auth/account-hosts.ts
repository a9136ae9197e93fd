// Which storage account a URL names, as far as its host tells.
import { isPathStyle } from '../destination.ts';

/**
 * How the names of Azure's own storage hosts end: of the public cloud, its DNS zones, China and the US government. Private
 * endpoints keep them. Source: learn.microsoft.com/azure/storage/common/storage-account-overview, Storage account endpoints.
 * And of Azurite, on this machine.
 */
const STORAGE_HOST =
  /\.blob\.(?:core\.windows\.net|storage\.azure\.net|core\.chinacloudapi\.cn|core\.usgovcloudapi\.net|localhost)$/;

export function isStorageHost(hostname: string): boolean {
  return STORAGE_HOST.test(hostname);
}

/** Undefined for hosts that anybody can have, which say nothing of the account: custom domains, other clouds; for no URL at all. */
export function accountNamedBy(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const { hostname, pathname } = new URL(url);
  // A secondary endpoint is its account's too.
  if (isStorageHost(hostname)) return hostname.split('.')[0]?.replace(/-secondary$/, '');
  return isPathStyle(hostname) ? pathname.split('/')[1] : undefined;
}
