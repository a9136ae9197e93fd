// The kinds of credentials, and their form for the Storage SDK. Nothing here prints, stores or throws a secret.
import { StorageSharedKeyCredential } from '@azure/storage-blob';
import { printable } from '../../base/printable.ts';
import { trustingMoreIssuers } from '../network/trusted-issuers.ts';
import { accountKeyOf } from './account-key.ts';
import { authorityHostFor } from './clouds.ts';
import { type OnSignIn, reportingSignIn } from './sign-in-report.ts';
import type { TokenSource } from './token-source.ts';

export type { TokenSource };

/**
 * How to sign requests. `entra` uses `DefaultAzureCredential` of `@azure/identity`; `authorityHost` defaults to the cloud of the blob's
 * host. `anonymous` signs nothing, which is enough to read a public blob.
 */
export type Credential =
  | { readonly kind: 'sas'; readonly sas: string }
  | { readonly kind: 'account-key'; readonly accountName: string; readonly accountKey: string }
  | { readonly kind: 'token'; readonly source: TokenSource }
  | { readonly kind: 'entra'; readonly authorityHost?: string }
  | { readonly kind: 'anonymous' };

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

/** @param onSignIn - Gets a sentence about what authorizes the requests. */
export async function toSdkCredential(
  credential: Credential,
  hostname: string,
  onSignIn: OnSignIn = () => undefined,
): Promise<SdkCredential> {
  switch (credential.kind) {
    case 'sas':
      onSignIn('A SAS authorizes the requests.');
      return { sas: credential.sas.replace(/^\?/, '') };
    case 'account-key':
      onSignIn(`The account key of ${printable(credential.accountName)} signs the requests.`);
      return {
        credential: new StorageSharedKeyCredential(credential.accountName, accountKeyOf(credential.accountKey)),
      };
    case 'token':
      return { credential: credential.source };
    case 'anonymous':
      return {};
    case 'entra': {
      const authorityHost = credential.authorityHost ?? authorityHostFor(hostname);
      return { credential: await entraCredential(authorityHost === undefined ? {} : { authorityHost }, onSignIn) };
    }
  }
}

/**
 * The `DefaultAzureCredential` of `@azure/identity`. Loads the package only now: it is large.
 * @param options - URL of the service that issues the tokens, and the tenant that must issue them.
 * @param onSignIn - Gets a sentence about which of its ways has signed in.
 */
export async function entraCredential(
  options: {
    readonly authorityHost?: string;
    readonly tenantId?: string;
  },
  onSignIn: OnSignIn = () => undefined,
): Promise<TokenSource> {
  const { DefaultAzureCredential } = await import('@azure/identity');
  const additionalPolicies = [{ policy: trustingMoreIssuers, position: 'perRetry' as const }];
  return reportingSignIn(new DefaultAzureCredential({ ...options, additionalPolicies }), onSignIn);
}
