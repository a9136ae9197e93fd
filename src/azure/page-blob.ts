// A page blob in Azure Storage.
import type { ByteRange } from '../base/byte-range.ts';
import { DestinationError } from '../errors.ts';
import type { BlobAddress, BlobProperties, CopyBlobOptions, CreateBlobOptions, PageBlob } from '../target/page-blob.ts';
import { outcomeOf } from './answers.ts';
import type { Credential } from './auth/credentials.ts';
import { assertSasCreatesContainers } from './auth/sas.ts';
import { AzureBlobLeases } from './blob-leases.ts';
import { propertiesOf } from './checked-answers.ts';
import type { Operation } from './operations.ts';
import { AzurePages, type BlobClients, type Conditions, type ConnectOptions, openClients } from './pages.ts';

const CONTENT_TYPE = 'application/octet-stream';

/** Creates the client of a page blob. Sends no request. */
export async function connectPageBlob(
  address: BlobAddress,
  credential: Credential | undefined,
  options: ConnectOptions,
): Promise<PageBlob> {
  return new AzurePageBlob(address, await openClients(address, credential, options), options);
}

class AzurePageBlob extends AzurePages implements PageBlob {
  readonly leases: AzureBlobLeases;
  #sequenceNumber: number | undefined;

  constructor(address: BlobAddress, clients: BlobClients, options: ConnectOptions) {
    super(address, clients, options);
    const { requests } = clients;
    this.leases = new AzureBlobLeases(
      () => requests.blob,
      (operation, send) => requests.send(operation, operation, send),
    );
  }

  guardWith(sequenceNumber: number): void {
    this.#sequenceNumber = sequenceNumber;
  }

  async createContainer(signal: AbortSignal): Promise<void> {
    const operation = 'Create Container';
    const { sas } = this.access.signer.sdk;
    // The service would only answer that the signature is wrong.
    if (sas !== undefined) assertSasCreatesContainers(sas);
    try {
      // Not createIfNotExists: it invents an answer if the container exists.
      await this.sender.send(operation, operation, () => this.sender.container.create({ abortSignal: signal }));
    } catch (error) {
      if (!isSuccess(operation, error)) throw error;
    }
  }

  async properties(signal: AbortSignal): Promise<BlobProperties | undefined> {
    const response = await this.head(signal);
    return response && propertiesOf(response);
  }

  async create({ size, sequenceNumber, metadata, replaces }: CreateBlobOptions, signal: AbortSignal): Promise<void> {
    await this.sender.send('Put Blob', 'Put Blob', () =>
      this.sender.blob.create(size, {
        abortSignal: signal,
        blobSequenceNumber: sequenceNumber,
        blobHTTPHeaders: { blobContentType: CONTENT_TYPE },
        metadata: { ...metadata },
        conditions: replaces === undefined ? { ifNoneMatch: '*' } : { ifMatch: replaces, ...this.leases.condition },
      }),
    );
  }

  async copyFrom(
    { source, sourceEtag, metadata, replaces }: CopyBlobOptions,
    abortSignal: AbortSignal,
  ): Promise<string | undefined> {
    // The client sends the request before it returns. Nothing polls: the caller looks at the blob instead.
    const begin = async () => {
      const poller = await this.sender.blob.beginCopyFromURL(source, {
        abortSignal,
        metadata: { ...metadata },
        sourceConditions: { ifMatch: sourceEtag },
        conditions: replaces === undefined ? { ifNoneMatch: '*' } : { ifMatch: replaces },
      });
      // Known only if the copy has ended already.
      return { ...poller.getOperationState().result };
    };
    return (await this.sender.send('Copy Blob', 'Copy Blob', begin)).copyId;
  }

  async setSequenceNumber(sequenceNumber: number, abortSignal: AbortSignal, etag: string): Promise<string | undefined> {
    const conditions = { ...this.leases.condition, ifMatch: etag };
    const set = () => this.sender.blob.updateSequenceNumber('update', sequenceNumber, { abortSignal, conditions });
    return (await this.sender.send('Set Blob Properties', 'Set Blob Properties', set)).etag;
  }

  async clear({ offset, length }: ByteRange, abortSignal: AbortSignal): Promise<void> {
    await this.sender.send('Clear Pages', `Clear Pages ${offset}+${length}`, () =>
      this.sender.blob.clearPages(offset, length, { abortSignal, conditions: this.writeConditions }),
    );
  }

  async setMetadata(
    metadata: Readonly<Record<string, string>>,
    abortSignal: AbortSignal,
    etag?: string,
  ): Promise<string | undefined> {
    const conditions = { ...this.leases.condition, ...(etag === undefined ? {} : { ifMatch: etag }) };
    const set = () => this.sender.blob.setMetadata({ ...metadata }, { abortSignal, conditions });
    return (await this.sender.send('Set Blob Metadata', 'Set Blob Metadata', set)).etag;
  }

  async setContentMd5(
    md5: Uint8Array | undefined,
    abortSignal: AbortSignal,
    etag?: string,
  ): Promise<string | undefined> {
    // The request replaces all stored headers of the blob.
    const headers = { ...(md5 === undefined ? {} : { blobContentMD5: md5 }), blobContentType: CONTENT_TYPE };
    const conditions = { ...this.leases.condition, ...(etag === undefined ? {} : { ifMatch: etag }) };
    const set = () => this.sender.blob.setHTTPHeaders(headers, { abortSignal, conditions });
    return (await this.sender.send('Set Blob Properties', 'Set Blob Properties', set)).etag;
  }

  protected get writeConditions(): Conditions {
    const sequenceNumber = this.#sequenceNumber;
    return {
      ...(sequenceNumber === undefined ? {} : { ifSequenceNumberEqualTo: sequenceNumber }),
      ...this.leases.condition,
    };
  }

  protected readConditions(etag: string): Conditions {
    return { ifMatch: etag };
  }
}

/** Whether the failure is an answer that means success. */
function isSuccess(operation: Operation, error: unknown): boolean {
  return error instanceof DestinationError && outcomeOf(operation, 409, error.reason ?? '').is === 'success';
}
