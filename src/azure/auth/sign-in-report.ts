// Reports which credential of DefaultAzureCredential has signed in. Users have several, and wonder which one is refused.
import { printable } from '../../base/printable.ts';
import type { TokenSource } from './token-source.ts';

/** Gets a sentence about what authorizes the requests. It contains no secret. */
export type OnSignIn = (message: string) => void;

/** A chain of credentials of @azure/identity. Its type does not declare the method, which also returns the credential that had a token. */
interface CredentialChain extends TokenSource {
  getTokenInternal(
    scopes: string | string[],
    options: object,
  ): Promise<{ readonly token: Awaited<ReturnType<TokenSource['getToken']>>; readonly successfulCredential: object }>;
}

const NAMES: ReadonlyMap<string, string> = new Map([
  ['AzureCliCredential', 'the Azure CLI (az login)'],
  ['AzurePowerShellCredential', 'Azure PowerShell (Connect-AzAccount)'],
  ['AzureDeveloperCliCredential', 'the Azure Developer CLI (azd auth login)'],
  ['EnvironmentCredential', 'the environment variables AZURE_TENANT_ID and AZURE_CLIENT_ID'],
  ['WorkloadIdentityCredential', 'a workload identity'],
  ['ManagedIdentityCredential', 'a managed identity'],
  ['VisualStudioCodeCredential', 'Visual Studio Code'],
]);

/** The same credential. Reports the first sign-in, and each time another one takes its place. */
export function reportingSignIn(source: TokenSource, onSignIn: OnSignIn): TokenSource {
  if (!isChain(source)) return source;
  let last: string | undefined;
  return {
    async getToken(scopes, options = {}) {
      const { token, successfulCredential } = await source.getTokenInternal(scopes, options);
      // A bundler may have added a number.
      const name = successfulCredential.constructor.name.replace(/\d+$/, '');
      if (name !== last) onSignIn(`Signed in to Microsoft Entra with ${NAMES.get(name) ?? printable(name)}.`);
      last = name;
      return token;
    },
  };
}

function isChain(source: TokenSource): source is CredentialChain {
  return 'getTokenInternal' in source && typeof source.getTokenInternal === 'function';
}
