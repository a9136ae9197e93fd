import { StorageSharedKeyCredential } from '@azure/storage-blob';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseConnectionString } from '../../../src/azure/auth/connection-string.ts';
import { toSdkCredential } from '../../../src/azure/auth/credentials.ts';
import { CredentialError, UsageError } from '../../../src/errors.ts';
import { failureOf } from '../../support/vhd-fixtures.ts';

const KEY = Buffer.alloc(64, 0x5a).toString('base64');
const SAS = 'sv=2025-01-05&sp=rw&sig=c2VjcmV0%3D';
const accountKey = { kind: 'account-key', accountName: 'account', accountKey: KEY } as const;

describe('parseConnectionString', () => {
  it.each([
    [
      'the portal',
      `DefaultEndpointsProtocol=https;AccountName=account;AccountKey=${KEY};EndpointSuffix=core.windows.net`,
      { serviceUrl: 'https://account.blob.core.windows.net', credential: accountKey },
    ],
    [
      'another cloud',
      `AccountName=account;AccountKey=${KEY};EndpointSuffix=core.chinacloudapi.cn`,
      { serviceUrl: 'https://account.blob.core.chinacloudapi.cn', credential: accountKey },
    ],
    [
      'an endpoint of its own',
      `AccountName=account;AccountKey=${KEY};BlobEndpoint=https://disks.example.com/;`,
      { serviceUrl: 'https://disks.example.com/', credential: accountKey },
    ],
    [
      'a SAS',
      `BlobEndpoint=https://account.blob.core.windows.net/;SharedAccessSignature=${SAS}`,
      { serviceUrl: 'https://account.blob.core.windows.net/', credential: { kind: 'sas', sas: SAS } },
    ],
    [
      'blanks, other cases, and a rest after the end',
      ` accountname = account ;ACCOUNTKEY= ${KEY} ;;`,
      { serviceUrl: 'https://account.blob.core.windows.net', credential: accountKey },
    ],
  ])('reads the one of %s', (_, text, expected) => {
    expect(parseConnectionString(text)).toEqual(expected);
  });

  it('knows the emulator by its short name', () => {
    expect(parseConnectionString('UseDevelopmentStorage=true')).toMatchObject({
      serviceUrl: 'http://127.0.0.1:10000/devstoreaccount1',
      credential: { kind: 'account-key', accountName: 'devstoreaccount1' },
    });
  });

  it('prefers a SAS to a key', () => {
    const text = `AccountName=account;AccountKey=${KEY};SharedAccessSignature=${SAS}`;
    expect(parseConnectionString(text).credential).toEqual({ kind: 'sas', sas: SAS });
  });

  it.each([
    ['nothing', ''],
    ['no account', `AccountKey=${KEY}`],
    ['no credential', 'AccountName=account'],
    ['a key without an account', `BlobEndpoint=https://account.blob.core.windows.net;AccountKey=${KEY}`],
    ['the short name set to false', 'UseDevelopmentStorage=false'],
  ])('refuses one with %s', (_, text) => {
    expect(() => parseConnectionString(text)).toThrow(UsageError);
  });

  it('shows nothing of what it was given when it refuses it', () => {
    fc.assert(
      fc.property(fc.constantFrom('AccountKey=', 'accountKey', 'BlobEndpoint', ';;='), (before) => {
        let message = '';
        try {
          parseConnectionString(before + KEY);
        } catch (error) {
          message = (error as Error).message;
        }
        expect(message).not.toBe('');
        expect(message).not.toContain(KEY.slice(0, 8));
      }),
    );
  });
});

describe('toSdkCredential', () => {
  it('gives a SAS without its question mark', async () => {
    expect(await toSdkCredential({ kind: 'sas', sas: `?${SAS}` }, 'any')).toEqual({ sas: SAS });
    expect(await toSdkCredential({ kind: 'sas', sas: SAS }, 'any')).toEqual({ sas: SAS });
  });

  it('signs with an account key', async () => {
    const { credential } = await toSdkCredential(accountKey, 'account.blob.core.windows.net');
    expect(credential).toBeInstanceOf(StorageSharedKeyCredential);
  });

  it.each(['', 'not base64!', `${KEY} ${KEY}`, 'a=b'])(
    'refuses the account key "%s" without showing it',
    async (key) => {
      const error = await failureOf(toSdkCredential({ ...accountKey, accountKey: key }, 'any'));
      expect(error).toBeInstanceOf(CredentialError);
      if (key !== '') expect(error.message).not.toContain(key);
    },
  );

  it('hands a source of tokens on', async () => {
    const source = { getToken: () => Promise.resolve({ token: 'token', expiresOnTimestamp: 0 }) };
    expect(await toSdkCredential({ kind: 'token', source }, 'any')).toEqual({ credential: source });
  });

  it('makes a credential of Microsoft Entra where nothing else is given', async () => {
    const { credential } = await toSdkCredential({ kind: 'entra' }, 'account.blob.core.chinacloudapi.cn');
    expect(credential).toHaveProperty('getToken');
  });
});
