// The Azure clouds: their storage domains, sign-in services and management endpoints.

import { printable } from '../../base/printable.ts';
import { UsageError } from '../../errors.ts';

export interface Cloud {
  /** The name that the Azure CLI uses (`az cloud list`). */
  readonly name: string;
  /** The suffix of the host names of all storage endpoints, including private ones. */
  readonly storageSuffix: string;
  /** The host from which Microsoft Entra issues tokens. */
  readonly authorityHost: string;
  /** The URL of Azure Resource Manager, without a trailing slash. */
  readonly armEndpoint: string;
  /** The audience of tokens for Azure Resource Manager. */
  readonly armAudience: string;
  /** The scope of tokens for the content of managed disks. */
  readonly diskScope: string;
}

/**
 * Two slashes: the service compares the audience with `https://disk.azure.com/` literally. Sources: authorizeRequestOnTenantChallenge.ts
 * of @azure/core-client and the constant MDResource of AzCopy. AzCopy uses it in every cloud; no source names another one.
 */
const DISK_SCOPE = 'https://disk.azure.com//.default';

/** The public cloud, which is the default. Sources: AzureEnvironmentConstants.cs of Azure PowerShell; AzureAuthorityHosts of @azure/identity. */
export const PUBLIC_CLOUD: Cloud = {
  name: 'AzureCloud',
  storageSuffix: 'core.windows.net',
  authorityHost: 'https://login.microsoftonline.com',
  armEndpoint: 'https://management.azure.com',
  armAudience: 'https://management.core.windows.net/',
  diskScope: DISK_SCOPE,
};

export const CLOUDS: readonly Cloud[] = [
  PUBLIC_CLOUD,
  {
    name: 'AzureChinaCloud',
    storageSuffix: 'core.chinacloudapi.cn',
    authorityHost: 'https://login.chinacloudapi.cn',
    armEndpoint: 'https://management.chinacloudapi.cn',
    armAudience: 'https://management.core.chinacloudapi.cn/',
    diskScope: DISK_SCOPE,
  },
  {
    name: 'AzureUSGovernment',
    storageSuffix: 'core.usgovcloudapi.net',
    authorityHost: 'https://login.microsoftonline.us',
    armEndpoint: 'https://management.usgovcloudapi.net',
    armAudience: 'https://management.core.usgovcloudapi.net/',
    diskScope: DISK_SCOPE,
  },
];

/** @param name - In any case. @throws {UsageError} no such cloud. */
export function cloudNamed(name: string): Cloud {
  const found = CLOUDS.find((cloud) => cloud.name.toLowerCase() === name.trim().toLowerCase());
  if (found !== undefined) return found;
  const known = CLOUDS.map((cloud) => cloud.name).join(', ');
  throw new UsageError(
    `--cloud must be one of ${known}, but is "${printable(name)}". For another cloud, such as Azure Stack, set AZURE_AUTHORITY_HOST to its sign-in service, and use --arm-endpoint and --arm-audience for its Azure Resource Manager.`,
  );
}

/** The sign-in service for a storage host; undefined if the host belongs to no known cloud. */
export function authorityHostFor(hostname: string): string | undefined {
  return cloudOf(hostname)?.authorityHost;
}

/**
 * The sign-in service of the cloud that the user named, for hosts that do not show their cloud: custom domains and private endpoints
 * with names of their own.
 * @throws {UsageError} no such cloud, or the host belongs to another one.
 */
export function authorityHostOfCloud(name: string, hostname: string): string {
  const cloud = cloudNamed(name);
  const ofHost = cloudOf(hostname);
  if (ofHost === undefined || ofHost === cloud) return cloud.authorityHost;
  throw new UsageError(`${hostname} belongs to ${ofHost.name}, but --cloud is ${cloud.name}. Remove --cloud.`);
}

function cloudOf(hostname: string): Cloud | undefined {
  return CLOUDS.find(({ storageSuffix }) => hostname.endsWith(`.${storageSuffix}`));
}

/** The blob endpoint of an account in the public cloud, or in the cloud with the given suffix. */
export function blobEndpoint(accountName: string, suffix: string = PUBLIC_CLOUD.storageSuffix): string {
  return `https://${accountName}.blob.${suffix}`;
}
