// Connects to Azure Resource Manager with a credential, in the same way for every command that manages disks or images.
import { ArmClient } from '../azure/arm/arm-client.ts';
import { type ArmTarget, armTarget } from '../azure/arm/arm-target.ts';
import { Images } from '../azure/arm/images.ts';
import { ManagedDisks } from '../azure/arm/managed-disks.ts';
import {
  assertResourceGroup,
  parseResource,
  placeIn,
  type ResourceId,
  type ResourcePlace,
  type ResourceType,
} from '../azure/arm/resource-id.ts';
import { otherTenantOf, resolveSubscription } from '../azure/arm/subscription.ts';
import { type Credential, entraCredential, type TokenSource } from '../azure/auth/credentials.ts';
import { printable } from '../base/printable.ts';
import { VERSION } from '../base/version.ts';
import { UsageError } from '../errors.ts';
import { type EventListener, retryEvent } from '../events.ts';
import type { ArmOptions, ArmPlace } from '../options.ts';
import { Retrier } from '../transfer/retry.ts';
import { checkRetryOptions } from '../validate-options.ts';

/** The resource that a command is about. If it is given by its id, other names are in the same subscription and resource group. */
export interface MainResource {
  /** A name or an id. */
  readonly text: string;
  readonly type: ResourceType;
  /** Where the text comes from, for messages: "--disk". */
  readonly option: string;
}

export interface ArmSession {
  readonly client: ArmClient;
  readonly disks: ManagedDisks;
  readonly images: Images;
  /** The cloud, and the scope of the tokens for the content of disks. */
  readonly target: ArmTarget;
  readonly subscriptionId: string;
  /** Issues tokens for any scope. */
  readonly credential: TokenSource;
  /** @throws {UsageError} neither a name nor an id, or a name without a resource group. */
  resource(text: string, type: ResourceType, option: string): ResourceId;
  /** Where resources are that only their names describe. @param what - For the message: "the disk web01". @throws {UsageError} no resource group is known. */
  place(what: string): ResourcePlace;
  close(): void;
}

/**
 * Sends nothing, except that a sign-in may be prepared. The caller closes the session.
 * @throws {UsageError} an option is not valid, or no subscription is known.
 */
export async function connectArm(options: ArmOptions, emit: EventListener, main?: MainResource): Promise<ArmSession> {
  const target = targetOf(options);
  const known = main === undefined ? undefined : placeIn(main.text, main.type, main.option);
  const resourceGroup = known?.resourceGroup ?? options.resourceGroup;
  if (resourceGroup !== undefined) assertResourceGroup(resourceGroup);
  const { id: subscriptionId } = await resolveSubscription({
    ...options,
    ...(known === undefined ? {} : { subscription: known.subscriptionId }),
    environment: options.environment ?? {},
    cloud: target.cloud,
  });
  const { client, credential } = await connectClient(options, target, emit, subscriptionId);
  const place = (what: string): ResourcePlace => {
    if (resourceGroup !== undefined) return { subscriptionId, resourceGroup };
    throw new UsageError(
      `The resource group of ${printable(what)} is missing. Add --resource-group GROUP, or give the whole id.`,
    );
  };
  return {
    client,
    disks: new ManagedDisks(client),
    images: new Images(client),
    target,
    subscriptionId,
    credential,
    place,
    resource: (text, type, option) =>
      parseResource(
        text,
        type,
        option,
        placeIn(text, type, option) ?? place(option.startsWith('-') ? `${option} ${text}` : text),
      ),
    close: () => client.close(),
  };
}

/** @throws {UsageError} an option is not valid. */
export function targetOf(options: ArmOptions): ArmTarget {
  checkRetryOptions(options);
  const authorityHost = options.authorityHost ?? (options.environment?.['AZURE_AUTHORITY_HOST']?.trim() || undefined);
  return armTarget({ ...options, ...(authorityHost === undefined ? {} : { authorityHost }) });
}

/**
 * Sends nothing, except that a sign-in may be prepared. The caller closes the client.
 * @param subscriptionId - Undefined before one is chosen.
 */
export async function connectClient(
  options: ArmOptions,
  target: ArmTarget,
  emit: EventListener,
  subscriptionId?: string,
): Promise<{ readonly client: ArmClient; readonly credential: TokenSource }> {
  const { environment = {}, stallTimeoutMs } = options;
  const onSignIn = (message: string) => emit({ type: 'debug', message });
  const credential = await tokenSource(options.credential, target, subscriptionId, environment, onSignIn);
  const client = new ArmClient({
    target,
    credential,
    retries: new Retrier(options, (notice) => emit(retryEvent(notice))),
    userAgent: `vhdup/${VERSION}`,
    onRequest: (record) => emit({ type: 'request', ...record }),
    onStep: (step) => emit({ type: 'arm', ...step }),
    ...(stallTimeoutMs === undefined ? {} : { stallTimeoutMs }),
  });
  return { client, credential };
}

/** Without a SAS or an account key, which only the content of a disk accepts. */
export function armOptionsOf({ credential, ...options }: Pick<ArmOptions, 'credential' | keyof ArmPlace>): ArmOptions {
  const isToken = credential?.kind === 'entra' || credential?.kind === 'token';
  return { ...options, ...(isToken ? { credential } : {}) };
}

async function tokenSource(
  credential: Credential = { kind: 'entra' },
  target: ArmTarget,
  subscriptionId: string | undefined,
  environment: NonNullable<ArmOptions['environment']>,
  onSignIn: (message: string) => void,
): Promise<TokenSource> {
  switch (credential.kind) {
    case 'token':
      return credential.source;
    case 'entra': {
      const { authorityHost = target.authorityHost } = credential;
      // The Azure CLI would issue a token of its default tenant, which the subscription rejects.
      const tenantId =
        environment['AZURE_TENANT_ID'] || subscriptionId === undefined
          ? undefined
          : await otherTenantOf(subscriptionId, { environment });
      return await entraCredential({ authorityHost, ...(tenantId === undefined ? {} : { tenantId }) }, onSignIn);
    }
    default:
      throw new UsageError(
        'Azure Resource Manager accepts neither a SAS nor an account key. Sign in with Microsoft Entra (az login or Connect-AzAccount).',
      );
  }
}
