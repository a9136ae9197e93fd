// Makes the SAS with which the Azure Marketplace copies a VHD. It must be for the container (sr=c), allow exactly Read and List
// (sp=rl), start a day ago, expire in three weeks or more, and contain both times in full.
// Source: learn.microsoft.com/azure/marketplace/azure-vm-get-sas-uri
import {
  ContainerSASPermissions,
  generateBlobSASQueryParameters,
  SASProtocol,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { printable } from '../../base/printable.ts';
import { CredentialError, UsageError } from '../../errors.ts';
import type { BlobAddress } from '../../target/page-blob.ts';
import { parseStorageHost } from '../storage-host.ts';
import { accountKeyOf } from './account-key.ts';
import type { Credential } from './credentials.ts';
import { DAY_MS, isoSeconds, MIN_DAYS, marketplaceNameProblem } from './marketplace-rules.ts';

/** Keys of Azure have 512 bits. Source: learn.microsoft.com, "Manage storage account access keys". */
const KEY_BYTES = 64;
/** The latest expiry that fits into the four digits of the year. */
const MAX_DAYS = 365 * 100;
/** All clouds and Azure Stack Hub know this version, and it has everything that this SAS needs. */
const SAS_VERSION = '2019-07-07';

export interface MarketplaceSas {
  /** URL of the container or blob with the SAS. A secret. */
  readonly url: string;
  /** In ISO 8601. */
  readonly startsOn: string;
  readonly expiresOn: string;
}

/**
 * Sends nothing.
 * @param address - A blob, or a container with an empty `blobName`.
 * @param credential - Only an account key can sign this SAS.
 * @param expiresInMs - At least three weeks.
 * @throws {UsageError} the time is too short, or the Marketplace rejects the name of the blob.
 * @throws {CredentialError} the credential cannot sign it. The message says what is missing.
 */
export function marketplaceSas(
  address: BlobAddress,
  credential: Credential,
  expiresInMs: number,
  now: Date = new Date(),
): MarketplaceSas {
  const days = expiresInMs / DAY_MS;
  if (!(days >= MIN_DAYS && days <= MAX_DAYS)) {
    throw new UsageError(
      `The Marketplace needs a SAS that is valid for at least three weeks: the time must be ${MIN_DAYS}d to ${MAX_DAYS}d, but is ${Number(days.toFixed(2))}d.`,
    );
  }
  if (address.isDisk === true) {
    throw new UsageError(
      `${address.url} is the address of a managed disk. The Marketplace needs a blob in a storage account.`,
    );
  }
  const problem = address.blobName === '' ? undefined : marketplaceNameProblem(address.blobName);
  if (problem !== undefined) throw new UsageError(`The Marketplace rejects the blob ${address.url}: ${problem}.`);
  const startsOn = wholeSeconds(now.getTime() - DAY_MS);
  const expiresOn = wholeSeconds(now.getTime() + expiresInMs);
  const key = sharedKeyOf(address, credential, startsOn, expiresOn);
  const sas = generateBlobSASQueryParameters(
    {
      containerName: address.containerName,
      permissions: ContainerSASPermissions.parse('rl'),
      startsOn,
      expiresOn,
      version: SAS_VERSION,
      ...(address.url.startsWith('https:') ? { protocol: SASProtocol.Https } : {}),
    },
    key,
  );
  return { url: `${address.url}?${sas}`, startsOn: isoSeconds(startsOn), expiresOn: isoSeconds(expiresOn) };
}

function sharedKeyOf(
  { accountName, containerName, url }: BlobAddress,
  credential: Credential,
  startsOn: Date,
  expiresOn: Date,
): StorageSharedKeyCredential {
  if (credential.kind === 'account-key') {
    const key = accountKeyOf(credential.accountKey);
    assertKeyOfAzure(key, url, credential.accountName);
    return new StorageSharedKeyCredential(credential.accountName, key);
  }
  const account = printable(accountName ?? 'ACCOUNT');
  const withCli = `az storage container generate-sas --account-name ${account} --name '${containerName}' --permissions rl --start ${isoSeconds(startsOn)} --expiry ${isoSeconds(expiresOn)} --https-only`;
  const withKey = `set AZURE_STORAGE_KEY to a key of the account (az storage account keys list --account-name ${account}) and run the same command again, or let the Azure CLI find the key: ${withCli}`;
  throw new CredentialError(
    credential.kind === 'sas'
      ? `A SAS for ${url} cannot be made from another SAS: it must be signed with the account key. Remove the SAS (from the URL, AZURE_STORAGE_SAS_TOKEN or AZURE_STORAGE_CONNECTION_STRING), and ${withKey}`
      : `A SAS for ${url} that is valid for ${MIN_DAYS} days must be signed with the account key. With Microsoft Entra, a SAS (user delegation) expires after 7 days at the latest. Therefore ${withKey}`,
  );
}

/** Nothing is sent, so only the Marketplace would notice a key that was not copied completely. Emulators take keys of any length. */
function assertKeyOfAzure(key: string, url: string, accountName: string): void {
  const { length } = Buffer.from(key, 'base64');
  if (length === KEY_BYTES || parseStorageHost(new URL(url).hostname)?.isOfKnownCloud !== true) return;
  throw new CredentialError(
    `The account key has ${length} bytes, but the keys of Azure have ${KEY_BYTES}, so no SAS that it signs is valid. Copy it again, as a whole: az storage account keys list --account-name ${printable(accountName)}`,
  );
}

/** The service compares times in whole seconds. */
function wholeSeconds(timeMs: number): Date {
  return new Date(Math.floor(timeMs / 1000) * 1000);
}
