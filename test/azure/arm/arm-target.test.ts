import { describe, expect, it } from 'vitest';
import { armTarget } from '../../../src/azure/arm/arm-target.ts';
import { UsageError } from '../../../src/errors.ts';

const DISK_SCOPE = 'https://disk.azure.com//.default';

const PUBLIC = {
  cloud: 'AzureCloud',
  endpoint: 'https://management.azure.com',
  armScope: 'https://management.core.windows.net//.default',
  diskScope: DISK_SCOPE,
  authorityHost: 'https://login.microsoftonline.com',
};
const CHINA = {
  cloud: 'AzureChinaCloud',
  endpoint: 'https://management.chinacloudapi.cn',
  armScope: 'https://management.core.chinacloudapi.cn//.default',
  diskScope: DISK_SCOPE,
  authorityHost: 'https://login.chinacloudapi.cn',
};
const US_GOVERNMENT = {
  cloud: 'AzureUSGovernment',
  endpoint: 'https://management.usgovcloudapi.net',
  armScope: 'https://management.core.usgovcloudapi.net//.default',
  diskScope: DISK_SCOPE,
  authorityHost: 'https://login.microsoftonline.us',
};

describe('armTarget', () => {
  it('is the public cloud by default', () => {
    expect(armTarget()).toEqual(PUBLIC);
  });

  it.each([
    ['AzureCloud', PUBLIC],
    ['AzureChinaCloud', CHINA],
    ['AzureUSGovernment', US_GOVERNMENT],
    [' azureusgovernment ', US_GOVERNMENT],
  ])('has the endpoint, the audiences and the sign-in service of --cloud %s', (cloud, expected) => {
    expect(armTarget({ cloud })).toEqual(expected);
  });

  it.each([
    ['https://management.azure.com/', PUBLIC],
    ['https://management.chinacloudapi.cn', CHINA],
    ['https://MANAGEMENT.usgovcloudapi.net:443/', US_GOVERNMENT],
  ])('recognises the cloud of the endpoint %s', (armEndpoint, expected) => {
    expect(armTarget({ armEndpoint })).toEqual(expected);
  });

  it.each([
    ['https://login.chinacloudapi.cn/', CHINA],
    ['login.microsoftonline.us', US_GOVERNMENT],
  ])('recognises the cloud of the sign-in service %s', (authorityHost, expected) => {
    expect(armTarget({ authorityHost })).toEqual({ ...expected, authorityHost });
  });

  it('keeps the audiences of the cloud if only the address changes', () => {
    const stack = 'https://management.local.azurestack.external';
    expect(armTarget({ armEndpoint: stack })).toEqual({ ...PUBLIC, endpoint: stack });
    expect(armTarget({ armEndpoint: `${stack}:8443/`, cloud: 'AzureChinaCloud' })).toEqual({
      ...CHINA,
      endpoint: `${stack}:8443`,
    });
  });

  it.each([
    ['https://management.stack.example/0a1b', 'https://management.stack.example/0a1b/.default'],
    ['https://management.azure.com/', 'https://management.azure.com//.default'],
    ['https://management.azure.com/.default', 'https://management.azure.com/.default'],
  ])('turns the audience %s into the scope %s', (armAudience, scope) => {
    expect(armTarget({ armAudience })).toEqual({ ...PUBLIC, armScope: scope });
  });

  it.each(['http://127.0.0.1:8080', 'http://localhost', 'http://[::1]:9'])(
    'accepts http on this machine: %s',
    (armEndpoint) => {
      expect(armTarget({ armEndpoint }).endpoint).toBe(armEndpoint);
    },
  );

  it.each([
    [{ cloud: 'AzureGermanCloud' }, /must be one of AzureCloud, AzureChinaCloud, AzureUSGovernment/],
    [{ cloud: '' }, /must be one of/],
    [{ armEndpoint: 'management.azure.com' }, /must be an https URL/],
    [{ armEndpoint: 'ftp://management.azure.com' }, /must be an https URL/],
    [{ armEndpoint: 'http://management.azure.com' }, /not encrypted.*Use https/],
    [{ armEndpoint: 'http://127.0.0.1.example.com' }, /not encrypted/],
    [{ armEndpoint: 'https://user:password@management.azure.com' }, /without a user/],
    [{ armEndpoint: 'https://management.azure.com/subscriptions' }, /without a user, a path/],
    [{ armEndpoint: 'https://management.azure.com/?x=1' }, /without a user, a path or a query/],
    [{ armAudience: 'https://a b' }, /audience of a token/],
    [
      { cloud: 'AzureCloud', armEndpoint: 'https://management.chinacloudapi.cn' },
      /belongs to AzureChinaCloud, but --cloud is AzureCloud/,
    ],
  ])('refuses %j', (options, message) => {
    expect(() => armTarget(options)).toThrow(UsageError);
    expect(() => armTarget(options)).toThrow(message);
  });

  it('does not repeat a password', () => {
    expect(() => armTarget({ armEndpoint: 'https://user:hunter2hunter2@management.azure.com' })).not.toThrow(/hunter2/);
  });
});
