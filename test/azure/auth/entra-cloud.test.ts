// Where tokens for blobs come from, and for which audience, in each cloud.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { parseDestination } from '../../../src/azure/destination.ts';
import { trustingMoreIssuers } from '../../../src/azure/network/trusted-issuers.ts';
import { connectPageBlob } from '../../../src/azure/page-blob.ts';
import { failureOf } from '../../support/vhd-fixtures.ts';

/** The sign-in trusts what the system trusts, as requests to the blob do. */
const POLICIES = [{ policy: trustingMoreIssuers, position: 'perRetry' }];

/** What each DefaultAzureCredential was made with, and the scopes it was asked for. */
const asked = vi.hoisted(() => ({ options: [] as object[], scopes: [] as string[] }));

vi.mock('@azure/identity', () => ({
  DefaultAzureCredential: class {
    constructor(options: object) {
      asked.options.push(options);
    }

    getToken(scopes: string | string[]): Promise<never> {
      asked.scopes.push(...[scopes].flat());
      return Promise.reject(new Error('No token for the test.'));
    }
  },
}));

beforeEach(() => {
  asked.options.length = 0;
  asked.scopes.length = 0;
});

/** Sends one request with Microsoft Entra, which ends when the token is asked for. */
async function signIn(host: string, authorityHost?: string): Promise<void> {
  const { address } = parseDestination(`https://${host}/vhds/disk.vhd`);
  const credential = { kind: 'entra' as const, ...(authorityHost === undefined ? {} : { authorityHost }) };
  const blob = await connectPageBlob(address, credential, { userAgent: 'test' });
  expect(await failureOf(blob.properties(new AbortController().signal))).toBeInstanceOf(Error);
  blob.close();
}

describe('Microsoft Entra for a blob', () => {
  it.each([
    ['account.blob.core.windows.net', { authorityHost: 'https://login.microsoftonline.com' }],
    ['account.z12.blob.storage.azure.net', {}],
    ['account.privatelink.blob.core.windows.net', { authorityHost: 'https://login.microsoftonline.com' }],
    ['account.blob.core.chinacloudapi.cn', { authorityHost: 'https://login.chinacloudapi.cn' }],
    ['account.privatelink.blob.core.chinacloudapi.cn', { authorityHost: 'https://login.chinacloudapi.cn' }],
    ['account.blob.core.usgovcloudapi.net', { authorityHost: 'https://login.microsoftonline.us' }],
    ['account.blob.local.azurestack.external', {}],
    ['disks.example.com', {}],
  ])('on %s asks the sign-in service of its cloud for the audience of Azure Storage', async (host, options) => {
    await signIn(host);
    expect(asked.options).toEqual([{ ...options, additionalPolicies: POLICIES }]);
    expect(asked.scopes).toEqual(['https://storage.azure.com/.default']);
  });

  it('asks the sign-in service that is named', async () => {
    await signIn('disks.example.com', 'https://login.chinacloudapi.cn');
    expect(asked.options).toEqual([{ authorityHost: 'https://login.chinacloudapi.cn', additionalPolicies: POLICIES }]);
  });
});
