// A page-blob service on loopback for tests and benchmarks. It is stricter than Azurite, like Azure, and faulty on demand.

import { randomBytes, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server as NetServer } from 'node:net';
import type { ByteRange } from '../../../src/base/byte-range.ts';
import {
  accountSas,
  connectionString,
  type SasOptions,
  type StorageAccount,
  sasUrl,
  urlOf,
} from '../storage-account.ts';
import { makeTestCertificates } from '../test-certificates.ts';
import {
  checkVersion,
  commonHeaders,
  errorAnswer,
  faultAnswer,
  faultError,
  garbled,
  proxyPage,
  serviceFailure,
  unexpected,
} from './answers.ts';
import { type AccessPolicy, authorize, type Credentials } from './authorization.ts';
import { requestBodyTooLarge, ServiceError } from './error.ts';
import { type Answer, ConnectionGone, Exchange } from './exchange.ts';
import { type AnswerFault, type Fault, FaultRules, flipBit, seededRandom } from './faults.ts';
import { count, type LoggedRequest, newCounters, type RequestCounters } from './log.ts';
import { RequestRate, type ServiceModel, SharedLink } from './model.ts';
import type { RequestBody, ServiceResponse } from './operation.ts';
import { MAX_BLOB_SIZE, perform } from './operations.ts';
import { MAX_PUT_PAGE } from './page-operations.ts';
import { parseRequest, requestedRange, type ServiceRequest } from './request.ts';
import { createSkimmingServer, SKIMMED_LENGTH } from './skimmer.ts';
import { BlobStore, StoredBlob } from './store.ts';

const DEFAULT_STALL_MS = 60_000;
const MAX_SMALL_BODY = 64 * 1024 * 1024;
const HOUR_MS = 60 * 60 * 1000;

/** Options of a server. */
export interface PageBlobServerOptions {
  /** Default: devstoreaccount1. */
  readonly account?: string;
  /** The account's key in base64; default: a new one. */
  readonly key?: string;
  /** HTTPS with a certificate of a new authority (`caCertificate`). */
  readonly tls?: boolean;
  /** 0, the default, lets the system choose. */
  readonly port?: number;
  /** Store no contents, only the written ranges. */
  readonly discard?: boolean;
  /** False: do not compute or check checksums, and echo the one of the request. For benchmarks. */
  readonly verifyChecksums?: boolean;
  /** False: count requests without recording them. */
  readonly keepLog?: boolean;
  /** Put Page bodies are dropped before they are parsed. Needs `discard`, and no TLS, checksums or bandwidth limit. */
  readonly skim?: boolean;
  /** Maximum number of ranges in one Get Page Ranges. @default 10,000, which is also the maximum */
  readonly rangesPerResponse?: number;
  /** Maximum size of a page blob in bytes. @default 8 TiB, as in Azure */
  readonly maxBlobSize?: number;
  /** The bearer token that is accepted (over TLS only, as in Azure). */
  readonly bearerToken?: string;
  /** For faults with a probability. */
  readonly seed?: number;
  readonly model?: ServiceModel;
}

/** A disk made by `createManagedDisk`. */
export interface ManagedDisk {
  readonly blob: StoredBlob;
  readonly url: string;
}

/** Starts a server on 127.0.0.1. */
export async function startPageBlobServer(options: PageBlobServerOptions = {}): Promise<PageBlobServer> {
  const server = new PageBlobServer(options);
  await server.listen(options.port ?? 0);
  return server;
}

/** A running server. All public members may be used while requests are served. */
export class PageBlobServer implements StorageAccount {
  readonly account: string;
  readonly key: string;
  /** PEM, with TLS only. */
  readonly caCertificate: string | undefined;
  readonly faults: FaultRules;
  readonly model: ServiceModel;
  readonly counters: RequestCounters = newCounters();
  readonly log: LoggedRequest[] = [];
  readonly #options: PageBlobServerOptions;
  readonly #server: Server;
  /** The listening server: the HTTP server itself, or the skimmer before it. */
  readonly #listener: NetServer;
  readonly #store = new BlobStore();
  readonly #credentials: Credentials;
  readonly #link: SharedLink;
  readonly #rate: RequestRate;
  readonly #watchers = new Set<() => void>();
  #port = 0;
  #clockOffsetMs = 0;

