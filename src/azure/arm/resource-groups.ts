// Resource groups in Azure Resource Manager.
import type { ArmClient } from './arm-client.ts';
import { textIn } from './arm-error.ts';
import { unusableArmAnswer } from './arm-failure.ts';
import type { ResourcePlace } from './resource-id.ts';

const API_VERSION = '2022-09-01';

/**
 * The region of a resource group, where its resources are created unless another one is given.
 * @throws {DestinationError} the resource group does not exist. @throws as `ArmClient` does.
 */
export async function locationOfGroup(
  client: ArmClient,
  { subscriptionId, resourceGroup }: ResourcePlace,
  signal: AbortSignal,
): Promise<string> {
  const path = `/subscriptions/${subscriptionId}/resourceGroups/${encodeURIComponent(resourceGroup)}`;
  const what = `Get resource group ${resourceGroup}`;
  const location = textIn(await client.get({ what, path, apiVersion: API_VERSION }, signal), 'location');
  if (location === undefined) throw unusableArmAnswer({ what }, 'its answer names no location', undefined);
  return location;
}
