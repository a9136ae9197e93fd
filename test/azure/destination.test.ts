import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDestination } from '../../src/azure/destination.ts';
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

describe('parseDestination', () => {
  it.each([
    ['the public cloud', 'https://account.blob.core.windows.net', 'account'],
    ['China', 'https://account.blob.core.chinacloudapi.cn', 'account'],
    ['the US government', 'https://account.blob.core.usgovcloudapi.net', 'account'],
    ['a DNS zone', 'https://account.z12.blob.storage.azure.net', 'account'],
    ['a private endpoint', 'https://account.privatelink.blob.core.windows.net', 'account'],
    ['a domain of its own', 'https://disks.example.com', 'disks'],
    ['a port', 'https://account.blob.core.windows.net:8443', 'account'],
    ['an emulator', 'http://127.0.0.1:10000/devstoreaccount1', 'devstoreaccount1'],
    ['an emulator by its name', 'http://localhost:10000/devstoreaccount1', 'devstoreaccount1'],
    ['an emulator in a container', 'http://azurite:10000/devstoreaccount1', 'devstoreaccount1'],
    ['an emulator on the host', 'http://host.docker.internal:10000/devstoreaccount1', 'devstoreaccount1'],
    ['IPv6', 'http://[::1]:10000/devstoreaccount1', 'devstoreaccount1'],
    ['an IP address with TLS', 'https://10.0.0.4/account', 'account'],
  ])('takes a URL of %s, with and without a SAS', (_, endpoint, accountName) => {
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
  ])('takes container/blob of the account at %s, with and without a SAS', (serviceUrl) => {
    for (const text of ['vhds/disk.vhd', '/vhds/disk.vhd']) {
      const { address } = parseDestination(text, serviceUrl);
      expect(address.url).toBe(`${serviceUrl.replace(/\/+$/, '')}/vhds/disk.vhd`);
      expect(parseDestination(`${text}?${SAS}`, serviceUrl)).toEqual({ address, sas: SAS });
    }
  });

  it('prefers a URL to the account that is known', () => {
    const { address } = parseDestination(
      'https://one.blob.core.windows.net/c12/b',
      'https://other.blob.core.windows.net',
    );
    expect(address.accountName).toBe('one');
  });

  it('takes any name of a blob, plain or percent-encoded, and gives back the name', () => {
    const anyName = fc
      .string({ minLength: 1, unit: fc.constantFrom(...'aZ09 .-_~+%&=?#/:@\\"\'ü日本') })
      // What URLs themselves take for a way through folders, and a slash at the end, names nothing.
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

  it('writes a blank in the name of a blob as %20', () => {
    const { address } = parseDestination('vhds/my disk.vhd', 'https://account.blob.core.windows.net');
    expect(address).toMatchObject({
      url: 'https://account.blob.core.windows.net/vhds/my%20disk.vhd',
      blobName: 'my disk.vhd',
    });
  });

  it('takes no notice of blanks around the URL', () => {
    const { address } = parseDestination('  https://account.blob.core.windows.net/vhds/disk.vhd\n');
    expect(address.url).toBe('https://account.blob.core.windows.net/vhds/disk.vhd');
  });

  it.each(['$root', '$web', 'abc', '0-0', 'a'.repeat(63)])('takes the container %s', (container) => {
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
    ['nothing', '', /is not a URL/],
    ['a path without an account', 'vhds/disk.vhd', /AZURE_STORAGE_ACCOUNT/],
    ['another protocol', 'ftp://account.blob.core.windows.net/vhds/disk.vhd', /must be an https URL/],
    ['a broken URL', 'https://account blob/vhds/disk.vhd', /not a valid URL/],
    ['a broken percent-encoding', 'https://account.blob.core.windows.net/vhds/%zz', /percent-encoding/],
    ['a user and a password', 'https://me:secret@account.blob.core.windows.net/vhds/b', /user name or password/],
    ['a snapshot', 'https://account.blob.core.windows.net/vhds/b?snapshot=2020', /snapshot/],
    ['a version', 'https://account.blob.core.windows.net/vhds/b?versionid=2020', /versionid/],
    ['a managed disk', 'https://md-impexp-abc.blob.core.windows.net/c12/abcd', /managed disk/],
    ['a managed disk in a DNS zone', 'https://md-abc.z12.blob.storage.azure.net/c12/abcd', /managed disk/],
    ['a file share', 'https://account.file.core.windows.net/vhds/b', /not a blob endpoint/],
    ['a data lake', 'https://account.dfs.core.windows.net/vhds/b', /not a blob endpoint/],
    ['a fragment', 'https://account.blob.core.windows.net/vhds/disk#1.vhd', /%23/],
    ['a SAS behind &', 'https://account.blob.core.windows.net/vhds/b&sv=2025&sig=abc', /question mark/],
    ['a SAS behind %3F', `https://account.blob.core.windows.net/vhds/b%3F${encodeURIComponent(SAS)}`, /question mark/],
  ])('refuses %s', (_, text, message) => {
    expect(refusalOf(text)).toMatch(message);
  });

  it('shows no secret, neither in the address nor in a message, whatever is given', () => {
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
      // Decoded once too often, or with a blank or a quote in it.
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
