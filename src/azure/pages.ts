// The pages of one blob, through @azure/storage-blob. With network/page-list.ts, the only file that handles the inclusive ranges of the
// REST API.
import type { Agent } from 'node:http';
import {
  AnonymousCredential,
  type BlobGetPropertiesResponse,
  ContainerClient,
  PageBlobClient,
  type PageBlobUploadPagesOptions,
  type StoragePipelineOptions,
} from '@azure/storage-blob';
import type { ByteRange } from '../base/byte-range.ts';
import type { Checksum, PageRun } from '../base/page-run.ts';
import { DestinationError } from '../errors.ts';
import type { RequestRecord } from '../events.ts';
import type { BlobAddress } from '../target/page-blob.ts';
import type { PageRangeList, ReadOptions } from '../target/page-store.ts';
import { outcomeOf } from './answers.ts';
import type { Credential, SdkCredential } from './auth/credentials.ts';
import { openAccess } from './auth/open-access.ts';
import type { Access, AccessOptions } from './auth/signer.ts';
import { assertEchoed, assertSameRange } from './checked-answers.ts';
import { shownUrl } from './destination.ts';
import { boundedAnswers, type PipelinePolicy } from './network/bounded-answers.ts';
import { Connections } from './network/connections.ts';
import { parsePageList } from './network/page-list.ts';
import { requestBody, type Throttle } from './network/request-body.ts';
import { collectingGarbage, fillFrom } from './network/response-body.ts';
import { trustingMoreIssuers } from './network/trusted-issuers.ts';
import type { Operation } from './operations.ts';
import { type Clients, RequestSender } from './request-sender.ts';

export interface ConnectOptions extends AccessOptions {
  /** A socket is closed after this time without a byte, in milliseconds. @default 60,000 */
  readonly stallTimeoutMs?: number;
  /** Delays each piece of a request's body to keep to a rate limit. @default none */
  readonly throttle?: Throttle;
  /** Delays each piece of the body of an answer. @default none */
  readonly throttleReads?: Throttle;
  /** The start of the User-Agent header; the SDK appends its own. */
  readonly userAgent: string;
  /** Collects recently allocated memory. Called at regular intervals while data is received. @default none */
  readonly collectGarbage?: () => void;
  /** Called after each request. */
  readonly onRequest?: (record: RequestRecord) => void;
}

/** Page ranges per request: the service's maximum, which it can list within its time limit. */
const PAGE_RANGES_PER_REQUEST = 10_000;

/** What a connection to one blob consists of. */
export interface BlobClients {
  readonly access: Access;
  readonly requests: RequestSender;
  readonly connections: Connections;
}

/**
 * Creates the clients of a blob. Sends no request.
 * @param policies - See each attempt of each request, after its signature.
 * @param advice - The next step by error code, where it differs from that for a blob.
 */
export async function openClients(
  address: BlobAddress,
  credential: Credential | undefined,
  options: ConnectOptions,
  policies: readonly PipelinePolicy[] = [],
  advice?: ReadonlyMap<string, string>,
): Promise<BlobClients> {
  const access = await openAccess(credential, address, options);
  const connections = new Connections(address.url, options.stallTimeoutMs ?? 60_000);
  // vhdup retries by itself: the SDK neither retries all transient failures nor honours Retry-After. A redirect would send the
  // credential to another host.
  const pipelineOptions: PipelineOptions = {
    retryOptions: { maxTries: 1 },
    redirectOptions: { maxRetries: 0 },
    additionalPolicies: [trustingMoreIssuers, boundedAnswers(), ...policies].map((policy) => ({
      policy,
      position: 'perRetry',
    })),
    userAgentOptions: { userAgentPrefix: options.userAgent },
    agent: connections.agent,
  };
  const makeClients = ({ credential, sas, url = address.url }: SdkCredential): Clients => {
    const signer = credential ?? new AnonymousCredential();
    const withQuery = (place: string, ...query: readonly (string | undefined)[]) => {
      const parts = query.filter((part) => part !== undefined);
      return parts.length === 0 ? place : `${place}?${parts.join('&')}`;
    };
    return {
      blob: new PageBlobClient(withQuery(url, address.version, sas), signer, pipelineOptions),
      container: new ContainerClient(withQuery(address.containerUrl, sas), signer, pipelineOptions),
    };
  };
  const requests = new RequestSender(access, connections, makeClients, options.onRequest, advice);
  return { access, connections, requests };
}

/** Adds the options that the pipeline reads but its type does not declare. */
interface PipelineOptions extends StoragePipelineOptions {
  readonly agent: Agent;
  readonly redirectOptions: { readonly maxRetries: number };
  readonly additionalPolicies: readonly { readonly policy: PipelinePolicy; readonly position: 'perRetry' }[];
}

/** Conditions of a request. A blob that supports none sends none. */
export interface Conditions {
  readonly leaseId?: string;
  readonly ifSequenceNumberEqualTo?: number;
  readonly ifMatch?: string;
}

