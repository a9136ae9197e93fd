import { describe, expect, it } from 'vitest';
import { readEnvironment } from '../../src/cli/environment.ts';
import { UsageError } from '../../src/errors.ts';

const KEY = Buffer.alloc(64, 0x5a).toString('base64');
const SAS = 'sv=2025-01-05&sp=rw&sig=c2VjcmV0%3D';
const CONNECTION_STRING = `AccountName=fromstring;AccountKey=${KEY}`;

describe('readEnvironment', () => {
  it('signs in with Microsoft Entra, to no account in particular, when it names nothing', () => {
    expect(readEnvironment({})).toEqual({ credential: { kind: 'entra' } });
  });

  it('takes no notice of variables that are empty or blank', () => {
    expect(
      readEnvironment({
        AZURE_STORAGE_SAS_TOKEN: '',
        AZURE_STORAGE_CONNECTION_STRING: ' ',
        AZURE_STORAGE_KEY: '',
        AZURE_STORAGE_ACCOUNT: '\t',
      }),
    ).toEqual({ credential: { kind: 'entra' } });
  });

  it('takes a SAS before a connection string, that before a key, and a key before Microsoft Entra', () => {
    const all = {
      AZURE_STORAGE_SAS_TOKEN: ` ${SAS} `,
      AZURE_STORAGE_CONNECTION_STRING: CONNECTION_STRING,
      AZURE_STORAGE_ACCOUNT: 'account',
      AZURE_STORAGE_KEY: KEY,
    };
    expect(readEnvironment(all)).toEqual({
      serviceUrl: 'https://fromstring.blob.core.windows.net',
      credential: { kind: 'sas', sas: SAS },
    });
    const { AZURE_STORAGE_SAS_TOKEN: _, ...withoutSas } = all;
    expect(readEnvironment(withoutSas).credential).toEqual({
      kind: 'account-key',
      accountName: 'fromstring',
      accountKey: KEY,
    });
    const { AZURE_STORAGE_CONNECTION_STRING: __, ...withoutString } = withoutSas;
    expect(readEnvironment(withoutString)).toEqual({
      serviceUrl: 'https://account.blob.core.windows.net',
      credential: { kind: 'account-key', accountName: 'account', accountKey: KEY },
    });
    expect(
      readEnvironment({ AZURE_STORAGE_ACCOUNT: 'account', AZURE_AUTHORITY_HOST: 'https://login.example' }),
    ).toEqual({
      serviceUrl: 'https://account.blob.core.windows.net',
      credential: { kind: 'entra', authorityHost: 'https://login.example' },
    });
  });

  it('takes the endpoint that is named', () => {
    const { serviceUrl } = readEnvironment({
      AZURE_STORAGE_SERVICE_ENDPOINT: 'http://127.0.0.1:10000/devstoreaccount1',
      AZURE_STORAGE_ACCOUNT: 'account',
    });
    expect(serviceUrl).toBe('http://127.0.0.1:10000/devstoreaccount1');
  });

  it.each(['ab', 'my account', 'https://account', 'account.blob.core.windows.net', 'Account'])(
    'refuses the account %s, which would become a host',
    (account) => {
      expect(() => readEnvironment({ AZURE_STORAGE_ACCOUNT: account })).toThrow(UsageError);
    },
  );

  it('refuses a connection string that says too little, without showing it', () => {
    expect(() => readEnvironment({ AZURE_STORAGE_CONNECTION_STRING: `AccountKey=${KEY}` })).toThrow(UsageError);
    expect(() => readEnvironment({ AZURE_STORAGE_CONNECTION_STRING: KEY })).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining(KEY) }),
    );
  });
});
