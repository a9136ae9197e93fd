import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { proxyFor } from '../../../src/azure/network/proxy.ts';
import { withoutProxies } from '../../support/forwarding-proxy.ts';

beforeEach(withoutProxies);

afterEach(() => {
  vi.unstubAllEnvs();
});

function proxyWith(variables: Readonly<Record<string, string>>) {
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
  return proxyFor(new URL('https://account.blob.core.windows.net/c/b'));
}

describe('proxyFor', () => {
  it('finds none where no variable names one', () => {
    expect(proxyWith({})).toBeUndefined();
  });

  it.each(['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy'])(
    'finds what %s names',
    (name) => {
      expect(proxyWith({ [name]: 'http://proxy.corp:8080' })).toEqual({
        variable: name.toUpperCase(),
        isSecure: false,
        host: 'proxy.corp',
        port: 8080,
        headers: {},
      });
    },
  );

  it('takes the first of several, as the SDK does', () => {
    const others = { ALL_PROXY: 'http://all.corp', HTTP_PROXY: 'http://http.corp' };
    expect(proxyWith(others)).toMatchObject({ host: 'all.corp' });
    expect(proxyWith({ ...others, https_proxy: 'http://https.corp' })).toMatchObject({ host: 'https.corp' });
  });

  it.each([
    ['http://proxy.corp', { isSecure: false, host: 'proxy.corp', port: 80 }],
    ['https://proxy.corp', { isSecure: true, host: 'proxy.corp', port: 443 }],
    ['HTTPS://proxy.corp:8443/', { isSecure: true, host: 'proxy.corp', port: 8443 }],
    ['http://[::1]:3128', { host: '::1', port: 3128 }],
  ])('reads %s', (url, expected) => {
    expect(proxyWith({ HTTPS_PROXY: url })).toMatchObject(expected);
  });

  it.each([
    ['http://user:password@proxy', 'user:password'],
    ['http://user@proxy', 'user:'],
    ['http://corp%5Cuser:p%40ss%3Aw%25rd%C3%A9@proxy', 'corp\\user:p@ss:w%rdé'],
  ])('shows the proxy the user and password of %s', (url, credentials) => {
    const { headers } = proxyWith({ HTTPS_PROXY: url }) ?? {};
    expect(headers).toEqual({ 'Proxy-Authorization': `Basic ${Buffer.from(credentials).toString('base64')}` });
  });

  it.each([
    'account.blob.core.windows.net',
    '.core.windows.net',
    '.account.blob.core.windows.net',
    'localhost, .core.windows.net ,other',
  ])('finds none for a host that NO_PROXY names as %s', (exceptions) => {
    const proxy = { HTTPS_PROXY: 'http://proxy.corp:8080' };
    expect(proxyWith({ ...proxy, NO_PROXY: exceptions })).toBeUndefined();
    expect(proxyWith({ ...proxy, NO_PROXY: '', no_proxy: exceptions })).toBeUndefined();
  });

  it.each(['core.windows.net', 'windows.net', '.blob.core.windows', '*', ','])(
    'takes %s in NO_PROXY for another host, as the SDK does',
    (exceptions) => {
      expect(proxyWith({ HTTPS_PROXY: 'http://proxy.corp:8080', NO_PROXY: exceptions })).toBeDefined();
    },
  );

  it.each([
    'http://user:TOPSECRET@proxy:99999',
    'user:TOPSECRET@proxy:8080',
    'socks://user:TOPSECRET@proxy',
    'http://user:TOPSECRET%@proxy',
    'http://user:TOPSECRET%ff@proxy',
    'http://user:8080#TOPSECRET@proxy',
    'http://user:8080/TOPSECRET@proxy',
    'http://user:8080?TOPSECRET@proxy',
  ])('refuses %s, without showing it', (proxy) => {
    expect(() => proxyWith({ HTTPS_PROXY: proxy })).toThrow(
      /^HTTPS_PROXY must be the URL of a proxy((?!TOPSECRET|8080).)*(?:8080, but is no such URL\.|for %\.)$/,
    );
  });
});
