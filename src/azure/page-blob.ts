// A page blob in Azure Storage, through @azure/storage-blob. The only file that handles the inclusive ranges of the REST API.
import type { Agent } from 'node:http';
import {
  AnonymousCredential,
  ContainerClient,
  PageBlobClient,
  type PageBlobUploadPagesOptions,
  type StoragePipelineOptions,
} from '@azure/storage-blob';
import type { ByteRange } from '../base/byte-range.ts';
import type { Checksum, PageRun } from '../base/page-run.ts';
import { DestinationError } from '../errors.ts';
import type { RequestRecord } from '../events.ts';
import type { BlobAddress, BlobProperties, CreateBlobOptions, PageBlob } from '../target/page-blob.ts';
import type { PageRangeList, ReadOptions } from '../target/page-store.ts';
import { outcomeOf } from './answers.ts';
import type { Credential, SdkCredential } from './auth/credentials.ts';
import { openAccess } from './auth/open-access.ts';
import { assertSasCreatesContainers } from './auth/sas.ts';
import type { Access, AccessOptions } from './auth/signer.ts';
import { AzureBlobLeases } from './blob-leases.ts';
import { assertEchoed, assertSameRange, propertiesOf } from './checked-answers.ts';
import { boundedAnswers, type PipelinePolicy } from './network/bounded-answers.ts';
import { Connections } from './network/connections.ts';
import { requestBody, type Throttle } from './network/request-body.ts';
import { collectingGarbage, fillFrom } from './network/response-body.ts';
import type { Operation } from './operations.ts';
import { type Clients, RequestSender } from './request-sender.ts';

export interface ConnectOptions extends AccessOptions {
  /** A socket is closed after this time without a byte, in milliseconds. @default 60,000 */
  readonly stallTimeoutMs?: number;
  /** Delays each piece of a request's body to keep to a rate limit. @default none */
  readonly throttle?: Throttle;
  /** The start of the User-Agent header; the SDK appends its own. */
  readonly userAgent: string;
  /** Collects recently allocated memory. Called at regular intervals while data is received. @default none */
  readonly collectGarbage?: () => void;
  /** Called after each request. */
  readonly onRequest?: (record: RequestRecord) => void;
}

const CONTENT_TYPE = 'application/octet-stream';

/** Page ranges per request: the service's maximum, which it can list within its time limit. */
const PAGE_RANGES_PER_REQUEST = 10_000;

/** Creates the client of a page blob. Sends no request. */
export async function connectPageBlob(
  address: BlobAddress,
  credential: Credential | undefined,
  options: ConnectOptions,
): Promise<PageBlob> {
  const access = await openAccess(credential, address, options);
  const connections = new Connections(address.url, options.stallTimeoutMs ?? 60_000);
  // vhdup retries by itself: the SDK neither retries all transient failures nor honours Retry-After. A redirect would send the
  // credential to another host.
  const pipelineOptions: PipelineOptions = {
    retryOptions: { maxTries: 1 },
    redirectOptions: { maxRetries: 0 },
    additionalPolicies: [{ policy: boundedAnswers(), position: 'perRetry' }],
    userAgentOptions: { userAgentPrefix: options.userAgent },
    agent: connections.agent,
  };
  const makeClients = ({ credential, sas }: SdkCredential): Clients => {
    const signer = credential ?? new AnonymousCredential();
    const withSas = (url: string) => (sas === undefined ? url : `${url}?${sas}`);
    return {
      blob: new PageBlobClient(withSas(address.url), signer, pipelineOptions),
      container: new ContainerClient(withSas(address.containerUrl), signer, pipelineOptions),
    };
  };
  const requests = new RequestSender(access, connections, makeClients, options.onRequest);
  return new AzurePageBlob(address, access, requests, connections, options);
}

/** Adds the options that the pipeline reads but its type does not declare. */
interface PipelineOptions extends StoragePipelineOptions {
  readonly agent: Agent;
  readonly redirectOptions: { readonly maxRetries: number };
  readonly additionalPolicies: readonly { readonly policy: PipelinePolicy; readonly position: 'perRetry' }[];
}

