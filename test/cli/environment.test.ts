import { describe, expect, it } from 'vitest';
import { messageOf } from '../../src/base/thrown.ts';
import { readEnvironment } from '../../src/cli/environment.ts';
import { CredentialError, UsageError } from '../../src/errors.ts';
import { accessOf } from '../../src/remote/connect.ts';
import { SIGNATURE, sasWith } from '../support/sas-samples.ts';

const KEY = Buffer.alloc(64, 0x5a).toString('base64');
const SAS = sasWith();
const CONNECTION_STRING = `AccountName=fromstring;AccountKey=${KEY}`;
const URL_OF_ACCOUNT = 'https://account.blob.core.windows.net/vhds/disk.vhd';
const PATH = 'vhds/disk.vhd';

/** The error of `readEnvironment`, which must contain no secret. */
function refusalOf(environment: NodeJS.ProcessEnv, destination: string): string {
  try {
    readEnvironment(environment, destination);
  } catch (error) {
    expect(error).toBeInstanceOf(CredentialError);
    const message = messageOf(error);
    expect(message).not.toContain(SIGNATURE.slice(4, 16));
    expect(message).not.toContain(KEY.slice(0, 20));
    return message;
  }
  return 'nothing was refused';
}

describe('readEnvironment', () => {
  it('uses Microsoft Entra if no variable is set', () => {
    expect(readEnvironment({}, URL_OF_ACCOUNT)).toEqual({ credential: { kind: 'entra' } });
  });

  it('needs no credential for a blob that may be public, and never sends one to a host of somebody else', () => {
    const url = 'https://files.example.com/public/disk.vhd';
    expect(readEnvironment({}, url, false, { mayBePublic: true })).toMatchObject({ credential: { kind: 'anonymous' } });
    expect(() => readEnvironment({}, url)).toThrow('There is no credential for');
    expect(readEnvironment({}, URL_OF_ACCOUNT, false, { mayBePublic: true })).toEqual({
      credential: { kind: 'entra' },
    });
    const key = { AZURE_STORAGE_ACCOUNT: 'account', AZURE_STORAGE_KEY: KEY };
    expect(() => readEnvironment(key, url, false, { mayBePublic: true })).toThrow('It was not sent there.');
  });

  it('ignores empty and blank variables', () => {
    const blank = {
      AZURE_STORAGE_SAS_TOKEN: '',
      AZURE_STORAGE_CONNECTION_STRING: ' ',
      AZURE_STORAGE_KEY: '',
      AZURE_STORAGE_ACCOUNT: '\t',
    };
    expect(readEnvironment(blank, URL_OF_ACCOUNT)).toEqual({ credential: { kind: 'entra' } });
  });

  it('prefers a SAS to a connection string, a connection string to a key, and a key to Microsoft Entra', () => {
    const all = {
      AZURE_STORAGE_SAS_TOKEN: ` ${SAS} `,
      AZURE_STORAGE_CONNECTION_STRING: CONNECTION_STRING,
      AZURE_STORAGE_ACCOUNT: 'fromstring',
      AZURE_STORAGE_KEY: KEY,
    };
    expect(readEnvironment(all, PATH)).toEqual({
      serviceUrl: 'https://fromstring.blob.core.windows.net',
      credential: { kind: 'sas', sas: SAS },
    });
    const { AZURE_STORAGE_SAS_TOKEN: _, ...withoutSas } = all;
    const accountKey = { kind: 'account-key', accountName: 'fromstring', accountKey: KEY };
    expect(readEnvironment(withoutSas, PATH).credential).toEqual(accountKey);
    const { AZURE_STORAGE_CONNECTION_STRING: __, ...withoutString } = withoutSas;
    expect(readEnvironment(withoutString, PATH)).toEqual({
      serviceUrl: 'https://fromstring.blob.core.windows.net',
      credential: accountKey,
    });
    const entra = { AZURE_STORAGE_ACCOUNT: 'account', AZURE_AUTHORITY_HOST: 'https://login.example' };
    expect(readEnvironment(entra, PATH)).toEqual({
      serviceUrl: 'https://account.blob.core.windows.net',
      credential: { kind: 'entra', authorityHost: 'https://login.example' },
    });
  });

  it('finds an account that only its name describes in the cloud that is named', () => {
    const read = (cloud: string) => readEnvironment({ AZURE_STORAGE_ACCOUNT: 'account' }, PATH, false, { cloud });
    expect(read('AzureChinaCloud').serviceUrl).toBe('https://account.blob.core.chinacloudapi.cn');
    expect(read('AzureUSGovernment').serviceUrl).toBe('https://account.blob.core.usgovcloudapi.net');
    expect(() => read('AzureGermanCloud')).toThrow(UsageError);
  });

  it('accepts a container where a command does', () => {
    expect(readEnvironment({}, 'https://account.blob.core.windows.net/vhds', false, { mayBeContainer: true })).toEqual({
      credential: { kind: 'entra' },
    });
    expect(() => readEnvironment({}, 'https://account.blob.core.windows.net/vhds')).toThrow(UsageError);
  });

  it('uses the endpoint in the environment', () => {
    const environment = {
      AZURE_STORAGE_SERVICE_ENDPOINT: 'http://127.0.0.1:10000/devstoreaccount1',
      AZURE_STORAGE_ACCOUNT: 'devstoreaccount1',
      AZURE_STORAGE_KEY: KEY,
    };
    expect(readEnvironment(environment, PATH).serviceUrl).toBe('http://127.0.0.1:10000/devstoreaccount1');
  });

  it.each(['ab', 'my account', 'https://account', 'account.blob.core.windows.net', 'Account'])(
    'refuses the account %s, which would become a host',
    (account) => {
      expect(() => readEnvironment({ AZURE_STORAGE_ACCOUNT: account }, PATH)).toThrow(UsageError);
    },
  );

  it('refuses an incomplete connection string, without showing it', () => {
    const read = (text: string) => () => readEnvironment({ AZURE_STORAGE_CONNECTION_STRING: text }, URL_OF_ACCOUNT);
    expect(read(`AccountKey=${KEY}`)).toThrow(UsageError);
    expect(read(KEY)).toThrow(expect.not.objectContaining({ message: expect.stringContaining(KEY) }));
  });

  it('reads no credential if a SAS is given', () => {
    const malformed = {
      AZURE_STORAGE_CONNECTION_STRING: 'nonsense',
      AZURE_STORAGE_ACCOUNT: 'no account',
      AZURE_STORAGE_SERVICE_ENDPOINT: 'nowhere',
    };
    expect(readEnvironment(malformed, `${URL_OF_ACCOUNT}?${SAS}`)).toEqual({});
    expect(readEnvironment(malformed, URL_OF_ACCOUNT, true)).toEqual({});
    expect(readEnvironment({ AZURE_STORAGE_ACCOUNT: 'account' }, PATH, true)).toEqual({
      serviceUrl: 'https://account.blob.core.windows.net',
    });
  });
});

