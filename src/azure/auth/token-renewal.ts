// Fetches Microsoft Entra tokens, and decides when the next one is due.
import { registerSecret } from '../../base/redact.ts';
import type { TokenSource } from './credentials.ts';
import { isSignInError, signInError } from './sign-in-error.ts';

export type Token = NonNullable<Awaited<ReturnType<TokenSource['getToken']>>>;

/** How long before its expiry a token is renewed, in milliseconds: long enough to survive an outage of the sign-in service. */
const MARGIN_MS = 5 * 60_000;
/** After a failure, the delay before the next attempt while the old token is still valid, in milliseconds. */
const RETRY_MS = 30_000;

export class TokenRenewal {
  /** When a new token is due, in milliseconds since 1970. */
  dueMs = Number.POSITIVE_INFINITY;
  readonly #source: TokenSource;
  #token: Token | undefined;

  constructor(source: TokenSource) {
    this.#source = source;
  }

  /**
   * A new token, or the previous one if the sign-in service fails while it is still valid. Null if the source has none.
   * @throws {CredentialError} the sign-in was rejected.
   * @throws {ServiceError} the sign-in service could not be reached; transient.
   */
  async renew(scopes: string | string[], options?: object): Promise<Token | null> {
    try {
      const token = await this.#source.getToken(scopes, options);
      if (token === null) return null;
      registerSecret(token.token);
      const lifetimeMs = token.expiresOnTimestamp - Date.now();
      this.dueMs = Date.now() + lifetimeMs - Math.min(MARGIN_MS, lifetimeMs / 2);
      this.#token = token;
      return token;
    } catch (error) {
      if (this.#token === undefined || this.#token.expiresOnTimestamp <= Date.now()) {
        throw isSignInError(error) ? signInError(error, this.#token !== undefined) : error;
      }
      this.dueMs = Date.now() + RETRY_MS;
      return this.#token;
    }
  }
}
