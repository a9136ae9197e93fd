// What a verb tells while it works. Events carry totals, never differences: missing one loses nothing.
import type { CheckFinding } from './check/check-report.ts';
import type { ServiceError } from './errors.ts';
import type { ProgressTotals } from './transfer/progress.ts';

/** Bytes and counts so far. */
export interface TransferTotals extends ProgressTotals {
  /** Requests sent by this run, failed ones included. */
  readonly requests: number;
  /** Requests that failed and were sent again. */
  readonly retries: number;
}

export type UploadEvent =
  | {
      readonly type: 'start';
      readonly image: string;
      readonly format: string;
      /** Virtual size of the disk in bytes. */
      readonly diskSize: number;
      /** Without SAS. */
      readonly url: string;
      readonly blobSize: number;
      readonly uploadId: string;
      /** Set where an earlier run is resumed: when it began. */
      readonly resumedFrom?: string;
      readonly checkpoint: string;
      readonly threads: number | 'auto';
    }
  | {
      /** A verification begins. */
      readonly type: 'start-verify';
      readonly image: string;
      readonly format: string;
      readonly diskSize: number;
      /** Without SAS. */
      readonly url: string;
      readonly blobSize: number;
      readonly method: 'ranges' | 'full';
      /** Whether an earlier run is being continued, and since when. */
      readonly resumedFrom?: string;
      /** Where its state is kept; `ranges` keeps none. */
      readonly checkpoint?: string;
      readonly threads: number | 'auto';
    }
  /**
   * While a blob is verified, `sent` counts what was read back, and an upload's totals begin again. While a structure is read,
   * all are bytes of its table.
   */
  | ({ readonly type: 'progress' } & TransferTotals)
  | {
      readonly type: 'retry';
      readonly what: string;
      /** The number of the try that failed. */
      readonly attempt: number;
      readonly delayMs: number;
      readonly reason: string;
      readonly message: string;
    }
  /** So many requests may be in flight now. */
  | { readonly type: 'concurrency'; readonly requests: number }
  | { readonly type: 'phase'; readonly phase: 'sending' | 'finishing' | 'verifying' }
  /** The SAS in use has ended; another one is waited for; the one that was given cannot be used; the upload goes on with a new one. */
  | {
      readonly type: 'credential';
      readonly state: 'expired' | 'wanted' | 'refused' | 'renewed';
      readonly message: string;
    }
  | ({ readonly type: 'request' } & RequestRecord)
  /** All is sent, but the MD5 of the whole VHD is not computed yet. In bytes. */
  | { readonly type: 'hashing'; readonly done: number; readonly size: number }
  | { readonly type: 'saved'; readonly checkpoint: string }
  | { readonly type: 'warning'; readonly code: string; readonly message: string }
  | { readonly type: 'debug'; readonly message: string };

/** One request to the service, as its support wants to know of it. Holds no secret. */
export interface RequestRecord {
  /** What was attempted: "Put Page 4194304+4194304". */
  readonly what: string;
  /** HTTP status; absent when no answer came. */
  readonly status?: number;
  /** `x-ms-error-code`, or the code of a network error. */
  readonly reason?: string;
  /** `x-ms-request-id`: the service's name for the request. */
  readonly requestId?: string;
  /** `x-ms-client-request-id`: our name for it. */
  readonly clientRequestId?: string;
  readonly durationMs: number;
}

export type EventListener = (event: UploadEvent) => void;

/** Calls `listener` so that it cannot break the work it watches: what it throws is dropped, at once or later. */
export function shielded(listener: EventListener | undefined): EventListener {
  return (event) => {
    try {
      // The type allows an async function too; Node ends the program for a rejection that nobody handles.
      const result: unknown = listener?.(event);
      if (result instanceof Promise) result.catch(() => undefined);
    } catch {
      // An observer's failure is the observer's.
    }
  };
}

export function retryEvent(notice: {
  what: string;
  attempt: number;
  delayMs: number;
  error: ServiceError;
}): UploadEvent {
  const { what, attempt, delayMs, error } = notice;
  return { type: 'retry', what, attempt, delayMs, reason: error.failure.reason, message: error.message };
}

/** A finding of the check before an upload that does not stop it. */
export function checkEvent({ id, title, found, fix }: CheckFinding): UploadEvent {
  return { type: 'warning', code: `check-${id}`, message: `${title}: ${found}. ${fix ?? ''}`.trimEnd() };
}
