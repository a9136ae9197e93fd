import { describe, expect, it } from 'vitest';
import { authorityHostFor, authorityHostOfCloud, blobEndpoint } from '../../../src/azure/auth/clouds.ts';

describe('authorityHostFor', () => {
  it.each([
    ['account.blob.core.windows.net', 'https://login.microsoftonline.com'],
    ['account.privatelink.blob.core.windows.net', 'https://login.microsoftonline.com'],
    ['account.blob.core.chinacloudapi.cn', 'https://login.chinacloudapi.cn'],
    ['account.blob.core.usgovcloudapi.net', 'https://login.microsoftonline.us'],
    ['disks.example.com', undefined],
    ['127.0.0.1', undefined],
    ['evilcore.windows.net', undefined],
    ['core.windows.net.example.com', undefined],
  ])('of %s is %s', (hostname, expected) => {
    expect(authorityHostFor(hostname)).toBe(expected);
  });
});

describe('authorityHostOfCloud', () => {
  it.each([
    ['disks.example.com', 'https://login.chinacloudapi.cn'],
    ['account.blob.local.azurestack.external', 'https://login.chinacloudapi.cn'],
    ['10.0.0.4', 'https://login.chinacloudapi.cn'],
    ['account.privatelink.blob.core.chinacloudapi.cn', 'https://login.chinacloudapi.cn'],
  ])('of %s is that of the named cloud', (hostname, expected) => {
    expect(authorityHostOfCloud('azurechinacloud', hostname)).toBe(expected);
  });

  it('refuses a host of another cloud, and an unknown cloud', () => {
    expect(() => authorityHostOfCloud('AzureUSGovernment', 'account.blob.core.chinacloudapi.cn')).toThrow(
      'account.blob.core.chinacloudapi.cn belongs to AzureChinaCloud, but --cloud is AzureUSGovernment. Remove --cloud.',
    );
    expect(() => authorityHostOfCloud('AzureGermanCloud', 'disks.example.com')).toThrow(/AZURE_AUTHORITY_HOST/);
  });
});

describe('blobEndpoint', () => {
  it('uses the public cloud by default', () => {
    expect(blobEndpoint('account')).toBe('https://account.blob.core.windows.net');
    expect(blobEndpoint('account', 'core.usgovcloudapi.net')).toBe('https://account.blob.core.usgovcloudapi.net');
  });
});
