import { afterEach, describe, expect, it } from 'vitest';
import { networkError } from '../../../src/azure/errors.ts';
import { adoptProxySettings, describeProxy, proxyFor } from '../../../src/azure/network/proxy.ts';
import { adoptWindowsProxy } from '../../../src/cli/network/prepare-network.ts';
import { windowsProxy } from '../../../src/cli/network/windows-proxy.ts';
import { withOnlyProxies } from '../../support/environment.ts';

/** What `reg query` prints. */
function registry(values: Readonly<Record<string, string | number>>) {
  const lines = Object.entries(values).map(([name, value]) =>
    typeof value === 'number'
      ? `    ${name}    REG_DWORD    0x${value.toString(16)}`
      : `    ${name}    REG_SZ    ${value}`,
  );
  const text = ['', 'HKEY_CURRENT_USER\\Software\\...\\Internet Settings', ...lines, '', ''].join('\r\n');
  return () => Promise.resolve(text);
}

describe('the proxy settings of Windows', () => {
  it.each([
    ['nothing', {}],
    ['a proxy that is switched off', { ProxyEnable: 0, ProxyServer: 'proxy.corp:8080' }],
    ['no address', { ProxyEnable: 1, ProxyServer: '' }],
    ['a proxy for other protocols', { ProxyEnable: 1, ProxyServer: 'ftp=proxy.corp:21;socks=proxy.corp:1080' }],
  ])('are none with %s', async (_, values) => {
    expect(await windowsProxy(registry(values))).toBeUndefined();
  });

  it('are none if the registry cannot be read', async () => {
    expect(await windowsProxy(() => Promise.resolve(undefined))).toBeUndefined();
  });

  it.each([
    ['proxy.corp:8080', 'http://proxy.corp:8080', 'http://proxy.corp:8080'],
    ['http=web.corp:80;https=tls.corp:443', 'http://tls.corp:443', 'http://web.corp:80'],
    ['https=https://tls.corp:443', 'https://tls.corp:443', undefined],
  ])('name a proxy: %s', async (server, https, http) => {
    const { variables } = (await windowsProxy(registry({ ProxyEnable: 1, ProxyServer: server }))) ?? {};
    expect([variables?.['HTTPS_PROXY'], variables?.['HTTP_PROXY']]).toEqual([https, http]);
  });

  it('name exceptions, of which those are kept that a variable can express', async () => {
    const overrides = '*.corp.example;intranet;10.*;192.168.*.*;172.16.5.*;http://files.example;*corp*;<local>';
    const found = await windowsProxy(registry({ ProxyEnable: 1, ProxyServer: 'p:1', ProxyOverride: overrides }));
    expect(found?.variables['NO_PROXY']).toBe(
      'localhost,127.0.0.1,::1,corp.example,intranet,10.0.0.0/8,192.168.0.0/16,172.16.5.0/24,files.example',
    );
  });

  it('name a script', async () => {
    const script = 'http://wpad.corp/proxy.pac';
    expect(await windowsProxy(registry({ ProxyEnable: 0, AutoConfigURL: script }))).toEqual({ variables: {}, script });
    const both = await windowsProxy(registry({ ProxyEnable: 1, ProxyServer: 'p:1', AutoConfigURL: script }));
    expect(both).toMatchObject({ script, variables: { HTTPS_PROXY: 'http://p:1' } });
  });
});

describe('a command on Windows', () => {
  const url = new URL('https://account.blob.core.windows.net/vhds');
  const refused = () => networkError({ what: 'Put Page' }, { code: 'ENOTFOUND', message: 'getaddrinfo ENOTFOUND' });
  afterEach(() => adoptProxySettings({}, ''));

  it('uses the proxy of the user, and says where it comes from', () =>
    withOnlyProxies({}, async () => {
      const query = registry({ ProxyEnable: 1, ProxyServer: 'proxy.corp:8080', ProxyOverride: '*.corp' });
      expect(await adoptWindowsProxy(query)).toEqual([
        'No variable names a proxy. The one in the proxy settings of Windows is used.',
      ]);
      const proxy = proxyFor(url);
      expect(proxy && describeProxy(proxy)).toBe('proxy.corp:8080 (set in the proxy settings of Windows)');
      expect(proxyFor(new URL('https://blob.corp/vhds'))).toBeUndefined();
      expect(refused().message).not.toContain('script');
    }));

  it('names the script that it does not run, if nothing can be reached', () =>
    withOnlyProxies({}, async () => {
      expect(refused().message).not.toContain('script');
      await adoptWindowsProxy(registry({ ProxyEnable: 0, AutoConfigURL: 'http://wpad.corp/proxy.pac' }));
      expect(proxyFor(url)).toBeUndefined();
      expect(refused().message).toContain('a script finds the proxy (http://wpad.corp/proxy.pac)');
      expect(refused().message).toContain('set HTTPS_PROXY to the proxy that it names');
      const other = networkError({ what: 'Put Page' }, { code: 'EPROTO', message: 'wrong version number' });
      expect(other.message).not.toContain('script');
    }));
});
