import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { otherTenantOf, resolveSubscription } from '../../../src/azure/arm/subscription.ts';
import { UsageError } from '../../../src/errors.ts';
import { failureOf, temporaryFolder } from '../../support/vhd-fixtures.ts';

const [A, B, C] = ['a', 'b', 'c'].map((digit) => `00000000-0000-0000-0000-00000000000${digit}`);
const TENANT = '11111111-2222-3333-4444-555555555555';

interface Entry {
  readonly id?: string | undefined;
  readonly name?: string;
  readonly state?: string;
  readonly isDefault?: boolean;
  readonly environmentName?: string;
}

function entry(fields: Entry): Entry & { readonly tenantId: string } {
  return {
    name: 'Production',
    state: 'Enabled',
    isDefault: false,
    environmentName: 'AzureCloud',
    tenantId: TENANT,
    ...fields,
  };
}

/** The environment of a user of the Azure CLI. */
async function profile(content: string | readonly Entry[]): Promise<Record<string, string>> {
  const folder = await temporaryFolder();
  const text = typeof content === 'string' ? content : JSON.stringify({ installationId: 'x', subscriptions: content });
  await writeFile(join(folder, 'azureProfile.json'), `\uFEFF${text}`);
  return { AZURE_CONFIG_DIR: folder };
}

describe('resolveSubscription', () => {
  it('prefers the option, then the environment, then the Azure CLI', async () => {
    const environment = {
      ...(await profile([entry({ id: C, isDefault: true })])),
      AZURE_SUBSCRIPTION_ID: ` ${B?.toUpperCase()} `,
    };
    const cloud = 'AzureCloud';
    const unknown = { name: undefined, tenantId: undefined };
    expect(await resolveSubscription({ subscription: ` ${A} `, environment, cloud })).toEqual({
      id: A,
      source: '--subscription',
      ...unknown,
    });
    expect(await resolveSubscription({ environment, cloud })).toEqual({
      id: B,
      source: 'AZURE_SUBSCRIPTION_ID',
      ...unknown,
    });
    expect(await resolveSubscription({ environment: { ...environment, AZURE_SUBSCRIPTION_ID: '' }, cloud })).toEqual({
      id: C,
      source: 'the Azure CLI',
      name: 'Production',
      tenantId: TENANT,
    });
  });

  it.each<[string, readonly Entry[]]>([
    ['the default of several', [entry({ id: A }), entry({ id: B, isDefault: true }), entry({ id: C })]],
    ['the only one', [entry({ id: B })]],
    [
      'the default of the chosen cloud',
      [entry({ id: A, isDefault: true, environmentName: 'AzureChinaCloud' }), entry({ id: B, isDefault: true })],
    ],
    ['one that has a warning', [entry({ id: B, isDefault: true, state: 'Warned' })]],
  ])('takes %s', async (_, entries) => {
    expect(await resolveSubscription({ environment: await profile(entries), cloud: 'AzureCloud' })).toMatchObject({
      id: B,
    });
  });

  it.each<[string, string | readonly Entry[], RegExp]>([
    ['no subscription', [], /the Azure CLI is not signed in\. Use --subscription/],
    ['a profile without subscriptions', '{}', /not signed in/],
    ['a damaged profile', '{"subscriptions":[', /azureProfile\.json of the Azure CLI is not valid JSON/],
    [
      'several and no default',
      [entry({ id: A }), entry({ id: B, name: 'Test\u001b' })],
      /no default among its 2: "Production" \(0.*a\), "Test\\u\{1b\}"/,
    ],
    [
      'a disabled default',
      [entry({ id: A, isDefault: true, state: 'Disabled' }), entry({ id: B })],
      /"Production" \(.*a\), is disabled\. .*az account set/,
    ],
    [
      'another cloud',
      [entry({ id: A, isDefault: true, environmentName: 'AzureUSGovernment' })],
      /signed in to AzureUSGovernment, not to AzureCloud\. Add --cloud/,
    ],
    [
      'a tenant without a subscription',
      [entry({ id: TENANT, name: 'N/A(tenant level account)', isDefault: true })],
      /not a subscription/,
    ],
    ['an id that is no GUID', [entry({ id: 'x', isDefault: true })], /not a subscription/],
    ['an entry without an id', [{ isDefault: true }], /not a subscription/],
  ])('refuses %s', async (_, content, message) => {
    const failure = await failureOf(resolveSubscription({ environment: await profile(content), cloud: 'AzureCloud' }));
    expect(failure).toBeInstanceOf(UsageError);
    expect(failure.message).toMatch(message);
  });

  it('explains that there is no profile', async () => {
    const environment = { AZURE_CONFIG_DIR: join(await temporaryFolder(), 'none') };
    expect((await failureOf(resolveSubscription({ environment, cloud: 'AzureCloud' }))).message).toBe(
      'No subscription was given, and the Azure CLI is not signed in. Use --subscription, set AZURE_SUBSCRIPTION_ID, or run az login and az account set. The sign-in of Connect-AzAccount works with --subscription.',
    );
  });

  it('explains that the profile cannot be read', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'azureProfile.json'));
    const failure = await failureOf(
      resolveSubscription({ environment: { AZURE_CONFIG_DIR: folder }, cloud: 'AzureCloud' }),
    );
    expect(failure).toBeInstanceOf(UsageError);
    expect(failure.message).toMatch(
      /^Cannot read the default subscription of the Azure CLI from .*: it is not a regular file\. Use --subscription/,
    );
  });

  it.each([
    ['--subscription', { subscription: 'Production', environment: {} }],
    ['AZURE_SUBSCRIPTION_ID', { environment: { AZURE_SUBSCRIPTION_ID: 'Production' } }],
  ])('refuses a name in %s', async (source, options) => {
    const failure = await failureOf(resolveSubscription({ ...options, cloud: 'AzureCloud' }));
    expect(failure.message).toBe(
      `${source} must be the id of a subscription (a GUID), but is "Production". az account list --output table shows names and ids.`,
    );
  });
});

describe('otherTenantOf', () => {
  it.each<[string, string | undefined, string | undefined]>([
    ['another tenant', B, 'other-tenant'],
    ['the default tenant', A, undefined],
    ['an unknown tenant', C, undefined],
  ])('is the tenant of a subscription in %s', async (_, id = '', expected) => {
    const others = { ...entry({ id: B?.toUpperCase() }), tenantId: 'other-tenant' };
    const environment = await profile([entry({ id: A, isDefault: true }), others]);
    expect(await otherTenantOf(id, { environment })).toBe(expected);
  });

  it('is undefined if the Azure CLI has no usable profile', async () => {
    expect(await otherTenantOf(A ?? '', { environment: await profile('{') })).toBeUndefined();
    expect(await otherTenantOf(A ?? '', { environment: { AZURE_CONFIG_DIR: '/nowhere' } })).toBeUndefined();
  });
});
