// A page blob of Azure Storage, through @azure/storage-blob. The only file that knows the inclusive ranges of the REST API.
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
import { CredentialError, DestinationError, ServiceError, VhdupError } from '../errors.ts';
import type { RequestRecord } from '../events.ts';
import type { BlobAddress, BlobProperties, CreateBlobOptions, PageBlob } from '../target/page-blob.ts';
import type { PageRangeList, ReadOptions } from '../target/page-store.ts';
import { outcomeOf } from './answers.ts';
import type { Credential, SdkCredential } from './auth/credentials.ts';
import { openAccess } from './auth/open-access.ts';
import { assertSasCreatesContainers } from './auth/sas.ts';
import type { Access, AccessOptions, Signer } from './auth/signer.ts';
import { AzureBlobLeases } from './blob-leases.ts';
import { assertEchoed, assertSameRange, propertiesOf } from './checked-answers.ts';
import { toServiceError } from './errors.ts';
import { boundedAnswers, type PipelinePolicy } from './network/bounded-answers.ts';
import { Connections } from './network/connections.ts';
import { requestBody, type Throttle } from './network/request-body.ts';
import { answeredRequest, failedRequest } from './network/request-record.ts';
import { collectingGarbage, fillFrom } from './network/response-body.ts';
import type { Operation } from './operations.ts';

export interface ConnectOptions extends AccessOptions {
  /** A socket that moves no byte for so long is given up, in milliseconds. @default 60,000 */
  readonly stallTimeoutMs?: number;
  /** Waited for before each piece of a request's body is sent. */
  readonly throttle?: Throttle;
  /** Sent as User-Agent, before the SDK's own. */
  readonly userAgent: string;
  /** Collects what was allocated lately: called from time to time while data are received. @default nothing */
  readonly collectGarbage?: () => void;
  /** Called after each request. */
  readonly onRequest?: (record: RequestRecord) => void;
}

const CONTENT_TYPE = 'application/octet-stream';

/** Ranges listed in one request. The service gives no more at once, and answers within its time limit. */
const PAGE_RANGES_PER_REQUEST = 10_000;

/** Sends nothing yet. */
export async function connectPageBlob(
  address: BlobAddress,
  credential: Credential | undefined,
  options: ConnectOptions,
): Promise<PageBlob> {
  const access = await openAccess(credential, address, options);
  const connections = new Connections(address.url, options.stallTimeoutMs ?? 60_000);
  // All retries are ours: the SDK's neither cover all transient failures nor honour Retry-After. A redirect would take the
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
  return new AzurePageBlob(address, access, makeClients, connections, options);
}

/** With what is read by the pipeline but absent from its type. */
interface PipelineOptions extends StoragePipelineOptions {
  readonly agent: Agent;
  readonly redirectOptions: { readonly maxRetries: number };
  readonly additionalPolicies: readonly { readonly policy: PipelinePolicy; readonly position: 'perRetry' }[];
}

/** What sends requests with one credential. */
interface Clients {
  readonly blob: PageBlobClient;
  readonly container: ContainerClient;
}

class AzurePageBlob implements PageBlob {
  readonly address: BlobAddress;
  requests = 0;
  readonly leases: AzureBlobLeases;
  readonly #access: Access;
  readonly #makeClients: (sdk: SdkCredential) => Clients;
  readonly #connections: Connections;
  readonly #throttle: ConnectOptions['throttle'];
  readonly #onReceived: ((bytes: number) => void) | undefined;
  readonly #onRequest: ConnectOptions['onRequest'];
  /** Which signer's request a refusal answers. */
  readonly #refused = new WeakMap<CredentialError, Signer>();
  #inUse: { readonly signer: Signer; readonly clients: Clients };
  #sequenceNumber: number | undefined;

  constructor(
    address: BlobAddress,
    access: Access,
    makeClients: (sdk: SdkCredential) => Clients,
    connections: Connections,
    { throttle, collectGarbage, onRequest }: ConnectOptions,
  ) {
    this.address = address;
    this.#access = access;
    this.#makeClients = makeClients;
    this.#connections = connections;
    this.#throttle = throttle;
    this.#onReceived = collectGarbage && collectingGarbage(collectGarbage);
    this.#onRequest = onRequest;
    const { signer } = access;
    this.#inUse = { signer, clients: makeClients(signer.sdk) };
    this.leases = new AzureBlobLeases(
      () => this.#blob,
      (operation, send) => this.#send(operation, operation, send),
    );
  }

  get url(): string {
    return this.address.url;
  }

  get credentialEndsOn(): Date | undefined {
    return this.#access.expiresOn;
  }