describe('a credential from the environment', () => {
  const OF_ACCOUNT: readonly [string, NodeJS.ProcessEnv][] = [
    ['a SAS', { AZURE_STORAGE_ACCOUNT: 'account', AZURE_STORAGE_SAS_TOKEN: SAS }],
    ['a key', { AZURE_STORAGE_ACCOUNT: 'account', AZURE_STORAGE_KEY: KEY }],
    ['a connection string', { AZURE_STORAGE_CONNECTION_STRING: `AccountName=account;AccountKey=${KEY}` }],
    [
      'a connection string with a SAS',
      {
        AZURE_STORAGE_CONNECTION_STRING: `BlobEndpoint=https://account.blob.core.windows.net/;SharedAccessSignature=${SAS}`,
      },
    ],
  ];

  it.each(OF_ACCOUNT)('is sent to every host that only its account can have: %s', (_, environment) => {
    for (const host of [
      'https://account.blob.core.windows.net',
      'https://account.privatelink.blob.core.windows.net',
      'https://account.z22.blob.storage.azure.net',
      'https://account-secondary.blob.core.windows.net',
      'https://account-microsoftrouting.blob.core.windows.net',
      'https://account-dualstack.blob.core.windows.net',
    ]) {
      expect(readEnvironment(environment, `${host}/vhds/disk.vhd`).credential?.kind).toMatch(/sas|account-key/);
    }
  });

  it.each(OF_ACCOUNT)('is sent neither to another account nor to a host that anybody may own: %s', (_, environment) => {
    expect(refusalOf(environment, 'https://other.blob.core.windows.net/vhds/disk.vhd')).toMatch(
      /AZURE_STORAGE_\w+ is for the account account, but the destination is https:\/\/other\.blob.* It was not sent there/,
    );
    expect(refusalOf(environment, 'http://127.0.0.1:10000/other/vhds/disk.vhd')).toContain('other');
    for (const endpoint of [
      'https://account.example.com',
      'https://account.blob.core.windows.net.example.com',
      'https://disks.example.com',
      'https://account.blob.evil.example',
      'http://10.0.0.4:10000/account',
      'https://10.0.0.4/account',
      'http://[fd00::1]:10000/account',
      'http://azurite:10000/account',
      'http://host.docker.internal:10000/account',
      'http://azurite.default.svc.cluster.local:10000/account',
      'http://127.0.0.1:10000/account',
      'http://localhost:10000/account',
    ]) {
      expect(refusalOf(environment, `${endpoint}/vhds/disk.vhd`)).toContain(
        `set AZURE_STORAGE_SERVICE_ENDPOINT=${endpoint}. `,
      );
    }
  });

  it.each(OF_ACCOUNT)(
    'is not sent over plain http, unless the environment names such an endpoint: %s',
    (_, environment) => {
      const url = 'http://account.blob.core.windows.net';
      expect(refusalOf(environment, `${url}/vhds/disk.vhd`)).toContain('use https://');
      const named = { ...environment, AZURE_STORAGE_SERVICE_ENDPOINT: url };
      expect(readEnvironment(named, `${url}/vhds/disk.vhd`).credential).toBeDefined();
    },
  );

  it.each([
    { AZURE_STORAGE_SAS_TOKEN: SAS },
    { AZURE_STORAGE_KEY: KEY },
    { AZURE_STORAGE_ACCOUNT: 'devstoreaccount1', AZURE_STORAGE_KEY: KEY },
    { AZURE_STORAGE_CONNECTION_STRING: 'UseDevelopmentStorage=true' },
  ])('is sent to an emulator on this machine with the emulator account: %o', (environment) => {
    for (const origin of ['http://127.0.0.1:10000', 'http://localhost:10001', 'http://[::1]:10000']) {
      expect(readEnvironment(environment, `${origin}/devstoreaccount1/vhds/disk.vhd`).credential).toBeDefined();
      expect(refusalOf(environment, `${origin}/other/vhds/disk.vhd`)).toContain('AZURE_STORAGE_SERVICE_ENDPOINT');
    }
    for (const origin of ['http://10.0.0.4:10000', 'http://azurite:10000', 'http://host.docker.internal:10000']) {
      expect(refusalOf(environment, `${origin}/devstoreaccount1/vhds/disk.vhd`)).toContain(
        'AZURE_STORAGE_SERVICE_ENDPOINT',
      );
    }
  });

  it.each(OF_ACCOUNT)('is sent to the endpoint that the environment names: %s', (_, environment) => {
    const named = { ...environment, AZURE_STORAGE_SERVICE_ENDPOINT: 'https://disks.example.com/' };
    expect(readEnvironment(named, 'https://disks.example.com/vhds/disk.vhd').credential).toBeDefined();
    expect(refusalOf(named, 'https://disks.example.com.evil/vhds/disk.vhd')).toContain('evil');
  });

  it('is sent to the endpoint in its connection string', () => {
    const AZURE_STORAGE_CONNECTION_STRING = `AccountName=account;AccountKey=${KEY};EndpointSuffix=local.azurestack.external`;
    const read = (host: string) =>
      readEnvironment({ AZURE_STORAGE_CONNECTION_STRING }, `https://${host}/vhds/disk.vhd`).credential;
    expect(read('account.blob.local.azurestack.external')).toMatchObject({ kind: 'account-key' });
  });

  it.each(['account.blob.core.windows.net', 'https://', 'nowhere'])(
    'is not sent by an endpoint that is no URL: %s',
    (endpoint) => {
      for (const environment of [
        { AZURE_STORAGE_CONNECTION_STRING: `BlobEndpoint=${endpoint};SharedAccessSignature=${SAS}` },
        { AZURE_STORAGE_SERVICE_ENDPOINT: endpoint, AZURE_STORAGE_SAS_TOKEN: SAS },
      ]) {
        expect(() => readEnvironment(environment, URL_OF_ACCOUNT)).toThrow(UsageError);
        expect(() => readEnvironment(environment, URL_OF_ACCOUNT)).toThrow(endpoint);
      }
    },
  );

  it('is sent to Azure or to the named endpoint if it is a SAS without an account', () => {
    const environment = { AZURE_STORAGE_SAS_TOKEN: SAS };
    expect(readEnvironment(environment, URL_OF_ACCOUNT).credential).toEqual({ kind: 'sas', sas: SAS });
    expect(refusalOf(environment, 'https://disks.example.com/vhds/disk.vhd')).toContain(
      'AZURE_STORAGE_SERVICE_ENDPOINT=https://disks.example.com',
    );
    const named = { ...environment, AZURE_STORAGE_SERVICE_ENDPOINT: 'https://disks.example.com' };
    expect(readEnvironment(named, 'https://disks.example.com/vhds/disk.vhd').credential).toBeDefined();
    expect(refusalOf(named, URL_OF_ACCOUNT)).toContain('for https://disks.example.com');
  });

  it('belongs to the account that the destination proves if it is a key without an account', () => {
    const environment = { AZURE_STORAGE_KEY: KEY };
    const accountKey = { kind: 'account-key', accountName: 'account', accountKey: KEY };
    expect(readEnvironment(environment, URL_OF_ACCOUNT).credential).toEqual(accountKey);
    for (const endpoint of [
      'https://disks.example.com',
      'http://10.0.0.4:10000/account',
      'http://127.0.0.1:10000/account',
    ]) {
      expect(refusalOf(environment, `${endpoint}/vhds/disk.vhd`)).toContain(
        `Set AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_SERVICE_ENDPOINT=${endpoint} too`,
      );
    }
    const named = { ...environment, AZURE_STORAGE_SERVICE_ENDPOINT: 'http://10.0.0.4:10000/account' };
    expect(readEnvironment(named, 'http://10.0.0.4:10000/account/vhds/disk.vhd').credential).toEqual(accountKey);
    expect(() => readEnvironment(environment, PATH)).toThrow('AZURE_STORAGE_ACCOUNT');
  });

  it('is sent only to Azure or to the named endpoint if it is a token, which is valid for all accounts', () => {
    for (const host of [
      'https://disks.example.com',
      'http://127.0.0.1:10000/account',
      'https://blob.core.windows.net',
    ]) {
      expect(refusalOf({}, `${host}/vhds/disk.vhd`)).toContain('There is no credential for');
    }
    const named = { AZURE_STORAGE_SERVICE_ENDPOINT: 'https://disks.example.com' };
    expect(readEnvironment(named, 'https://disks.example.com/vhds/disk.vhd').credential).toEqual({ kind: 'entra' });
  });
});

