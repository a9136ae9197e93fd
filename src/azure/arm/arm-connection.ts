// Sends one request to Azure Resource Manager and reads its answer, within limits and without following redirects.
import { randomUUID } from 'node:crypto';
import {
  createDefaultHttpClient,
  createHttpHeaders,
  createPipelineRequest,
  type PipelineResponse,
} from '@azure/core-rest-pipeline';
import { codeOf, messageOf } from '../../base/thrown.ts';
import { ServiceError } from '../../errors.ts';
import type { RequestRecord } from '../../events.ts';
import { foreignOutcomeOf } from '../answers.ts';
import { foreignAnswer, networkError } from '../errors.ts';
import { Connections } from '../network/connections.ts';
import { requestRecord } from '../network/request-record.ts';
import { readText } from '../network/response-text.ts';
import { trustingMoreIssuers } from '../network/trusted-issuers.ts';
import { armErrorOf, isObject, type JsonObject } from './arm-error.ts';
import { unusableArmAnswer } from './arm-failure.ts';

export type ArmMethod = 'GET' | 'PUT' | 'PATCH' | 'POST' | 'DELETE';

export interface ArmHttpRequest {
  /** For messages: "Create disk web01". */
  readonly what: string;
  readonly method: ArmMethod;
  /** May contain a signature: never shown. */
  readonly url: string;
  readonly body?: JsonObject | undefined;
}

export interface ArmAnswer {
  readonly status: number;
  /** Undefined if the answer has no body, or reports an error without JSON. */
  readonly body: JsonObject | undefined;
  /** `x-ms-request-id`. */
  readonly requestId: string | undefined;
  /** @param name - In lower case. */
  header(name: string): string | undefined;
}

export interface ArmConnectionOptions {
  /** A socket is closed after this time without a byte, in milliseconds. @default 60,000 */
  readonly stallTimeoutMs?: number;
  /** The header User-Agent. */
  readonly userAgent: string;
  /** Called after each request. */
  readonly onRequest?: (record: RequestRecord) => void;
}

/** Every status: all bodies are read here, within a limit. */
const EVERY_STATUS = new Set([Number.POSITIVE_INFINITY]);
/** A resource has a few kilobytes; an image version in all regions about a hundred. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
const SERVICE = 'Azure Resource Manager';

export class ArmConnection {
  readonly #client = createDefaultHttpClient();
  readonly #connections: Connections;
  readonly #options: ArmConnectionOptions;

  /** @throws {UsageError} the proxy in the environment is not a URL. */
  constructor(endpoint: string, options: ArmConnectionOptions) {
    this.#connections = new Connections(endpoint, options.stallTimeoutMs ?? 60_000);
    this.#options = options;
  }

  /**
   * @returns the answer of the service, whatever its status.
   * @throws {ServiceError} there is no answer, or it does not come from the service, or it is unreadable; an AbortError on abort.
   */
  async send(request: ArmHttpRequest, token: string, signal: AbortSignal): Promise<ArmAnswer> {
    const { what } = request;
    const clientRequestId = randomUUID();
    const startMs = performance.now();
    const record = (fields: { status?: number; reason?: string | undefined; requestId?: string | undefined }) => {
      const durationMs = performance.now() - startMs;
      this.#options.onRequest?.(
        requestRecord({
          status: undefined,
          reason: undefined,
          requestId: undefined,
          ...fields,
          what,
          clientRequestId,
          durationMs,
        }),
      );
    };
    try {
      const answer = await this.#exchange(request, token, clientRequestId, signal);
      const reason = answer.status < 300 ? undefined : armErrorOf(answer.body)?.codes[0];
      record({ status: answer.status, reason, requestId: answer.requestId });
      this.#connections.answered();
      return answer;
    } catch (error) {
      signal.throwIfAborted();
      const failure = this.#failureOf(what, error);
      if (failure instanceof ServiceError) record(failure.failure);
      throw failure;
    }
  }

  close(): void {
    this.#connections.close();
  }

  async #exchange(
    { what, method, url, body }: ArmHttpRequest,
    token: string,
    clientRequestId: string,
    signal: AbortSignal,
  ): Promise<ArmAnswer> {
    const request = createPipelineRequest({
      url,
      method,
      headers: createHttpHeaders({
        Accept: 'application/json',
        Authorization: `Bearer ${token}`,
        'User-Agent': this.#options.userAgent,
        'x-ms-client-request-id': clientRequestId,
        ...(body === undefined ? {} : { 'Content-Type': 'application/json; charset=utf-8' }),
        // Without a body, Node.js would omit the length, and some gateways answer with 411.
        ...(body === undefined && method !== 'GET' ? { 'Content-Length': 0 } : {}),
      }),
      abortSignal: signal,
      streamResponseStatusCodes: EVERY_STATUS,
      // Only endpoints on this machine may use http: see armTarget.
      allowInsecureConnection: url.startsWith('http:'),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    // The constructor ignores its option of this name.
    request.agent = this.#connections.agent;
    const response = await trustingMoreIssuers.sendRequest(request, (sent) => this.#client.sendRequest(sent));
    return this.#answerOf(what, response, await textOf(what, response, signal));
  }

  #answerOf(what: string, { status, headers }: PipelineResponse, text: string): ArmAnswer {
    const body = jsonObject(text);
    const requestId = headers.get('x-ms-request-id') ?? headers.get('x-ms-correlation-request-id');
    const isOfService = body !== undefined || [...headers].some(([name]) => /^(?:x-ms-|azure-async)/i.test(name));
    if (!isOfService) {
      const { proxy } = this.#connections;
      const [contentType, retryAfter] = [headers.get('content-type'), headers.get('retry-after')];
      const outcome = foreignOutcomeOf(undefined, status);
      const proxyAuthenticate = headers.get('proxy-authenticate');
      throw foreignAnswer({ what, proxy }, SERVICE, { status, contentType, retryAfter, proxyAuthenticate }, outcome);
    }
    if (body === undefined && text.trim() !== '' && status < 300) {
      throw unusableArmAnswer({ what }, 'its answer is not a JSON object', requestId);
    }
    return { status, body, requestId, header: (name) => headers.get(name) };
  }

  #failureOf(what: string, error: unknown): unknown {
    if (!(error instanceof Error) || error instanceof ServiceError || error.name === 'AbortError') return error;
    const code = codeOf(error);
    if (error.name !== 'RestError' && code === undefined) return error;
    return networkError(
      { what, proxy: this.#connections.proxy },
      { message: error.message, ...(code === undefined ? {} : { code }) },
    );
  }
}

async function textOf(what: string, response: PipelineResponse, signal: AbortSignal): Promise<string> {
  const { readableStreamBody: body, headers } = response;
  if (body === undefined) return '';
  let text: string | undefined;
  try {
    text = await readText(body, MAX_ANSWER_BYTES);
  } catch (error) {
    signal.throwIfAborted();
    const reason = codeOf(error) ?? 'BodyLost';
    throw new ServiceError(`${what} failed: its answer was cut off: ${messageOf(error)}.`, { reason, transient: true });
  }
  if (text !== undefined) return text.replace(/^\uFEFF/, '');
  throw unusableArmAnswer(
    { what },
    `its answer is longer than ${MAX_ANSWER_BYTES} bytes`,
    headers.get('x-ms-request-id'),
  );
}

/** Undefined if the text is not a JSON object. */
function jsonObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
