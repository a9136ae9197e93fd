// Follows a long-running operation of Azure Resource Manager to its end. Knows nothing of HTTP: the caller sends the polls.
// Sources: Azure/azure-resource-manager-rpc, "Asynchronous operations"; recordings of disk, image and gallery operations.
import type { ArmAnswer } from './arm-connection.ts';
import { armErrorOf, type JsonObject, objectIn, textIn } from './arm-error.ts';

export type LongMethod = 'PUT' | 'PATCH' | 'POST' | 'DELETE';

export interface LongRunning {
  readonly method: LongMethod;
  /** Whether the end of the operation is a result (an access grant). Otherwise its success is enough. */
  readonly hasResult: boolean;
  /** GETs a URL of the operation. 404 and 410 are answers, not errors. */
  poll(url: string): Promise<ArmAnswer>;
  /** GETs the resource. 404 is an answer, not an error. */
  readResource(): Promise<ArmAnswer>;
  /** Waits before the next poll. */
  pause(answer: ArmAnswer): Promise<void>;
  /** The error for an operation that failed. `code` if the body contains no error. */
  failed(answer: ArmAnswer, code: string): Error;
}

type Phase = 'running' | 'done';

/** How often a resource that is to be deleted may look unchanged if the service reports nothing else. */
const MAX_UNCHANGED = 30;
/** How often a URL may be unknown before the operation counts as lost: its record may reach other servers late. */
const MAX_MISSING = 4;

/**
 * @param first - The answer to the request that started the operation, with a 2xx status.
 * @returns the resource after a PUT or PATCH, the result of a POST with one; undefined if there is none.
 * @throws what `failed` returns: the operation failed, was cancelled, or its record is lost (code OperationLost).
 */
export async function followOperation(first: ArmAnswer, operation: LongRunning): Promise<JsonObject | undefined> {
  const statusUrl = statusUrlIn(first);
  const locationUrl = first.header('location');
  const isAccepted = first.status === 202 || (operation.method === 'POST' && first.body === undefined);
  assertNotFailed(first, operation);
  if (statusUrl !== undefined) return await followStatus(statusUrl, locationUrl, first, operation);
  // Without 202, the location is that of the resource itself.
  if (locationUrl !== undefined && isAccepted) {
    const last = await followLocation(locationUrl, first, operation);
    return last === undefined || operation.method !== 'POST' ? await resultOf(last, operation) : outputIn(last);
  }
  if (operation.method === 'POST') return outputIn(first);
  const isOver = first.status !== 202 && phaseOf(first, 'resource', operation) === 'done';
  return isOver ? first.body : await followResource(first, operation);
}

/** Polls the status of the operation (`Azure-AsyncOperation`). */
async function followStatus(
  statusUrl: string,
  locationUrl: string | undefined,
  first: ArmAnswer,
  operation: LongRunning,
): Promise<JsonObject | undefined> {
  let [url, location, answer, missing] = [statusUrl, locationUrl, first, 0];
  for (;;) {
    await operation.pause(answer);
    answer = await operation.poll(url);
    if (isMissing(answer)) {
      missing += 1;
      if (missing >= MAX_MISSING) return await resultOf(undefined, operation);
      continue;
    }
    missing = 0;
    url = statusUrlIn(answer) ?? url;
    location = answer.header('location') ?? location;
    if (phaseOf(answer, 'status', operation) === 'done') break;
  }
  if (operation.method !== 'POST') return await resultOf(answer, operation);
  const output = objectIn(objectIn(answer.body, 'properties'), 'output');
  if (!operation.hasResult || output !== undefined || location === undefined) return output;
  const last = await followLocation(location, undefined, operation);
  return last === undefined ? await resultOf(undefined, operation) : outputIn(last);
}

/**
 * Polls the `Location` of the operation, which answers 202 until it has ended.
 * @param first - The answer to wait after; undefined to poll at once.
 * @returns undefined if the record of the operation is lost.
 */
