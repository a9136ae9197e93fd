// What Resource Manager answers about subscriptions, providers, resource groups and storage accounts.

import { TENANT } from '../entra/token-issuer.ts';
import { resourceNotFound } from './errors.ts';
import { type ArmContext, type Handled, ok, type StorageAccountResource } from './state.ts';

export function listSubscriptions({ state }: ArmContext): Handled {
  return ok({ value: [subscriptionJson(state.subscription)] });
}

export function getSubscription({ state }: ArmContext): Handled {
  return ok(subscriptionJson(state.subscription));
}

function subscriptionJson(subscriptionId: string): object {
  const displayName = 'Test subscription';
  return { id: `/subscriptions/${subscriptionId}`, subscriptionId, tenantId: TENANT, displayName, state: 'Enabled' };
}

export function getProvider({ request, isRegistered }: ArmContext): Handled {
  const [namespace = ''] = request.names;
  const id = `/subscriptions/${request.subscription}/providers/${namespace}`;
  return ok({ id, namespace, registrationState: isRegistered(namespace) ? 'Registered' : 'NotRegistered' });
}

export function getResourceGroup({ request, state }: ArmContext): Handled {
  const group = state.resourceGroups.get(request.resourceGroup.toLowerCase());
  const type = 'Microsoft.Resources/resourceGroups';
  return ok({ ...group, type, tags: {}, properties: { provisioningState: 'Succeeded' } });
}

export function listResourceGroups({ state }: ArmContext): Handled {
  const type = 'Microsoft.Resources/resourceGroups';
  const properties = { provisioningState: 'Succeeded' };
  return ok({ value: [...state.resourceGroups.values()].map((group) => ({ ...group, type, properties })) });
}

/** Source: REST, Blob Containers, List. */
export function listContainers(context: ArmContext): Handled {
  const account = accountOf(context);
  const type = 'Microsoft.Storage/storageAccounts/blobServices/containers';
  const id = `${account.id}/blobServices/default/containers`;
  return ok({ value: (account.containers ?? []).map((name) => ({ id: `${id}/${name}`, name, type, properties: {} })) });
}

export function listStorageAccounts({ request, state }: ArmContext): Handled {
  const group = request.resourceGroup.toLowerCase();
  const accounts = [...state.storageAccounts.values()];
  const listed = accounts.filter(({ resourceGroup }) => group === '' || resourceGroup.toLowerCase() === group);
  return ok({ value: listed.map(accountJson) });
}

export function getStorageAccount(context: ArmContext): Handled {
  return ok(accountJson(accountOf(context)));
}

function accountOf({ request, state }: ArmContext): StorageAccountResource {
  const [name = ''] = request.names;
  const account = state.storageAccounts.get(name.toLowerCase());
  if (account?.resourceGroup.toLowerCase() !== request.resourceGroup.toLowerCase()) {
    throw resourceNotFound(`Microsoft.Storage/storageAccounts/${name}`, request.resourceGroup);
  }
  return account;
}

function accountJson({
  id,
  name,
  location,
  blobEndpoint = `https://${name}.blob.core.windows.net/`,
}: StorageAccountResource): object {
  const primaryEndpoints = { blob: blobEndpoint };
  const properties = { provisioningState: 'Succeeded', primaryEndpoints };
  const sku = { name: 'Standard_LRS', tier: 'Standard' };
  return {
    id,
    name,
    type: 'Microsoft.Storage/storageAccounts',
    location,
    sku,
    kind: 'StorageV2',
    tags: {},
    properties,
  };
}
