// Access with Microsoft Entra tokens, renewed before they expire.
import { registerSecret } from '../../base/redact.ts';
import type { TokenSource } from './credentials.ts';
import { isSignInError, signInError } from './sign-in-error.ts';
import type { Access, Signer } from './signer.ts';

type Token = NonNullable<Awaited<ReturnType<TokenSource['getToken']>>>;

/** How long before its expiry a token is renewed, in milliseconds: long enough to survive an outage of the sign-in service. */
const MARGIN_MS = 5 * 60_000;
/** After a failure, the delay before the next attempt while the old token is still valid, in milliseconds. */
const RETRY_MS = 30_000;
/** The expiry time that the SDK receives, in milliseconds since 1970. */
const NEVER_MS = 8.64e15;

/**
 * The SDK renews tokens in the background. If that fails while no request waits for it, nobody handles the rejection and
 * Node.js terminates the program. So the SDK gets tokens that never expire. When a new token is due, a new client replaces the
 * old one and requests a token with its first request.
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
      registerSecret(token.token);
      const lifetimeMs = token.expiresOnTimestamp - Date.now();
      this.#refreshAtMs = Date.now() + lifetimeMs - Math.min(MARGIN_MS, lifetimeMs / 2);
      this.#token = token;
      return withoutExpiry(token);
    } catch (error) {
      if (this.#token === undefined || this.#token.expiresOnTimestamp <= Date.now()) {
        throw isSignInError(error) ? signInError(error, this.#token !== undefined) : error;
      }
      this.#refreshAtMs = Date.now() + RETRY_MS;
      return withoutExpiry(this.#token);
    }
  }

  renewed(): Promise<boolean> {
    return Promise.resolve(false);
  }

  close(): void {
    // Nothing to stop.
  }

  #newSigner(): Signer {
    // Known once the next token has arrived.
    this.#refreshAtMs = Number.POSITIVE_INFINITY;
    return { sdk: { credential: this }, wasAccepted: false };
  }
}

function withoutExpiry(token: Token): Token {
  return { ...token, expiresOnTimestamp: NEVER_MS };
}
