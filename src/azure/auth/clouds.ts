// The Azure clouds: their storage domains and sign-in services.

interface Cloud {
  readonly name: string;
  /** The suffix of the host names of all storage endpoints, including private ones. */
  readonly storageSuffix: string;
  /** The host from which Microsoft Entra issues tokens. */
  readonly authorityHost: string;
}

/** Source: AzureEnvironmentConstants.cs of Azure PowerShell; AzureAuthorityHosts of @azure/identity. */
const CLOUDS: readonly Cloud[] = [
  { name: 'AzureCloud', storageSuffix: 'core.windows.net', authorityHost: 'https://login.microsoftonline.com' },
  { name: 'AzureChinaCloud', storageSuffix: 'core.chinacloudapi.cn', authorityHost: 'https://login.chinacloudapi.cn' },
  {
    name: 'AzureUSGovernment',
    storageSuffix: 'core.usgovcloudapi.net',
    authorityHost: 'https://login.microsoftonline.us',
  },
];

/** The sign-in service for a storage host; undefined if the host belongs to no known cloud. */
export function authorityHostFor(hostname: string): string | undefined {
  return CLOUDS.find(({ storageSuffix }) => hostname.endsWith(`.${storageSuffix}`))?.authorityHost;
}

/** The blob endpoint of an account in the public cloud, or in the cloud with the given suffix. */
export function blobEndpoint(accountName: string, suffix: string = 'core.windows.net'): string {
  return `https://${accountName}.blob.${suffix}`;
}
