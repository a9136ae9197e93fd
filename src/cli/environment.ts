// The only place that reads the environment: which account and credential it names, and what it says of the terminal.
import { accountNamedBy, isStorageHost } from '../azure/auth/account-hosts.ts';
import { blobEndpoint } from '../azure/auth/clouds.ts';
import { type Credential, parseConnectionString } from '../azure/auth/credentials.ts';
import { isWithin } from '../azure/auth/sas.ts';
import { type BlobAddress, isUrl, parseDestination } from '../azure/destination.ts';
import { CredentialError, UsageError } from '../errors.ts';

export interface AzureEnvironment {
  /** Blob endpoint for destinations of the form container/blob. */
  readonly serviceUrl?: string;
  /** Absent where a SAS speaks for the user. */
  readonly credential?: Credential;
}

type Variable = (name: string) => string | undefined;

/**
 * What a destination needs of the environment, and nothing else: where a SAS is given, no credential is looked for. Else, in
 * this order: AZURE_STORAGE_SAS_TOKEN, AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_KEY, Microsoft Entra.
 * @param givesSas - Whether an option gives a SAS.
 * @throws {UsageError} a variable, or the destination, that cannot be used.
 * @throws {CredentialError} the credential is of another account than the destination. Shows nothing of it.
 */
export function readEnvironment(
  environment: NodeJS.ProcessEnv,
  destination: string,
  givesSas = false,
): AzureEnvironment {
  const variable: Variable = (name) => environment[name]?.trim() || undefined;
  const serviceUrl = isUrl(destination) ? undefined : serviceUrlOf(variable);
  const { address, sas } = parseDestination(destination, serviceUrl);
  return {
    ...(serviceUrl === undefined ? {} : { serviceUrl }),
    ...(givesSas || sas !== undefined ? {} : { credential: credentialFor(address, variable) }),
  };
}

function serviceUrlOf(variable: Variable): string | undefined {
  const connectionString = variable('AZURE_STORAGE_CONNECTION_STRING');
  const account = accountIn(variable);
  return (
    variable('AZURE_STORAGE_SERVICE_ENDPOINT') ??
    (connectionString === undefined ? undefined : parseConnectionString(connectionString).serviceUrl) ??
    (account === undefined ? undefined : blobEndpoint(account))
  );
}

function accountIn(variable: Variable): string | undefined {
  const account = variable('AZURE_STORAGE_ACCOUNT');
  if (account !== undefined && !/^[a-z0-9-]{3,63}$/.test(account)) {
    throw new UsageError(`AZURE_STORAGE_ACCOUNT must be the name of a storage account, but is "${account}".`);
  }
  return account;
}

function credentialFor(address: BlobAddress, variable: Variable): Credential {
  const endpoint = variable('AZURE_STORAGE_SERVICE_ENDPOINT');
  const sas = variable('AZURE_STORAGE_SAS_TOKEN');
  if (sas !== undefined) {
    const owner = { account: accountIn(variable), endpoints: [endpoint] };
    if ((owner.account ?? endpoint) !== undefined) assertBelongs('AZURE_STORAGE_SAS_TOKEN', owner, address);
    return { kind: 'sas', sas };
  }
  const connectionString = variable('AZURE_STORAGE_CONNECTION_STRING');
  if (connectionString !== undefined) {
    const { serviceUrl, credential } = parseConnectionString(connectionString);
    const account = credential.kind === 'account-key' ? credential.accountName : accountNamedBy(serviceUrl);
    assertBelongs('AZURE_STORAGE_CONNECTION_STRING', { account, endpoints: [serviceUrl, endpoint] }, address);
    return credential;
  }
  const accountKey = variable('AZURE_STORAGE_KEY');
  if (accountKey !== undefined) {
    const accountName = accountIn(variable) ?? accountNamedBy(address.url);
    if (accountName === undefined) {
      throw new CredentialError(
        `AZURE_STORAGE_KEY is set, but ${address.url} does not tell of which account: set AZURE_STORAGE_ACCOUNT too.`,
      );
    }
    assertBelongs('AZURE_STORAGE_KEY', { account: accountName, endpoints: [endpoint] }, address);
    return { kind: 'account-key', accountName, accountKey };
  }
  return entraFor(address, endpoint, variable('AZURE_AUTHORITY_HOST'));
}

/** A token opens every account of its user: it goes to Azure, and to hosts that the user names as such. */
function entraFor({ url }: BlobAddress, endpoint: string | undefined, authorityHost: string | undefined): Credential {
  const isKnown = isStorageHost(new URL(url).hostname) || (endpoint !== undefined && isWithin(url, endpoint));
  if (!isKnown) {
    throw new CredentialError(
      `There is no credential for ${url}. Put a SAS behind the URL, or set AZURE_STORAGE_CONNECTION_STRING. A sign-in with Microsoft Entra is sent to hosts of Azure Storage alone; if this is one by another name, set AZURE_STORAGE_SERVICE_ENDPOINT=${new URL(url).origin}.`,
    );
  }
  return { kind: 'entra', ...(authorityHost === undefined ? {} : { authorityHost }) };
}

interface CredentialOwner {
  readonly account: string | undefined;
  /** Hosts that the user names as the account's. */
  readonly endpoints: readonly (string | undefined)[];
}

function assertBelongs(variable: string, { account, endpoints }: CredentialOwner, { url }: BlobAddress): void {
  if (endpoints.some((endpoint) => endpoint !== undefined && isWithin(url, endpoint))) return;
  const named = accountNamedBy(url);
  if (named !== undefined && named === account) return;
  const whose = account === undefined ? `for ${endpoints.find((endpoint) => endpoint)}` : `of the account ${account}`;
  const wayOut =
    named === undefined && account !== undefined
      ? `If that is the account by another name, set AZURE_STORAGE_SERVICE_ENDPOINT=${new URL(url).origin}. Otherwise put`
      : 'It was not sent there. Unset it, or put';
  throw new CredentialError(`${variable} is ${whose}, but the destination is ${url}. ${wayOut} a SAS behind the URL.`);
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

/** On a terminal, unless its locale is not UTF-8 (POSIX, 8.2). Windows has no such variables, and consoles that know Unicode. */
export function hasUnicode(
  environment: NodeJS.ProcessEnv,
  stream: NodeJS.WriteStream,
  platform: NodeJS.Platform = process.platform,
): boolean {
  if (!isTerminal(environment, stream)) return false;
  const locale = environment['LC_ALL'] || environment['LC_CTYPE'] || environment['LANG'];
  // Where none is named, POSIX means C. But containers and remote shells mostly name none, on terminals that show UTF-8: like
  // systemd, we take C for ASCII only where somebody asked for it.
  return platform === 'win32' || !locale || /utf-?8/i.test(locale);
}

/** Of which lines can be drawn anew. `dumb` is one that knows neither colours nor movement: the shell of an editor, say. */
export function isTerminal(environment: NodeJS.ProcessEnv, stream: NodeJS.WriteStream): boolean {
  return stream.isTTY === true && environment['TERM'] !== 'dumb';
}