class AzurePageBlob implements PageBlob {
  readonly address: BlobAddress;
  readonly leases: AzureBlobLeases;
  readonly #access: Access;
  readonly #requests: RequestSender;
  readonly #connections: Connections;
  readonly #throttle: ConnectOptions['throttle'];
  readonly #onReceived: ((bytes: number) => void) | undefined;
  #sequenceNumber: number | undefined;

  constructor(
    address: BlobAddress,
    access: Access,
    requests: RequestSender,
    connections: Connections,
    { throttle, collectGarbage }: ConnectOptions,
  ) {
    this.address = address;
    this.#access = access;
    this.#requests = requests;
    this.#connections = connections;
    this.#throttle = throttle;
    this.#onReceived = collectGarbage && collectingGarbage(collectGarbage);
    this.leases = new AzureBlobLeases(
      () => requests.blob,
      (operation, send) => requests.send(operation, operation, send),
    );
  }

  get requests(): number {
    return this.#requests.count;
  }

  get url(): string {
    return this.address.url;
  }

  get credentialExpiresOn(): Date | undefined {
    return this.#access.expiresOn;
  }

  renewed(error: unknown, signal: AbortSignal): Promise<boolean> {
    return this.#requests.renewed(error, signal);
  }

  guardWith(sequenceNumber: number): void {
    this.#sequenceNumber = sequenceNumber;
  }

  async createContainer(signal: AbortSignal): Promise<void> {
    const operation = 'Create Container';
    const { sas } = this.#access.signer.sdk;
    // The service would only answer that the signature is wrong.
    if (sas !== undefined) assertSasCreatesContainers(sas);
    try {
      // Not createIfNotExists: it invents an answer if the container exists.
      await this.#requests.send(operation, operation, () => this.#requests.container.create({ abortSignal: signal }));
    } catch (error) {
      if (!isSuccess(operation, error)) throw error;
    }
  }

