import { describe, expect, it } from 'vitest';
import type { Credential } from '../../../src/azure/auth/credentials.ts';
import { marketplaceNameProblem } from '../../../src/azure/auth/marketplace-rules.ts';
import { marketplaceSas } from '../../../src/azure/auth/marketplace-sas.ts';
import { parseDestination } from '../../../src/azure/destination.ts';
import { CredentialError, UsageError } from '../../../src/errors.ts';
import { SIGNATURE } from '../../support/sas-samples.ts';

const DAY_MS = 86_400_000;
const NOW = new Date('2026-03-01T12:34:56.789Z');
const KEY: Credential = {
  kind: 'account-key',
  accountName: 'account',
  accountKey: Buffer.alloc(64, 7).toString('base64'),
};
const HOST = 'https://account.blob.core.windows.net';

function sasFor(url: string, credential = KEY, expiresInMs = 30 * DAY_MS) {
  return marketplaceSas(
    parseDestination(url, undefined, undefined, { mayBeContainer: true }).address,
    credential,
    expiresInMs,
    NOW,
  );
}

describe('marketplaceSas', () => {
  it.each(['/vhds', '/vhds/disk.vhd', '/vhds/2026/disk.VHD'])('signs a SAS for the container of %s', (path) => {
    const { url, startsOn, expiresOn } = sasFor(`${HOST}${path}`);
    const { origin, pathname, searchParams } = new URL(url);
    expect(`${origin}${pathname}`).toBe(`${HOST}${path}`);
    const { sig, ...claims } = Object.fromEntries(searchParams);
    expect(claims).toEqual({
      sv: '2019-07-07',
      spr: 'https',
      sr: 'c',
      sp: 'rl',
      st: '2026-02-28T12:34:56Z',
      se: '2026-03-31T12:34:56Z',
    });
    expect(sig).toMatch(/^[A-Za-z0-9+/]{43}=$/);
    expect({ startsOn, expiresOn }).toEqual({ startsOn: claims['st'], expiresOn: claims['se'] });
  });

  it('refuses a key that was not copied completely, which nothing else would notice', () => {
    const short: Credential = { ...KEY, accountKey: Buffer.alloc(63, 7).toString('base64') };
    expect(() => sasFor(`${HOST}/vhds`, short)).toThrow(CredentialError);
    expect(() => sasFor(`${HOST}/vhds`, short)).toThrow(/has 63 bytes.*have 64.*--account-name account$/);
    expect(sasFor('http://127.0.0.1:10000/devstoreaccount1/vhds', short).url).toContain('sig=');
  });

  it('allows http where the endpoint has nothing else', () => {
    const { url } = sasFor('http://127.0.0.1:10000/devstoreaccount1/vhds/disk.vhd');
    expect(new URL(url).searchParams.has('spr')).toBe(false);
  });

  it.each([
    ['blanks in the name', `${HOST}/vhds/my%20disk.vhd`, 'white space'],
    ['another extension', `${HOST}/vhds/disk.vhdx`, 'does not end in .vhd'],
    ['no name before the extension', `${HOST}/vhds/.vhd`, 'does not end in .vhd'],
    ['a percent sign', `${HOST}/vhds/disk%2525.vhd`, 'contains % or "'],
    ['a managed disk', 'https://md-impexp-abc.blob.core.windows.net/abc/abcd', 'managed disk'],
  ])('refuses %s', (_, url, message) => {
    expect(() => sasFor(url)).toThrow(UsageError);
    expect(() => sasFor(url)).toThrow(message);
  });

  it.each([20.9, 0, Number.NaN, 40_000])('refuses to expire after %d days', (days) => {
    expect(() => sasFor(`${HOST}/vhds`, KEY, days * DAY_MS)).toThrow(/at least three weeks/);
  });

  it('accepts three weeks', () => {
    expect(sasFor(`${HOST}/vhds`, KEY, 21 * DAY_MS).expiresOn).toBe('2026-03-22T12:34:56Z');
  });

  const cli = `az storage container generate-sas --account-name account --name 'vhds' --permissions rl --start 2026-02-28T12:34:56Z --expiry 2026-03-31T12:34:56Z --https-only`;
  const source = { getToken: () => Promise.resolve(null) };

  it.each<[Credential, string]>([
    [{ kind: 'entra' }, 'With Microsoft Entra, a SAS (user delegation) expires after 7 days at the latest'],
    [{ kind: 'token', source }, 'With Microsoft Entra, a SAS (user delegation) expires after 7 days at the latest'],
    [{ kind: 'sas', sas: `sp=rl&sig=${SIGNATURE}` }, 'cannot be made from another SAS'],
  ])('says what is missing with $kind, and how the Azure CLI makes the SAS', (credential, message) => {
    expect(() => sasFor(`${HOST}/vhds/disk.vhd`, credential)).toThrow(CredentialError);
    expect(() => sasFor(`${HOST}/vhds/disk.vhd`, credential)).toThrow(message);
    expect(() => sasFor(`${HOST}/vhds/disk.vhd`, credential)).toThrow(cli);
    expect(() => sasFor(`${HOST}/vhds/disk.vhd`, credential)).toThrow('AZURE_STORAGE_KEY');
  });
});

describe('marketplaceNameProblem', () => {
  it.each(['disk.vhd', 'a/b-c_1.VHD', '磁盘.vhd'])('accepts %s', (name) => {
    expect(marketplaceNameProblem(name)).toBeUndefined();
  });

  it.each(['', 'disk', 'disk.vhdx', 'disk.vhd ', 'my disk.vhd', 'a\tb.vhd', 'a%.vhd', 'a".vhd'])(
    'refuses "%s"',
    (name) => {
      expect(marketplaceNameProblem(name)).toBeDefined();
    },
  );
});
