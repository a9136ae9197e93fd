// Issues access tokens as Microsoft Entra ID does, each for one audience, and checks them for the test servers.

import { randomBytes, randomUUID } from 'node:crypto';
import type { TestClock } from '../test-server/clock.ts';

/** Of all tokens. */
export const TENANT = '11111111-2222-3333-4444-555555555555';
/** The identity to which all tokens belong. */
export const PRINCIPAL = '66666666-7777-8888-9999-000000000000';

const HOUR_MS = 60 * 60 * 1000;

export interface IssuedToken {
  readonly token: string;
  /** `https://management.azure.com`, for example. With or without a slash, as in the request. */
  readonly audience: string;
  readonly lifetimeMs: number;
}

export type TokenProblem = 'unknown' | 'expired' | 'other audience';

/** Tokens that expire by the clock of the servers. Clients see the same lifetime by the clock of the machine. */
export class TokenIssuer {
  /** Of the tokens that are issued from now on. MSAL renews a token from five minutes before its expiry. */
  lifetimeMs = HOUR_MS;
  /** In order. */
  readonly issued: IssuedToken[] = [];
  readonly #clock: TestClock;
  readonly #expiry = new Map<string, number>();

  constructor(clock: TestClock) {
    this.#clock = clock;
  }

  issue(audience: string, lifetimeMs = this.lifetimeMs): IssuedToken {
    const now = this.#clock.now().getTime();
    const claims = {
      aud: audience,
      iss: `https://sts.windows.net/${TENANT}/`,
      iat: Math.floor(now / 1000),
      exp: Math.floor((now + lifetimeMs) / 1000),
      oid: PRINCIPAL,
      tid: TENANT,
      uti: randomUUID(),
    };
    const parts = [{ typ: 'JWT', alg: 'RS256' }, claims].map((part) =>
      Buffer.from(JSON.stringify(part)).toString('base64url'),
    );
    const token = [...parts, randomBytes(256).toString('base64url')].join('.');
    const issued = { token, audience, lifetimeMs };
    this.issued.push(issued);
    this.#expiry.set(token, now + lifetimeMs);
    return issued;
  }

  /** Makes every token that was issued so far expire. Clients do not notice until they use one. */
  expireAll(): void {
    for (const token of this.#expiry.keys()) this.#expiry.set(token, this.#clock.now().getTime());
  }

  /** When a token expires; undefined if it was not issued here. */
  expiresAt(token: string): Date | undefined {
    const time = this.#expiry.get(token);
    return time === undefined ? undefined : new Date(time);
  }

  /** The audience of a token; undefined if it was not issued here. */
  audienceOf(token: string): string | undefined {
    return this.issued.find((one) => one.token === token)?.audience;
  }

  /** Why a token is not accepted for any of the audiences; undefined if it is. */
  problemWith(token: string, audiences: readonly string[]): TokenProblem | undefined {
    const audience = this.audienceOf(token);
    const expiresAt = this.expiresAt(token);
    if (audience === undefined || expiresAt === undefined) return 'unknown';
    if (!audiences.includes(audience)) return 'other audience';
    return expiresAt <= this.#clock.now() ? 'expired' : undefined;
  }
}
