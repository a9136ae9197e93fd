// The only place that reads environment variables: the storage account, its credential, and the features of the terminal.
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { accountKeyOf } from '../azure/auth/account-key.ts';
import { blobEndpoint, cloudNamed } from '../azure/auth/clouds.ts';
import { parseConnectionString } from '../azure/auth/connection-string.ts';
import type { Credential } from '../azure/auth/credentials.ts';
import { isWithin } from '../azure/auth/sas.ts';
import { type BlobAddress, endpointOf, needsEndpoint, parseDestination } from '../azure/destination.ts';
import { parseEndpoint } from '../azure/endpoint.ts';
import { isUrl, withoutWrapping } from '../azure/given-text.ts';
import { EMULATOR_ACCOUNT, isLoopback, parseStorageHost } from '../azure/storage-host.ts';
import { registerSecret } from '../base/redact.ts';
import { CredentialError, UsageError } from '../errors.ts';
import { isOff } from './option-variables.ts';

export interface AzureEnvironment {
  /** Blob endpoint for destinations of the form container/blob, and for ambiguous URLs. */
  readonly serviceUrl?: string;
  /** Absent if a SAS is given. */
  readonly credential?: Credential;
}

type Variable = (name: string) => string | undefined;

/**
 * Reads only the variables that the destination needs. If a SAS is given, no credential is read. Otherwise the first of these is
 * used: AZURE_STORAGE_SAS_TOKEN, AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_KEY, Microsoft Entra.
 * @param givesSas - Whether an option provides a SAS.
 * @param more - Whether the destination may be a container, or a public blob that is only read; the cloud of an account that only
 *   AZURE_STORAGE_ACCOUNT names.
 * @throws {UsageError} if a variable or the destination is not valid.
 * @throws {CredentialError} if the credential must not be sent to the destination. The message contains no part of it.
 */
export function readEnvironment(
  environment: NodeJS.ProcessEnv,
  destination: string,
  givesSas = false,
  more: { readonly mayBeContainer?: boolean; readonly mayBePublic?: boolean; readonly cloud?: string | undefined } = {},
): AzureEnvironment {
  const variable: Variable = (name) => withoutWrapping(environment[name] ?? '') || undefined;
  const isNeeded = needsEndpoint(destination);
  const given = isNeeded ? givenEndpoint(variable, more.cloud) : undefined;
  // Whether a command can use a snapshot is checked when it parses the destination itself.
  const rules = { mayBeContainer: more.mayBeContainer, mayBeVersion: true, endpointSource: given?.source };
  const account = given === undefined && isNeeded ? accountIn(variable) : given?.accountName;
  const { address, sas } = parseDestination(destination, given?.url, account, rules);
  const named = isNeeded && isUrl(destination) ? endpointOf(address) : given?.url;
  return {
    ...(named === undefined ? {} : { serviceUrl: named }),
    ...(givesSas || sas !== undefined
      ? {}
      : { credential: credentialFor(address, variable, more.mayBePublic === true) }),
  };
}

/** The URL that a command line leaves out: others can see arguments, and it has a SAS. */
export function urlFrom(
  environment: NodeJS.ProcessEnv,
  name: 'VHDUP_DESTINATION' | 'VHDUP_SOURCE',
): string | undefined {
  return withoutWrapping(environment[name] ?? '') || undefined;
}

/** The variables with which Azure Resource Manager is found, without quotes and white space around their values. */
export function readArmEnvironment(environment: NodeJS.ProcessEnv): Readonly<Record<string, string | undefined>> {
  const variable: Variable = (name) => withoutWrapping(environment[name] ?? '') || undefined;
  registerIdentitySecrets(variable);
  const names = ['AZURE_SUBSCRIPTION_ID', 'AZURE_CONFIG_DIR', 'AZURE_AUTHORITY_HOST', 'AZURE_TENANT_ID'];
  return Object.fromEntries(names.map((name) => [name, variable(name)]));
}

/**
 * The folder of this user for what is remembered between runs: as the XDG Base Directory Specification, the documentation of Windows
 * (FOLDERID_LocalAppData) and that of macOS name it.
 */
