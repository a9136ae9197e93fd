import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { carriesSas, endpointOf, needsEndpoint, parseDestination } from '../../src/azure/destination.ts';
import { UsageError } from '../../src/errors.ts';

const SAS = 'sv=2025-01-05&sr=c&sp=rw&se=2030-01-01T00%3A00%3A00Z&sig=c2VjcmV0c2VjcmV0%2Bc2VjcmV0%3D';

function refusalOf(text: string, serviceUrl?: string): string {
  try {
    parseDestination(text, serviceUrl);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  throw new Error(`It took ${text}.`);
}

describe('parseDestination, of a managed disk', () => {
  it.each([
    'https://md-impexp-abc.z12.blob.storage.azure.net/c12/abcd?sv=2018-03-28&sr=b&si=x',
    'https://md-abc.blob.core.windows.net:8443/c12/abcd',
    'http://127.0.0.1:10000/md-impexp-abc/c12/abcd',
  ])('recognises %s', (text) => {
    const { address } = parseDestination(text);
    expect(address).toMatchObject({ isDisk: true, containerName: 'c12', blobName: 'abcd' });
    expect(address.accountName).toMatch(/^md-(?:impexp-)?abc$/);
    expect(address.url).toBe(text.split('?')[0]);
  });

  it('takes no other blob for one', () => {
    for (const text of ['https://acc.blob.core.windows.net/md-abc/abcd', 'http://example.com/md-abc/c12/abcd'])
      expect(parseDestination(text, undefined, 'md-abc').address.isDisk).toBeUndefined();
  });
});

describe('parseDestination', () => {
  it.each([
    ['the public cloud', 'https://account.blob.core.windows.net', 'account'],
    ['China', 'https://account.blob.core.chinacloudapi.cn', 'account'],
    ['the US government', 'https://account.blob.core.usgovcloudapi.net', 'account'],
    ['a DNS zone', 'https://account.z12.blob.storage.azure.net', 'account'],
    ['a private endpoint', 'https://account.privatelink.blob.core.windows.net', 'account'],
    ['Azure Stack Hub', 'https://account.blob.local.azurestack.external', 'account'],
    ['Azure Stack Edge', 'https://account.blob.edge-1.contoso.com', 'account'],
    ['a private endpoint in a DNS zone', 'https://account.z7.privatelink.blob.storage.azure.net', 'account'],
    ['a secondary', 'https://account-secondary.blob.core.windows.net', 'account'],
    ['the route of Microsoft', 'https://account-microsoftrouting.blob.core.windows.net', 'account'],
    ['the route of the internet', 'https://account-internetrouting.blob.core.windows.net', 'account'],
    ['IPv6 alone', 'https://account-ipv6.blob.core.windows.net', 'account'],
    ['both versions of IP', 'https://account-dualstack.z12.blob.storage.azure.net', 'account'],
    ['a secondary over IPv6', 'https://account-secondary-ipv6.blob.core.windows.net', 'account'],
    ['a secondary over a route', 'https://account-microsoftrouting-secondary.blob.core.windows.net', 'account'],
    ['a domain of its own', 'https://disks.example.com', undefined],
    ['an emulator by account', 'http://devstoreaccount1.blob.localhost:10000', 'devstoreaccount1'],
    ['an emulator in a cluster', 'http://azurite.default.svc.cluster.local:8080/devstoreaccount1', 'devstoreaccount1'],
    [
      'an emulator in a namespace named blob',
      'http://azurite.blob.svc.cluster.local/devstoreaccount1',
      'devstoreaccount1',
    ],
    ['IoT Edge', 'http://edge-1.contoso.com:11002/account', 'account'],
    ['a port', 'https://account.blob.core.windows.net:8443', 'account'],
    ['an emulator', 'http://127.0.0.1:10000/devstoreaccount1', 'devstoreaccount1'],
    ['an emulator by its name', 'http://localhost:10000/devstoreaccount1', 'devstoreaccount1'],
    ['an emulator in a container', 'http://azurite:10000/devstoreaccount1', 'devstoreaccount1'],
    ['an emulator on the host', 'http://host.docker.internal:10000/devstoreaccount1', 'devstoreaccount1'],
    ['IPv6', 'http://[::1]:10000/devstoreaccount1', 'devstoreaccount1'],
    ['an IP address with TLS', 'https://10.0.0.4/account', 'account'],
  ])('parses a URL of %s, with and without a SAS', (_, endpoint, accountName) => {
    const address = {
      url: `${endpoint}/vhds/folder/disk.vhd`,
      containerUrl: `${endpoint}/vhds`,
      accountName,
      containerName: 'vhds',
      blobName: 'folder/disk.vhd',
    };
    expect(parseDestination(`${endpoint}/vhds/folder/disk.vhd`)).toEqual({ address });
    expect(parseDestination(`${endpoint}/vhds/folder/disk.vhd?${SAS}`)).toEqual({ address, sas: SAS });
  });

  it.each([
    'https://account.blob.core.windows.net',
    'https://account.blob.core.windows.net/',
    'http://127.0.0.1:10000/devstoreaccount1',
    'http://127.0.0.1:10000/devstoreaccount1//',
  ])('parses container/blob for the account at %s, with and without a SAS', (serviceUrl) => {
    for (const text of ['vhds/disk.vhd', '/vhds/disk.vhd']) {
      const { address } = parseDestination(text, serviceUrl);
      expect(address.url).toBe(`${serviceUrl.replace(/\/+$/, '')}/vhds/disk.vhd`);
      expect(parseDestination(`${text}?${SAS}`, serviceUrl)).toEqual({ address, sas: SAS });
    }
  });

  it.each([
    'http://edge.contoso.com',
    'https://edge.contoso.com:8443',
    'https://disks.corp',
    'https://azurite.default.svc',
  ])('needs the endpoint to decide whether the path at %s starts with an account', (origin) => {
    const url = `${origin}/account/vhds/disk.vhd`;
    const message = refusalOf(`${url}?${SAS}`);
    expect(message).toContain(`AZURE_STORAGE_SERVICE_ENDPOINT=${origin}/account if`);
    expect(message).toContain(`AZURE_STORAGE_SERVICE_ENDPOINT=${origin} if`);
    expect(needsEndpoint(url)).toBe(true);
    expect(parseDestination(url, `${origin}/account`).address).toMatchObject({
      accountName: 'account',
      containerUrl: `${origin}/account/vhds`,
      blobName: 'disk.vhd',
    });
    expect(parseDestination(url, origin).address).toMatchObject({
      accountName: undefined,
      containerUrl: `${origin}/account`,
      blobName: 'vhds/disk.vhd',
    });
    // The account of the key decides too.
    expect(parseDestination(url, undefined, 'account').address.containerName).toBe('vhds');
    expect(endpointOf(parseDestination(url, `${origin}/account`).address)).toBe(`${origin}/account`);
  });

  it.each([
    'http://edge.contoso.com/vhds/disk.vhd',
    'http://edge.contoso.com/my-container/folder/disk.vhd',
    'http://edge.contoso.com/vhds/My-Folder/disk.vhd',
  ])('does not take an invalid account name for an account: %s', (url) => {
    expect(endpointOf(parseDestination(url).address)).toBe('http://edge.contoso.com');
  });

  it('accepts an endpoint whose public domain has the account in the path', () => {
    const url = 'https://store.example.com/account/vhds/disk.vhd';
    expect(parseDestination(url).address.containerName).toBe('account');
    for (const accountName of ['account', undefined]) {
      for (const text of [url, 'vhds/disk.vhd']) {
        expect(parseDestination(text, 'https://store.example.com/account', accountName).address).toMatchObject({
          url,
          accountName: 'account',
          containerName: 'vhds',
        });
      }
    }
  });

  it.each(['https://disks.example.com/vhds', 'http://edge.contoso.com:8080/vhds/'])(
    'does not guess whether the end of the endpoint %s is an account or a container',
    (given) => {
      const endpoint = given.replace(/\/$/, '');
      const { origin } = new URL(endpoint);
      for (const text of ['vhds/disk.vhd', '/vhds/disk.vhd', 'disk.vhd', `${endpoint}/disk.vhd`]) {
        const message = refusalOf(text, given);
        expect(message).toContain(`"vhds" in ${endpoint}`);
        expect(message).toContain(`${endpoint}/CONTAINER/BLOB.vhd`);
        expect(message).toContain('pass vhds/BLOB.vhd');
      }
      // Both ways out work.
      for (const [text, serviceUrl, accountName] of [
        [`${endpoint}/vhds/disk.vhd`, endpoint, 'vhds'],
        ['vhds/disk.vhd', origin, undefined],
      ] as const) {
        const { address } = parseDestination(text, serviceUrl);
        expect(address).toMatchObject({ accountName, containerName: 'vhds', blobName: 'disk.vhd' });
      }
    },
  );

  it('uses the container at the end of the endpoint', () => {
    for (const endpoint of ['https://account.blob.core.windows.net/vhds', 'http://127.0.0.1:10000/account/vhds/']) {
      const base = endpoint.replace(/\/$/, '');
      for (const text of ['disk.vhd', 'vhds/disk.vhd', '/vhds/disk.vhd']) {
        expect(parseDestination(text, endpoint).address).toMatchObject({ url: `${base}/disk.vhd`, containerUrl: base });
      }
      const message = refusalOf('other/disk.vhd', endpoint);
      expect(message).toContain('Write vhds/other/disk.vhd');
    }
  });

  it('uses the root container for a blob without a container if its SAS is for a blob', () => {
    const url = 'https://account.blob.core.windows.net/disk.vhd';
    const { address } = parseDestination(`${url}?${SAS.replace('sr=c', 'sr=b')}`);
    expect(address).toMatchObject({
      url: 'https://account.blob.core.windows.net/$root/disk.vhd',
      containerName: '$root',
      blobName: 'disk.vhd',
    });
    expect(refusalOf(`${url}?${SAS}`)).toContain('must name a container and a blob');
  });

  it('parses pasted URLs: in quotes, between invisible characters, percent-encoded as a whole', () => {
    const url = `https://account.blob.core.windows.net/vhds/disk.vhd?${SAS}`;
    const expected = parseDestination(url);
    for (const text of [
      `"${url}"`,
      `“${url}”`,
      `<${url}>`,
      `\ufeff${url}\u200b\r\n`,
      `\u00a0${url}`,
      encodeURIComponent(url),
    ]) {
      expect(parseDestination(text)).toEqual(expected);
    }
    expect(parseDestination(url.replace('?', '\\?')).address).toEqual(expected.address);
    for (const text of [url, url.replaceAll('&', '&amp;'), encodeURIComponent(url), 'vhds/b?sig=x']) {
      expect(carriesSas(text)).toBe(true);
    }
    expect(carriesSas('https://account.blob.core.windows.net/vhds/disk.vhd')).toBe(false);
  });

  it('prefers a full URL to the known account', () => {
    const { address } = parseDestination(
      'https://one.blob.core.windows.net/c12/b',
      'https://other.blob.core.windows.net',
    );
    expect(address.accountName).toBe('one');
  });

  it('parses any blob name, plain or percent-encoded', () => {
    const anyName = fc
      .string({ minLength: 1, unit: fc.constantFrom(...'aZ09 .-_~+%&=?#/:@\\"\'ü日本') })
      // Except dot segments, which URLs resolve, and empty segments.
      .filter((name) => name.split(/[/\\]/).every((part) => part !== '' && !/^\.{1,2}$/.test(part)))
      .filter((name) => !/sig(=|%)/i.test(name));
    fc.assert(
      fc.property(anyName, (name) => {
        const encoded = name.split('/').map(encodeURIComponent).join('/');
        const { address } = parseDestination(`https://account.blob.core.windows.net/vhds/${encoded}?${SAS}`);
        expect(address.blobName).toBe(name);
        expect(address.containerUrl).toBe('https://account.blob.core.windows.net/vhds');
        expect(parseDestination(address.url).address).toEqual(address);
      }),
    );
  });

  it('quotes an invalid container name on one line', () => {
    const message = refusalOf('https://account.blob.core.windows.net/a%0Ab%1Bc/b.vhd');
    expect(message).toContain('"a\\u{a}b\\u{1b}c" is not a valid container name');
    expect(message).not.toMatch(/\p{Cc}/u);
  });

  it('encodes a space in a blob name as %20', () => {
    const { address } = parseDestination('vhds/my disk.vhd', 'https://account.blob.core.windows.net');
    expect(address).toMatchObject({
      url: 'https://account.blob.core.windows.net/vhds/my%20disk.vhd',
      blobName: 'my disk.vhd',
    });
  });

  it('ignores white space around the URL', () => {
    const { address } = parseDestination('  https://account.blob.core.windows.net/vhds/disk.vhd\n');
    expect(address.url).toBe('https://account.blob.core.windows.net/vhds/disk.vhd');
  });

  it.each(['$root', '$web', 'abc', '0-0', 'a'.repeat(63)])('accepts the container %s', (container) => {
    expect(parseDestination(`https://account.blob.core.windows.net/${container}/b`).address.containerName).toBe(
      container,
    );
  });

  it.each(['ab', 'a'.repeat(64), 'Vhds', 'a--b', '-abc', 'abc-', 'a_b', '$logs', 'a%20b', '...'])(
    'refuses the container %s',
    (container) => {
      expect(refusalOf(`https://account.blob.core.windows.net/${container}/folder/b?${SAS}`)).toMatch(/container/);
    },
  );

  it.each([
    ['no blob', 'https://account.blob.core.windows.net/vhds'],
    ['an empty blob', 'https://account.blob.core.windows.net/vhds/'],
    ['a folder', 'https://account.blob.core.windows.net/vhds/folder/'],
    ['no container', 'https://account.blob.core.windows.net/'],
    ['an empty container', 'https://account.blob.core.windows.net//disk.vhd'],
    ['only an account of an emulator', 'http://127.0.0.1:10000/devstoreaccount1'],
    ['no blob at an emulator', 'http://127.0.0.1:10000/devstoreaccount1/vhds'],
  ])('refuses a URL with %s', (_, url) => {
    expect(refusalOf(`${url}?${SAS}`)).toContain('must name a container and a blob');
  });

  it.each([
    ['a SAS', 'https://account.blob.core.windows.net?sig=x', /must not contain a SAS/],
    ['a path that goes too deep', 'https://account.blob.core.windows.net/a/b/c', /account or in a container/],
    ['no account where there must be one', 'http://127.0.0.1:10000', /names no account/],
    ['another service', 'https://account.queue.core.windows.net', /not a blob endpoint/],
    ['no URL', 'account.blob.core.windows.net', /must be a URL/],
  ])('refuses an endpoint with %s', (_, endpoint, message) => {
    expect(refusalOf('vhds/disk.vhd', endpoint)).toMatch(message);
  });

  it('refuses .. in container/blob too', () => {
    expect(refusalOf('vhds/../other/disk.vhd', 'https://account.blob.core.windows.net')).toContain('contains . or ..');
  });

  it.each([
    ['nothing', '', /is not a URL/],
    ['a path without an account', 'vhds/disk.vhd', /AZURE_STORAGE_ACCOUNT/],
    ['another protocol', 'ftp://account.blob.core.windows.net/vhds/disk.vhd', /must be an https URL/],
    ['a broken URL', 'https://account blob/vhds/disk.vhd', /not a valid URL/],
    ['a broken percent-encoding', 'https://account.blob.core.windows.net/vhds/%zz', /percent-encoding/],
    ['a user and a password', 'https://me:secret@account.blob.core.windows.net/vhds/b', /user name or password/],
    ['a snapshot', 'https://account.blob.core.windows.net/vhds/b?snapshot=2020', /snapshot/],
    ['a version', 'https://account.blob.core.windows.net/vhds/b?versionid=2020', /versionid/],
    [
      'a file share',
      'https://account.file.core.windows.net/vhds/b',
      /https:\/\/account\.blob\.core\.windows\.net\/vhds\/b/,
    ],
    ['a data lake', 'https://account.dfs.core.windows.net/vhds/b', /not a blob endpoint .* https:\/\/account\.blob\./],
    ['a queue in a DNS zone', 'https://account.z3.queue.storage.azure.net/q/b', /https:\/\/account\.z3\.blob\./],
    ['a website', 'https://account.z6.web.core.windows.net/a/b', /https:\/\/account\.blob\.core\.windows\.net/],
    [
      'a data lake by its private endpoint',
      'https://account.privatelink.dfs.core.windows.net/a/b',
      /privatelink\.blob\./,
    ],
    ['a URL without a scheme', 'account.blob.core.windows.net/vhds/b', /Write https:\/\/ in front of it/],
    ['a question mark in the name', 'https://account.blob.core.windows.net/vhds/disk?1.vhd', /%3F/],
    ['a folder above', 'https://account.blob.core.windows.net/vhds/../other/b', /contains \. or \.\./],
    ['a folder above, encoded', 'https://account.blob.core.windows.net/vhds/%2e%2E/other/b', /contains \. or \.\./],
    [
      'a folder above, encoded with its slash',
      'https://account.blob.core.windows.net/vhds/a%2f..%2Fb',
      /contains \. or \.\./,
    ],
    [
      'a folder above, encoded with a backslash',
      'https://account.blob.core.windows.net/vhds/a%5C..%5cb',
      /contains \. or \.\./,
    ],
    ['a dot for a folder', 'https://account.blob.core.windows.net/./vhds/b', /contains \. or \.\./],
    ['a backslash', 'https://account.blob.core.windows.net/vhds\\b', /backslash/],
    ['an invisible character', 'https://account.blob.core.windows.net/vhds/b\u200b.vhd', /U\+200B/],
    ['a blank that cannot be broken', 'https://account.blob.core.windows.net/vhds/my\u00a0disk.vhd', /U\+00A0/],
    ['a line end', 'https://account.blob.core.windows.net/vhds/\ndisk.vhd', /U\+000A/],
    ['a fragment', 'https://account.blob.core.windows.net/vhds/disk#1.vhd', /%23/],
    ['a SAS behind &', 'https://account.blob.core.windows.net/vhds/b&sv=2025&sig=abc', /question mark/],
    ['a SAS behind %3F', `https://account.blob.core.windows.net/vhds/b%3F${encodeURIComponent(SAS)}`, /question mark/],
  ])('refuses %s', (_, text, message) => {
    expect(refusalOf(text)).toMatch(message);
  });

  it('never shows a secret, in the address or in a message', () => {
    const anyText = fc.oneof(
      fc.string(),
      fc.webUrl(),
      fc.constantFrom(
        'https://account.blob.core.windows.net/vhds/disk.vhd',
        'https://account.blob.core.windows.net/vhds/',
        'https://account.blob.core.windows.net/VHDS/b',
        'https://md-1.blob.core.windows.net/vhds/b',
        'http://127.0.0.1:10000/devstoreaccount1/vhds/b',
        'ftp://account/vhds/b',
        'https://[/vhds/b',
        'vhds/disk.vhd',
        'vhds/%zz',
      ),
    );
    const secret = 'c2VjcmV0c2VjcmV0';
    const anySas = fc.constantFrom(
      `?sig=${secret}`,
      `?sv=2025&sig=${secret}&sp=rw`,
      // Decoded once too often, or with a space or a quote in it.
      `?sv=2025&sig=${secret}/+x ${secret}="${secret}`,
      `?snapshot=1&sig=${secret}`,
      `#?sig=${secret}`,
      `&sig=${secret}`,
      `%3Fsig%3D${secret}`,
    );
    const anyService = fc.constantFrom(undefined, 'https://account.blob.core.windows.net', 'nonsense');
    fc.assert(
      fc.property(anyText, anySas, anyService, (text, sas, serviceUrl) => {
        let visible: string;
        try {
          visible = JSON.stringify(parseDestination(text + sas, serviceUrl).address);
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
          visible = (error as Error).message;
        }
        expect(visible).not.toContain(secret);
      }),
      { numRuns: 2000 },
    );
  });
});
