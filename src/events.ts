// The events that functions report while they work. Events carry totals, never differences: a missed event loses nothing.
import type { FreeSpaceReport } from './base/skip-free.ts';
import type { ServiceError } from './errors.ts';

/** Bytes so far. */
export interface ProgressTotals {
  /** Bytes of the disk in windows that can contain data; undefined while they are being counted. */
  readonly planned: number | undefined;
  /** Bytes of these windows that are finished, earlier runs included. */
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
  /** Bytes that need not be sent, because the copy of the base contains them; earlier runs included. Only with a base. */
  readonly copied?: number;
  /** Bytes that the copy of the base lists and the image does not have, and that were cleared; earlier runs included. Only with a base. */
  readonly cleared?: number;
}

/** Bytes and counts so far. */
export interface TransferTotals extends ProgressTotals {
  /** Requests sent by this run, failed ones included. */
  readonly requests: number;
  /** Requests that failed and were retried. */
  readonly retries: number;
}

/** A file of an image: the image itself, or one of its parents. */
export interface ImageFileFacts {
  /** Base name. */
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** Last modification, in milliseconds since the Unix epoch. */
  readonly modifiedMs: number;
  /** Unique id in hexadecimal. */
  readonly diskId: string;
}

/** What a run did where on the disk, when it ended: bytes in each cell of the disk, at most 480 cells. */
interface MapCells {
  /** Size of the disk in bytes. */
  readonly size: number;
  /** Bytes of the disk per cell. The last cell may cover less. */
  readonly cellSize: number;
  /** Bytes of each cell that earlier runs have finished. */
  readonly before: readonly number[];
  /** Bytes of each cell that can contain data and that this run has finished. */
  readonly read: readonly number[];
  /** Bytes of each cell that were moved; of a verification, that contain data. */
  readonly moved: readonly number[];
  /** Bytes of each cell that were not sent, because the copy of the base contains them. Only with a base. */
  readonly kept?: readonly number[];
}

/** The limits of concurrency. */
interface StartedConcurrency {
  /** Maximum number of requests in flight, as given in the options. */
  readonly threads: number | 'auto';
  /**
   * Maximum number of windows of 4 MiB in memory. Dense data needs a whole window for each request, so no more such requests
   * are in flight, whatever `threads` is.
   */
  readonly maxWindows: number;
}

/**
 * What a command does now. `creating`, `waiting-for-access` and `committing` are steps of a managed disk, `checking-base` and `copying`
 * of an upload with a base.
 */
export type Phase =
  | 'checking-base'
  | 'copying'
  | 'creating'
  | 'waiting-for-access'
  | 'sending'
  | 'finishing'
  | 'verifying'
  | 'committing';