  async properties(signal: AbortSignal): Promise<BlobProperties | undefined> {
    const operation = 'Get Blob Properties';
    try {
      const response = await this.#requests.send(operation, operation, () =>
        this.#requests.blob.getProperties({ abortSignal: signal }),
      );
      return propertiesOf(response);
    } catch (error) {
      if (isAbsence(operation, error)) return undefined;
      throw error;
    }
  }

  async create({ size, sequenceNumber, metadata, replaces }: CreateBlobOptions, signal: AbortSignal): Promise<void> {
    await this.#requests.send('Put Blob', 'Put Blob', () =>
      this.#requests.blob.create(size, {
        abortSignal: signal,
        blobSequenceNumber: sequenceNumber,
        blobHTTPHeaders: { blobContentType: CONTENT_TYPE },
        metadata: { ...metadata },
        conditions: replaces === undefined ? { ifNoneMatch: '*' } : { ifMatch: replaces, ...this.leases.condition },
      }),
    );
  }

  async write({ range, bytes, checksum }: PageRun, signal: AbortSignal): Promise<void> {
    const what = `Put Page ${range.offset}+${range.length}`;
    const isSecure = this.address.url.startsWith('https:');
    const body = requestBody(bytes, isSecure, this.#throttle, signal);
    const response = await this.#requests.send('Put Page', what, () =>
      this.#requests.blob.uploadPages(body, range.offset, range.length, {
        abortSignal: signal,
        conditions: this.#writeConditions,
        ...checksumHeader(checksum),
      }),
    );
    assertEchoed(what, checksum, response);
  }

  async clear({ offset, length }: ByteRange, abortSignal: AbortSignal): Promise<void> {
    await this.#requests.send('Clear Pages', `Clear Pages ${offset}+${length}`, () =>
      this.#requests.blob.clearPages(offset, length, { abortSignal, conditions: this.#writeConditions }),
    );
  }

  async pageRanges(marker: string | undefined, signal: AbortSignal): Promise<PageRangeList> {
    // Not getPageRanges: its counts are one byte too small.
    const pages = this.#requests.blob
      .listPageRanges(0, undefined, { abortSignal: signal })
      .byPage({ maxPageSize: PAGE_RANGES_PER_REQUEST, ...(marker === undefined ? {} : { continuationToken: marker }) });
    const list = await this.#requests.send('Get Page Ranges', 'Get Page Ranges', async () => {
      const { value } = await pages.next();
      return value ?? {};
    });
    const ranges = (list.pageRange ?? []).map(
      ({ start, end }: { start: number; end: number }): ByteRange => ({
        offset: start,
        length: end - start + 1,
      }),
    );
    return { ranges, marker: list.continuationToken || undefined };
  }

  async setMetadata(
    metadata: Readonly<Record<string, string>>,
    abortSignal: AbortSignal,
    etag?: string,
  ): Promise<string | undefined> {
    const conditions = { ...this.leases.condition, ...(etag === undefined ? {} : { ifMatch: etag }) };
    const set = () => this.#requests.blob.setMetadata({ ...metadata }, { abortSignal, conditions });
    return (await this.#requests.send('Set Blob Metadata', 'Set Blob Metadata', set)).etag;
  }

  async setContentMd5(md5: Uint8Array, abortSignal: AbortSignal, etag?: string): Promise<string | undefined> {
    // The request replaces all stored headers of the blob.
    const headers = { blobContentMD5: md5, blobContentType: CONTENT_TYPE };
    const conditions = { ...this.leases.condition, ...(etag === undefined ? {} : { ifMatch: etag }) };
    const set = () => this.#requests.blob.setHTTPHeaders(headers, { abortSignal, conditions });
    return (await this.#requests.send('Set Blob Properties', 'Set Blob Properties', set)).etag;
  }

  async read(
    range: ByteRange,
    into: Uint8Array,
    { etag, checksum }: ReadOptions,
    signal: AbortSignal,
  ): Promise<Checksum | undefined> {
    const what = `Get Blob ${range.offset}+${range.length}`;
    const { contentCrc64, contentMD5 } = await this.#requests.send('Get Blob', what, async () => {
      const response = await this.#requests.blob.download(range.offset, range.length, {
        abortSignal: signal,
        conditions: { ifMatch: etag },
        // vhdup retries by itself.
        maxRetryRequests: 0,
        ...(checksum === 'crc64' ? { rangeGetContentCrc64: true } : {}),
        ...(checksum === 'md5' ? { rangeGetContentMD5: true } : {}),
      });
      assertSameRange({ operation: 'Get Blob', what }, range, response);
      await fillFrom(what, response.readableStreamBody, into, signal, this.#onReceived);
      return response;
    });
    if (checksum === 'crc64' && contentCrc64 !== undefined) return { algorithm: checksum, value: contentCrc64 };
    if (checksum === 'md5' && contentMD5 !== undefined) return { algorithm: checksum, value: contentMD5 };
    return undefined;
  }

  close(): void {
    this.#access.close();
    this.#connections.close();
  }

  get #writeConditions(): { leaseId?: string; ifSequenceNumberEqualTo?: number } {
    const sequenceNumber = this.#sequenceNumber;
    return {
      ...(sequenceNumber === undefined ? {} : { ifSequenceNumberEqualTo: sequenceNumber }),
      ...this.leases.condition,
    };
  }
}

/** Whether the failure is an answer that means success. */
function isSuccess(operation: Operation, error: unknown): boolean {
  return error instanceof DestinationError && outcomeOf(operation, 409, error.reason ?? '').is === 'success';
}

/** Whether the failure means that the resource does not exist. */
function isAbsence(operation: Operation, error: unknown): boolean {
  return error instanceof DestinationError && outcomeOf(operation, 404, error.reason ?? '').is === 'absent';
}

function checksumHeader(checksum: Checksum | undefined): PageBlobUploadPagesOptions {
  switch (checksum?.algorithm) {
    case 'crc64':
      return { transactionalContentCrc64: checksum.value };
    case 'md5':
      return { transactionalContentMD5: checksum.value };
    default:
      return {};
  }
}