export function stateFolder(environment: NodeJS.ProcessEnv, platform: NodeJS.Platform = process.platform): string {
  const home = environment['HOME'] || homedir();
  if (platform === 'win32') {
    return join(environment['LOCALAPPDATA'] || join(environment['USERPROFILE'] || homedir(), 'AppData/Local'), 'vhdup');
  }
  if (platform === 'darwin') return join(home, 'Library/Application Support/vhdup');
  const given = environment['XDG_STATE_HOME'];
  // The specification ignores relative paths.
  return join(given !== undefined && isAbsolute(given) ? given : join(home, '.local/state'), 'vhdup');
}

/** Whether the guided upload remembers destinations: yes, unless VHDUP_RECENT is 0. */
export function remembersDestinations(environment: NodeJS.ProcessEnv): boolean {
  return !isOff(environment['VHDUP_RECENT']);
}

/** @azure/identity reads these variables itself. */
function registerIdentitySecrets(variable: Variable): void {
  const names = ['AZURE_CLIENT_SECRET', 'AZURE_CLIENT_CERTIFICATE_PASSWORD', 'AZURE_PASSWORD', 'IDENTITY_HEADER'];
  for (const name of names) registerSecret(variable(name) ?? '');
}

/** An endpoint as the environment gives it, with the account that the same variables name. */
interface GivenEndpoint {
  readonly url: string;
  readonly accountName: string | undefined;
  /** For messages. */
  readonly source: string;
}

function givenEndpoint(variable: Variable, cloud: string | undefined): GivenEndpoint | undefined {
  const accountName = accountIn(variable);
  const url = variable('AZURE_STORAGE_SERVICE_ENDPOINT');
  const connectionString = variable('AZURE_STORAGE_CONNECTION_STRING');
  if (url !== undefined) return { url, accountName, source: 'AZURE_STORAGE_SERVICE_ENDPOINT' };
  if (connectionString !== undefined) {
    const { serviceUrl, accountName: ownName } = parseConnectionString(connectionString);
    return { url: serviceUrl, accountName: ownName ?? accountName, source: 'BlobEndpoint of the connection string' };
  }
  if (accountName === undefined) return undefined;
  const suffix = cloud && cloudNamed(cloud).storageSuffix;
  return { url: blobEndpoint(accountName, suffix), accountName, source: 'AZURE_STORAGE_ACCOUNT' };
}

function accountIn(variable: Variable): string | undefined {
  const account = variable('AZURE_STORAGE_ACCOUNT');
  if (account !== undefined && !/^[a-z0-9-]{3,63}$/.test(account)) {
    throw new UsageError(`AZURE_STORAGE_ACCOUNT must be the name of a storage account, but is "${account}".`);
  }
  return account;
}

/** An endpoint that the environment names for the account. */
interface NamedEndpoint {
  readonly url: string;
  readonly accountName: string | undefined;
}

function endpointIn(variable: Variable): NamedEndpoint | undefined {
  const name = 'AZURE_STORAGE_SERVICE_ENDPOINT';
  const endpoint = variable(name);
  return endpoint === undefined ? undefined : parseEndpoint(endpoint, name, accountIn(variable));
}

function credentialFor(address: BlobAddress, variable: Variable, mayBePublic: boolean): Credential {
  const endpoint = endpointIn(variable);
  const endpoints = endpoint === undefined ? [] : [endpoint.url];
  const sas = variable('AZURE_STORAGE_SAS_TOKEN');
  if (sas !== undefined) {
    const account = accountIn(variable) ?? endpoint?.accountName;
    assertMaySend('AZURE_STORAGE_SAS_TOKEN', { account, endpoints }, address);
    return { kind: 'sas', sas };
  }
  const connectionString = variable('AZURE_STORAGE_CONNECTION_STRING');
  if (connectionString !== undefined) {
    const { serviceUrl, credential } = parseConnectionString(connectionString);
    const keyAccount = credential.kind === 'account-key' ? credential.accountName : undefined;
    const { url, accountName } = parseEndpoint(serviceUrl, 'AZURE_STORAGE_CONNECTION_STRING', keyAccount);
    const owner = { account: keyAccount ?? accountName, endpoints: [url, ...endpoints] };
    assertMaySend('AZURE_STORAGE_CONNECTION_STRING', owner, address);
    return credential;
  }
  const accountKey = variable('AZURE_STORAGE_KEY');
  if (accountKey !== undefined) {
    const accountName = accountIn(variable) ?? endpoint?.accountName ?? provenAccountOf(address);
    if (accountName === undefined) {
      throw new CredentialError(
        `AZURE_STORAGE_KEY is set, but nothing proves which account the key belongs to, or that ${address.url} is that account. Set AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_SERVICE_ENDPOINT=${endpointOf(address)} too.`,
      );
    }
    assertMaySend('AZURE_STORAGE_KEY', { account: accountName, endpoints }, address);
    return { kind: 'account-key', accountName, accountKey: accountKeyOf(accountKey) };
  }
  return entraFor(address, endpoint, variable, mayBePublic);
}

