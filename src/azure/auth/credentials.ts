// The kinds of credentials, and their form for the Storage SDK. Nothing here prints, stores or throws a secret.
import { StorageSharedKeyCredential } from '@azure/storage-blob';
import { registerSecret } from '../../base/redact.ts';
import { CredentialError } from '../../errors.ts';
import { withoutWrapping } from '../given-text.ts';
import { authorityHostFor } from './clouds.ts';

/** Anything that can issue tokens, such as the credentials of `@azure/identity`. */
export interface TokenSource {
  getToken(scopes: string | string[], options?: object): Promise<{ token: string; expiresOnTimestamp: number } | null>;
}

/** How to sign requests. `entra` uses `DefaultAzureCredential` of `@azure/identity`; `authorityHost` defaults to the cloud of the blob's host. */
export type Credential =
  | { readonly kind: 'sas'; readonly sas: string }
  | { readonly kind: 'account-key'; readonly accountName: string; readonly accountKey: string }
  | { readonly kind: 'token'; readonly source: TokenSource }
  | { readonly kind: 'entra'; readonly authorityHost?: string };

/** The context of a request for a new SAS. */
export interface SasRequest {
  /** What is wrong with the current SAS, or with the last one that was supplied. */
  readonly problem: string;
  /** The number of this request since the service last accepted a SAS, from 1. */
  readonly attempt: number;
  /** Aborts when the answer is no longer needed. */
  readonly signal: AbortSignal;
}

/**
 * Returns a new SAS, alone or at the end of a URL, when the current one has expired. The upload waits for it. Undefined stops
 * the upload, which can be resumed later. A thrown CredentialError counts as an unusable SAS.
 */
export type RenewSas = (request: SasRequest) => Promise<string | undefined>;

/** The credential for the Storage SDK, or the SAS to append to URLs. */
export interface SdkCredential {
  readonly credential?: StorageSharedKeyCredential | TokenSource;
  readonly sas?: string;
  /** Where the blob is now, if that has changed with the SAS. */
  readonly url?: string;
}

export async function toSdkCredential(credential: Credential, hostname: string): Promise<SdkCredential> {
  switch (credential.kind) {
    case 'sas':
      return { sas: credential.sas.replace(/^\?/, '') };
    case 'account-key':
      return {
        credential: new StorageSharedKeyCredential(credential.accountName, accountKeyOf(credential.accountKey)),
      };
    case 'token':
      return { credential: credential.source };
    case 'entra': {
      const authorityHost = credential.authorityHost ?? authorityHostFor(hostname);
      return { credential: await entraCredential(authorityHost === undefined ? {} : { authorityHost }) };
    }
  }
}

/**
 * The `DefaultAzureCredential` of `@azure/identity`. Loads the package only now: it is large.
 * @param options - URL of the service that issues the tokens, and the tenant that must issue them.
 */
export async function entraCredential(options: {
  readonly authorityHost?: string;
  readonly tenantId?: string;
}): Promise<TokenSource> {
  const { DefaultAzureCredential } = await import('@azure/identity');
  return new DefaultAzureCredential({ ...options });
}

/**
 * @returns the key without quotes or white space around it. Registers it as a secret.
 * @throws {CredentialError} not base64. The message contains nothing of the key.
 */
export function accountKeyOf(text: string): string {
  const key = withoutWrapping(text);
  registerSecret(key);
  const bytes = Buffer.from(key, 'base64');
  if (bytes.length > 0 && bytes.toString('base64').replace(/=+$/, '') === key.replace(/=+$/, '')) return key;
  throw new CredentialError(
    `The account key is not valid base64 (${key.length} characters). Copy it again from the Access keys page of the account.`,
  );
}
