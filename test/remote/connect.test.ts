import { describe, expect, it } from 'vitest';
import type { Credential } from '../../src/azure/auth/credentials.ts';
import { CredentialError, UsageError } from '../../src/errors.ts';
import { accessOf } from '../../src/remote/connect.ts';
import { sasWith } from '../support/sas-samples.ts';

const URL = 'https://account.blob.core.windows.net/vhds/disk.vhd';
const source = { getToken: () => Promise.resolve(null) };

describe('accessOf', () => {
  it('normalises the SAS of the destination and of the options', () => {
    const sas = sasWith();
    const spellings = [
      accessOf({ destination: `${URL}?${sas}` }, 'rw'),
      accessOf({ destination: `"${URL}?comp=page&${sas.replaceAll('&', '&amp;')}"` }, 'rw'),
      accessOf({ destination: `${URL}?${decodeURIComponent(sas)}` }, 'rw'),
      accessOf({ destination: URL, credential: { kind: 'sas', sas: `${URL}?${sas}\r\n` } }, 'rw'),
    ];
    for (const { credential, address } of spellings) {
      expect(credential).toEqual({ kind: 'sas', sas });
      expect(address.url).toBe(URL);
    }
  });

  it.each<Credential>([{ kind: 'entra' }, { kind: 'token', source }])(
    'refuses to send a token over http: $kind',
    (credential) => {
      for (const origin of ['http://account.blob.core.windows.net', 'http://127.0.0.1:10000/devstoreaccount1']) {
        const open = () => accessOf({ destination: `${origin}/vhds/disk.vhd`, credential }, 'rw');
        expect(open).toThrow(CredentialError);
        expect(open).toThrow(/Microsoft Entra needs https/);
      }
      expect(accessOf({ destination: URL, credential }, 'rw').credential).toBe(credential);
    },
  );

  it('refuses to write to the secondary endpoint, and reads from it', () => {
    const destination = `https://account-secondary.blob.core.windows.net/vhds/disk.vhd?${sasWith()}`;
    expect(() => accessOf({ destination }, 'rw')).toThrow(UsageError);
    expect(() => accessOf({ destination }, 'rw')).toThrow(/read-only\. Remove -secondary from the host name/);
    expect(accessOf({ destination }, 'r').address.accountName).toBe('account');
  });

  it('accepts an expired SAS only if it can be renewed, and a malformed one never', () => {
    const renewSas = () => Promise.resolve(undefined);
    const expired = `${URL}?${sasWith({ se: '2020-01-01' })}`;
    expect(() => accessOf({ destination: expired }, 'rw')).toThrow(/expired at 2020-01-01/);
    expect(accessOf({ destination: expired, renewSas }, 'rw').credential?.kind).toBe('sas');
    const damaged = `${URL}?${sasWith({ se: 'soon' })}`;
    expect(() => accessOf({ destination: damaged, renewSas }, 'rw')).toThrow(/`se` of the SAS is not a time/);
  });

  it('signs in to the cloud that is named, for a host that does not show its cloud', () => {
    const open = (destination: string, cloud: string, credential: Credential = { kind: 'entra' }) =>
      accessOf({ destination, cloud, credential }, 'rw').credential;
    const custom = 'https://disks.example.com/vhds/disk.vhd';
    expect(open(custom, 'AzureChinaCloud')).toEqual({ kind: 'entra', authorityHost: 'https://login.chinacloudapi.cn' });
    expect(open(custom, 'AzureUSGovernment')).toEqual({
      kind: 'entra',
      authorityHost: 'https://login.microsoftonline.us',
    });
    const own: Credential = { kind: 'entra', authorityHost: 'https://adfs.local.azurestack.external' };
    expect(open(custom, 'AzureCloud', own)).toEqual(own);
    expect(open(custom, 'AzureCloud', { kind: 'token', source })).toEqual({ kind: 'token', source });
    expect(() => open(URL, 'AzureChinaCloud')).toThrow(UsageError);
    expect(() => open(custom, 'AzureGermanCloud')).toThrow(UsageError);
  });
});
