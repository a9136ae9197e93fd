import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { describeProxy, proxyFor } from '../../../src/azure/network/proxy.ts';
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
  it('finds no proxy without a variable', () => {
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

  it('uses the first of several, as the SDK does', () => {
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
  ])('sends the user and password of %s to the proxy', (url, credentials) => {
    const { headers } = proxyWith({ HTTPS_PROXY: url }) ?? {};
    expect(headers).toEqual({ 'Proxy-Authorization': `Basic ${Buffer.from(credentials).toString('base64')}` });
  });

  it('prefers the variable of the scheme', () => {
    vi.stubEnv('HTTPS_PROXY', 'http://https.corp');
    vi.stubEnv('HTTP_PROXY', 'http://http.corp');
    expect(proxyFor(new URL('http://10.0.0.1:10000/a/c/b'))).toMatchObject({ host: 'http.corp' });
    expect(proxyFor(new URL('https://10.0.0.1:10000/a/c/b'))).toMatchObject({ host: 'https.corp' });
  });

  it.each(['Https_Proxy', 'hTTP_pROXY'])('finds %s, whatever its case', (name) => {
    expect(proxyWith({ [name]: 'http://proxy.corp' })).toMatchObject({ variable: name.toUpperCase() });
  });

  it('uses no proxy if NO_PROXY excludes the host, whatever its case', () => {
    const proxy = { HTTPS_PROXY: 'http://proxy.corp:8080' };
    for (const name of ['NO_PROXY', 'no_proxy', 'No_Proxy']) {
      expect(proxyWith({ ...proxy, [name]: 'windows.net' })).toBeUndefined();
      vi.stubEnv(name, undefined);
    }
    expect(proxyWith({ ...proxy, NO_PROXY: '', no_proxy: 'windows.net' })).toBeUndefined();
    vi.stubEnv('no_proxy', undefined);
    expect(proxyWith({ ...proxy, NO_PROXY: 'example.com' })).toBeDefined();
  });

  it('refuses a proxy that is not a URL even if NO_PROXY excludes the host', () => {
    expect(() => proxyWith({ HTTPS_PROXY: 'proxy.corp', NO_PROXY: '*' })).toThrow('HTTPS_PROXY');
  });

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
      /^HTTPS_PROXY is not a valid proxy URL\.((?!TOPSECRET|8080).)*(?:8080\.|for %\.)$/,
    );
  });
});

describe('describeProxy', () => {
  it.each([
    ['http://user:TOPSECRET@proxy.corp:3128', 'proxy.corp:3128 (set in HTTPS_PROXY)'],
    ['https://[::1]', '[::1]:443 (set in HTTPS_PROXY)'],
  ])('shows no password of %s', (url, text) => {
    const proxy = proxyWith({ HTTPS_PROXY: url });
    expect(proxy === undefined ? '' : describeProxy(proxy)).toBe(text);
  });
});
