// A thin client for Azure Resource Manager: requests with a fresh token, retries, long-running operations.
import { setTimeout as delay } from 'node:timers/promises';
import { DestinationError, ServiceError } from '../../errors.ts';
import type { ArmStep } from '../../events.ts';
import type { TokenSource } from '../auth/credentials.ts';
import { retryAfter } from '../errors.ts';
import { type ArmAnswer, ArmConnection, type ArmConnectionOptions, type ArmHttpRequest } from './arm-connection.ts';
import { isObject, type JsonObject, textIn } from './arm-error.ts';
import { armFailure, type FailedArmRequest, unusableArmAnswer } from './arm-failure.ts';
import type { ArmTarget } from './arm-target.ts';
import { ArmTokens } from './arm-tokens.ts';
import { followOperation, type LongMethod } from './long-running.ts';

/** Runs a request until it succeeds or fails permanently: the `Retrier` of `transfer/retry.ts`. */
export interface Retries {
  run<T>(what: string, signal: AbortSignal, operation: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

export interface ArmClientOptions extends ArmConnectionOptions {
  readonly target: Pick<ArmTarget, 'endpoint' | 'armScope'>;
  readonly credential: TokenSource;
  readonly retries: Retries;
  /** How long a long-running operation may take, in milliseconds. @default 12 hours */
  readonly maxOperationMs?: number;
  /** Called when an operation that changes something starts, before each of its polls, and when it ends. */
  readonly onStep?: (step: ArmStep) => void;
  /** Waits between polls. @default a timer */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** A request for a resource, or for an action on it. */
export interface ArmRequest extends FailedArmRequest {
  readonly apiVersion: string;
  /** The last part of the path for a POST: "beginGetAccess". */
  readonly action?: string;
  /** What a GET reports in addition: "ReplicationStatus". */
  readonly expand?: string;
}

interface Operation {
  readonly request: ArmRequest;
  readonly method: LongMethod;
  readonly body: JsonObject | undefined;
  readonly hasResult: boolean;
  /** Called before each pause. */
  readonly waiting: () => void;
}

/** The first pause between polls if the service does not ask for one, and the following ones, in milliseconds. */
const FIRST_PAUSE_MS = 1000;
const PAUSE_MS = 2000;
/** The longest honoured `Retry-After`, in milliseconds. */
const MAX_PAUSE_MS = 5 * 60_000;
const MAX_OPERATION_MS = 12 * 3_600_000;
/** How often an operation is started if it fails for a reason that passes, such as OperationPreempted. */
const MAX_STARTS = 4;
/** Of a list. Each page has hundreds of resources. */
const MAX_PAGES = 100;
/** The codes that mean: this resource does not exist, although its resource group does. */
const ABSENT = ['ResourceNotFound', 'NotFound', 'HTTP 404'];

/**
 * All methods retry what is transient and throw a VhdupError otherwise, whose `reason` is the innermost code of the service. On
 * abort, they throw the reason of the signal. Requests and their polls go to the host of the endpoint only.
 */
export class ArmClient {
  readonly #options: ArmClientOptions;
  readonly #connection: ArmConnection;
  readonly #tokens: ArmTokens;
  readonly #wait: NonNullable<ArmClientOptions['wait']>;

  constructor(options: ArmClientOptions) {
    this.#options = options;
    this.#connection = new ArmConnection(options.target.endpoint, options);
    this.#tokens = new ArmTokens(options.credential, options.target.armScope);
    this.#wait = options.wait ?? waitFor;
  }

  /** The resource. @throws {DestinationError} it does not exist. */
  async get(request: ArmRequest, signal: AbortSignal): Promise<JsonObject> {
    const { body = {} } = await this.#retried(request, { method: 'GET', url: this.#urlOf(request) }, signal);
    return body;
  }

  /** The resource; undefined if it does not exist. @throws {DestinationError} its resource group or subscription does not exist. */
  async find(request: ArmRequest, signal: AbortSignal): Promise<JsonObject | undefined> {
    try {
      return await this.get(request, signal);
    } catch (error) {
      if (error instanceof DestinationError && ABSENT.includes(error.reason ?? '')) return undefined;
      throw error;
    }
  }

  /** All resources of a list, which the service may return in several pages. */
  async list(request: ArmRequest, signal: AbortSignal): Promise<readonly JsonObject[]> {
    const found: JsonObject[] = [];
    let url: string | undefined = this.#urlOf(request);
    for (let page = 1; url !== undefined; page++) {
      if (page > MAX_PAGES) throw endless(request);
      const { body }: ArmAnswer = await this.#retried(request, { method: 'GET', url }, signal);
      const value = body?.['value'];
      found.push(...(Array.isArray(value) ? value.filter(isObject) : []));
      const next: string | undefined = textIn(body, 'nextLink');
      url = next === undefined ? undefined : this.#ownUrl(request, next);
    }
    return found;
  }

  /** Creates or updates the resource. @returns the resource once it is provisioned. */
  async put(request: ArmRequest, body: JsonObject, signal: AbortSignal): Promise<JsonObject> {
    return (await this.#operate(request, 'PUT', body, false, signal)) ?? (await this.get(request, signal));
  }

  /** Changes some fields of the resource. @returns the resource once it is provisioned. */
  async patch(request: ArmRequest, body: JsonObject, signal: AbortSignal): Promise<JsonObject> {
    return (await this.#operate(request, 'PATCH', body, false, signal)) ?? (await this.get(request, signal));
  }

  /** An action without a result. */
  async post(request: ArmRequest, body: JsonObject | undefined, signal: AbortSignal): Promise<void> {
    await this.#operate(request, 'POST', body, false, signal);
  }

  /** An action with a result. */
  async postForResult(request: ArmRequest, body: JsonObject, signal: AbortSignal): Promise<JsonObject> {
    return (await this.#operate(request, 'POST', body, true, signal)) ?? {};
  }

  /** Deletes the resource. Succeeds if it does not exist. */
  async delete(request: ArmRequest, signal: AbortSignal): Promise<void> {
    try {
      await this.#operate(request, 'DELETE', undefined, false, signal);
    } catch (error) {
      if (!(error instanceof DestinationError && ABSENT.includes(error.reason ?? ''))) throw error;
    }
  }

  /** Waits as between two polls, for callers that read a resource until it changes. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    await this.#wait(ms, signal);
  }

  close(): void {
    this.#connection.close();
  }

  /** Runs a long-running operation to its end, and reports its steps. */
  async #operate(
    request: ArmRequest,
    method: LongMethod,
    body: JsonObject | undefined,
    hasResult: boolean,
    signal: AbortSignal,
  ): Promise<JsonObject | undefined> {
    const startMs = performance.now();
    const report = (state: ArmStep['state']) =>
      this.#options.onStep?.({ step: request.what, state, elapsedMs: performance.now() - startMs });
    report('started');
    try {
      const start = { request, method, body, hasResult, waiting: () => report('waiting') };
      const result = await this.#operateUntilDone(start, signal);
      report('succeeded');
      return result;
    } catch (error) {
      report('failed');
      throw error;
    }
  }

  /** Starts a long-running operation and follows it. An operation that fails for a passing reason is started again. */
  async #operateUntilDone(operation: Operation, signal: AbortSignal): Promise<JsonObject | undefined> {
    const { request } = operation;
    for (let start = 1; ; start++) {
      try {
        return await this.#operateOnce(operation, signal);
      } catch (error) {
        // A single request has used up its retries already, and its error is permanent.
        if (!(error instanceof ServiceError && error.failure.transient)) throw error;
        if (start === MAX_STARTS) {
          const { failure } = error;
          const message = `Gave up ${request.what} after ${start} attempts. Last error: ${error.message}`;
          if (failure.isDestination === true) throw new DestinationError(message, { reason: failure.reason });
          throw new ServiceError(message, { ...failure, transient: false });
        }
        operation.waiting();
        await this.#wait(PAUSE_MS * 2 ** start, signal);
      }
    }
  }

  async #operateOnce(
    { request, method, body, hasResult, waiting }: Operation,
    signal: AbortSignal,
  ): Promise<JsonObject | undefined> {
    const first = await this.#retried(request, { method, url: this.#urlOf(request), body }, signal);
    const read = (url: string, accepted: readonly number[]) =>
      this.#retried(request, { method: 'GET', url }, signal, accepted, `${request.what} (status)`);
    const { maxOperationMs = MAX_OPERATION_MS } = this.#options;
    let [polls, waitedMs] = [0, 0];
    const result = await followOperation(first, {
      method,
      hasResult,
      poll: (url) => read(this.#ownUrl(request, url), [404, 410]),
      readResource: () => read(this.#urlOf({ ...request, action: '' }), [404]),
      pause: async (answer) => {
        const { retryAfterMs = 0 } = retryAfter(answer.header('retry-after'));
        const pauseMs =
          retryAfterMs > 0 ? Math.min(retryAfterMs, MAX_PAUSE_MS) : polls === 0 ? FIRST_PAUSE_MS : PAUSE_MS;
        if (waitedMs >= maxOperationMs) throw stillRunning(request, waitedMs);
        waiting();
        await this.#wait(pauseMs, signal);
        polls += 1;
        waitedMs += pauseMs;
      },
      failed: (answer, code) =>
        armFailure(request, { status: 'operation', code, body: answer.body, requestId: answer.requestId }),
    });
    if (result !== undefined || !hasResult) return result;
    throw unusableArmAnswer(request, 'the operation succeeded, but without a result', first.requestId);
  }

  /**
   * @param accepted - Statuses that are answers and not errors, in addition to 2xx.
   * @param label - The name of the request in records and notices. @default that in error messages
   */
  async #retried(
    { what, path }: FailedArmRequest,
    request: Omit<ArmHttpRequest, 'what'>,
    signal: AbortSignal,
    accepted: readonly number[] = [],
    label: string = what,
  ): Promise<ArmAnswer> {
    return await this.#options.retries.run(label, signal, async (attemptSignal) => {
      const answer = await this.#authorized({ ...request, what: label }, attemptSignal);
      const { status, body, requestId } = answer;
      if (accepted.includes(status)) return answer;
      if (status >= 200 && status < 300) {
        const isEmpty = request.method === 'GET' && accepted.length === 0 && body === undefined;
        if (isEmpty) throw unusableArmAnswer({ what }, 'its answer is empty', requestId);
        return answer;
      }
      throw armFailure({ what, path }, { status, body, requestId, retryAfter: answer.header('retry-after') });
    });
  }

  /** Sends the request, and once more with another token if the service rejects the token. */
  async #authorized(request: ArmHttpRequest, signal: AbortSignal): Promise<ArmAnswer> {
    const token = await this.#tokens.current(signal);
    const answer = await this.#connection.send(request, token, signal);
    if (answer.status !== 401) return answer;
    const other = await this.#tokens.replacing(token, answer.header('www-authenticate'), signal);
    return other === undefined ? answer : await this.#connection.send(request, other, signal);
  }

  #urlOf({ path, action = '', apiVersion, expand }: ArmRequest): string {
    const suffix = action === '' ? '' : `/${action}`;
    const more = expand === undefined ? '' : `&$expand=${expand}`;
    return `${this.#options.target.endpoint}${path}${suffix}?api-version=${encodeURIComponent(apiVersion)}${more}`;
  }

