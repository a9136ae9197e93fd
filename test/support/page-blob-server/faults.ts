// Faults of the page-blob test server: rules that select requests, and the fault for each.

import { type ByteRange, endOf } from '../../../src/base/byte-range.ts';
import { FaultRules, type Repetition } from '../test-server/fault-rules.ts';
import type { WireFault } from '../test-server/wire-faults.ts';
import type { Operation } from './request.ts';

/** The fault of a request. */
export type Fault =
  /** The service returns an error instead of executing the operation. The body is read first. */
  | { readonly kind: 'status'; readonly status: number; readonly code: string; readonly retryAfterSeconds?: number }
  /** Any answer that replaces that of the operation. */
  | AnswerFault
  | WireFault;

export interface AnswerFault {
  readonly kind: 'answer';
  /** @default the status of the operation if it was executed, otherwise 200 */
  readonly status?: number;
  /** `x-ms-error-code`, and the Code in the body if `body` is absent. */
  readonly code?: string;
  /** Added to the headers of the service, or replacing them; undefined omits a header. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** A text, or pieces, which may be endless. @default the body of the operation, or an error with the code */
  readonly body?: string | (() => Iterable<Uint8Array>);
  /** Whether something other than the service answers, without its headers. */
  readonly isForeign?: boolean;
  /** Whether the operation is executed. */
  readonly isDone?: boolean;
  /** Whether it is sent before the body of the request is read. The connection is closed afterwards. */
  readonly isEarly?: boolean;
}

/** Selects the requests that meet all given conditions. */
export interface FaultMatch extends Repetition {
  readonly operation?: Operation | readonly Operation[];
  readonly blob?: string;
  /** The range of the request overlaps this one. */
  readonly range?: ByteRange;
  /** The request's body is longer than this, in bytes. */
  readonly largerThan?: number;
}

/** The properties of a request that rules match. */
export interface FaultCandidate {
  readonly operation: Operation;
  readonly blob: string;
  readonly range: ByteRange | undefined;
  readonly bodyBytes: number;
}

/** The rules of a blob server. */
export type BlobFaultRules = FaultRules<FaultMatch, FaultCandidate, Fault>;

/** No rules. */
export function newBlobFaultRules(seed: number): BlobFaultRules {
  return new FaultRules(seededRandom(seed), meets);
}

function meets(candidate: FaultCandidate, { operation, blob, range, largerThan }: FaultMatch): boolean {
  if (operation !== undefined && ![operation].flat().includes(candidate.operation)) return false;
  if (blob !== undefined && blob !== candidate.blob) return false;
  if (largerThan !== undefined && candidate.bodyBytes <= largerThan) return false;
  return range === undefined || overlaps(range, candidate.range);
}

function overlaps(a: ByteRange, b: ByteRange | undefined): boolean {
  return b !== undefined && a.offset < endOf(b) && b.offset < endOf(a);
}

/** 503 ServerBusy, optionally with Retry-After. */
export function serverBusy(retryAfterSeconds?: number): Fault {
  return {
    kind: 'status',
    status: 503,
    code: 'ServerBusy',
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  };
}

/** 500 InternalError. */
export function internalError(): Fault {
  return { kind: 'status', status: 500, code: 'InternalError' };
}

/** 500 OperationTimedOut. */
export function operationTimedOut(): Fault {
  return { kind: 'status', status: 500, code: 'OperationTimedOut' };
}

/** A generator of numbers in [0, 1) that are the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
