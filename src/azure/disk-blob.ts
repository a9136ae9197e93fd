// The content of a managed disk while it waits for its upload, or is exported: a page blob that accepts a part of the REST API.
//
// It has no create, metadata, lease, condition or clear. Source: sender-pageBlob.go and downloader-blob.go of AzCopy.
import type { PageRun } from '../base/page-run.ts';
import { DestinationError, ServiceError } from '../errors.ts';
import type { BlobAddress } from '../target/page-blob.ts';
import type { PageStore, StoreProperties } from '../target/page-store.ts';
import { authorityHostFor } from './auth/clouds.ts';
import { type Credential, entraCredential, type TokenSource } from './auth/credentials.ts';
import { diskPropertiesOf } from './checked-answers.ts';
import { diskTokens } from './network/disk-tokens.ts';
import { fixedVersion } from './network/fixed-version.ts';
import { optionalEtag } from './network/optional-etag.ts';
import { AzurePages, type BlobClients, type Conditions, type ConnectOptions, openClients } from './pages.ts';

/** The newest version of the REST API that managed disks are known to accept. */
const API_VERSION = '2023-08-03';

/** The next step after a refusal, by `x-ms-error-code`. */
const ADVICE: ReadonlyMap<string, string> = new Map([
  [
    'AuthorizationPermissionMismatch',
    'The SAS does not allow this operation, or the disk requires Microsoft Entra and the identity lacks the role Data Operator for Managed Disks.',
  ],
  [
    'AuthorizationFailure',
    'The network rules of the disk deny access from this machine: see its networkAccessPolicy and diskAccessId (az disk show).',
  ],
  ['BlobNotFound', 'The disk was deleted, or the access to it was ended.'],
  ['ResourceNotFound', 'The disk was deleted, or the access to it was ended.'],
  ['ContainerNotFound', 'The disk was deleted, or the access to it was ended.'],
]);

export interface DiskTokenSource {
  readonly credential: TokenSource;
  readonly scope: string;
}

export interface DiskOptions extends ConnectOptions {
  /** Called when the disk refuses checksums on writes: from then on nothing protects the bytes on their way. */
  readonly onChecksumRefused: () => void;
  /** Issues tokens, if the disk requires them in addition to the SAS. @default `DefaultAzureCredential` */
  readonly tokens?: DiskTokenSource;
}

/** Creates the client of a disk's content. Sends no request. */
export async function connectDiskBlob(
  address: BlobAddress,
  credential: Credential | undefined,
  options: DiskOptions,
): Promise<PageStore> {
  const authorityHost = authorityHostFor(new URL(address.url).hostname);
  const { tokens } = options;
  const source = () =>
    tokens === undefined
      ? entraCredential(authorityHost === undefined ? {} : { authorityHost }, options.onSignIn)
      : Promise.resolve(tokens.credential);
  const policies = [fixedVersion(API_VERSION), optionalEtag(), diskTokens(source, tokens?.scope)];
  const clients = await openClients(address, credential, { ...options, isDisk: true }, policies, ADVICE);
  return new AzureDiskBlob(address, clients, options);
}

class AzureDiskBlob extends AzurePages implements PageStore {
  readonly #onChecksumRefused: () => void;
  /** Whether the disk accepts checksums; undefined until a write has shown that. */
  #acceptsChecksums: boolean | undefined;

  constructor(address: BlobAddress, clients: BlobClients, options: DiskOptions) {
    super(address, clients, options);
    this.#onChecksumRefused = options.onChecksumRefused;
  }

  async properties(signal: AbortSignal): Promise<StoreProperties | undefined> {
    const response = await this.head(signal);
    return response && diskPropertiesOf(response);
  }

  /** The first write shows whether the disk accepts checksums. Later writes follow it. */
  override async write(run: PageRun, signal: AbortSignal): Promise<void> {
    const bare: PageRun = { range: run.range, bytes: run.bytes };
    if (this.#acceptsChecksums === false) {
      await super.write(bare, signal);
      return;
    }
    try {
      await super.write(run, signal);
      this.#acceptsChecksums = true;
    } catch (error) {
      if (this.#acceptsChecksums === true || run.checksum === undefined || !isChecksumRefused(error)) throw error;
      await super.write(bare, signal);
      // Other writes may be in flight: one of them reports it.
      if (this.#acceptsChecksums === undefined) this.#onChecksumRefused();
      this.#acceptsChecksums = false;
    }
  }

  /** Zeros are written instead. */
  clear(): Promise<void> {
    return Promise.reject(new DestinationError('A managed disk cannot clear pages.', { reason: 'NotSupported' }));
  }

  protected get writeConditions(): Conditions {
    return {};
  }

  protected readConditions(): Conditions {
    return {};
  }
}

/** Whether the service does not know the header with the checksum. */
function isChecksumRefused(error: unknown): boolean {
  if (!(error instanceof ServiceError) || error.failure.status !== 400) return false;
  return ['UnsupportedHeader', 'InvalidHeaderValue'].includes(error.failure.reason);
}
