import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseConnectionString } from '../../../src/azure/auth/connection-string.ts';
import { CredentialError, UsageError } from '../../../src/errors.ts';
import { SIGNATURE, sasWith } from '../../support/sas-samples.ts';

const KEY = Buffer.alloc(64, 0x5a).toString('base64');
const SAS = sasWith();
const accountKey = { kind: 'account-key', accountName: 'account', accountKey: KEY } as const;
const sas = { kind: 'sas', sas: SAS } as const;
const AZURE = 'https://account.blob.core.windows.net';

describe('parseConnectionString', () => {
  it.each<[string, string, object]>([
    [
      'the portal',
      `DefaultEndpointsProtocol=https;AccountName=account;AccountKey=${KEY};EndpointSuffix=core.windows.net`,
      { serviceUrl: AZURE, credential: accountKey },
    ],
    [
      'another cloud',
      `AccountName=account;AccountKey=${KEY};EndpointSuffix=core.chinacloudapi.cn`,
      { serviceUrl: 'https://account.blob.core.chinacloudapi.cn', credential: accountKey },
    ],
    [
      'a suffix with a dot before it',
      `AccountName=account;AccountKey=${KEY};EndpointSuffix=.core.windows.net`,
      { serviceUrl: AZURE, credential: accountKey },
    ],
    [
      'plain http',
      `DefaultEndpointsProtocol=HTTP;AccountName=account;AccountKey=${KEY}`,
      { serviceUrl: 'http://account.blob.core.windows.net', credential: accountKey },
    ],
    [
      'a custom domain',
      `AccountName=account;AccountKey=${KEY};BlobEndpoint=https://disks.example.com/;`,
      { serviceUrl: 'https://disks.example.com', credential: accountKey },
    ],
    [
      'an endpoint with slashes behind it',
      `AccountName=account;AccountKey=${KEY};BlobEndpoint=http://127.0.0.1:10000/account//`,
      { serviceUrl: 'http://127.0.0.1:10000/account', credential: accountKey },
    ],
    [
      'an emulator in a cluster',
      `AccountName=account;AccountKey=${KEY};BlobEndpoint=http://azurite.default.svc.cluster.local:8080/account`,
      { serviceUrl: 'http://azurite.default.svc.cluster.local:8080/account', credential: accountKey },
    ],
    [
      'a key whose account the endpoint names',
      `BlobEndpoint=${AZURE};AccountKey=${KEY}`,
      { serviceUrl: AZURE, credential: accountKey },
    ],
    ['a SAS', `BlobEndpoint=${AZURE}/;SharedAccessSignature=${SAS}`, { serviceUrl: AZURE, credential: sas }],
    [
      'a SAS with a question mark, escaped for HTML',
      `BlobEndpoint=${AZURE}/;SharedAccessSignature=?${SAS.replaceAll('&', '&amp;')}`,
      { serviceUrl: AZURE, credential: sas },
    ],
    ['a SAS in the endpoint', `BlobEndpoint=${AZURE}/?${SAS}`, { serviceUrl: AZURE, credential: sas }],
    [
      'a container',
      `BlobEndpoint=${AZURE}/vhds/;SharedAccessSignature=${SAS}`,
      { serviceUrl: `${AZURE}/vhds`, credential: sas },
    ],
    [
      'a SAS and the name of the account',
      `SharedAccessSignature=${SAS};AccountName=account`,
      { serviceUrl: AZURE, credential: sas },
    ],
    [
      'blanks, other cases, another order, quotes, other services, and a rest behind the end',
      `" ACCOUNTKEY= ${KEY} ;QueueEndpoint=https://x.queue.core.windows.net;accountname = account ;;"\r\n`,
      { serviceUrl: AZURE, credential: accountKey },
    ],
  ])('parses the connection string of %s', (_, text, expected) => {
    const { accountName: _name, ...parsed } = parseConnectionString(text);
    expect(parsed).toEqual(expected);
  });

  it('returns the account only if AccountName names it', () => {
    const endpoint = 'BlobEndpoint=https://edge.contoso.com/account';
    const named = parseConnectionString(`${endpoint};AccountName=account;SharedAccessSignature=${SAS}`);
    expect(named).toMatchObject({ serviceUrl: 'https://edge.contoso.com/account', accountName: 'account' });
    expect(parseConnectionString(`${endpoint};SharedAccessSignature=${SAS}`)).not.toHaveProperty('accountName');
  });

  it.each([
    ['UseDevelopmentStorage=true', 'http://127.0.0.1:10000/devstoreaccount1'],
    ['usedevelopmentstorage = True ;', 'http://127.0.0.1:10000/devstoreaccount1'],
    ['UseDevelopmentStorage=true;DevelopmentStorageProxyUri=http://azurite', 'http://azurite:10000/devstoreaccount1'],
    [
      'UseDevelopmentStorage=true;DevelopmentStorageProxyUri=http://host.docker.internal/',
      'http://host.docker.internal:10000/devstoreaccount1',
    ],
  ])('recognises the short form for the emulator: %s', (text, serviceUrl) => {
    expect(parseConnectionString(text)).toMatchObject({
      serviceUrl,
      credential: { kind: 'account-key', accountName: 'devstoreaccount1' },
    });
  });

  it('prefers a SAS to a key', () => {
    const text = `AccountName=account;AccountKey=${KEY};SharedAccessSignature=${SAS}`;
    expect(parseConnectionString(text).credential).toEqual(sas);
  });

  it.each([
    ['nothing', '', /neither AccountName nor BlobEndpoint/],
    ['no account', `AccountKey=${KEY}`, /neither AccountName nor BlobEndpoint/],
    ['no credential', 'AccountName=account', /neither .* nor SharedAccessSignature/],
    ['the short name set to false', 'UseDevelopmentStorage=false', /neither/],
    ['a name that would become another host', `AccountName=evil.example/;AccountKey=${KEY}`, /AccountName/],
    ['a suffix that is none', `AccountName=account;AccountKey=${KEY};EndpointSuffix=x/y`, /EndpointSuffix/],
    ['a protocol that is none', `DefaultEndpointsProtocol=ftp;AccountName=account;AccountKey=${KEY}`, /https or http/],
    ['an endpoint without https://', `BlobEndpoint=account.blob.core.windows.net;AccountKey=${KEY}`, /must be a URL/],
    [
      'the endpoint of files',
      `BlobEndpoint=https://account.file.core.windows.net;AccountKey=${KEY}`,
      /https:\/\/account\.blob\.core\.windows\.net/,
    ],
    [
      'an endpoint without its account',
      `BlobEndpoint=http://127.0.0.1:10000;AccountName=account;AccountKey=${KEY}`,
      /http:\/\/127\.0\.0\.1:10000\/account/,
    ],
    [
      'a path that goes too deep',
      `BlobEndpoint=${AZURE}/vhds/folder;SharedAccessSignature=${SAS}`,
      /account or in a container/,
    ],
    [
      'a custom domain and a path that is not its account',
      `BlobEndpoint=https://disks.example.com/vhds;AccountName=account;AccountKey=${KEY}`,
      /the account is account\..*use https:\/\/disks\.example\.com, and write the container in the destination/,
    ],
    ['two keys', `AccountName=account;AccountKey=${KEY};AccountKey=x`, /AccountKey twice/],
    [
      'a proxy that is no URL',
      'UseDevelopmentStorage=true;DevelopmentStorageProxyUri=azurite',
      /DevelopmentStorageProxyUri/,
    ],
  ])('refuses a connection string with %s', (_, text, message) => {
    expect(() => parseConnectionString(text)).toThrow(UsageError);
    expect(() => parseConnectionString(text)).toThrow(message);
  });

  it.each([
    ['a damaged SAS', `BlobEndpoint=${AZURE};SharedAccessSignature=${SAS.slice(0, -4)}`, /`sig`/],
    ['two SAS', `BlobEndpoint=${AZURE}?${sasWith({ sp: 'r' })};SharedAccessSignature=${SAS}`, /different SAS/],
    ['a damaged key', 'AccountName=account;AccountKey=c2VjcmV0!', /not valid base64/],
  ])('refuses %s as the credential', (_, text, message) => {
    expect(() => parseConnectionString(text)).toThrow(CredentialError);
    expect(() => parseConnectionString(text)).toThrow(message);
  });

  it('shows no part of a refused connection string', () => {
    const anyBefore = fc.constantFrom(
      'AccountKey=',
      'accountKey',
      'BlobEndpoint',
      'BlobEndpoint=',
      ';;=',
      'EndpointSuffix=',
    );
    fc.assert(
      fc.property(anyBefore, fc.constantFrom(KEY, SIGNATURE), (before, secret) => {
        let message = '';
        try {
          parseConnectionString(before + secret);
        } catch (error) {
          ({ message } = error as Error);
        }
        expect(message).not.toBe('');
        expect(message).not.toContain(secret.slice(2, 12));
      }),
    );
  });
});
