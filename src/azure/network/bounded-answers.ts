// A pipeline policy that bounds the size and duration of answers. The SDK alone would read any body into memory as a whole.
import { printable } from '../../base/printable.ts';
import { redact } from '../../base/redact.ts';
import { messageOf } from '../../base/thrown.ts';
import { unusableAnswer } from '../errors.ts';
import { type Operation, operationOf, provenStatus } from '../operations.ts';
import { parsePageList } from './page-list.ts';
import { closeIfUnfinished, destroyBody, readText } from './response-text.ts';

/** The parts of the pipeline's types that are used here. The SDK does not export them. */
interface PipelineRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: { get(name: string): string | undefined; set(name: string, value: string): void };
  readonly abortSignal?: { readonly aborted: boolean };
  /** Statuses whose body is passed on as a stream instead of being read. */
  streamResponseStatusCodes?: Set<number>;
}

interface PipelineResponse {
  status: number;
  readonly headers: { get(name: string): string | undefined; set(name: string, value: string): void };
  bodyAsText?: string | null | undefined;
  readableStreamBody?: NodeJS.ReadableStream;
}

export interface PipelinePolicy {
  readonly name: string;
  sendRequest<T extends PipelineResponse>(
    request: PipelineRequest,
    next: (request: PipelineRequest) => Promise<T>,
  ): Promise<T>;
}

/** The pipeline's notation for every status. */
const EVERY_STATUS = new Set([Number.POSITIVE_INFINITY]);
/** An error of the service has a few hundred bytes. */
const MAX_ERROR_BYTES = 64 * 1024;
/** The service lists 10,000 ranges at a time, in 1 MiB. An emulator lists everything at once. */
const MAX_PAGE_LIST_BYTES = 8 * 1024 * 1024;
/** How long a connection may take to report that a request was sent which is answered already, in milliseconds. */
const SUCCESS_FINISH_MS = 200;
const ERROR_FINISH_MS = 5000;
/** How long to wait for the body of an error, in milliseconds. */
const MAX_ERROR_MS = 10_000;

/**
 * Reads the body of each answer within a limit for its kind, and accepts an unexpected 2xx status if the headers prove success.
 * Only the bytes of a blob stay a stream.
 * @param errorMs - How long the body of an error may take, in milliseconds.
 */
export function boundedAnswers(errorMs = MAX_ERROR_MS): PipelinePolicy {
  return {
    name: 'vhdupBoundedAnswers',
    async sendRequest(request, next) {
      const streamed = request.streamResponseStatusCodes;
      request.streamResponseStatusCodes = EVERY_STATUS;
      const response = await next(request).finally(() => restore(request, streamed));
      const operation = operationOf(request);
      if (operation !== undefined) response.status = provenStatus(operation, response.status, response.headers);
      const { status, readableStreamBody: body } = response;
      assertUsable(operation, response);
      if (body === undefined || streamed?.has(status) === true) return response;
      delete response.readableStreamBody;
      response.bodyAsText =
        operation === 'Get Page Ranges' && status === 200
          ? await readPageList(operation, body, response, request)
          : await readError(body, errorMs);
      // After an error, the service may still take the rest of the body.
      closeIfUnfinished(body, status >= 200 && status <= 299 ? SUCCESS_FINISH_MS : ERROR_FINISH_MS);
      return response;
    },
  };
}

function restore(request: PipelineRequest, streamed: Set<number> | undefined): void {
  if (streamed === undefined) delete request.streamResponseStatusCodes;
  else request.streamResponseStatusCodes = streamed;
}

/**
 * @throws an error that carries the answer if it reports success but does not come from the service: the SDK would accept it.
 * @throws {ServiceError} an answer with bytes of a blob lacks a header that the SDK needs; transient.
 */
function assertUsable(operation: Operation | undefined, response: PipelineResponse): void {
  const { status, headers, readableStreamBody: body } = response;
  if (status < 200 || status > 299) return;
  const requestId = headers.get('x-ms-request-id');
  const problem =
    requestId === undefined
      ? Object.assign(new Error('The answer does not come from Azure Storage.'), { response })
      : operation === 'Get Blob'
        ? missingHeader(operation, headers, requestId)
        : undefined;
  if (problem === undefined) return;
  if (body !== undefined) destroyBody(body);
  throw problem;
}

function missingHeader(operation: Operation, headers: PipelineResponse['headers'], requestId: string) {
  const missing = ['etag', 'content-length'].find((name) => headers.get(name) === undefined);
  if (missing === undefined) return undefined;
  return unusableAnswer({ operation, what: operation }, `its answer has no header ${missing}`, requestId);
}

/** @throws {ServiceError} not a valid list of the blob's page ranges; transient. */
async function readPageList(
  operation: Operation,
  body: NodeJS.ReadableStream,
  { headers }: PipelineResponse,
  { abortSignal }: PipelineRequest,
): Promise<string> {
  const requestId = headers.get('x-ms-request-id');
  const fail = (problem: string) => unusableAnswer({ operation, what: operation }, problem, requestId);
  let text: string | undefined;
  try {
    text = await readText(body, MAX_PAGE_LIST_BYTES);
  } catch (error) {
    if (abortSignal?.aborted === true) throw aborted();
    throw fail(`its answer was cut off: ${printable(redact(messageOf(error)))}`);
  }
  if (text === undefined) throw fail(`its answer is longer than ${MAX_PAGE_LIST_BYTES} bytes`);
  const size = headers.get('x-ms-blob-content-length');
  const list = parsePageList(text, size === undefined ? Number.POSITIVE_INFINITY : Number(size));
  if ('problem' in list) throw fail(list.problem);
  // The SDK must not parse it again: it treats a list of another content type as empty.
  headers.set('content-type', 'text/plain');
  return text;
}

/** The body if it is short, complete and arrives in time; otherwise an empty text: the headers contain all that is needed. */
async function readError(body: NodeJS.ReadableStream, maxMs: number): Promise<string> {
  const timer = setTimeout(() => destroyBody(body), maxMs);
  try {
    const text = (await readText(body, MAX_ERROR_BYTES)) ?? '';
    // Entities may expand without end. The service never declares any.
    return text.includes('<!') ? '' : text;
  } catch {
    return '';
  } finally {
    clearTimeout(timer);
  }
}

function aborted(): Error {
  return Object.assign(new Error('The operation was aborted.'), { name: 'AbortError' });
}
