// Which subscription to use: the option, the environment, or the default of the Azure CLI.
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileProblemReason, isFileProblem } from '../../base/file-problem.ts';
import { printable } from '../../base/printable.ts';
import { openExisting, textOf } from '../../base/side-file.ts';
import { UsageError } from '../../errors.ts';
import { isObject, type JsonObject, textIn } from './arm-error.ts';
import { isGuid } from './resource-id.ts';

export interface SubscriptionOptions {
  /** `--subscription`: an id. */
  readonly subscription?: string;
  /** Reads AZURE_SUBSCRIPTION_ID and AZURE_CONFIG_DIR. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Name of the cloud: the Azure CLI keeps subscriptions of several clouds. */
  readonly cloud: string;
}

export interface Subscription {
  /** In lower case. */
  readonly id: string;
  /** Where the id comes from, for messages. */
  readonly source: '--subscription' | 'AZURE_SUBSCRIPTION_ID' | 'the Azure CLI';
  /** Known only from the Azure CLI. */
  readonly name: string | undefined;
  /** The tenant that must issue the tokens. Known only from the Azure CLI. */
  readonly tenantId: string | undefined;
}

/** People with access to thousands of subscriptions have files of some megabytes. */
const MAX_PROFILE_BYTES = 64 * 1024 * 1024;
const NEXT_STEP =
  'Use --subscription, set AZURE_SUBSCRIPTION_ID, or run az login and az account set. The sign-in of Connect-AzAccount works with --subscription.';

/** @throws {UsageError} no source names a subscription, or what it names is not an id, disabled, or in another cloud. */
export async function resolveSubscription(options: SubscriptionOptions): Promise<Subscription> {
  const { subscription, environment } = options;
  if (subscription !== undefined) return given(subscription, '--subscription');
  const fromEnvironment = environment['AZURE_SUBSCRIPTION_ID']?.trim();
  if (fromEnvironment) return given(fromEnvironment, 'AZURE_SUBSCRIPTION_ID');
  return await defaultOfCli(options);
}

/**
 * The tenant that must issue the tokens, if it is not the one in which the Azure CLI is signed in by default.
 * @returns undefined if the Azure CLI does not know the subscription. Never throws: the tenant is only a hint for the sign-in.
 */
export async function otherTenantOf(
  subscriptionId: string,
  { environment }: Pick<SubscriptionOptions, 'environment'>,
): Promise<string | undefined> {
  const all = await subscriptionsIn(profilePath(environment)).catch(() => []);
  const tenantId = textIn(
    all.find((one) => textIn(one, 'id')?.toLowerCase() === subscriptionId),
    'tenantId',
  );
  const usual = textIn(
    all.find((one) => one['isDefault'] === true),
    'tenantId',
  );
  return tenantId === usual ? undefined : tenantId;
}

function given(text: string, source: Subscription['source']): Subscription {
  const id = text.trim().toLowerCase();
  if (isGuid(id)) return { id, source, name: undefined, tenantId: undefined };
  throw new UsageError(
    `${source} must be the id of a subscription (a GUID), but is "${printable(text)}". az account list --output table shows names and ids.`,
  );
}

/** Source: azure-cli-core, `_profile.py`: the file azureProfile.json in UTF-8 with a byte order mark. */
function profilePath(environment: SubscriptionOptions['environment']): string {
  return join(environment['AZURE_CONFIG_DIR'] || join(homedir(), '.azure'), 'azureProfile.json');
}

async function defaultOfCli({ environment, cloud }: SubscriptionOptions): Promise<Subscription> {
  const path = profilePath(environment);
  const all = await subscriptionsIn(path);
  if (all.length === 0) {
    throw new UsageError(`No subscription was given, and the Azure CLI is not signed in. ${NEXT_STEP}`);
  }
  const ofCloud = all.filter((one) => (textIn(one, 'environmentName') ?? 'AzureCloud') === cloud);
  if (ofCloud.length === 0) {
    const clouds = [...new Set(all.map((one) => textIn(one, 'environmentName') ?? 'AzureCloud'))].join(', ');
    throw new UsageError(
      `No subscription was given, and the Azure CLI is signed in to ${printable(clouds)}, not to ${cloud}. Add --cloud, or sign in: az cloud set --name ${cloud}, then az login.`,
    );
  }
  const chosen = ofCloud.find((one) => one['isDefault'] === true) ?? (ofCloud.length === 1 ? ofCloud[0] : undefined);
  if (chosen === undefined) {
    const names = ofCloud.slice(0, 5).map(titleOf).join(', ');
    throw new UsageError(
      `No subscription was given, and the Azure CLI has no default among its ${ofCloud.length}: ${names}${ofCloud.length > 5 ? ', ...' : ''}. ${NEXT_STEP}`,
    );
  }
  return usable(chosen, path);
}

function usable(chosen: JsonObject, path: string): Subscription {
  const id = (textIn(chosen, 'id') ?? '').toLowerCase();
  const state = textIn(chosen, 'state') ?? 'Enabled';
  if (/^(?:disabled|deleted|expired)$/i.test(state)) {
    throw new UsageError(
      `The default subscription of the Azure CLI, ${titleOf(chosen)}, is ${printable(state.toLowerCase())}. Choose another one: az account set --subscription ID, or --subscription ID.`,
    );
  }
  // Tenants without a subscription have an entry too, whose id is that of the tenant.
  if (!isGuid(id) || (textIn(chosen, 'name') ?? '').startsWith('N/A(tenant level account)')) {
    throw new UsageError(
      `The default entry in ${path} is ${titleOf(chosen)}, which is not a subscription. ${NEXT_STEP}`,
    );
  }
  return { id, source: 'the Azure CLI', name: textIn(chosen, 'name'), tenantId: textIn(chosen, 'tenantId') };
}

/** Empty if the file does not exist. */
async function subscriptionsIn(path: string): Promise<readonly JsonObject[]> {
  const text = await textIfThere(path);
  if (text === undefined) return [];
  let profile: unknown;
  try {
    profile = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    throw new UsageError(`${path} of the Azure CLI is not valid JSON. Run az login again, or use --subscription.`);
  }
  const subscriptions = isObject(profile) ? profile['subscriptions'] : undefined;
  return Array.isArray(subscriptions) ? subscriptions.filter(isObject) : [];
}

async function textIfThere(path: string): Promise<string | undefined> {
  try {
    const handle = await openExisting(path, 'read', { links: 'follow' });
    if (handle === undefined) return undefined;
    try {
      return await textOf(handle, MAX_PROFILE_BYTES);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!isFileProblem(error)) throw error;
    throw new UsageError(
      `Cannot read the default subscription of the Azure CLI from ${path}: ${fileProblemReason(error)}. ${NEXT_STEP}`,
    );
  }
}

function titleOf(subscription: JsonObject): string {
  const [name = 'unnamed', id = 'no id'] = [textIn(subscription, 'name'), textIn(subscription, 'id')];
  return `"${printable(name)}" (${printable(id)})`;
}
