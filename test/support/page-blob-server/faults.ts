// Faults of the page-blob test server: rules that select requests, and the fault for each.

import { type ByteRange, endOf } from '../../../src/base/byte-range.ts';
import type { Operation } from './request.ts';

/** The fault of a request. A stall ends when the client disconnects, the server closes, or with a reset after `maxMs` (default 60 s). */
export type Fault =
  /** The service returns an error instead of executing the operation. The body is read first. */
  | { readonly kind: 'status'; readonly status: number; readonly code: string; readonly retryAfterSeconds?: number }
  /** An HTML page, as a proxy or a captive portal sends it. */
  | { readonly kind: 'proxy-page'; readonly status: number }
  /** Any answer that replaces that of the operation. */
  | AnswerFault
  /** The connection is reset after the headers of the request. */
  | { readonly kind: 'reset-before-read' }
  /** The operation is executed, then the connection is reset, so the answer is lost. */
  | { readonly kind: 'reset-after-commit' }
  /** The server reads the body very slowly (64 KiB per 10 ms) and never answers. */
  | { readonly kind: 'stall-body'; readonly maxMs?: number }
  /** The operation is executed, but not answered. */
  | { readonly kind: 'stall-answer'; readonly maxMs?: number }
  /** The operation is executed, and answered late. */
  | { readonly kind: 'delay-answer'; readonly delayMs: number }
  /** The operation is executed, and the connection ends in the middle of the answer. */
  | { readonly kind: 'truncated-answer' }
  /** The operation is executed. The answer is not HTTP, or has a nonsense body without a checksum. */
  | { readonly kind: 'garbled-answer'; readonly form: 'not-http' | 'wrong-content' }
  /** One bit of the body changes on its way to the server. */
  | { readonly kind: 'flip-received-bit'; readonly bit?: number }
  /** One bit of the body of the answer changes on its way to the client. */
  | { readonly kind: 'flip-sent-bit'; readonly bit?: number };

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
export interface FaultMatch {
  readonly operation?: Operation | readonly Operation[];
  readonly blob?: string;
  /** The range of the request overlaps this one. */
  readonly range?: ByteRange;
  /** The request's body is longer than this, in bytes. */
  readonly largerThan?: number;
  /** Counted from 1 over the requests that meet the conditions above. */
  readonly nth?: number | readonly number[];
  /** 0 to 1, decided by the server's seeded generator. */
  readonly probability?: number;
  /** How often the rule applies. @default no limit, or once if `nth` is one number */
  readonly times?: number;
}

/** The properties of a request that rules match. */
export interface FaultCandidate {
  readonly operation: Operation;
  readonly blob: string;
  readonly range: ByteRange | undefined;
  readonly bodyBytes: number;
}

/** An active rule. */
export interface FaultRule {
  readonly on: FaultMatch;
  readonly fault: Fault;
  /** How often it has applied. */
  readonly hits: number;
  remove(): void;
}

/** The rules of a server. The first rule that matches a request applies. */
export class FaultRules {
  readonly #rules: ActiveRule[] = [];
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  add(on: FaultMatch, fault: Fault): FaultRule {
    const rule = new ActiveRule(on, fault, () => {
      const at = this.#rules.indexOf(rule);
      if (at >= 0) this.#rules.splice(at, 1);
    });
    this.#rules.push(rule);
    return rule;
  }

  clear(): void {
    this.#rules.length = 0;
  }

  /** The fault for this request, if any. Counts the request in every rule up to the one that applies. */
  strike(candidate: FaultCandidate): Fault | undefined {
    return this.#rules.find((rule) => rule.takes(candidate, this.#random))?.fault;
  }
}

class ActiveRule implements FaultRule {
  readonly on: FaultMatch;
  readonly fault: Fault;
  readonly remove: () => void;
  hits = 0;
  #seen = 0;

  constructor(on: FaultMatch, fault: Fault, remove: () => void) {
    this.on = on;
    this.fault = fault;
    this.remove = remove;
  }

  takes(candidate: FaultCandidate, random: () => number): boolean {
    if (!meets(candidate, this.on)) return false;
    const { nth, probability, times } = this.on;
    this.#seen += 1;
    if (nth !== undefined && ![nth].flat().includes(this.#seen)) return false;
    if (times !== undefined && this.hits >= times) return false;
    if (probability !== undefined && random() >= probability) return false;
    this.hits += 1;
    return true;
  }
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

/** A copy of `pieces` with one bit changed; `bit` counts from the start and wraps round. */
export function flipBit(pieces: readonly Uint8Array[], bit: number): Uint8Array[] {
  const copy = Buffer.concat(pieces);
  if (copy.length === 0) return [copy];
  const at = (bit >>> 3) % copy.length;
  copy.writeUInt8(copy.readUInt8(at) ^ (1 << (bit & 7)), at);
  return [copy];
}
