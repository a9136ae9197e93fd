// What the page-blob test server remembers of its requests, for assertions such as "no range was sent twice".

import type { ByteRange } from '../../../src/base/byte-range.ts';
import type { Fault } from './faults.ts';
import type { Operation } from './request.ts';

/** One request, in the order in which they came. */
export interface LoggedRequest {
  readonly id: string;
  readonly clientRequestId: string | undefined;
  readonly method: string;
  readonly operation: Operation;
  readonly container: string;
  readonly blob: string;
  /** Undefined where the request named none, or none that can be read. */
  readonly range: ByteRange | undefined;
  readonly headers: ReadonlyMap<string, string>;
  readonly fault: Fault['kind'] | undefined;
  /** Undefined until, or unless, an answer was sent. */
  readonly status: number | undefined;
  readonly errorCode: string | undefined;
  readonly bodyBytes: number;
  /** Whether the operation changed something, whatever the client learned of it. */
  readonly committed: boolean;
  /** Whether the connection ended before the answer was complete, through the client or through a fault. */
  readonly aborted: boolean;
}

/** Sums over all requests; also kept where the log is not. */
export interface RequestCounters {
  requests: number;
  inFlight: number;
  peakInFlight: number;
  connections: number;
  bytesReceived: number;
  bytesSent: number;
  /** Bytes of Put Page that were committed. */
  bytesCommitted: number;
  /** Bytes of Put Page that were committed where something had been written before. */
  bytesRewritten: number;
  /** When the first Put Page came, in milliseconds of the Unix epoch. */
  firstPutPageAt: number | undefined;
  readonly byOperation: Map<Operation, number>;
  readonly byStatus: Map<number, number>;
  readonly byErrorCode: Map<string, number>;
}

/** Counters at zero. */
export function newCounters(): RequestCounters {
  return {
    requests: 0,
    inFlight: 0,
    peakInFlight: 0,
    connections: 0,
    bytesReceived: 0,
    bytesSent: 0,
    bytesCommitted: 0,
    bytesRewritten: 0,
    firstPutPageAt: undefined,
    byOperation: new Map(),
    byStatus: new Map(),
    byErrorCode: new Map(),
  };
}

/** Counts from zero again; what is in flight stays so. */
export function resetCounters(counters: RequestCounters): void {
  const { byOperation, byStatus, byErrorCode, ...sums } = newCounters();
  Object.assign(counters, { ...sums, inFlight: counters.inFlight, peakInFlight: counters.inFlight });
  for (const map of [counters.byOperation, counters.byStatus, counters.byErrorCode]) map.clear();
}

/** Adds one to a counter. */
export function count<K>(counters: Map<K, number>, key: K): void {
  counters.set(key, (counters.get(key) ?? 0) + 1);
}
