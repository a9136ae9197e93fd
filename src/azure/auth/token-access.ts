// Access with tokens, which are fetched again before they end.

import type { TokenSource } from './credentials.ts';
import { isSignInError, signInError } from './sign-in-error.ts';
import type { Access, Signer } from './signer.ts';

type Token = NonNullable<Awaited<ReturnType<TokenSource['getToken']>>>;

/** A token is replaced so long before its end, in milliseconds: time to get through an outage of the sign-in service. */
const MARGIN_MS = 5 * 60_000;
/** After a failure, the next try for a new token while the old one is still good, in milliseconds. */
const RETRY_MS = 30_000;
/** The SDK is told that tokens end then, in milliseconds since 1970. */
const NEVER_MS = 8.64e15;

/**
 * The SDK renews tokens too, but in the background: when that fails while no request waits for it, nobody handles the
 * rejection and Node ends the program. So it gets tokens that never end, and a new client, which asks for a new token in
 * the course of its first request, when the time has come.
 */
export class TokenAccess implements Access, TokenSource {
  readonly expiresOn = undefined;
  readonly #source: TokenSource;
  #signer: Signer;
  #token: Token | undefined;
  #refreshAtMs = Number.POSITIVE_INFINITY;

  constructor(source: TokenSource) {
    this.#source = source;
    this.#signer = this.#newSigner();
  }

  get signer(): Signer {
    if (Date.now() >= this.#refreshAtMs) this.#signer = this.#newSigner();
    return this.#signer;
  }

  async getToken(scopes: string | string[], options?: object): Promise<Token | null> {
    try {
      const token = await this.#source.getToken(scopes, options);
      if (token === null) return null;
      const lifetimeMs = token.expiresOnTimestamp - Date.now();
      this.#refreshAtMs = Date.now() + lifetimeMs - Math.min(MARGIN_MS, lifetimeMs / 2);
      this.#token = token;
      return withoutEnd(token);
    } catch (error) {
      if (this.#token === undefined || this.#token.expiresOnTimestamp <= Date.now()) {
        throw isSignInError(error) ? signInError(error, this.#token !== undefined) : error;
      }
      this.#refreshAtMs = Date.now() + RETRY_MS;
      return withoutEnd(this.#token);
    }
  }

  renewed(): Promise<boolean> {
    return Promise.resolve(false);
  }

  close(): void {
    // Nothing waits.
  }

  #newSigner(): Signer {
    // Only the answer to the next question for a token tells when to ask again.
    this.#refreshAtMs = Number.POSITIVE_INFINITY;
    return { sdk: { credential: this }, wasAccepted: false };
  }
}

function withoutEnd(token: Token): Token {
  return { ...token, expiresOnTimestamp: NEVER_MS };
}
