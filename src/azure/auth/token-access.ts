// Access with Microsoft Entra tokens, renewed before they expire.
import type { TokenSource } from './credentials.ts';
import type { Access, Signer } from './signer.ts';
import { type Token, TokenRenewal } from './token-renewal.ts';

/** The expiry time that the SDK receives, in milliseconds since 1970. */
const NEVER_MS = 8.64e15;

/**
 * The SDK renews tokens in the background. If that fails while no request waits for it, nobody handles the rejection and
 * Node.js terminates the program. So the SDK gets tokens that never expire. When a new token is due, a new client replaces the
 * old one and requests a token with its first request.
 */
export class TokenAccess implements Access, TokenSource {
  readonly expiresOn = undefined;
  readonly #renewal: TokenRenewal;
  #signer: Signer;

  constructor(source: TokenSource) {
    this.#renewal = new TokenRenewal(source);
    this.#signer = this.#newSigner();
  }

  get signer(): Signer {
    if (Date.now() >= this.#renewal.dueMs) this.#signer = this.#newSigner();
    return this.#signer;
  }

  async getToken(scopes: string | string[], options?: object): Promise<Token | null> {
    const token = await this.#renewal.renew(scopes, options);
    return token === null ? null : { ...token, expiresOnTimestamp: NEVER_MS };
  }

  renewed(): Promise<boolean> {
    return Promise.resolve(false);
  }

  close(): void {
    // Nothing to stop.
  }

  #newSigner(): Signer {
    // Known once the next token has arrived.
    this.#renewal.dueMs = Number.POSITIVE_INFINITY;
    return { sdk: { credential: this }, wasAccepted: false };
  }
}
