// Which Azure Resource Manager to use: its address, and the scopes of the tokens for it and for the content of disks.
import { printable } from '../../base/printable.ts';
import { UsageError } from '../../errors.ts';
import { CLOUDS, type Cloud, cloudNamed, PUBLIC_CLOUD } from '../auth/clouds.ts';
import { isLoopback } from '../storage-host.ts';

export interface ArmTargetOptions {
  /** `--cloud`: AzureCloud, AzureChinaCloud or AzureUSGovernment, in any case. @default the cloud of the endpoint or the sign-in service */
  readonly cloud?: string;
  /** `--arm-endpoint`. Changes only the address: the audience stays that of the cloud. @default the cloud's endpoint */
  readonly armEndpoint?: string;
  /** `--arm-audience`, with or without `/.default`. @default the cloud's audience */
  readonly armAudience?: string;
  /** AZURE_AUTHORITY_HOST, which overrides the cloud's sign-in service. */
  readonly authorityHost?: string;
}

export interface ArmTarget {
  /** Name of the cloud: AzureCloud. */
  readonly cloud: string;
  /** URL without a path and without a trailing slash. */
  readonly endpoint: string;
  /** The scope of tokens for Azure Resource Manager. */
  readonly armScope: string;
  /** The scope of tokens for the content of disks that require Microsoft Entra. */
  readonly diskScope: string;
  /** URL of the service that issues the tokens. */
  readonly authorityHost: string;
}

/** @throws {UsageError} an unknown cloud, an endpoint that is not a URL or not encrypted, or options that contradict each other. */
export function armTarget(options: ArmTargetOptions = {}): ArmTarget {
  const endpoint = options.armEndpoint === undefined ? undefined : parseEndpoint(options.armEndpoint);
  const ofEndpoint = CLOUDS.find(({ armEndpoint }) => armEndpoint === endpoint);
  const named = options.cloud === undefined ? undefined : cloudNamed(options.cloud);
  if (named !== undefined && ofEndpoint !== undefined && named !== ofEndpoint) {
    throw new UsageError(
      `--arm-endpoint ${endpoint} belongs to ${ofEndpoint.name}, but --cloud is ${named.name}. Remove one of the two options.`,
    );
  }
  const cloud = named ?? ofEndpoint ?? cloudSignedInBy(options.authorityHost) ?? PUBLIC_CLOUD;
  return {
    cloud: cloud.name,
    endpoint: endpoint ?? cloud.armEndpoint,
    armScope: scopeOf(options.armAudience ?? cloud.armAudience),
    diskScope: cloud.diskScope,
    authorityHost: options.authorityHost ?? cloud.authorityHost,
  };
}

function cloudSignedInBy(authorityHost: string | undefined): Cloud | undefined {
  if (authorityHost === undefined) return undefined;
  // The variable may lack the scheme, as @azure/identity accepts it.
  const text = authorityHost.includes('://') ? authorityHost : `https://${authorityHost}`;
  const host = URL.canParse(text) ? new URL(text).origin : undefined;
  return CLOUDS.find((cloud) => cloud.authorityHost === host);
}

function parseEndpoint(text: string): string {
  const example = 'such as https://management.local.azurestack.external';
  const url = URL.canParse(text.trim()) ? new URL(text.trim()) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new UsageError(`--arm-endpoint must be an https URL ${example}, but is "${printable(text)}".`);
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '' || url.pathname !== '/') {
    throw new UsageError(`--arm-endpoint must be a URL without a user, a path or a query, ${example}.`);
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    throw new UsageError(
      `--arm-endpoint ${url.origin} is not encrypted, so others on the network could read the token. Use https://; http:// is allowed only for this machine (127.0.0.1, localhost).`,
    );
  }
  return url.origin;
}

function scopeOf(audience: string): string {
  const text = audience.trim();
  // The Azure CLI rejects scopes with any other character.
  if (!/^[0-9a-zA-Z-_.:/]+$/.test(text)) {
    throw new UsageError(
      `--arm-audience must be the audience of a token, such as https://management.azure.com/, but is "${printable(text)}".`,
    );
  }
  return text.endsWith('/.default') ? text : `${text}/.default`;
}
