/** Anything that can issue tokens, such as the credentials of `@azure/identity`. */
export interface TokenSource {
  getToken(scopes: string | string[], options?: object): Promise<{ token: string; expiresOnTimestamp: number } | null>;
}
