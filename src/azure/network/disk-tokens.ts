// Tokens for managed disks that require Microsoft Entra in addition to the SAS (dataAccessAuthMode AzureActiveDirectory).
import { registerSecret } from '../../base/redact.ts';
import { CredentialError } from '../../errors.ts';
import type { TokenSource } from '../auth/credentials.ts';
import type { PipelinePolicy } from './bounded-answers.ts';

/** The scope of the data of managed disks. The service requires both slashes; Source: authorizeRequestOnTenantChallenge of @azure/core-client. */
export const DISK_SCOPE = 'https://disk.azure.com//.default';

/** A token is replaced this long before it expires, in milliseconds. */
const RENEW_BEFORE_MS = 5 * 60_000;

/**
 * Adds a token to each request once the service has asked for one. It asks with 401, sometimes with 403, and names the audience of
 * disks. Source: credentialUtil.go of AzCopy.
 * @param source - Loads the credential when the first token is needed.
 */
export function diskTokens(source: () => Promise<TokenSource>, scope: string = DISK_SCOPE): PipelinePolicy {
  let required = false;
  let current: { readonly token: string; readonly expiresOnTimestamp: number } | undefined;
  let loading: Promise<TokenSource> | undefined;
  const authorize = async (): Promise<string> => {
    if (current === undefined || current.expiresOnTimestamp - RENEW_BEFORE_MS < Date.now()) {
      loading ??= source();
      const token = await (await loading).getToken(scope);
      if (token === null)
        throw new CredentialError(
          'The managed disk requires Microsoft Entra, and no token was issued. Sign in with az login or Connect-AzAccount.',
        );
      registerSecret(token.token);
      current = token;
    }
    return `Bearer ${current.token}`;
  };
  return {
    name: 'diskTokens',
    async sendRequest(request, next) {
      if (required) request.headers.set('Authorization', await authorize());
      const response = await next(request);
      const challenge = response.headers.get('www-authenticate') ?? '';
      const isAsked = (response.status === 401 || response.status === 403) && challenge.includes('disk.azure.com');
      if (required || !isAsked) return response;
      required = true;
      request.headers.set('Authorization', await authorize());
      return await next(request);
    },
  };
}
