// A storage account for tests, on any local server: its URL, name and key, and the URLs and SAS made from them.

import { createHmac } from 'node:crypto';
import {
  AccountSASPermissions,
  AccountSASResourceTypes,
  AccountSASServices,
  BlobSASPermissions,
  BlobServiceClient,
  ContainerSASPermissions,
  generateAccountSASQueryParameters,
  generateBlobSASQueryParameters,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';

const HOUR_MS = 60 * 60 * 1000;

/** An account of a local server. */
export interface StorageAccount {
  /** With the name of the account in the path, without a trailing slash. */
  readonly url: string;
  readonly account: string;
  /** In base64. */
  readonly key: string;
}

/** The scope and permissions of a SAS URL. */
export interface SasOptions {
  readonly container: string;
  /** @default the SAS is for the container */
  readonly blob?: string;
  /** Letters such as `rcw`; omit with `policy`. */
  readonly permissions?: string;
  readonly startsOn?: Date;
  /** Default: an hour from now. */
  readonly expiresOn?: Date;
  /** The id of a stored access policy. */
  readonly policy?: string;
}

/** The URL of a container or blob, without credentials. */
export function urlOf(account: StorageAccount, container: string, blob?: string): string {
  const path = [container, ...(blob?.split('/') ?? [])].map(encodeURIComponent).join('/');
  return `${account.url}/${path}`;
}

/** The URL of a container or blob with a service SAS. */
export function sasUrl(account: StorageAccount, options: SasOptions): string {
  const { container, blob, permissions = '', startsOn, expiresOn, policy } = options;
  const parser = blob === undefined ? ContainerSASPermissions : BlobSASPermissions;
  const sas = generateBlobSASQueryParameters(
    {
      containerName: container,
      ...(blob !== undefined && { blobName: blob }),
      ...(startsOn !== undefined && { startsOn }),
      ...(policy === undefined
        ? { permissions: parser.parse(permissions), expiresOn: expiresOn ?? new Date(Date.now() + HOUR_MS) }
        : { identifier: policy }),
    },
    sharedKey(account),
  );
  return `${urlOf(account, container, blob)}?${sas}`;
}

/**
 * The URL of a container or blob with a service SAS of exactly these letters. The SDK refuses letters that do not fit the resource,
 * such as l for a blob; other tools do not. String to sign: REST, "Create a service SAS", version 2020-12-06 and later.
 */
export function exactSasUrl(account: StorageAccount, { container, blob, permissions = '' }: SasOptions): string {
  const [version, resource] = ['2021-12-02', blob === undefined ? 'c' : 'b'];
  const expiry = `${new Date(Date.now() + HOUR_MS).toISOString().slice(0, 19)}Z`;
  const place = `/blob/${account.account}/${container}${blob === undefined ? '' : `/${blob}`}`;
  const fields = [permissions, '', expiry, place, '', '', '', version, resource, '', '', '', '', '', '', ''];
  const sig = createHmac('sha256', Buffer.from(account.key, 'base64')).update(fields.join('\n')).digest('base64');
  const query = new URLSearchParams({ sv: version, sr: resource, se: expiry, sp: permissions, sig });
  return `${urlOf(account, container, blob)}?${query}`;
}

/** The query of an account SAS for the blob service; `resourceTypes` are letters of `sco`. */
export function accountSas(
  account: StorageAccount,
  permissions: string,
  resourceTypes = 'sco',
  expiresOn = new Date(Date.now() + HOUR_MS),
): string {
  return generateAccountSASQueryParameters(
    {
      permissions: AccountSASPermissions.parse(permissions),
      resourceTypes: AccountSASResourceTypes.parse(resourceTypes).toString(),
      services: AccountSASServices.parse('b').toString(),
      expiresOn,
    },
    sharedKey(account),
  ).toString();
}

/** The value for AZURE_STORAGE_CONNECTION_STRING. */
export function connectionString(account: StorageAccount): string {
  const protocol = new URL(account.url).protocol.slice(0, -1);
  return `DefaultEndpointsProtocol=${protocol};AccountName=${account.account};AccountKey=${account.key};BlobEndpoint=${account.url};`;
}

/** A client with the key of the account and without retries. */
export function serviceClient(account: StorageAccount): BlobServiceClient {
  return new BlobServiceClient(account.url, sharedKey(account), { retryOptions: { maxTries: 1 } });
}

function sharedKey(account: StorageAccount): StorageSharedKeyCredential {
  return new StorageSharedKeyCredential(account.account, account.key);
}