describe('an endpoint from the environment', () => {
  const EDGE = 'https://edge.contoso.com/account';
  const URL_IN_TWO_WAYS = 'http://edge.contoso.com:8080/account/vhds/disk.vhd';

  it('resolves an ambiguous URL', () => {
    expect(() => readEnvironment({}, `${URL_IN_TWO_WAYS}?${SAS}`)).toThrow(/is ambiguous/);
    const serviceUrl = 'http://edge.contoso.com:8080/account';
    for (const environment of [
      { AZURE_STORAGE_SERVICE_ENDPOINT: serviceUrl },
      { AZURE_STORAGE_ACCOUNT: 'account' },
      { AZURE_STORAGE_CONNECTION_STRING: `AccountName=account;AccountKey=${KEY};BlobEndpoint=${serviceUrl}` },
    ]) {
      expect(readEnvironment(environment, `${URL_IN_TWO_WAYS}?${SAS}`)).toEqual({ serviceUrl });
    }
  });

  it('may end in a container if it comes from a connection string', () => {
    const AZURE_STORAGE_CONNECTION_STRING = `BlobEndpoint=https://account.blob.core.windows.net/vhds;SharedAccessSignature=${SAS}`;
    for (const destination of ['disk.vhd', PATH, URL_OF_ACCOUNT]) {
      expect(readEnvironment({ AZURE_STORAGE_CONNECTION_STRING }, destination).credential).toEqual({
        kind: 'sas',
        sas: SAS,
      });
    }
  });

  it.each<[string, NodeJS.ProcessEnv]>([
    ['a key', { AZURE_STORAGE_CONNECTION_STRING: `BlobEndpoint=${EDGE};AccountName=account;AccountKey=${KEY}` }],
    [
      'a SAS',
      { AZURE_STORAGE_CONNECTION_STRING: `BlobEndpoint=${EDGE};AccountName=account;SharedAccessSignature=${SAS}` },
    ],
    ['a SAS, unnamed', { AZURE_STORAGE_CONNECTION_STRING: `BlobEndpoint=${EDGE};SharedAccessSignature=${SAS}` }],
    [
      'another account',
      {
        AZURE_STORAGE_ACCOUNT: 'other',
        AZURE_STORAGE_CONNECTION_STRING: `BlobEndpoint=${EDGE};AccountName=account;AccountKey=${KEY}`,
      },
    ],
    ['the variable', { AZURE_STORAGE_SERVICE_ENDPOINT: EDGE, AZURE_STORAGE_SAS_TOKEN: SAS }],
    [
      'the variable and the account',
      {
        AZURE_STORAGE_SERVICE_ENDPOINT: EDGE,
        AZURE_STORAGE_ACCOUNT: 'account',
        AZURE_STORAGE_SAS_TOKEN: SAS,
      },
    ],
  ])('may be on a public https host with the account in its path: %s', (what, environment) => {
    for (const destination of [`${EDGE}/vhds/disk.vhd`, PATH]) {
      const given = readEnvironment(environment, destination);
      expect(given).toMatchObject({
        serviceUrl: EDGE,
        credential: { kind: /a key|another/.test(what) ? 'account-key' : 'sas' },
      });
      // The command parses the destination again, without the variables.
      expect(accessOf({ destination, ...given }, 'w').address).toMatchObject({
        url: `${EDGE}/vhds/disk.vhd`,
        accountName: 'account',
        containerUrl: `${EDGE}/vhds`,
      });
    }
  });

  it('is named by its variable if it does not fit the destination', () => {
    const read = (environment: NodeJS.ProcessEnv) => () => readEnvironment(environment, 'other/disk.vhd');
    const endpoint = 'https://account.blob.core.windows.net/vhds';
    expect(read({ AZURE_STORAGE_SERVICE_ENDPOINT: endpoint, AZURE_STORAGE_SAS_TOKEN: SAS })).toThrow(
      'or remove /vhds from AZURE_STORAGE_SERVICE_ENDPOINT.',
    );
    expect(read({ AZURE_STORAGE_CONNECTION_STRING: `BlobEndpoint=${endpoint};SharedAccessSignature=${SAS}` })).toThrow(
      'or remove /vhds from BlobEndpoint of the connection string.',
    );
    const custom = {
      AZURE_STORAGE_SERVICE_ENDPOINT: 'https://disks.example.com/vhds',
      AZURE_STORAGE_ACCOUNT: 'account',
    };
    expect(read(custom)).toThrow(
      'AZURE_STORAGE_SERVICE_ENDPOINT is https://disks.example.com/vhds, but the account is account.',
    );
  });

  it('may be in quotes, as set "X=..." keeps them', () => {
    const environment = { AZURE_STORAGE_SERVICE_ENDPOINT: '"https://account.blob.core.windows.net/"' };
    expect(readEnvironment(environment, 'vhds/disk.vhd', true).serviceUrl).toBe(
      'https://account.blob.core.windows.net/',
    );
  });
});
