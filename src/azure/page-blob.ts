// A page blob in Azure Storage.
import type { ByteRange } from '../base/byte-range.ts';
import { DestinationError } from '../errors.ts';
import type { BlobAddress, BlobProperties, CreateBlobOptions, PageBlob } from '../target/page-blob.ts';
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
      if (!isSuccess(operation, error, 409)) throw error;
    }
  }

  async deleteSnapshots(abortSignal: AbortSignal): Promise<void> {
    const operation = 'Delete Snapshots';
    const { condition: conditions } = this.leases;
    try {
      await this.sender.send(operation, operation, () =>
        this.sender.blob.delete({ deleteSnapshots: 'only', abortSignal, conditions }),
      );
    } catch (error) {
      if (!isSuccess(operation, error, 404)) throw error;
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

  async setContentMd5(md5: Uint8Array, abortSignal: AbortSignal, etag?: string): Promise<string | undefined> {
    // The request replaces all stored headers of the blob.
    const headers = { blobContentMD5: md5, blobContentType: CONTENT_TYPE };
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
function isSuccess(operation: Operation, error: unknown, status: number): boolean {
  return error instanceof DestinationError && outcomeOf(operation, status, error.reason ?? '').is === 'success';
}
