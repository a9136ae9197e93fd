// Every answer of the service comes in here, below the SDK, which would read any body whole into memory and follow redirects.
import { unusableAnswer } from '../errors.ts';
import { type Operation, operationOf, provenStatus } from '../operations.ts';
import { checkPageList } from './page-list.ts';

/** The parts of the pipeline's types that are used here; the SDK does not export them. */
interface PipelineRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: { get(name: string): string | undefined };
  readonly abortSignal?: { readonly aborted: boolean };
  /** Statuses whose body is handed over as a stream instead of being read. */
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

/** So the pipeline says: a stream, whatever the status. */
const EVERY_STATUS = new Set([Number.POSITIVE_INFINITY]);
/** An error of the service has some hundred bytes. */
const MAX_ERROR_BYTES = 64 * 1024;
/** The service lists 10,000 ranges, in 1 MiB; an emulator lists everything at once. */
const MAX_PAGE_LIST_BYTES = 8 * 1024 * 1024;
/** What is not needed is not waited for any longer, in milliseconds. */
const MAX_ERROR_MS = 10_000;

/**
 * Reads the body of each answer within a limit for its kind, and takes a 2xx of another number for success where the headers
 * prove it. Only the bytes of a blob are left in their stream.
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
      return response;
    },
  };
}

function restore(request: PipelineRequest, streamed: Set<number> | undefined): void {
  if (streamed === undefined) delete request.streamResponseStatusCodes;
  else request.streamResponseStatusCodes = streamed;
}

/**
 * @throws an error that carries the answer, where it says success but is not the service's: the SDK would take it for one.
 * @throws {ServiceError} bytes of a blob without what the SDK needs to read them; transient.
 */
function assertUsable(operation: Operation | undefined, response: PipelineResponse): void {
  const { status, headers, readableStreamBody: body } = response;
  if (status < 200 || status > 299) return;
  const requestId = headers.get('x-ms-request-id');
  const problem =
    requestId === undefined
      ? Object.assign(new Error("The answer is not the service's."), { response })
      : operation === 'Get Blob'
        ? missingHeader(operation, headers, requestId)
        : undefined;
  if (problem === undefined) return;
  if (body !== undefined) end(body);
  throw problem;
}

function missingHeader(operation: Operation, headers: PipelineResponse['headers'], requestId: string) {
  const missing = ['etag', 'content-length'].find((name) => headers.get(name) === undefined);
  if (missing === undefined) return undefined;
  return unusableAnswer({ operation, what: operation }, `its answer has no header ${missing}`, requestId);
}

/** @throws {ServiceError} not a list of ranges of the blob; transient. */
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
    throw fail(`its answer broke off, ${error instanceof Error ? error.message : String(error)}`);
  }
  if (text === undefined) throw fail(`its answer is longer than ${MAX_PAGE_LIST_BYTES} bytes`);
  const size = headers.get('x-ms-blob-content-length');
  const problem = checkPageList(text, size === undefined ? Number.POSITIVE_INFINITY : Number(size));
  if (problem !== undefined) throw fail(problem);
  // The SDK takes a list of another type for an empty one.
  headers.set('content-type', 'application/xml');
  return text;
}

/** The body where it is short, whole and in time, otherwise nothing: the headers say what is needed. */
async function readError(body: NodeJS.ReadableStream, maxMs: number): Promise<string> {
  const timer = setTimeout(() => end(body), maxMs);
  try {
    const text = (await readText(body, MAX_ERROR_BYTES)) ?? '';
    // No answer of the service declares entities, which may expand without end.
    return text.includes('<!') ? '' : text;
  } catch {
    return '';
  } finally {
    clearTimeout(timer);
  }
}

/** Undefined for a text of more than `maxBytes`. */
async function readText(body: NodeJS.ReadableStream, maxBytes: number): Promise<string | undefined> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of body) {
    const bytes = Buffer.from(piece as Buffer);
    length += bytes.length;
    if (length > maxBytes) {
      end(body);
      return undefined;
    }
    pieces.push(bytes);
  }
  return Buffer.concat(pieces).toString();
}

/** Its connection ends with it. What that means to the stream has nobody else to hear it. */
function end(body: NodeJS.ReadableStream): void {
  body.on('error', () => undefined);
  if ('destroy' in body && typeof body.destroy === 'function') body.destroy();
}

function aborted(): Error {
  return Object.assign(new Error('The operation was aborted.'), { name: 'AbortError' });
}
