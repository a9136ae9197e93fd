// The request log of the page-blob test server, for assertions such as "no range was sent twice".

import type { ByteRange } from '../../../src/base/byte-range.ts';
import { type HttpCounters, newHttpCounters } from '../test-server/counters.ts';
import type { Fault } from './faults.ts';
import type { Operation } from './request.ts';

/** One request. The log has the order of arrival. */
export interface LoggedRequest {
  readonly id: string;
  readonly clientRequestId: string | undefined;
  readonly method: string;
  readonly operation: Operation;
  readonly container: string;
  readonly blob: string;
  /** Undefined if the request has no valid one. */
  readonly range: ByteRange | undefined;
  /** Names in lower case. */
  readonly query: ReadonlyMap<string, string>;
  readonly headers: ReadonlyMap<string, string>;
  readonly fault: Fault['kind'] | undefined;
  /** Undefined until, or unless, an answer was sent. */
  readonly status: number | undefined;
  readonly errorCode: string | undefined;
  readonly bodyBytes: number;
  /** Whether the operation changed something, even if the client got no answer. */
  readonly committed: boolean;
  /** Whether the connection ended before the answer was complete, by the client or by a fault. */
  readonly aborted: boolean;
}

/** Sums over all requests. Also kept without a log. */
export interface RequestCounters extends HttpCounters<Operation> {
  /** Bytes of Put Page that were committed. */
  bytesCommitted: number;
  /** Bytes of Put Page that were committed over earlier data. */
  bytesRewritten: number;
  /** When the first Put Page came, in milliseconds of the Unix epoch. */
  firstPutPageAt: number | undefined;
}

/** Counters at zero. */
export function newCounters(): RequestCounters {
  return { ...newHttpCounters<Operation>(), bytesCommitted: 0, bytesRewritten: 0, firstPutPageAt: undefined };
}

/** Resets the counters, except those of requests in flight. */
export function resetCounters(counters: RequestCounters): void {
  const { byOperation, byStatus, byErrorCode, ...sums } = newCounters();
  Object.assign(counters, { ...sums, inFlight: counters.inFlight, peakInFlight: counters.inFlight });
  for (const map of [counters.byOperation, counters.byStatus, counters.byErrorCode]) map.clear();
}
