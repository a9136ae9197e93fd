// The counters that every test server keeps.

/** Sums over all requests. Also kept without a log. */
export interface HttpCounters<Operation> {
  requests: number;
  inFlight: number;
  peakInFlight: number;
  connections: number;
  bytesReceived: number;
  bytesSent: number;
  readonly byOperation: Map<Operation, number>;
  readonly byStatus: Map<number, number>;
  readonly byErrorCode: Map<string, number>;
}

/** Counters at zero. */
export function newHttpCounters<Operation>(): HttpCounters<Operation> {
  return {
    requests: 0,
    inFlight: 0,
    peakInFlight: 0,
    connections: 0,
    bytesReceived: 0,
    bytesSent: 0,
    byOperation: new Map(),
    byStatus: new Map(),
    byErrorCode: new Map(),
  };
}

/** Adds one to a counter. */
export function count<K>(counters: Map<K, number>, key: K): void {
  counters.set(key, (counters.get(key) ?? 0) + 1);
}
