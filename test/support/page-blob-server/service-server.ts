// What every server of blobs does with a request: faults, log and counters, the body, the answer. What it allows is up to the server.

import type { Server as NetServer } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ByteRange } from '../../../src/base/byte-range.ts';
import type { TestCertificates } from '../test-certificates.ts';
import type { TestClock } from '../test-server/clock.ts';
import { count } from '../test-server/counters.ts';
import type { Answer, Exchange, RequestBody } from '../test-server/exchange.ts';
import { TestServer } from '../test-server/server.ts';
import { deliver, endsEarly, flipBit, proxyPage } from '../test-server/wire-faults.ts';
import { commonHeaders, errorAnswer, faultAnswer, faultError, serviceFailure, unexpected } from './answers.ts';
import { requestBodyTooLarge, ServiceError } from './error.ts';
import { type AnswerFault, type BlobFaultRules, type Fault, newBlobFaultRules } from './faults.ts';
import { type LoggedRequest, newCounters, type RequestCounters } from './log.ts';
import { RequestRate, type ServiceModel, SharedLink } from './model.ts';
import type { ServiceResponse } from './operation.ts';
import { MAX_PUT_PAGE } from './page-operations.ts';
import { parseRequest, requestedRange, type ServiceRequest } from './request.ts';
import { SKIMMED_LENGTH } from './skimmer.ts';

const MAX_SMALL_BODY = 64 * 1024 * 1024;

export interface BlobServiceOptions {
  readonly certificates?: TestCertificates | undefined;
  readonly clock?: TestClock | undefined;
  readonly listener?: ((onConnection: (connection: Duplex) => void) => NetServer) | undefined;
  /** False: bodies are counted, but neither stored nor checked. @default true */
  readonly keepBodies?: boolean;
  /** False: count requests without recording them. @default true */
  readonly keepLog?: boolean;
  /** For faults with a probability. @default 1 */
  readonly seed?: number | undefined;
  readonly model?: ServiceModel | undefined;
  /** Called for each request, before it is served. */
  readonly onRequest?: ((entry: LoggedRequest) => void) | undefined;
}

/** A body, with the limit of its operation. */
export interface ReceivedBody extends RequestBody {
  readonly limit: number;
  readonly isLate: boolean;
}

export abstract class BlobServiceServer extends TestServer {
  readonly faults: BlobFaultRules;
  readonly model: ServiceModel;
  readonly counters: RequestCounters = newCounters();
  readonly log: LoggedRequest[] = [];
  readonly #options: BlobServiceOptions;
  readonly #link: SharedLink;
  readonly #rate: RequestRate;

  constructor(options: BlobServiceOptions) {
    super(options);
    this.#options = options;
    this.faults = newBlobFaultRules(options.seed ?? 1);
    this.model = { ...options.model };
    this.#link = new SharedLink(this.model);
    this.#rate = new RequestRate(this.model);
  }

  /** Executes a request synchronously, so that nothing else changes the blobs meanwhile. Throws ServiceError. */
  protected abstract perform(request: ServiceRequest, body: ReceivedBody): ServiceResponse;

  protected override get link(): SharedLink {
    return this.#link;
  }

  protected override async serve(exchange: Exchange, id: string): Promise<void> {
    const request = parseRequest(exchange.message, id, this.isSecure);
    count(this.counters.byOperation, request.operation);
    if (request.operation === 'PutPage') this.counters.firstPutPageAt ??= Date.now();
    const entry = this.#newEntry(request);
    this.changed();
    try {
      await this.#exchange(exchange, request, entry);
    } finally {
      entry.aborted = exchange.isGone;
    }
  }

  async #exchange(exchange: Exchange, request: ServiceRequest, entry: Entry): Promise<void> {
    const { operation, blob } = request;
    const bodyBytes = Number(request.headers.get('content-length') ?? 0);
    const fault = this.faults.strike({ operation, blob, range: entry.range, bodyBytes });
    entry.fault = fault?.kind;
    if (await endsEarly(exchange, fault)) return;
    if (fault?.kind === 'answer' && fault.isEarly === true)
      return await this.#answerEarly(exchange, request, fault, entry);
    const body = await this.#receive(exchange, request, entry, fault);
    const answer = this.#answer(request, body, fault, entry);
    this.changed();
    await exchange.wait(this.model.latencyMs ?? 0);
    await deliver(exchange, answer, fault, {
      onStatus: (status) => {
        entry.status = status;
        count(this.counters.byStatus, status);
      },
      onBytes: (bytes) => {
        this.counters.bytesSent += bytes;
      },
    });
  }

  async #receive(
    exchange: Exchange,
    request: ServiceRequest,
    entry: Entry,
    fault: Fault | undefined,
  ): Promise<ReceivedBody> {
    const startedAt = performance.now();
    const limit = request.operation === 'PutPage' ? MAX_PUT_PAGE : MAX_SMALL_BODY;
    const body = await exchange.receive(this.#options.keepBodies ?? true, limit, (bytes) => {
      entry.bodyBytes += bytes;
      this.counters.bytesReceived += bytes;
    });
    const skimmed = this.#options.listener === undefined ? 0 : Number(request.headers.get(SKIMMED_LENGTH) ?? 0);
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
      const response = this.perform(request, body);
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

  #newEntry(request: ServiceRequest): Entry {
    const entry: Entry = {
      id: request.id,
      clientRequestId: request.headers.get('x-ms-client-request-id'),
      method: request.method,
      operation: request.operation,
      container: request.container,
      blob: request.blob,
      range: readableRange(request),
      query: request.query,
      headers: request.headers,
      fault: undefined,
      status: undefined,
      errorCode: undefined,
      bodyBytes: 0,
      committed: false,
      aborted: false,
    };
    if (this.#options.keepLog ?? true) this.log.push(entry);
    this.#options.onRequest?.(entry);
    return entry;
  }
}

/** What every service refuses in a body. Throws 411, 413 or 500. */
export function checkBody(request: ServiceRequest, body: ReceivedBody): void {
  if (request.method === 'PUT' && !request.headers.has('content-length')) {
    throw new ServiceError(411, 'MissingContentLengthHeader', 'Content-Length HTTP header was not specified.');
  }
  if (body.length > body.limit) throw requestBodyTooLarge(body.limit);
  if (body.isLate) throw serviceFailure(500, 'OperationTimedOut');
}

type Entry = { -readonly [K in keyof LoggedRequest]: LoggedRequest[K] };

function readableRange(request: ServiceRequest): ByteRange | undefined {
  try {
    return requestedRange(request);
  } catch (error) {
    if (error instanceof ServiceError) return undefined;
    throw error;
  }
}