  async renewed(error: unknown, signal: AbortSignal): Promise<boolean> {
    if (!(error instanceof CredentialError)) return false;
    const refused = this.#refused.get(error);
    return refused !== undefined && (await this.#access.renewed(refused, error, signal));
  }

  guardWith(sequenceNumber: number): void {
    this.#sequenceNumber = sequenceNumber;
  }

  async createContainer(signal: AbortSignal): Promise<void> {
    const operation = 'Create Container';
    const { sas } = this.#access.signer.sdk;
    // The service would only say that the signature is wrong.
    if (sas !== undefined) assertSasCreatesContainers(sas);
    try {
      // Not createIfNotExists: it makes up an answer where the container exists.
      await this.#send(operation, operation, () => this.#container.create({ abortSignal: signal }));
    } catch (error) {
      if (!isSuccess(operation, error)) throw error;
    }
  }

  async properties(signal: AbortSignal): Promise<BlobProperties | undefined> {
    const operation = 'Get Blob Properties';
    try {
      const response = await this.#send(operation, operation, () => this.#blob.getProperties({ abortSignal: signal }));
      return propertiesOf(response);
    } catch (error) {
      if (isAbsence(operation, error)) return undefined;
      throw error;
    }
  }

  async create({ size, sequenceNumber, metadata, replaces }: CreateBlobOptions, signal: AbortSignal): Promise<void> {
    await this.#send('Put Blob', 'Put Blob', () =>
      this.#blob.create(size, {
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
    const response = await this.#send('Put Page', what, () =>
      this.#blob.uploadPages(body, range.offset, range.length, {
        abortSignal: signal,
        conditions: this.#writeConditions,
        ...checksumHeader(checksum),
      }),
    );
    assertEchoed(what, checksum, response);
  }

  async clear({ offset, length }: ByteRange, abortSignal: AbortSignal): Promise<void> {
    await this.#send('Clear Pages', `Clear Pages ${offset}+${length}`, () =>
      this.#blob.clearPages(offset, length, { abortSignal, conditions: this.#writeConditions }),
    );
  }

  async pageRanges(marker: string | undefined, signal: AbortSignal): Promise<PageRangeList> {
    // listPageRanges, not getPageRanges: the count that one gives is a byte short.
    const pages = this.#blob
      .listPageRanges(0, undefined, { abortSignal: signal })
      .byPage({ maxPageSize: PAGE_RANGES_PER_REQUEST, ...(marker === undefined ? {} : { continuationToken: marker }) });
    const list = await this.#send('Get Page Ranges', 'Get Page Ranges', async () => {
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
    const set = () => this.#blob.setMetadata({ ...metadata }, { abortSignal, conditions });
    return (await this.#send('Set Blob Metadata', 'Set Blob Metadata', set)).etag;
  }

  async setContentMd5(md5: Uint8Array, abortSignal: AbortSignal, etag?: string): Promise<string | undefined> {
    // The request replaces all of the headers that a blob stores.
    const headers = { blobContentMD5: md5, blobContentType: CONTENT_TYPE };
    const conditions = { ...this.leases.condition, ...(etag === undefined ? {} : { ifMatch: etag }) };
    const set = () => this.#blob.setHTTPHeaders(headers, { abortSignal, conditions });
    return (await this.#send('Set Blob Properties', 'Set Blob Properties', set)).etag;
  }

  async read(
    range: ByteRange,
    into: Uint8Array,
    { etag, checksum }: ReadOptions,
    signal: AbortSignal,
  ): Promise<Checksum | undefined> {
    const what = `Get Blob ${range.offset}+${range.length}`;
    const { contentCrc64, contentMD5 } = await this.#send('Get Blob', what, async () => {
      const response = await this.#blob.download(range.offset, range.length, {
        abortSignal: signal,
        conditions: { ifMatch: etag },
        // Retries are ours.
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

  get #blob(): PageBlobClient {
    return this.#clients.blob;
  }

  get #container(): ContainerClient {
    return this.#clients.container;
  }

  /** Clients of the signer that is in use now. */
  get #clients(): Clients {
    const { signer } = this.#access;
    if (signer !== this.#inUse.signer) this.#inUse = { signer, clients: this.#makeClients(signer.sdk) };
    return this.#inUse.clients;
  }

  async #send<T extends object>(operation: Operation, what: string, send: () => Promise<T>): Promise<T> {
    this.requests += 1;
    const { signer } = this.#access;
    const startMs = performance.now();
    let record: RequestRecord | undefined;
    try {
      const response: { requestId?: string } & T = await send();
      record = answeredRequest(what, performance.now() - startMs, response);
      this.#connections.answered();
      signer.wasAccepted = true;
      return response;
    } catch (error) {
      // Some errors of our own come before anything was sent.
      if (record === undefined && isAboutAnswer(error)) {
        record = failedRequest(what, performance.now() - startMs, error);
      }
      // Now, and not when it was sent: another request may have been accepted meanwhile.
      const signedWith = { sas: signer.sdk.sas, wasAccepted: signer.wasAccepted };
      const failure = toServiceError({ operation, what, signedWith, proxy: this.#connections.proxy }, error);
      if (failure instanceof CredentialError) this.#refused.set(failure, signer);
      throw failure;
    } finally {
      if (record !== undefined) this.#onRequest?.(record);
    }
  }
}

function isAboutAnswer(error: unknown): boolean {
  return !(error instanceof VhdupError) || (error instanceof ServiceError && error.failure.requestId !== undefined);
}

/** Whether the failure is an answer that stands for success. */
function isSuccess(operation: Operation, error: unknown): boolean {
  return error instanceof DestinationError && outcomeOf(operation, 409, error.reason ?? '').is === 'success';
}

/** Whether the failure is an answer that there is no such thing. */
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
