import { describe, expect, it } from 'vitest';
import { isExcepted } from '../../../src/azure/network/proxy-exceptions.ts';

const AZURE = 'https://account.blob.core.windows.net/c/b';
const excepted = (url: string, list: string) => isExcepted(new URL(url), list);

describe('isExcepted', () => {
  it.each([
    [AZURE, '*'],
    [AZURE, 'example.com, *'],
    [AZURE, 'account.blob.core.windows.net'],
    [AZURE, 'ACCOUNT.Blob.Core.Windows.NET'],
    [AZURE, 'windows.net'],
    [AZURE, '.windows.net'],
    [AZURE, '*.windows.net'],
    [AZURE, 'windows.net.'],
    [AZURE, '.account.blob.core.windows.net'],
    [AZURE, 'windows.net:443'],
    [AZURE, 'localhost, .core.windows.net ,other'],
    [AZURE, 'localhost .core.windows.net\tother'],
    [AZURE, ',,windows.net,'],
    ['https://account.blob.core.windows.net./c/b', 'windows.net'],
    ['http://localhost:10000/a/c/b', 'localhost'],
    ['http://localhost:10000/a/c/b', 'LOCALHOST:10000'],
    ['http://azurite:10000/a/c/b', 'azurite'],
    ['http://host/a/c/b', 'host:80'],
    ['http://bücher.example/c/b', 'BÜCHER.example'],
    ['http://127.0.0.1:10000/a/c/b', '127.0.0.0/8'],
    ['http://127.0.0.1:10000/a/c/b', '127.0.0.1'],
    ['http://127.0.0.1:10000/a/c/b', '127.0.0.1:10000'],
    ['http://10.1.2.3/a/c/b', '192.168.0.0/16 10.0.0.0/8'],
    ['http://10.1.2.3/a/c/b', '10.1.2.3/32'],
    ['http://10.1.2.3/a/c/b', '0.0.0.0/0'],
    ['http://[::1]:10000/a/c/b', '::1'],
    ['http://[::1]:10000/a/c/b', '[::1]'],
    ['http://[::1]:10000/a/c/b', '[::1]:10000'],
    ['http://[::1]:10000/a/c/b', '0:0:0:0:0:0:0:1'],
    ['http://[fd00::12]/a/c/b', 'fd00::/8'],
    ['http://[fd00::12]/a/c/b', '[fd00::]/8'],
    ['http://[FE80::1]/a/c/b', 'fe80::/10'],
  ])('excludes %s for %s', (url, list) => {
    expect(excepted(url, list)).toBe(true);
  });

  it.each([
    [AZURE, ''],
    [AZURE, ' , '],
    [AZURE, 'dows.net'],
    [AZURE, 'ccount.blob.core.windows.net'],
    [AZURE, '.blob.core.windows'],
    [AZURE, 'www.account.blob.core.windows.net'],
    [AZURE, 'windows.net:8443'],
    [AZURE, '10.0.0.0/8'],
    [AZURE, '.'],
    [AZURE, '*.'],
    [AZURE, '0.0.0.0/0'],
    ['http://notlocalhost/a/c/b', 'localhost'],
    ['http://127.0.0.1:10000/a/c/b', 'localhost'],
    ['http://127.0.0.1:10000/a/c/b', '127.0.0.1:10001'],
    ['http://127.0.0.1:10000/a/c/b', '128.0.0.0/8'],
    ['http://127.0.0.1:10000/a/c/b', '127.0.0.1/33'],
    ['http://127.0.0.1:10000/a/c/b', '127.0.0.1/-1'],
    ['http://127.0.0.1:10000/a/c/b', '127.0.0.1/'],
    ['http://127.0.0.1:10000/a/c/b', '127.0.0.1/x'],
    ['http://127.0.0.1:10000/a/c/b', '0.0.1'],
    ['http://127.0.0.1:10000/a/c/b', '::/0'],
    ['http://[::1]:10000/a/c/b', '[::1]:10001'],
    ['http://[::1]:10000/a/c/b', '0.0.0.0/0'],
    ['http://[fd00::12]/a/c/b', 'fe80::/10'],
  ])('uses the proxy for %s with "%s"', (url, list) => {
    expect(excepted(url, list)).toBe(false);
  });
});
