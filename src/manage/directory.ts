// What a signed-in user can choose from: subscriptions, resource groups, storage accounts and their containers.
import type { ArmClient, ArmRequest } from '../azure/arm/arm-client.ts';
import { type JsonObject, objectIn, textIn } from '../azure/arm/arm-error.ts';
import { resolveSubscription } from '../azure/arm/subscription.ts';
import { UsageError } from '../errors.ts';
import { shielded } from '../events.ts';
import type { ArmOptions } from '../options.ts';
import { connectClient, targetOf } from '../remote/arm-session.ts';

export interface ListedSubscription {
  /** In lower case. */
  readonly id: string;
  readonly name: string;
  /** Whether commands use it that name no other. */
  readonly isDefault: boolean;
}

export interface ListedGroup {
  readonly name: string;
  readonly location: string;
}

export interface ListedAccount {
  readonly name: string;
  readonly location: string;
  /** Resource id. */
  readonly id: string;
  /** Without a trailing slash. */
  readonly blobEndpoint: string;
}

/** Sources: REST, Subscriptions List (2022-12-01), Resource Groups List (2022-09-01), Storage Accounts List and Blob Containers List (2023-01-01). */
const VERSIONS = { subscriptions: '2022-12-01', groups: '2022-09-01', storage: '2023-01-01' };

/** All methods throw as `ArmClient` does. The caller closes it. */
export class Directory {
  readonly #options: ArmOptions;
  /** By subscription: another one may belong to another tenant, which has tokens of its own. */
  readonly #clients = new Map<string | undefined, Promise<{ readonly client: ArmClient }>>();

  /** Sends nothing. */
  constructor(options: ArmOptions) {
    this.#options = options;
  }

  /** Those that can be used, the default one first. */
  async subscriptions(): Promise<readonly ListedSubscription[]> {
    const usual = await defaultSubscription(this.#options);
    const request = { what: 'List subscriptions', path: '/subscriptions', apiVersion: VERSIONS.subscriptions };
    return (await this.#list(usual, request))
      .filter((one) => /^(?:Enabled|Warned|PastDue)$/i.test(textIn(one, 'state') ?? 'Enabled'))
      .flatMap((one) => {
        const id = textIn(one, 'subscriptionId')?.toLowerCase();
        return id === undefined ? [] : [{ id, name: textIn(one, 'displayName') ?? id, isDefault: id === usual }];
      })
      .sort((one, other) => Number(other.isDefault) - Number(one.isDefault) || byName(one, other));
  }

  async resourceGroups(subscription: string): Promise<readonly ListedGroup[]> {
    const path = `/subscriptions/${subscription}/resourcegroups`;
    const request = { what: 'List resource groups', path, apiVersion: VERSIONS.groups };
    return (await this.#list(subscription, request)).flatMap(named).sort(byName);
  }

  /** Without those whose kind has no page blobs. */
  async storageAccounts(subscription: string): Promise<readonly ListedAccount[]> {
    const path = `/subscriptions/${subscription}/providers/Microsoft.Storage/storageAccounts`;
    const request = { what: 'List storage accounts', path, apiVersion: VERSIONS.storage };
    return (await this.#list(subscription, request)).flatMap(accountOf).sort(byName);
  }

  /** Their names. */
  async containers({ id, name }: ListedAccount, subscription: string): Promise<readonly string[]> {
    const path = `${id}/blobServices/default/containers`;
    const request = { what: `List containers of ${name}`, path, apiVersion: VERSIONS.storage };
    const found = await this.#list(subscription, request);
    return found.flatMap((one) => textIn(one, 'name') ?? []).filter((container) => !container.startsWith('$'));
  }

  async close(): Promise<void> {
    for (const connected of this.#clients.values()) {
      await connected.then(
        ({ client }) => client.close(),
        // Reported where it was used.
        () => undefined,
      );
    }
  }

  async #list(subscription: string | undefined, request: ArmRequest): Promise<readonly JsonObject[]> {
    const { signal = new AbortController().signal, onEvent } = this.#options;
    let connected = this.#clients.get(subscription);
    connected ??= connectClient(this.#options, targetOf(this.#options), shielded(onEvent), subscription);
    this.#clients.set(subscription, connected);
    return await (await connected).client.list(request, signal);
  }
}

/** The subscription that commands use if none is given; undefined if none is known. */
export async function defaultSubscription(options: ArmOptions): Promise<string | undefined> {
  try {
    const { cloud } = targetOf(options);
    return (await resolveSubscription({ ...options, environment: options.environment ?? {}, cloud })).id;
  } catch (error) {
    // Neither an option nor a variable nor the Azure CLI names one: the user chooses.
    if (error instanceof UsageError && options.subscription === undefined) return undefined;
    throw error;
  }
}

function accountOf(resource: JsonObject): ListedAccount[] {
  const endpoints = objectIn(objectIn(resource, 'properties'), 'primaryEndpoints');
  const blobEndpoint = textIn(endpoints, 'blob')?.replace(/\/$/, '');
  const id = textIn(resource, 'id');
  const hasNoPages = /^(?:FileStorage|BlockBlobStorage)$/i.test(textIn(resource, 'kind') ?? '');
  if (id === undefined || blobEndpoint === undefined || hasNoPages) return [];
  return named(resource).map((account) => ({ ...account, id, blobEndpoint }));
}

function named(resource: JsonObject): { readonly name: string; readonly location: string }[] {
  const name = textIn(resource, 'name');
  return name === undefined ? [] : [{ name, location: textIn(resource, 'location') ?? 'unknown' }];
}

function byName(one: { readonly name: string }, other: { readonly name: string }): number {
  return one.name.localeCompare(other.name);
}