/** The account of a host that nobody else can own, or of an emulator on this machine. */
function provenAccountOf({ url, accountName }: BlobAddress): string | undefined {
  const { hostname } = new URL(url);
  if (parseStorageHost(hostname)?.isOfKnownCloud) return accountName;
  return isLoopback(hostname) && accountName === EMULATOR_ACCOUNT ? accountName : undefined;
}

/** A token gives access to every account of its user, so it is sent only to Azure and to endpoints that the user names. */
function entraFor(
  { url }: BlobAddress,
  endpoint: NamedEndpoint | undefined,
  variable: Variable,
  mayBePublic: boolean,
): Credential {
  registerIdentitySecrets(variable);
  const { hostname, origin } = new URL(url);
  const isKnown = parseStorageHost(hostname)?.isOfKnownCloud === true || hostname.endsWith('.blob.localhost');
  if (!isKnown && !(endpoint !== undefined && isWithin(url, endpoint.url))) {
    if (mayBePublic) return { kind: 'anonymous' };
    throw new CredentialError(
      `There is no credential for ${url}. Append a SAS to the URL, or set AZURE_STORAGE_CONNECTION_STRING. Microsoft Entra tokens are sent only to hosts of Azure Storage. If this is such a host under another name, set AZURE_STORAGE_SERVICE_ENDPOINT=${origin}.`,
    );
  }
  const authorityHost = variable('AZURE_AUTHORITY_HOST');
  return { kind: 'entra', ...(authorityHost === undefined ? {} : { authorityHost }) };
}

interface CredentialOwner {
  /** Undefined if the environment names none, for example if it has only a SAS. */
  readonly account: string | undefined;
  /** URLs that the environment names as endpoints of the account. */
  readonly endpoints: readonly string[];
}

/**
 * A credential from the environment is sent to the endpoints that the environment names, to the account's own host in a known
 * cloud over https, and to an emulator on this machine with the emulator's account. Any other host may belong to somebody else.
 */
function assertMaySend(source: string, { account, endpoints }: CredentialOwner, address: BlobAddress): void {
  const { url, accountName } = address;
  const { protocol, hostname } = new URL(url);
  if (endpoints.some((endpoint) => isWithin(url, endpoint))) return;
  const isSameAccount = account === undefined ? endpoints.length === 0 : accountName === account;
  const isOfCloud = parseStorageHost(hostname)?.isOfKnownCloud === true;
  const isEmulator = isLoopback(hostname) && accountName === EMULATOR_ACCOUNT;
  if (isSameAccount && (isEmulator || (isOfCloud && protocol === 'https:'))) return;
  const owner = account === undefined ? endpoints.join(' and ') : `the account ${account}`;
  const what = owner === '' ? `${source} is set` : `${source} is for ${owner}`;
  throw new CredentialError(
    `${what}, but the destination is ${url}. It was not sent there. ${nextStep(isSameAccount && isOfCloud, isOfCloud, address, source)}`,
  );
}

function nextStep(isPlainHttp: boolean, isOfCloud: boolean, address: BlobAddress, source: string): string {
  if (isPlainHttp) return 'Others on the network can read plain http: use https://.';
  if (isOfCloud) return `Unset ${source}, or append a SAS to the URL.`;
  return `If that is the endpoint of the account, set AZURE_STORAGE_SERVICE_ENDPOINT=${endpointOf(address)}. Otherwise append a SAS to the URL.`;
}

