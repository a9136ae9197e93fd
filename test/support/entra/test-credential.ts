// A TokenCredential for tests in the same process, which needs neither an identity endpoint nor the Azure CLI.

import type { AccessToken, TokenCredential } from '@azure/identity';
import type { TokenIssuer } from './token-issuer.ts';

export interface TokenRequest {
  readonly scope: string;
  /** The audience of the token: the scope without `/.default`. */
  readonly audience: string;
}

/** Issues a new token for each request, and records the requests. */
export class TestCredential implements TokenCredential {
  readonly requests: TokenRequest[] = [];
  /** Thrown instead of issuing tokens, if set. */
  failure: Error | undefined;
  readonly #issuer: TokenIssuer;

  constructor(issuer: TokenIssuer) {
    this.#issuer = issuer;
  }

  getToken(scopes: string | string[]): Promise<AccessToken> {
    const [scope = '', ...others] = [scopes].flat();
    if (others.length > 0) return Promise.reject(new Error('A token has one audience, but several scopes were given.'));
    const audience = scope.replace(/\/\.default$/, '');
    this.requests.push({ scope, audience });
    if (this.failure !== undefined) return Promise.reject(this.failure);
    const { token, lifetimeMs } = this.#issuer.issue(audience);
    return Promise.resolve({ token, expiresOnTimestamp: Date.now() + lifetimeMs });
  }
}
