// The kinds of credentials, and what the Storage SDK takes for each. Nothing here prints, stores or throws a secret.
import { StorageSharedKeyCredential } from '@azure/storage-blob';
import { registerSecret } from '../../base/redact.ts';
import { CredentialError } from '../../errors.ts';
import { withoutWrapping } from '../given-text.ts';
import { authorityHostFor } from './clouds.ts';

/** Anything that can issue tokens, such as the credentials of `@azure/identity`. */
export interface TokenSource {
  getToken(scopes: string | string[], options?: object): Promise<{ token: string; expiresOnTimestamp: number } | null>;
}

/** How to sign requests. `entra` is `DefaultAzureCredential` of `@azure/identity`; `authorityHost` is by default that of the host's cloud. */
export type Credential =
  | { readonly kind: 'sas'; readonly sas: string }
  | { readonly kind: 'account-key'; readonly accountName: string; readonly accountKey: string }
  | { readonly kind: 'token'; readonly source: TokenSource }
  | { readonly kind: 'entra'; readonly authorityHost?: string };

/** What is known when another SAS is asked for. */
export interface SasRequest {
  /** What is wrong with the SAS in use, or with the one that was given last. */
  readonly problem: string;
  /** Counts the requests for a SAS since one was last accepted, from 1. */
  readonly attempt: number;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/**
 * Gives another SAS, alone or at the end of a URL, when the one in use has expired. The upload waits for it. Undefined stops
 * the upload, which can be resumed later. A CredentialError counts as a SAS that cannot be used.
 */
export type RenewSas = (request: SasRequest) => Promise<string | undefined>;

/** What the Storage SDK takes, and the SAS to append to URLs. */
export interface SdkCredential {
  readonly credential?: StorageSharedKeyCredential | TokenSource;
  readonly sas?: string;
}

/** Loads `@azure/identity` only when it is needed: it is large. */
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
      const { DefaultAzureCredential } = await import('@azure/identity');
      const authorityHost = credential.authorityHost ?? authorityHostFor(hostname);
      return { credential: new DefaultAzureCredential(authorityHost === undefined ? {} : { authorityHost }) };
    }
  }
}

/**
 * @returns the key without what stands around it. Registers it as a secret.
 * @throws {CredentialError} not base64. Shows nothing of it.
 */
export function accountKeyOf(text: string): string {
  const key = withoutWrapping(text);
  registerSecret(key);
  const bytes = Buffer.from(key, 'base64');
  if (bytes.length > 0 && bytes.toString('base64').replace(/=+$/, '') === key.replace(/=+$/, '')) return key;
  throw new CredentialError(
    `The account key is not base64: it has ${key.length} characters. Copy it again from the Access keys page of the account.`,
  );
}