/**
 * Whether to use colours: on a terminal that supports them, unless NO_COLOR (https://no-color.org) is set. FORCE_COLOR overrides
 * this as it does for Node: 0 or false mean no, anything else means yes.
 */
export function wantsColours(environment: NodeJS.ProcessEnv, stream: NodeJS.WriteStream): boolean {
  const forced = environment['FORCE_COLOR'];
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  return isTerminal(environment, stream) && !environment['NO_COLOR'];
}

/** Whether to print Unicode: on a terminal, unless its locale is not UTF-8 (POSIX, 8.2). Windows consoles support Unicode. */
export function hasUnicode(
  environment: NodeJS.ProcessEnv,
  stream: NodeJS.WriteStream,
  platform: NodeJS.Platform = process.platform,
): boolean {
  if (!isTerminal(environment, stream)) return false;
  const locale = environment['LC_ALL'] || environment['LC_CTYPE'] || environment['LANG'];
  // In POSIX, no locale means C. But containers and remote shells often set none although their terminal shows UTF-8. Like
  // systemd, vhdup uses ASCII only if a locale asks for it.
  return platform === 'win32' || !locale || /utf-?8/i.test(locale);
}

/** A terminal that can redraw lines. A `dumb` one, such as the shell of an editor, has neither colours nor cursor movement. */
export function isTerminal(environment: NodeJS.ProcessEnv, stream: NodeJS.WriteStream): boolean {
  return stream.isTTY === true && environment['TERM'] !== 'dumb';
}

/** What a terminal can show outside of its text. */
export interface OutsideSupport {
  /** Progress in the taskbar or the tab. */
  readonly taskbar: boolean;
  /** How the title is set and restored: by sequences, by the console of Windows, or not at all. */
  readonly title: 'sequences' | 'console' | undefined;
}

/**
 * Only terminals that are known to support it: others print the sequences, or show them as a notification. A multiplexer does not
 * pass them on, although it inherits the variables of the terminal.
 * Sources: learn.microsoft.com/windows/terminal/tutorials/progress-bar-sequences; release notes of iTerm2 3.6.6 and Ghostty 1.2; wezterm
 * issue 6581; VTE 0.79; xterm, "XTWINOPS".
 */
export function outsideSupport(
  environment: NodeJS.ProcessEnv,
  stream: NodeJS.WriteStream,
  platform: NodeJS.Platform = process.platform,
): OutsideSupport {
  const isMultiplexed = /^(?:tmux|screen)/.test(environment['TERM'] ?? '') || has('TMUX') || has('STY');
  if (!isTerminal(environment, stream) || isMultiplexed) return { taskbar: false, title: undefined };
  const program = environment['TERM_PROGRAM'];
  const isVte = atLeast(environment['VTE_VERSION'], [1]);
  const taskbar =
    has('WT_SESSION') ||
    environment['ConEmuANSI'] === 'ON' ||
    program === 'WezTerm' ||
    program === 'ghostty' ||
    atLeast(environment['VTE_VERSION'], [7900]) ||
    (program === 'iTerm.app' && atLeast(environment['TERM_PROGRAM_VERSION'], [3, 6, 6]));
  const keepsTitles =
    isVte || ['XTERM_VERSION', 'KITTY_WINDOW_ID', 'ALACRITTY_WINDOW_ID'].some(has) || program === 'iTerm.app';
  return { taskbar, title: platform === 'win32' ? 'console' : keepsTitles ? 'sequences' : undefined };

  function has(name: string): boolean {
    return Boolean(environment[name]);
  }
}

/** Whether a version such as 3.6.10 is this one or a later one. */
function atLeast(version: string | undefined, wanted: readonly number[]): boolean {
  const parts = (version ?? '').split('.').map((part) => Number.parseInt(part, 10));
  for (const [index, part] of wanted.entries()) {
    const difference = (parts[index] ?? 0) - part;
    if (difference !== 0) return difference > 0;
  }
  return true;
}