export type UploadEvent =
  | ({
      readonly type: 'start';
      readonly image: string;
      readonly format: string;
      /** The image, then its parents. */
      readonly files: readonly ImageFileFacts[];
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
      /** The image, then its parents. */
      readonly files: readonly ImageFileFacts[];
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
  | ({
      /** A download starts. */
      readonly type: 'start-download';
      /** Without SAS. */
      readonly url: string;
      readonly blobSize: number;
      /** Size of the disk in bytes. */
      readonly diskSize: number;
      /** Path of the file that is written. */
      readonly output: string;
      readonly format: string;
      /** When the earlier run started that this one resumes; absent for a new download. */
      readonly resumedFrom?: string;
      readonly checkpoint: string;
    } & StartedConcurrency)
  /** Once, when the transfer or the comparison of a run ends, also by a failure. Not after a kill. */
  | ({ readonly type: 'map' } & MapCells)
  /**
   * During a download, `read` counts the bytes that the service lists and `sent` those that were written to the file. While a blob is verified, `sent` counts bytes read back, and the totals of an upload start again at zero. While a structure
   * is read, all numbers are bytes of its table.
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
  /** The number of requests that may be in flight from now on. */
  | { readonly type: 'concurrency'; readonly requests: number }
  | { readonly type: 'phase'; readonly phase: Phase }
  /** `expired`: the SAS has expired. `wanted`: vhdup waits for a new one. `refused`: the new one is not valid. `renewed`: the work continues. */
  | {
      readonly type: 'credential';
      readonly state: 'expired' | 'wanted' | 'refused' | 'renewed';
      readonly message: string;
    }
  | ({ readonly type: 'request' } & RequestRecord)
  /** The free space of the guest that reads as zeros, before anything is sent. Only with `skipFree`. */
  | ({ readonly type: 'free-space' } & FreeSpaceReport)
  /** An operation that changes something in Azure Resource Manager, such as the creation of a disk. `waiting` repeats until it ends. */
  | ({ readonly type: 'arm' } & ArmStep)
  /** The service copies the base. In bytes. */
  | { readonly type: 'copying'; readonly done: number; readonly size: number }
  /** Everything is sent or received, or the base is checked, but the MD5 of the whole VHD is not computed yet. In bytes. */
  | { readonly type: 'hashing'; readonly done: number; readonly size: number }
  | { readonly type: 'saved'; readonly checkpoint: string }
  | { readonly type: 'warning'; readonly code: string; readonly message: string }
  | { readonly type: 'debug'; readonly message: string };

/** One operation in Azure Resource Manager. It takes seconds, or several minutes for an image. */
export interface ArmStep {
  /** What it does, and to which resource: "Create disk web01". */
  readonly step: string;
  readonly state: 'started' | 'waiting' | 'succeeded' | 'failed';
  /** Time since `started`, in milliseconds. */
  readonly elapsedMs: number;
}

/** One request to the service, with the ids that Azure support asks for. Contains no secret. */
export interface RequestRecord {
  /** The request: "Put Page 4194304+4194304". */
  readonly what: string;
  /** HTTP status; absent if no answer came. */
  readonly status?: number;
  /** `x-ms-error-code`, or the code of a network error. */
  readonly reason?: string;
  /** `x-ms-request-id`: the id that the service gave to the request. */
  readonly requestId?: string;
  /** `x-ms-client-request-id`: the id that vhdup gave to it. */
  readonly clientRequestId?: string;
  /** The blob after the request: its ETag. Absent for the requests that move data, and for those about something else. */
  readonly etag?: string;
  /** The blob after the request: its last modification, in ISO 8601. */
  readonly lastModified?: string;
  /** `x-ms-version`: the version of the REST API that answered. With the ETag. */
  readonly version?: string;
  readonly durationMs: number;
}

export type EventListener = (event: UploadEvent) => void;

/** Wraps `listener` so that it cannot break the work: its errors, synchronous or not, are ignored. */
export function shielded(listener: EventListener | undefined): EventListener {
  return (event) => {
    try {
      // The type also allows an async function. An unhandled rejection would end the program.
      const result: unknown = listener?.(event);
      if (result instanceof Promise) result.catch(() => undefined);
    } catch {
      // A failing observer must not stop the work.
    }
  };
}

/** Passes a warning on only once: each connection to a target finds out the same. */
export function warningOnce(code: string, listener: EventListener): EventListener {
  let isKnown = false;
  return (event) => {
    const isSame = event.type === 'warning' && event.code === code;
    if (isSame && isKnown) return;
    if (isSame) isKnown = true;
    listener(event);
  };
}

/** Listeners for `openDiskImage` that emit its warnings and diagnostics. */
export function imageListeners(emit: EventListener) {
  return {
    onWarning: (warning: { readonly code: string; readonly message: string }): void =>
      emit({ type: 'warning', ...warning }),
    onDebug: (message: string): void => emit({ type: 'debug', message }),
  };
}

/** The same listeners, and the warnings so far. */
export function collectingListeners(emit: EventListener) {
  const warnings: { readonly code: string; readonly message: string }[] = [];
  const listeners = imageListeners(emit);
  const onWarning: typeof listeners.onWarning = (warning) => {
    warnings.push(warning);
    listeners.onWarning(warning);
  };
  return { warnings, listeners: { ...listeners, onWarning } };
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

/** A warning of the check before an upload. */
export function checkEvent(finding: { id: string; title: string; found: string; fix?: string }): UploadEvent {
  const { id, title, found, fix } = finding;
  return { type: 'warning', code: `check-${id}`, message: `${title}: ${found}. ${fix ?? ''}`.trimEnd() };
}
