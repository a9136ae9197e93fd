import { describe, expect, it } from 'vitest';
import { authorityHostFor, blobEndpoint } from '../../../src/azure/auth/clouds.ts';

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

describe('blobEndpoint', () => {
  it('uses the public cloud by default', () => {
    expect(blobEndpoint('account')).toBe('https://account.blob.core.windows.net');
    expect(blobEndpoint('account', 'core.usgovcloudapi.net')).toBe('https://account.blob.core.usgovcloudapi.net');
  });
});