async function followLocation(
  locationUrl: string,
  first: ArmAnswer | undefined,
  operation: LongRunning,
): Promise<ArmAnswer | undefined> {
  let [url, answer, missing] = [locationUrl, first, 0];
  for (;;) {
    if (answer !== undefined) await operation.pause(answer);
    answer = await operation.poll(url);
    if (isMissing(answer)) {
      // The location of a deleted resource may be gone with it.
      if (operation.method === 'DELETE') return answer;
      missing += 1;
      if (missing >= MAX_MISSING) return undefined;
      continue;
    }
    missing = 0;
    url = answer.header('location') ?? url;
    if (phaseOf(answer, 'location', operation) === 'done') return answer;
  }
}

/** Polls the resource itself until its `provisioningState` is final, or until it is gone. */
async function followResource(first: ArmAnswer | undefined, operation: LongRunning): Promise<JsonObject | undefined> {
  let [answer, missing, unchanged] = [first, 0, 0];
  for (;;) {
    if (answer !== undefined) await operation.pause(answer);
    answer = await operation.readResource();
    if (isMissing(answer)) {
      if (operation.method === 'DELETE') return undefined;
      missing += 1;
      if (missing >= MAX_MISSING) throw operation.failed(answer, 'ResourceNotFound');
      continue;
    }
    missing = 0;
    const phase = phaseOf(answer, 'resource', operation);
    if (phase === 'done' && endsInResource(operation)) return answer.body;
    unchanged = phase === 'done' ? unchanged + 1 : 0;
    // It is not being deleted after all.
    if (unchanged >= MAX_UNCHANGED) throw operation.failed(answer, 'OperationLost');
  }
}

/** @param last - The last answer about the operation; undefined if its record is lost. */
async function resultOf(last: ArmAnswer | undefined, operation: LongRunning): Promise<JsonObject | undefined> {
  if (endsInResource(operation)) return await followResource(undefined, operation);
  if (last !== undefined) return undefined;
  if (operation.method === 'DELETE') return await followResource(undefined, operation);
  throw operation.failed(
    { status: 404, body: undefined, requestId: undefined, header: () => undefined },
    'OperationLost',
  );
}

/** Whether the resource in its new state is the result. */
function endsInResource({ method }: LongRunning): boolean {
  return method === 'PUT' || method === 'PATCH';
}

function isMissing({ status }: ArmAnswer): boolean {
  return status === 404 || status === 410;
}

function statusUrlIn(answer: ArmAnswer): string | undefined {
  return answer.header('azure-asyncoperation') ?? answer.header('operation-location');
}

/**
 * The state in the body decides; the status code only if the body has none.
 * @throws what `failed` returns if the operation failed.
 */
function phaseOf(answer: ArmAnswer, source: 'status' | 'location' | 'resource', operation: LongRunning): Phase {
  assertNotFailed(answer, operation);
  const provisioning = textIn(objectIn(answer.body, 'properties'), 'provisioningState');
  const state = source === 'resource' ? provisioning : (textIn(answer.body, 'status') ?? provisioning);
  switch (state?.toLowerCase()) {
    case undefined:
      return answer.status === 202 ? 'running' : 'done';
    case 'succeeded':
      return 'done';
    case 'failed':
      throw operation.failed(answer, 'OperationFailed');
    case 'canceled':
    case 'cancelled':
      throw operation.failed(answer, 'Canceled');
    default:
      // InProgress, Running, Creating, Updating, ...
      return 'running';
  }
}

/** A 200 may contain an error. */
function assertNotFailed(answer: ArmAnswer, operation: LongRunning): void {
  const error = objectIn(answer.body, 'error');
  if (error !== undefined && armErrorOf({ error }) !== undefined) throw operation.failed(answer, 'OperationFailed');
}

/** The result of a POST, which may be wrapped as in the status of an operation. */
function outputIn({ body }: ArmAnswer): JsonObject | undefined {
  return objectIn(objectIn(body, 'properties'), 'output') ?? body;
}