  /**
   * A URL from an answer, unchanged: its query may be signed.
   * @throws {ServiceError} it is on another host. The message does not contain the query.
   */
  #ownUrl({ what }: ArmRequest, url: string): string {
    const { endpoint } = this.#options.target;
    if (url.startsWith('/') && !url.startsWith('//')) return endpoint + url;
    if (URL.canParse(url) && new URL(url).origin === endpoint) return url;
    const host = URL.canParse(url) ? new URL(url).origin : 'an address that is not a URL';
    throw new ServiceError(
      `${what} failed: the answer refers to ${host} for the rest, but the token may only go to ${endpoint}. An operation that has started may still succeed. Check --arm-endpoint.`,
      { reason: 'ForeignUrl', transient: false },
    );
  }
}

function endless({ what }: ArmRequest): ServiceError {
  return new ServiceError(`${what} failed: the list has more than ${MAX_PAGES} pages.`, {
    reason: 'EndlessList',
    transient: false,
  });
}

function stillRunning({ what }: ArmRequest, waitedMs: number): ServiceError {
  return new ServiceError(
    `${what} is still running after ${Math.round(waitedMs / 60_000)} minutes. It may still succeed: run the same command again later.`,
    { reason: 'OperationTimeout', transient: false },
  );
}

async function waitFor(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch {
    signal.throwIfAborted();
  }
}
