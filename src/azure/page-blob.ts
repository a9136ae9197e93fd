// A page blob in Azure Storage.
import type { ByteRange } from '../base/byte-range.ts';
import { DestinationError } from '../errors.ts';
import type {
  BlobAddress,
  BlobProperties,
  CopyBlobOptions,
  CreateBlobOptions,
  PageBlob,
  PublicAccess,
} from '../target/page-blob.ts';
import { outcomeOf } from './answers.ts';
import type { Credential } from './auth/credentials.ts';
import { assertSasCreatesContainers } from './auth/sas.ts';
import { AzureBlobLeases } from './blob-leases.ts';
import { propertiesOf } from './checked-answers.ts';
import type { Operation } from './operations.ts';
import { AzurePages, type BlobClients, type Conditions, type ConnectOptions, isAbsence, openClients } from './pages.ts';

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
  /** Of the blob, when it was last seen or created. */
  #contentType = CONTENT_TYPE;

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

  async createContainer(access: PublicAccess, signal: AbortSignal): Promise<'created' | 'exists'> {
    const operation = 'Create Container';
    const { sas } = this.access.signer.sdk;
    // The service would only answer that the signature is wrong.
    if (sas !== undefined) assertSasCreatesContainers(sas);
    try {
      // Not createIfNotExists: it invents an answer if the container exists.
      await this.sender.send(operation, operation, () =>
        this.sender.container.create({ abortSignal: signal, ...(access === 'none' ? {} : { access }) }),
      );
      return 'created';
    } catch (error) {
      if (!isSuccess(operation, error, 409)) throw error;
      return 'exists';
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

  async containerAccess(signal: AbortSignal): Promise<PublicAccess | undefined> {
    const operation = 'Get Container Properties';
    try {
      const { blobPublicAccess } = await this.sender.send(operation, operation, () =>
        this.sender.container.getProperties({ abortSignal: signal }),
      );
      return blobPublicAccess ?? 'none';
    } catch (error) {
      if (isAbsence(operation, error)) return undefined;
      throw error;
    }
  }

  async properties(signal: AbortSignal): Promise<BlobProperties | undefined> {
    const response = await this.head(signal);
    this.#contentType = response?.contentType ?? this.#contentType;
    return response && propertiesOf(response);
  }

  async create(options: CreateBlobOptions, signal: AbortSignal): Promise<void> {
    const { size, sequenceNumber, metadata, replaces, contentType = CONTENT_TYPE, tier, tags } = options;
    await this.sender.send('Put Blob', 'Put Blob', () =>
      this.sender.blob.create(size, {
        abortSignal: signal,
        blobSequenceNumber: sequenceNumber,
        blobHTTPHeaders: { blobContentType: contentType },
        metadata: { ...metadata },
        ...(tier === undefined ? {} : { tier }),
        ...(tags === undefined ? {} : { tags: { ...tags } }),
        conditions: replaces === undefined ? { ifNoneMatch: '*' } : { ifMatch: replaces, ...this.leases.condition },
      }),
    );
    this.#contentType = contentType;
  }

  async copyFrom(
    { source, sourceEtag, metadata, replaces, tier, tags }: CopyBlobOptions,
    abortSignal: AbortSignal,
  ): Promise<string | undefined> {
    // The client sends the request before it returns. Nothing polls: the caller looks at the blob instead.
    const begin = async () => {
      const poller = await this.sender.blob.beginCopyFromURL(source, {
        abortSignal,
        metadata: { ...metadata },
        ...(tier === undefined ? {} : { tier }),
        ...(tags === undefined ? {} : { tags: { ...tags } }),
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
    contentType: string = this.#contentType,
  ): Promise<string | undefined> {
    // The request replaces all stored headers of the blob.
    const headers = { ...(md5 === undefined ? {} : { blobContentMD5: md5 }), blobContentType: contentType };
    const conditions = { ...this.leases.condition, ...(etag === undefined ? {} : { ifMatch: etag }) };
    const set = () => this.sender.blob.setHTTPHeaders(headers, { abortSignal, conditions });
    const answer = await this.sender.send('Set Blob Properties', 'Set Blob Properties', set);
    this.#contentType = contentType;
    return answer.etag;
  }

  async delete(abortSignal: AbortSignal, etag?: string): Promise<boolean> {
    const operation = 'Delete Blob';
    const conditions = { ...this.leases.condition, ...(etag === undefined ? {} : { ifMatch: etag }) };
    try {
      await this.sender.send(operation, operation, () => this.sender.blob.delete({ abortSignal, conditions }));
      return true;
    } catch (error) {
      if (error instanceof DestinationError && outcomeOf(operation, 404, error.reason ?? '').is === 'absent')
        return false;
      throw error;
    }
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
