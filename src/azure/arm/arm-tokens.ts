// The tokens for Azure Resource Manager: fresh for each request, and replaced when one is rejected.
import { CredentialError } from '../../errors.ts';
import type { TokenSource } from '../auth/credentials.ts';
import { type Token, TokenRenewal } from '../auth/token-renewal.ts';

/** The claims that a token lacks, in a challenge such as the one for multi-factor authentication. Base64. */
const CLAIMS = /\bclaims="([A-Za-z0-9+/_=-]+)"/;

export class ArmTokens {
  readonly #renewal: TokenRenewal;
  readonly #scope: string;
  #token: Token | undefined;

  constructor(source: TokenSource, scope: string) {
    this.#renewal = new TokenRenewal(source);
    this.#scope = scope;
  }

  /**
   * A token that is valid for some minutes at least.
   * @throws {CredentialError} no credential has a token; {ServiceError} the sign-in service could not be reached.
   */
  async current(signal: AbortSignal): Promise<string> {
    if (this.#token !== undefined && Date.now() < this.#renewal.dueMs) return this.#token.token;
    return await this.#fetch({ abortSignal: signal });
  }

  /**
   * Another token in place of a rejected one; undefined if the credential has no other.
   * @param challenge - The header WWW-Authenticate of the answer.
   */
  async replacing(rejected: string, challenge: string | undefined, signal: AbortSignal): Promise<string | undefined> {
    const claims = claimsIn(challenge ?? '');
    const token = await this.#fetch({
      abortSignal: signal,
      ...(claims === undefined ? {} : { claims, enableCae: true }),
    });
    return token === rejected ? undefined : token;
  }

  async #fetch(options: object): Promise<string> {
    const token = await this.#renewal.renew(this.#scope, options);
    if (token === null) {
      throw new CredentialError(
        'Signing in with Microsoft Entra failed: the credential has no token. Run az login or Connect-AzAccount.',
      );
    }
    this.#token = token;
    return token.token;
  }
}

/** Undefined if the challenge asks for none, or if they are not JSON. */
function claimsIn(challenge: string): string | undefined {
  const encoded = CLAIMS.exec(challenge)?.[1];
  const claims = encoded === undefined ? '' : Buffer.from(encoded, 'base64').toString('utf8');
  return claims.startsWith('{') ? claims : undefined;
}
