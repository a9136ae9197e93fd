// The answers of Resource Manager on the wire: JSON, errors, and the first answers and polls of long-running operations.

import type { Answer } from '../test-server/exchange.ts';
import type { ArmError } from './errors.ts';
import type { RunningOperation } from './long-running.ts';
import { armTime } from './managed-disk.ts';

/** The headers of every answer. */
export function commonHeaders(id: string, now: Date): Record<string, string> {
  return {
    'cache-control': 'no-cache',
    pragma: 'no-cache',
    expires: '-1',
    date: now.toUTCString(),
    server: 'Microsoft-HTTPAPI/2.0',
    'x-content-type-options': 'nosniff',
    'x-ms-request-id': id,
    'x-ms-correlation-request-id': id,
    'x-ms-routing-request-id': `TEST:${id}`,
  };
}

/** An answer with JSON, or without a body if `json` is undefined. */
export function jsonAnswer(status: number, json: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  if (json === undefined) return { status, headers: { ...headers, 'content-length': '0' }, body: [] };
  const body = Buffer.from(JSON.stringify(json, null, 2));
  const type = { 'content-type': 'application/json; charset=utf-8', 'content-length': String(body.length) };
  return { status, headers: { ...headers, ...type }, body: [body] };
}

export function errorAnswer({ status, body, headers }: ArmError): Answer {
  return jsonAnswer(status, { error: body }, headers);
}

/** The answer to the request that started an operation. @param origin - Of the server. */
export function acceptedAnswer(
  running: RunningOperation,
  accepted: { readonly status: number; readonly json?: unknown },
  origin: string,
): Answer {
  const { outcome, variant } = running;
  if (outcome !== undefined && 'error' in outcome) {
    if (variant.failureIn === 'first-answer') return errorAnswer(outcome.error);
    if (variant.failureIn === 'first-answer-200') return jsonAnswer(200, { error: outcome.error.body });
  }
  return jsonAnswer(accepted.status, accepted.json, pollHeaders(running, origin));
}

/** The result of an operation that ends at once. */
export function finalAnswer(running: RunningOperation): Answer {
  const { outcome, variant } = running;
  if (outcome === undefined) throw new Error('The operation is not over.');
  if ('output' in outcome) return jsonAnswer(200, outcome.output);
  if (variant.failureIn.endsWith('-200')) return jsonAnswer(200, { error: outcome.error.body });
  return errorAnswer(outcome.error);
}

/** The answer to a poll by Azure-AsyncOperation: a status. @param isNew - Whether the poll URLs have changed. */
export function statusAnswer(running: RunningOperation, origin: string, isNew: boolean): Answer {
  const { id, outcome, variant, startedAt, endedAt } = running;
  const start = { startTime: armTime(startedAt) };
  if (outcome === undefined) {
    const headers = { ...retryAfter(running), ...(isNew ? pollHeaders(running, origin) : {}) };
    if (variant.isSilent) return jsonAnswer(202, undefined, headers);
    return jsonAnswer(200, { ...start, status: variant.inProgressStatus, name: id }, headers);
  }
  const times = { ...start, ...(endedAt && { endTime: armTime(endedAt) }) };
  if ('error' in outcome) {
    if (variant.failureIn === 'poll') return errorAnswer(outcome.error);
    if (variant.failureIn === 'poll-200') return jsonAnswer(200, { error: outcome.error.body });
    return jsonAnswer(200, { ...times, status: 'Failed', error: outcome.error.body, name: id });
  }
  const hasOutput = outcome.output !== undefined && variant.resultIn !== 'location';
  const properties = hasOutput ? { properties: { output: outcome.output } } : {};
  return jsonAnswer(200, { ...times, status: variant.succeededStatus, ...properties, name: id });
}

/** The answer to a poll by Location: 202 until the result is there. */
export function locationAnswer(running: RunningOperation, origin: string): Answer {
  const { outcome, variant } = running;
  if (outcome === undefined) {
    return jsonAnswer(202, undefined, { ...retryAfter(running), ...pollHeaders(running, origin) });
  }
  if ('error' in outcome) {
    return variant.failureIn === 'poll-200'
      ? jsonAnswer(200, { error: outcome.error.body })
      : errorAnswer(outcome.error);
  }
  return jsonAnswer(200, variant.resultIn === 'status' ? undefined : outcome.output);
}

function pollHeaders(running: RunningOperation, origin: string): Record<string, string> {
  const { variant, statusTarget, locationTarget } = running;
  const base = variant.pollOrigin ?? origin;
  const hasStatus = variant.headers === 'both' || variant.headers === 'azure-async-operation';
  const hasLocation = variant.headers === 'both' || variant.headers === 'location';
  return {
    ...(hasStatus && { 'azure-asyncoperation': `${base}${statusTarget}` }),
    ...(hasLocation && { location: `${base}${locationTarget}` }),
    ...retryAfter(running),
  };
}

function retryAfter({ variant }: RunningOperation): Record<string, string> {
  const { retryAfterSeconds } = variant;
  return retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) };
}
