// Parses connection strings. Format: learn.microsoft.com/azure/storage/common/storage-configure-connection-string
import { printable } from '../../base/printable.ts';
import { CredentialError, UsageError } from '../../errors.ts';
import { type Endpoint, parseEndpoint } from '../endpoint.ts';
import { unescapeMarkup, withoutWrapping } from '../given-text.ts';
import { EMULATOR_ACCOUNT } from '../storage-host.ts';
import { accountKeyOf } from './account-key.ts';
import type { Credential } from './credentials.ts';
import { canonicalSas } from './sas-text.ts';

/** The blob endpoint and a key or a SAS. */
export interface ConnectionString {
  /** Without a trailing slash. If it ends in a container, destinations are in that container. */
  readonly serviceUrl: string;
  /** AccountName. Absent if only the endpoint shows the account. */
  readonly accountName?: string;
  readonly credential: Credential;
}

const EMULATOR_URL = `http://127.0.0.1:10000/${EMULATOR_ACCOUNT}`;
/** Well known and public: learn.microsoft.com/azure/storage/common/storage-use-azurite */
const EMULATOR_KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

/**
 * Accepts fields in any order and case. Ignores unknown fields and those of other services.
 * @throws {UsageError} the endpoint or the credential is missing, the endpoint is invalid, or two fields contradict each other.
 * @throws {CredentialError} the SAS or account key is damaged.
 */
export function parseConnectionString(text: string): ConnectionString {
  const fields = fieldsOf(text);
  if (fields.get('usedevelopmentstorage')?.toLowerCase() === 'true') {
    return emulator(fields.get('developmentstorageproxyuri'));
  }
  const accountName = fields.get('accountname');
  if (accountName !== undefined && !/^[a-z0-9-]{3,63}$/.test(accountName)) {
    throw new UsageError('AccountName of the connection string is not a valid storage account name.');
  }
  const endpoint = endpointOf(fields, accountName);
  const { url, containerName } = endpoint;
  const serviceUrl = containerName === undefined ? url : `${url}/${containerName}`;
  const credential = credentialOf(fields, endpoint, accountName);
  return { serviceUrl, ...(accountName === undefined ? {} : { accountName }), credential };
}

function fieldsOf(text: string): Map<string, string> {
  const fields = new Map<string, string>();
  // Unescape first: the semicolons of HTML entities separate no fields.
  for (const part of unescapeMarkup(withoutWrapping(text)).split(';')) {
    const equals = part.indexOf('=');
    if (equals < 1) continue;
    const name = withoutWrapping(part.slice(0, equals)).toLowerCase();
    const value = withoutWrapping(part.slice(equals + 1));
    const before = fields.get(name);
    if (before !== undefined && before !== value) {
      throw new UsageError(
        `The connection string contains ${printable(part.slice(0, equals).trim())} twice, with different values.`,
      );
    }
    if (value !== '') fields.set(name, value);
  }
  return fields;
}

/** A proxy URI replaces only the scheme and the host, as in the SDK for .NET. */
function emulator(proxy: string | undefined): ConnectionString {
  const credential = { kind: 'account-key', accountName: EMULATOR_ACCOUNT, accountKey: EMULATOR_KEY } as const;
  if (proxy === undefined) return { serviceUrl: EMULATOR_URL, credential };
  if (!/^https?:\/\//i.test(proxy) || !URL.canParse(proxy)) {
    throw new UsageError(
      'DevelopmentStorageProxyUri of the connection string must be a URL such as http://HOST, without a path.',
    );
  }
  const { protocol, hostname } = new URL(proxy);
  return { serviceUrl: `${protocol}//${hostname}:10000/${EMULATOR_ACCOUNT}`, credential };
}

function endpointOf(fields: ReadonlyMap<string, string>, accountName: string | undefined): Endpoint {
  const named = fields.get('blobendpoint');
  if (named !== undefined) return parseEndpoint(named, 'BlobEndpoint of the connection string', accountName);
  if (accountName === undefined) {
    throw new UsageError('The connection string contains neither AccountName nor BlobEndpoint.');
  }
  const protocol = fields.get('defaultendpointsprotocol')?.toLowerCase() ?? 'https';
  if (protocol !== 'https' && protocol !== 'http') {
    throw new UsageError('DefaultEndpointsProtocol of the connection string must be https or http.');
  }
  const suffix = (fields.get('endpointsuffix') ?? 'core.windows.net').replace(/^\.|^blob\./i, '').replace(/\/+$/, '');
  if (!/^[a-z0-9]+(?:[.-][a-z0-9]+)*(?::\d+)?$/i.test(suffix)) {
    throw new UsageError('EndpointSuffix of the connection string must be a domain, such as core.windows.net.');
  }
  return parseEndpoint(`${protocol}://${accountName}.blob.${suffix}`, 'The endpoint of the connection string');
}

function credentialOf(fields: ReadonlyMap<string, string>, endpoint: Endpoint, accountName?: string): Credential {
  const { query } = endpoint;
  const ofEndpoint = query === undefined ? undefined : canonicalSas(query);
  const given = fields.get('sharedaccesssignature');
  const sas = given === undefined ? ofEndpoint : canonicalSas(given);
  if (ofEndpoint !== undefined && ofEndpoint !== sas) {
    throw new CredentialError(
      'BlobEndpoint and SharedAccessSignature of the connection string contain different SAS. Remove one of them.',
    );
  }
  if (sas !== undefined) return { kind: 'sas', sas };
  const accountKey = fields.get('accountkey');
  const name = accountName ?? endpoint.accountName;
  if (accountKey === undefined || name === undefined) {
    throw new UsageError(
      'The connection string contains neither AccountName with AccountKey nor SharedAccessSignature.',
    );
  }
  return { kind: 'account-key', accountName: name, accountKey: accountKeyOf(accountKey) };
}
