import { StorageSharedKeyCredential } from '@azure/storage-blob';
import { describe, expect, it } from 'vitest';
import { toSdkCredential } from '../../../src/azure/auth/credentials.ts';
import { CredentialError } from '../../../src/errors.ts';
import { failureOf } from '../../support/vhd-fixtures.ts';

const KEY = Buffer.alloc(64, 0x5a).toString('base64');
const SAS = 'sv=2025-01-05&sp=rw&sig=c2VjcmV0%3D';
const accountKey = { kind: 'account-key', accountName: 'account', accountKey: KEY } as const;

describe('toSdkCredential', () => {
  it('returns a SAS without its question mark', async () => {
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

  it('passes on a token source', async () => {
    const source = { getToken: () => Promise.resolve({ token: 'token', expiresOnTimestamp: 0 }) };
    expect(await toSdkCredential({ kind: 'token', source }, 'any')).toEqual({ credential: source });
  });

  it('creates a Microsoft Entra credential by default', async () => {
    const { credential } = await toSdkCredential({ kind: 'entra' }, 'account.blob.core.chinacloudapi.cn');
    expect(credential).toHaveProperty('getToken');
  });
});
