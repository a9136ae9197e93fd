// Which credential speaks for the user. Nothing here prints, stores or throws a secret.
import { StorageSharedKeyCredential } from '@azure/storage-blob';
import { CredentialError, UsageError } from '../../errors.ts';
import { authorityHostFor, blobEndpoint } from './clouds.ts';

/** Anything that can issue tokens, such as the credentials of `@azure/identity`. */
export interface TokenSource {
  getToken(scopes: string | string[], options?: object): Promise<{ token: string; expiresOnTimestamp: number } | null>;
}

/** How to sign requests. `entra` is `DefaultAzureCredential` of `@azure/identity`; it signs in where the cloud of the host does, unless told otherwise. */
export type Credential =
  | { readonly kind: 'sas'; readonly sas: string }
  | { readonly kind: 'account-key'; readonly accountName: string; readonly accountKey: string }
  | { readonly kind: 'token'; readonly source: TokenSource }
  | { readonly kind: 'entra'; readonly authorityHost?: string };

/** What is asked of the one who gives another SAS. */
export interface SasRequest {
  /** What is wrong with the SAS in use, or with the one that was given last. */
  readonly problem: string;
  /** The number of the question, from 1, since a SAS was last accepted. */
  readonly attempt: number;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/**
 * Gives another SAS, alone or at the end of a URL, when the one in use has ended: in its own time, the upload waits.
 * Undefined ends the upload, which can go on later. A CredentialError counts as an answer that is of no use.
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
      if (!/^[A-Za-z0-9+/]+={0,2}$/.test(credential.accountKey)) {
        throw new CredentialError(
          'The account key is not base64. Copy it again from the Access keys page of the account.',
        );
      }
      return { credential: new StorageSharedKeyCredential(credential.accountName, credential.accountKey) };
    case 'token':
      return { credential: credential.source };
    case 'entra': {
      const { DefaultAzureCredential } = await import('@azure/identity');
      const authorityHost = credential.authorityHost ?? authorityHostFor(hostname);
      return { credential: new DefaultAzureCredential(authorityHost === undefined ? {} : { authorityHost }) };
    }
  }
}

/** What a connection string says: the blob endpoint, and a key or a SAS. */
export interface ConnectionString {
  readonly serviceUrl: string;
  readonly credential: Credential;
}

/** Well known and public: learn.microsoft.com/azure/storage/common/storage-use-azurite */
const EMULATOR =
  'DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;';

/** @throws {UsageError} no endpoint, no key and no SAS in it. */
export function parseConnectionString(text: string): ConnectionString {
  const fields = new Map<string, string>();
  for (const part of text.split(';')) {
    const equals = part.indexOf('=');
    if (equals > 0) fields.set(part.slice(0, equals).trim().toLowerCase(), part.slice(equals + 1).trim());
  }
  if (fields.get('usedevelopmentstorage')?.toLowerCase() === 'true') return parseConnectionString(EMULATOR);
  const accountName = fields.get('accountname');
  const accountKey = fields.get('accountkey');
  const sas = fields.get('sharedaccesssignature');
  const serviceUrl =
    fields.get('blobendpoint') ??
    (accountName === undefined ? undefined : blobEndpoint(accountName, fields.get('endpointsuffix')));
  if (serviceUrl === undefined) {
    throw new UsageError('The connection string names neither an AccountName nor a BlobEndpoint.');
  }
  if (sas !== undefined) return { serviceUrl, credential: { kind: 'sas', sas } };
  if (accountName === undefined || accountKey === undefined) {
    throw new UsageError(
      'The connection string holds neither an AccountName with AccountKey nor a SharedAccessSignature.',
    );
  }
  return { serviceUrl, credential: { kind: 'account-key', accountName, accountKey } };
}