/** Moves pages, one attempt for each call. */
export abstract class AzurePages {
  readonly address: BlobAddress;
  protected readonly access: Access;
  protected readonly sender: RequestSender;
  readonly #connections: Connections;
  readonly #throttle: ConnectOptions['throttle'];
  readonly #throttleReads: ConnectOptions['throttleReads'];
  readonly #onReceived: ((bytes: number) => void) | undefined;

  constructor(
    address: BlobAddress,
    { access, requests, connections }: BlobClients,
    { throttle, throttleReads, collectGarbage }: ConnectOptions,
  ) {
    this.address = address;
    this.access = access;
    this.sender = requests;
    this.#connections = connections;
    this.#throttle = throttle;
    this.#throttleReads = throttleReads;
    this.#onReceived = collectGarbage && collectingGarbage(collectGarbage);
  }

  protected abstract get writeConditions(): Conditions;
  protected abstract readConditions(etag: string): Conditions;

  get requests(): number {
    return this.sender.count;
  }

  get url(): string {
    return shownUrl(this.address);
  }

  get credentialExpiresOn(): Date | undefined {
    return this.access.expiresOn;
  }

  renewed(error: unknown, signal: AbortSignal): Promise<boolean> {
    return this.sender.renewed(error, signal);
  }

  async write({ range, bytes, checksum }: PageRun, signal: AbortSignal): Promise<void> {
    const what = `Put Page ${range.offset}+${range.length}`;
    const isSecure = this.address.url.startsWith('https:');
    const body = requestBody(bytes, isSecure, this.#throttle, signal);
    const response = await this.sender.send('Put Page', what, () =>
      this.sender.blob.uploadPages(body, range.offset, range.length, {
        abortSignal: signal,
        conditions: this.writeConditions,
        ...checksumHeader(checksum),
      }),
    );
    assertEchoed(what, checksum, response);
  }

  async pageRanges(marker: string | undefined, signal: AbortSignal): Promise<PageRangeList> {
    // Not getPageRanges: its counts are one byte too small.
    const pages = this.sender.blob
      .listPageRanges(0, undefined, { abortSignal: signal })
      .byPage({ maxPageSize: PAGE_RANGES_PER_REQUEST, ...(marker === undefined ? {} : { continuationToken: marker }) });
    const answer = await this.sender.send('Get Page Ranges', 'Get Page Ranges', async () => (await pages.next()).value);
    // `boundedAnswers` has compared it with the size of the blob.
    const list = parsePageList(textOf(answer), Number.POSITIVE_INFINITY);
    if ('problem' in list) throw new TypeError(list.problem);
    return list;
  }

  async read(
    range: ByteRange,
    into: Uint8Array,
    { etag, checksum }: ReadOptions,
    signal: AbortSignal,
  ): Promise<Checksum | undefined> {
    const what = `Get Blob ${range.offset}+${range.length}`;
    const { contentCrc64, contentMD5 } = await this.sender.send('Get Blob', what, async () => {
      const response = await this.sender.blob.download(range.offset, range.length, {
        abortSignal: signal,
        conditions: this.readConditions(etag),
        // vhdup retries by itself.
        maxRetryRequests: 0,
        ...(checksum === 'crc64' ? { rangeGetContentCrc64: true } : {}),
        ...(checksum === 'md5' ? { rangeGetContentMD5: true } : {}),
      });
      assertSameRange({ operation: 'Get Blob', what }, range, response);
      await fillFrom(what, response.readableStreamBody, into, signal, {
        onReceived: this.#onReceived,
        throttle: this.#throttleReads,
      });
      return response;
    });
    if (checksum === 'crc64' && contentCrc64 !== undefined) return { algorithm: checksum, value: contentCrc64 };
    if (checksum === 'md5' && contentMD5 !== undefined) return { algorithm: checksum, value: contentMD5 };
    return undefined;
  }

  close(): void {
    this.access.close();
    this.#connections.close();
  }

  /** The answer to Get Blob Properties; undefined if the blob does not exist. */
  protected async head(signal: AbortSignal): Promise<BlobGetPropertiesResponse | undefined> {
    const operation = 'Get Blob Properties';
    try {
      return await this.sender.send(operation, operation, () =>
        this.sender.blob.getProperties({ abortSignal: signal }),
      );
    } catch (error) {
      if (isAbsence(operation, error)) return undefined;
      throw error;
    }
  }
}

/** Whether the failure means that the resource does not exist. */
export function isAbsence(operation: Operation, error: unknown): boolean {
  return error instanceof DestinationError && outcomeOf(operation, 404, error.reason ?? '').is === 'absent';
}

/** The text of an answer that `boundedAnswers` has read. The SDK keeps it, but its types do not declare that. */
function textOf(answer: object | undefined): string {
  const response = answer !== undefined && '_response' in answer ? answer._response : undefined;
  if (typeof response === 'object' && response !== null && 'bodyAsText' in response) return String(response.bodyAsText);
  throw new TypeError('This version of @azure/storage-blob does not expose the text of an answer.');
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
