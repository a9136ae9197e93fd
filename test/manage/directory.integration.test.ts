import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CredentialError, UsageError } from '../../src/errors.ts';
import { Directory, defaultSubscription } from '../../src/manage/directory.ts';
import type { ArmOptions } from '../../src/options.ts';
import { armOptionsFor } from '../support/arm-options.ts';
import { withoutProxies } from '../support/forwarding-proxy.ts';
import { type ManagedDisks, startManagedDisks } from '../support/managed-disks.ts';
import { failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';

let servers: ManagedDisks;
let directory: Directory;

beforeEach(async () => {
  withoutProxies();
  servers = await startManagedDisks({ resourceGroups: { beta: 'westeurope', alpha: 'eastus' } });
  directory = new Directory(armOptionsFor(servers));
});
afterEach(async () => {
  await directory.close();
  await servers.close();
});

describe('what a signed-in user can choose from', () => {
  it('is listed: subscriptions, groups, accounts, containers', async () => {
    const { subscription } = servers;
    servers.arm.resources.createStorageAccount('zzz');
    servers.arm.resources.createStorageAccount('acc', 'alpha', 'eastus', {
      blobEndpoint: 'https://acc.z1.blob.storage.azure.net/',
      containers: ['vhds', '$logs', 'images'],
    });
    expect(await directory.subscriptions()).toEqual([{ id: subscription, name: 'Test subscription', isDefault: true }]);
    expect(await directory.resourceGroups(subscription)).toEqual([
      { name: 'alpha', location: 'eastus' },
      { name: 'beta', location: 'westeurope' },
    ]);
    const [account, ...others] = await directory.storageAccounts(subscription);
    expect(account).toEqual({
      name: 'acc',
      location: 'eastus',
      id: expect.stringContaining('/storageAccounts/acc'),
      blobEndpoint: 'https://acc.z1.blob.storage.azure.net',
    });
    expect(others).toMatchObject([{ name: 'zzz', blobEndpoint: 'https://zzz.blob.core.windows.net' }]);
    if (account === undefined) throw new Error('There is no account.');
    expect(await directory.containers(account, subscription)).toEqual(['vhds', 'images']);
    expect(servers.violations).toEqual([]);
  });

  it('can be empty', async () => {
    expect(await directory.storageAccounts(servers.subscription)).toEqual([]);
  });

  it('is refused to whoever may not read it', async () => {
    servers.arm.denied.add('Microsoft.Resources/subscriptions/resourceGroups/read');
    expect(await failureOf(directory.resourceGroups(servers.subscription))).toBeInstanceOf(CredentialError);
  });
});

describe('the subscription that commands use', () => {
  const environmentWith = async (profile: string): Promise<ArmOptions> => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'azureProfile.json'), profile);
    return { environment: { AZURE_CONFIG_DIR: folder } };
  };

  it('is that of the options, the variable or the Azure CLI', async () => {
    const id = servers.subscription;
    const profile = JSON.stringify({
      subscriptions: [{ id, name: 'x', isDefault: true, environmentName: 'AzureCloud' }],
    });
    expect(await defaultSubscription({ subscription: id.toUpperCase() })).toBe(id);
    expect(await defaultSubscription({ environment: { AZURE_SUBSCRIPTION_ID: id } })).toBe(id);
    expect(await defaultSubscription(await environmentWith(profile))).toBe(id);
  });

  it('is not known without any of them, and before one is chosen all can be listed', async () => {
    const nobody = await environmentWith('{}');
    expect(await defaultSubscription(nobody)).toBeUndefined();
    const other = new Directory({ ...armOptionsFor(servers), ...nobody });
    expect(await other.subscriptions()).toMatchObject([{ id: servers.subscription, isDefault: false }]);
    await other.close();
  });

  it('is refused if the option is no id', async () => {
    expect(await failureOf(defaultSubscription({ subscription: 'mine' }))).toBeInstanceOf(UsageError);
  });
});
