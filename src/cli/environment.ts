// The only place that reads the environment: which account and credential it names, and whether it wants colours.
import { blobEndpoint } from '../azure/clouds.ts';
import { type Credential, parseConnectionString } from '../azure/credentials.ts';
import { UsageError } from '../errors.ts';

export interface AzureEnvironment {
  /** Blob endpoint for destinations of the form container/blob. */
  readonly serviceUrl?: string;
  readonly credential: Credential;
}

/**
 * In this order: AZURE_STORAGE_SAS_TOKEN, AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_KEY with AZURE_STORAGE_ACCOUNT,
 * else Microsoft Entra. A SAS in the destination goes before all of them.
 * @throws {UsageError} a variable that cannot be used.
 */
export function readEnvironment(environment: NodeJS.ProcessEnv): AzureEnvironment {
  const variable = (name: string) => environment[name]?.trim() || undefined;
  const account = variable('AZURE_STORAGE_ACCOUNT');
  const key = variable('AZURE_STORAGE_KEY');
  const sas = variable('AZURE_STORAGE_SAS_TOKEN');
  const connectionString = variable('AZURE_STORAGE_CONNECTION_STRING');
  const authorityHost = variable('AZURE_AUTHORITY_HOST');

  const connection = connectionString === undefined ? undefined : parseConnectionString(connectionString);
  if (account !== undefined && !/^[a-z0-9-]{3,63}$/.test(account)) {
    throw new UsageError(`AZURE_STORAGE_ACCOUNT must be the name of a storage account, but is "${account}".`);
  }
  const serviceUrl =
    variable('AZURE_STORAGE_SERVICE_ENDPOINT') ??
    connection?.serviceUrl ??
    (account === undefined ? undefined : blobEndpoint(account));
  const credential: Credential =
    sas !== undefined
      ? { kind: 'sas', sas }
      : connection !== undefined
        ? connection.credential
        : account !== undefined && key !== undefined
          ? { kind: 'account-key', accountName: account, accountKey: key }
          : { kind: 'entra', ...(authorityHost === undefined ? {} : { authorityHost }) };
  return { credential, ...(serviceUrl === undefined ? {} : { serviceUrl }) };
}

/**
 * On a terminal that has them, unless NO_COLOR (https://no-color.org) is set. FORCE_COLOR decides where it is set, as it
 * does for Node: 0 or false for no, anything else for yes.
 */
export function wantsColours(environment: NodeJS.ProcessEnv, stream: NodeJS.WriteStream): boolean {
  const forced = environment['FORCE_COLOR'];
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  return isTerminal(environment, stream) && !environment['NO_COLOR'];
}

/** On a terminal whose locale is UTF-8. Windows has no such variables, and consoles that know Unicode. */
export function hasUnicode(
  environment: NodeJS.ProcessEnv,
  stream: NodeJS.WriteStream,
  platform: NodeJS.Platform = process.platform,
): boolean {
  if (!isTerminal(environment, stream)) return false;
  const locale = environment['LC_ALL'] || environment['LC_CTYPE'] || environment['LANG'] || '';
  return platform === 'win32' || /utf-?8/i.test(locale);
}

function isTerminal(environment: NodeJS.ProcessEnv, stream: NodeJS.WriteStream): boolean {
  return stream.isTTY === true && environment['TERM'] !== 'dumb';
}