  constructor(options: PageBlobServerOptions) {
    this.#options = options;
    this.account = options.account ?? 'devstoreaccount1';
    this.key = options.key ?? randomBytes(64).toString('base64');
    this.faults = new FaultRules(seededRandom(options.seed ?? 1));
    this.model = { ...options.model };
    this.#link = new SharedLink(this.model);
    this.#rate = new RequestRate(this.model);
    this.#credentials = {
      account: this.account,
      key: this.key,
      bearerToken: options.bearerToken,
      expiredTokens: new Set(),
      usedSignatures: new Set(),
      expiredSignatures: new Set(),
      policies: new Map(),
    };
    const certificates = options.tls ? makeTestCertificates([`${this.account}.blob.localhost`]) : undefined;
    this.caCertificate = certificates?.caCertificate;
    this.#server =
      certificates === undefined
        ? createServer()
        : createTlsServer({ key: certificates.key, cert: certificates.certificate });
    this.#server.on('request', (message, response) => void this.#handle(message, response));
    this.#server.on('connection', () => {
      this.counters.connections += 1;
    });
    this.#listener = options.skim
      ? createSkimmingServer((connection) => this.#server.emit('connection', connection))
      : this.#server;
    // Clients reuse idle connections. If the server closed them first, tests would see unwanted errors.
    this.#server.keepAliveTimeout = 10 * 60_000;
    this.#server.requestTimeout = 0;
  }

  /** URL of the account, with the account in the path, as in an emulator. */
  get url(): string {
    return `${this.#options.tls ? 'https' : 'http'}://127.0.0.1:${this.#port}/${this.account}`;
  }

  get connectionString(): string {
    return connectionString(this);
  }

  get port(): number {
    return this.#port;
  }

  /** The clock of the server: that of the system, plus `advanceClock`. Leases, SAS and Last-Modified use it. */
  now(): Date {
    return new Date(Date.now() + this.#clockOffsetMs);
  }

  advanceClock(ms: number): void {
    this.#clockOffsetMs += ms;
  }

  /** The accepted bearer token. When a new one is set, the previous one counts as expired. */
  get bearerToken(): string | undefined {
    return this.#credentials.bearerToken;
  }

  set bearerToken(token: string | undefined) {
    if (this.#credentials.bearerToken !== undefined) this.#credentials.expiredTokens.add(this.#credentials.bearerToken);
    if (token !== undefined) this.#credentials.expiredTokens.delete(token);
    this.#credentials.bearerToken = token;
  }

  /** Creates a container without a request, unless it exists. */
  createContainer(name: string): void {
    if (!this.#store.containers.has(name)) this.#store.createContainer(name, this.now());
  }

  /** Creates a page blob of zeros without a request. */
  createPageBlob(container: string, name: string, size: number): StoredBlob {
    const stored = this.#store.containers.get(container) ?? this.#store.createContainer(container, this.now());
    const blob = new StoredBlob('PageBlob', size, this.now(), this.#options.discard ?? false);
    this.#store.touch(blob, this.now());
    stored.blobs.set(name, blob);
    return blob;
  }

  /** Creates a managed disk that waits for its upload. A stored policy has the permissions and the expiry of its URL, as in Azure. */
  createManagedDisk(size: number, expiresOn = new Date(this.now().getTime() + HOUR_MS)): ManagedDisk {
    const container = `disk-${randomUUID().slice(0, 8)}`;
    const policy = randomUUID();
    const blob = this.createPageBlob(container, 'abcd', size);
    blob.isManagedDisk = true;
    this.setAccessPolicy(container, policy, { permissions: 'rw', expiresOn });
    return { blob, url: this.sasUrl({ container, blob: 'abcd', policy }) };
  }

  /** The stored blob. @throws if there is none. */
  blob(container: string, name: string): StoredBlob {
    const blob = this.#store.containers.get(container)?.blobs.get(name);
    if (blob === undefined) throw new Error(`There is no blob ${name} in container ${container}.`);
    return blob;
  }

  hasBlob(container: string, name: string): boolean {
    return this.#store.containers.get(container)?.blobs.has(name) ?? false;
  }

  /** Updates the ETag and the time of a blob after a test has changed it without a request. */
  touch(blob: StoredBlob): void {
    this.#store.touch(blob, this.now());
  }

  /** Deletes a blob without a request, even if it is leased. */
  deleteBlob(container: string, name: string): void {
    this.#store.containers.get(container)?.blobs.delete(name);
  }

  /** The URL of a container or blob, without credentials. */
  urlOf(container: string, blob?: string): string {
    return urlOf(this, container, blob);
  }

  /** The URL of a container or blob with a service SAS, by default for an hour of the server's clock. Never returns a SAS that `expireSas` has expired. */
  sasUrl(options: SasOptions): string {
    for (let expiresAt = this.now().getTime() + HOUR_MS; ; expiresAt += 1000) {
      const url = sasUrl(this, { expiresOn: new Date(expiresAt), ...options });
      const isFixed = options.expiresOn !== undefined || options.policy !== undefined;
      if (isFixed || !this.#credentials.expiredSignatures.has(signatureOf(url))) return url;
    }
  }

  /** The query of an account SAS for the blob service. */
  accountSas(permissions: string, resourceTypes = 'sco'): string {
    return accountSas(this, permissions, resourceTypes, new Date(this.now().getTime() + HOUR_MS));
  }

  setAccessPolicy(container: string, id: string, policy: AccessPolicy): void {
    this.#credentials.policies.set(`${container}/${id}`, policy);
  }

  /** Makes the SAS in `url`, or every SAS used so far, expire. New ones work. */
  expireSas(url?: string): void {
    const signatures = url === undefined ? this.#credentials.usedSignatures : [signatureOf(url)];
    for (const expired of signatures) this.#credentials.expiredSignatures.add(expired);
  }

  /** Resolves as soon as `condition` is true. It is checked whenever a request starts, commits or ends. */
  when(condition: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const watch = () => {
        try {
          if (!condition()) return;
          resolve();
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
        this.#watchers.delete(watch);
      };
      this.#watchers.add(watch);
      watch();
    });
  }

  /** Takes the server off the network: open connections break and new ones are refused, until called with false. */
  async refuseConnections(refuse: boolean): Promise<void> {
    if (refuse === this.#listener.listening) await (refuse ? this.close() : this.listen(this.#port));
  }

  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#listener.once('error', reject);
      this.#listener.listen(port, '127.0.0.1', () => {
        this.#listener.removeListener('error', reject);
        resolve();
      });
    });
    this.#port = (this.#listener.address() as AddressInfo).port;
  }

  /** Closes the server, including open connections. */
  async close(): Promise<void> {
    if (!this.#listener.listening) return;
    await new Promise<void>((resolve) => {
      this.#listener.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #handle(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const { counters } = this;
    counters.requests += 1;
    counters.inFlight += 1;
    counters.peakInFlight = Math.max(counters.peakInFlight, counters.inFlight);
    const id = `00000000-0000-0000-0000-${counters.requests.toString(16).padStart(12, '0')}`;
    const request = parseRequest(message, id, this.#options.tls ?? false);
    const exchange = new Exchange(message, response, this.#link);
    count(counters.byOperation, request.operation);
    if (request.operation === 'PutPage') counters.firstPutPageAt ??= Date.now();
    const entry = this.#newEntry(request);
    this.#changed();
    try {
      await this.#serve(exchange, request, entry);
    } catch (error) {
      if (!(error instanceof ConnectionGone)) throw error;
    } finally {
      counters.inFlight -= 1;
      entry.aborted = exchange.isGone;
      this.#changed();
    }
  }

  async #serve(exchange: Exchange, request: ServiceRequest, entry: Entry): Promise<void> {
    const { operation, blob } = request;
    const bodyBytes = Number(request.headers.get('content-length') ?? 0);
    const fault = this.faults.strike({ operation, blob, range: entry.range, bodyBytes });
    entry.fault = fault?.kind;
    if (fault?.kind === 'reset-before-read') return exchange.reset();
    if (fault?.kind === 'stall-body') {
      await exchange.stallBody(fault.maxMs ?? DEFAULT_STALL_MS);
      return exchange.reset();
    }
    if (fault?.kind === 'answer' && fault.isEarly === true)
      return await this.#answerEarly(exchange, request, fault, entry);
    const body = await this.#receive(exchange, request, entry, fault);
    const answer = this.#answer(request, body, fault, entry);
    this.#changed();
    await exchange.wait(this.model.latencyMs ?? 0);
    await this.#deliver(exchange, answer, fault, entry);
  }

  async #receive(
    exchange: Exchange,
    request: ServiceRequest,
    entry: Entry,
    fault: Fault | undefined,
  ): Promise<ReceivedBody> {
    const { discard = false, verifyChecksums = true } = this.#options;
    const startedAt = performance.now();
    const limit = request.operation === 'PutPage' ? MAX_PUT_PAGE : MAX_SMALL_BODY;
    const body = await exchange.receive(verifyChecksums || !discard, limit, (bytes) => {
      entry.bodyBytes += bytes;
      this.counters.bytesReceived += bytes;
    });
    const skimmed = this.#options.skim ? Number(request.headers.get(SKIMMED_LENGTH) ?? 0) : 0;
    this.counters.bytesReceived += skimmed;
    const elapsedMs = performance.now() - startedAt;
    const pieces =
      fault?.kind === 'flip-received-bit' && body.pieces ? flipBit(body.pieces, fault.bit ?? 0) : body.pieces;
    return {
      length: body.length + skimmed,
      pieces,
      limit,
      isLate: elapsedMs > (this.model.operationTimeoutMs ?? Number.POSITIVE_INFINITY),
    };
  }

  #answer(request: ServiceRequest, body: ReceivedBody, fault: Fault | undefined, entry: Entry): Answer {
    const always = commonHeaders(request, this.now());
    try {
      if (fault?.kind === 'proxy-page') return proxyPage(fault.status);
      if (fault?.kind === 'status') throw faultError(fault);
      if (fault?.kind === 'answer' && fault.isDone !== true) return faultAnswer(fault, always, undefined);
      if (!this.#rate.admit()) throw serviceFailure(503, 'ServerBusy');
      const response = this.#perform(request, body);
      entry.committed = response.committed ?? false;
      if (entry.committed && request.operation === 'PutPage') this.counters.bytesCommitted += body.length;
      this.counters.bytesRewritten += response.rewritten ?? 0;
      const contentLength = response.contentLength ?? 0;
      const done = {
        status: response.status,
        headers: { ...always, ...response.headers, 'content-length': String(contentLength) },
        body: response.body ?? [],
      };
      return fault?.kind === 'answer' ? faultAnswer(fault, always, done) : done;
    } catch (error) {
      const failure = error instanceof ServiceError ? error : unexpected(error);
      entry.errorCode = failure.code;
      count(this.counters.byErrorCode, failure.code);
      return errorAnswer(failure, always, request.id, this.now());
    }
  }

  async #answerEarly(exchange: Exchange, request: ServiceRequest, fault: AnswerFault, entry: Entry): Promise<void> {
    const answer = faultAnswer(fault, commonHeaders(request, this.now()), undefined);
    entry.status = answer.status;
    count(this.counters.byStatus, answer.status);
    await exchange.send({ ...answer, headers: { ...answer.headers, connection: 'close' } }, () => undefined);
  }

  #perform(request: ServiceRequest, body: ReceivedBody): ServiceResponse {
    checkVersion(request);
    const now = this.now().getTime();
    const grant = authorize(request, this.#credentials, now);
    if (request.method === 'PUT' && !request.headers.has('content-length')) {
      throw new ServiceError(411, 'MissingContentLengthHeader', 'Content-Length HTTP header was not specified.');
    }
    if (body.length > body.limit) throw requestBodyTooLarge(body.limit);
    if (body.isLate) throw serviceFailure(500, 'OperationTimedOut');
    const {
      discard = false,
      verifyChecksums = true,
      rangesPerResponse = 10_000,
      maxBlobSize = MAX_BLOB_SIZE,
    } = this.#options;
    const limits = { rangesPerResponse, maxBlobSize };
    return perform({ request, body, grant, store: this.#store, now, discard, verifyChecksums, ...limits });
  }

  async #deliver(exchange: Exchange, answer: Answer, fault: Fault | undefined, entry: Entry): Promise<void> {
    switch (fault?.kind) {
      case 'reset-after-commit':
        return exchange.reset();
      case 'stall-answer':
        await exchange.wait(fault.maxMs ?? DEFAULT_STALL_MS);
        return exchange.reset();
      case 'truncated-answer':
        return exchange.sendHalf(answer);
      case 'garbled-answer':
        if (fault.form === 'not-http') return exchange.sendRaw('\u0000\u0001\u0002 this is not HTTP\r\n\r\n');
        answer = garbled(answer);
        break;
      case 'flip-sent-bit':
        answer = { ...answer, body: flipBit([...answer.body], fault.bit ?? 0) };
        break;
      case 'delay-answer':
        await exchange.wait(fault.delayMs);
        break;
      default:
    }
    entry.status = answer.status;
    count(this.counters.byStatus, answer.status);
    await exchange.send(answer, (bytes) => {
      this.counters.bytesSent += bytes;
    });
  }

  #newEntry(request: ServiceRequest): Entry {
    const entry: Entry = {
      id: request.id,
      clientRequestId: request.headers.get('x-ms-client-request-id'),
      method: request.method,
      operation: request.operation,
      container: request.container,
      blob: request.blob,
      range: readableRange(request),
      headers: request.headers,
      fault: undefined,
      status: undefined,
      errorCode: undefined,
      bodyBytes: 0,
      committed: false,
      aborted: false,
    };
    if (this.#options.keepLog ?? true) this.log.push(entry);
    return entry;
  }

  #changed(): void {
    for (const watch of [...this.#watchers]) watch();
  }
}

type Entry = { -readonly [K in keyof LoggedRequest]: LoggedRequest[K] };

interface ReceivedBody extends RequestBody {
  readonly limit: number;
  readonly isLate: boolean;
}

function signatureOf(url: string): string {
  return new URL(url).searchParams.get('sig') ?? '';
}

function readableRange(request: ServiceRequest): ByteRange | undefined {
  try {
    return requestedRange(request);
  } catch (error) {
    if (error instanceof ServiceError) return undefined;
    throw error;
  }
}
