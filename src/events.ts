// What a function reports while it works. Events carry totals, never differences: missing one loses nothing.
import type { ServiceError } from './errors.ts';

/** Bytes so far. */
export interface ProgressTotals {
  /** Bytes of the disk in windows that can hold data; undefined while the allocation tables are still being counted. */
  readonly planned: number | undefined;
  /** Bytes of these windows that are done, earlier runs included. */
  readonly done: number;
  /** Bytes read from the image by this run. */
  readonly read: number;
  /** Bytes acknowledged by the target in this run. */
  readonly sent: number;
  /** Bytes acknowledged in earlier runs, for the parts that are not sent again. */
  readonly sentBefore: number;
  /** Bytes skipped because the image does not allocate them, or its file has holes there; undefined while they are being counted. */
  readonly unallocated: number | undefined;
  /** Bytes read by this run and skipped because they are zero. */
  readonly zeros: number;
}

/** Bytes and counts so far. */
export interface TransferTotals extends ProgressTotals {
  /** Requests sent by this run, failed ones included. */
  readonly requests: number;
  /** Requests that failed and were retried. */
  readonly retries: number;
}

/** How much runs at once. */
interface StartedConcurrency {
  /** Requests in flight at most, as the options say. */
  readonly threads: number | 'auto';
  /**
   * Windows of 4 MiB in memory at most. Data without gaps takes a whole window for each request: of those, no more than this are
   * in flight, whatever `threads` says.
   */
  readonly maxWindows: number;
}

export type UploadEvent =
  | ({
      readonly type: 'start';
      readonly image: string;
      readonly format: string;
      /** Virtual size of the disk in bytes. */
      readonly diskSize: number;
      /** Without SAS. */
      readonly url: string;
      readonly blobSize: number;
      readonly uploadId: string;
      /** When the earlier run started that this one resumes; absent for a new upload. */
      readonly resumedFrom?: string;
      readonly checkpoint: string;
    } & StartedConcurrency)
  | ({
      /** A verification starts. */
      readonly type: 'start-verify';
      readonly image: string;
      readonly format: string;
      readonly diskSize: number;
      /** Without SAS. */
      readonly url: string;
      readonly blobSize: number;
      readonly method: 'ranges' | 'full';
      /** When the earlier run started that this one resumes; absent for a new verification. */
      readonly resumedFrom?: string;
      /** Where its progress is saved; `ranges` saves none. */
      readonly checkpoint?: string;
    } & StartedConcurrency)
  /**
   * While a blob is verified, `sent` counts what was read back, and an upload's totals start again from zero. While a structure is
   * read, all are bytes of its table.
   */
  | ({ readonly type: 'progress' } & TransferTotals)
  | {
      readonly type: 'retry';
      readonly what: string;
      /** The number of the attempt that failed. */
      readonly attempt: number;
      readonly delayMs: number;
      readonly reason: string;
      readonly message: string;
    }
  /** So many requests may be in flight now. */
  | { readonly type: 'concurrency'; readonly requests: number }
  | { readonly type: 'phase'; readonly phase: 'sending' | 'finishing' | 'verifying' }
  /** The SAS has expired; a new one is awaited; the new one cannot be used; the work resumes with the new one. */
  | {
      readonly type: 'credential';
      readonly state: 'expired' | 'wanted' | 'refused' | 'renewed';
      readonly message: string;
    }
  | ({ readonly type: 'request' } & RequestRecord)
  /** Everything is sent, but the MD5 of the whole VHD is not computed yet. In bytes. */
  | { readonly type: 'hashing'; readonly done: number; readonly size: number }
  | { readonly type: 'saved'; readonly checkpoint: string }
  | { readonly type: 'warning'; readonly code: string; readonly message: string }
  | { readonly type: 'debug'; readonly message: string };

/** One request to the service, with what its support asks for. Contains no secret. */
export interface RequestRecord {
  /** What was attempted: "Put Page 4194304+4194304". */
  readonly what: string;
  /** HTTP status; absent when no answer came. */
  readonly status?: number;
  /** `x-ms-error-code`, or the code of a network error. */
  readonly reason?: string;
  /** `x-ms-request-id`: the service's id of the request. */
  readonly requestId?: string;
  /** `x-ms-client-request-id`: our id of it. */
  readonly clientRequestId?: string;
  readonly durationMs: number;
}

export type EventListener = (event: UploadEvent) => void;

/** Calls `listener` so that it cannot break the work: what it throws, now or later, is ignored. */
export function shielded(listener: EventListener | undefined): EventListener {
  return (event) => {
    try {
      // The type allows an async function too; Node ends the program for a rejection that nobody handles.
      const result: unknown = listener?.(event);
      if (result instanceof Promise) result.catch(() => undefined);
    } catch {
      // A failing observer must not stop the work.
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
export function checkEvent(finding: { id: string; title: string; found: string; fix?: string }): UploadEvent {
  const { id, title, found, fix } = finding;
  return { type: 'warning', code: `check-${id}`, message: `${title}: ${found}. ${fix ?? ''}`.trimEnd() };
}
