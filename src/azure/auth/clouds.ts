// The Azure clouds: which host belongs to which, and where each signs people in.

interface Cloud {
  readonly name: string;
  /** What the host names of all storage endpoints end in, private ones included. */
  readonly storageSuffix: string;
  /** Where Microsoft Entra issues tokens. */
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

/** The sign-in service for a storage host; undefined for hosts of no known cloud. */
export function authorityHostFor(hostname: string): string | undefined {
  return CLOUDS.find(({ storageSuffix }) => hostname.endsWith(`.${storageSuffix}`))?.authorityHost;
}

/** The blob endpoint of an account of the public cloud, or of the cloud with the given suffix. */
export function blobEndpoint(accountName: string, suffix: string = 'core.windows.net'): string {
  return `https://${accountName}.blob.${suffix}`;
}
