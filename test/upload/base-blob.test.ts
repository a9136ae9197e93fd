import { describe, expect, it } from 'vitest';
import { CredentialError, UsageError } from '../../src/errors.ts';
import { accessOf } from '../../src/remote/connect.ts';
import { baseAccessOf } from '../../src/upload/base-blob.ts';

const ACCOUNT = 'https://account.blob.core.windows.net';
const DESTINATION = `${ACCOUNT}/vhds/child.vhd`;
const BASE = `${ACCOUNT}/vhds/parent.vhd`;
const SIGNATURE = Buffer.alloc(32, 7).toString('base64');
const sas = (more: string) => `sv=2024-11-04&se=2999-01-01&sp=rw&${more}&sig=${encodeURIComponent(SIGNATURE)}`;
const OF_BLOB = sas('sr=b');
const OF_CONTAINER = sas('sr=c');
const OF_ACCOUNT = sas('ss=b&srt=co');
const KEY = { kind: 'account-key', accountName: 'account', accountKey: 'a2V5' } as const;

function access(base: string, destination = DESTINATION, credential?: typeof KEY) {
  const options = credential === undefined ? {} : { credential };
  return baseAccessOf(base, options, accessOf({ ...options, destination }, 'rw'));
}

describe('the base', () => {
  it('is copied from its URL with its own SAS', () => {
    expect(access(`${BASE}?${OF_BLOB}`, `${DESTINATION}?${OF_BLOB}`).copySource).toMatch(
      /^https:\/\/account\.blob\.core\.windows\.net\/vhds\/parent\.vhd\?.*sig=/,
    );
  });

  it.each([
    ['the container', BASE, OF_CONTAINER],
    ['the account', `${ACCOUNT}/other/parent.vhd`, OF_ACCOUNT],
  ])('uses the SAS of %s', (_, base, ofDestination) => {
    const { copySource, permissions } = access(base, `${DESTINATION}?${ofDestination}`);
    expect(copySource).toContain('sig=');
    expect(permissions).toBe('r');
  });

  it('needs no SAS with a key or Microsoft Entra in the same account', () => {
    expect(access(BASE, DESTINATION, KEY).copySource).toBe(BASE);
    expect(access(BASE).copySource).toBe(BASE);
  });

  it.each([
    ['a SAS of one blob', BASE, OF_BLOB],
    ['a SAS of another container', `${ACCOUNT}/other/parent.vhd`, OF_CONTAINER],
    ['another account', 'https://other.blob.core.windows.net/vhds/parent.vhd', OF_ACCOUNT],
  ])('needs its own SAS: %s', (_, base, ofDestination) => {
    const call = () => access(base, `${DESTINATION}?${ofDestination}`);
    expect(call).toThrow(CredentialError);
    expect(call).toThrow(/needs a SAS of its own/);
  });

  it('is not sent the key of another account', () => {
    expect(() => access('https://other.blob.core.windows.net/vhds/parent.vhd', DESTINATION, KEY)).toThrow(
      CredentialError,
    );
  });

  it.each([
    ['no URL', 'parent.vhd', /^--base: The base "parent.vhd" is not a URL/],
    ['no blob', `${ACCOUNT}/vhds`, /^--base: The base must name/],
    ['an expired SAS', `${BASE}?${OF_BLOB.replace('2999', '2001')}`, /^--base: The SAS expired/],
    ['a SAS that cannot read', `${BASE}?${OF_BLOB.replace('sp=rw', 'sp=w')}`, /^--base: The SAS lacks permissions/],
    ['the destination', `${DESTINATION}?${OF_BLOB}`, /same blob/],
    ['a disk', `https://md-impexp-x.z1.blob.storage.azure.net/abc/abcd?${OF_BLOB}`, /is a managed disk/],
  ])('is refused: %s', (_, base, message) => {
    const call = () => access(base, `${DESTINATION}?${OF_BLOB}`);
    expect(call).toThrow(message);
    expect(call).not.toThrow(SIGNATURE.slice(0, 12));
  });

  it('is parsed without a destination for a dry run', () => {
    expect(baseAccessOf(`${BASE}?${OF_BLOB}`, {}, undefined).address.url).toBe(BASE);
    expect(() => baseAccessOf('parent.vhd', {}, undefined)).toThrow(UsageError);
  });
});
