// What a report says. What is undefined was not recorded: a report never guesses.
import type { ImageFileFacts } from '../events.ts';
import type { ManifestEnd, ManifestHeader } from '../state/manifest.ts';
import type { Fields } from './fields.ts';

/** The kinds of work that a report describes. */
export type Work = 'upload' | 'verify' | 'download';

/** The program and the system of a run. */
export interface Program {
  readonly version: string | undefined;
  readonly node: string | undefined;
  /** "linux x64" */
  readonly platform: string | undefined;
  /** "upload" */
  readonly command: string | undefined;
  /** The local file that the command line names. */
  readonly file?: string | undefined;
  /** The blob that the command line names, without its query. */
  readonly target?: string | undefined;
  /** Options that change the outcome, by name. Undefined if they were not recorded. */
  readonly options: Readonly<Record<string, string>> | undefined;
}

/** How a run ended. */
export type Outcome =
  | { readonly is: 'result'; readonly result: Fields }
  | {
      readonly is: 'error';
      readonly code: string;
      readonly exitCode: number | undefined;
      readonly message: string;
      readonly nextStep: string | undefined;
    };

/** The requests of one operation, failed ones included. */
export interface RequestCount {
  /** "Put Page" */
  readonly operation: string;
  readonly sent: number;
  readonly failed: number;
  /** Bytes of those that succeeded; 0 for operations without a range. */
  readonly bytes: number;
}

/** Retries for one kind of fault. */
export interface FaultCount {
  /** "Service busy or throttling" */
  readonly kind: string;
  readonly count: number;
  /** The codes, most frequent first. */
  readonly reasons: readonly { readonly reason: string; readonly count: number }[];
  /** Milliseconds since the Unix epoch. */
  readonly first: number;
  readonly last: number;
}

/** Bytes in each cell of the disk. */
export interface MapFacts {
  /** Size of the disk in bytes. */
  readonly size: number;
  readonly cellSize: number;
  /** Sent, received, or found by a comparison to contain data. */
  readonly moved: readonly number[];
  /** Can contain data, and was read. Undefined if that was not recorded. */
  readonly read: readonly number[] | undefined;
  /** Finished by an earlier run, of which nothing else is known. */
  readonly before: readonly number[];
  /** Not sent, because the copy of the base contains it. */
  readonly kept: readonly number[];
}

/** Bytes that were acknowledged in each interval of a run. */
export interface RateFacts {
  /** Length of an interval in milliseconds. */
  readonly intervalMs: number;
  readonly startedAt: number;
  readonly bytes: readonly number[];
  /** Retries in each interval. */
  readonly faults: readonly number[];
}

/** One run of the program. */
export interface RunFacts {
  readonly work: Work | undefined;
  readonly program: Program | undefined;
  /** Milliseconds since the Unix epoch. The first and the last line of the run. */
  readonly startedAt: number | undefined;
  readonly endedAt: number | undefined;
  /** Whether the record begins with the run. Otherwise it was cut or rotated. */
  readonly isWhole: boolean;
  /** The start event; empty if the run ended before it. */
  readonly start: Fields;
  readonly files: readonly ImageFileFacts[];
  /** Undefined if the record ends before the run. */
  readonly outcome: Outcome | undefined;
  /** The last totals: those of the result, or those of the last progress. */
  readonly totals: Fields;
  readonly requests: readonly RequestCount[];
  readonly faults: readonly FaultCount[];
  readonly rate: RateFacts | undefined;
  readonly map: MapFacts | undefined;
  readonly warnings: readonly { readonly code: string; readonly message: string; readonly count: number }[];
  /** The most and the last requests that could be in flight. */
  readonly concurrency: { readonly most: number; readonly last: number } | undefined;
  /** How often a SAS expired and was renewed. */
  readonly renewals: number;
  readonly freeSpace: Fields | undefined;
  /** The blob after the last request that shows it. */
  readonly blob: { readonly etag?: string; readonly lastModified?: string; readonly version?: string };
  /** Lines that the log left out because the disk was too slow. */
  readonly leftOut: number;
}

/** A manifest, read from its first line to its last. */
export interface ManifestFacts {
  readonly path: string;
  readonly header: ManifestHeader;
  /** Undefined if the upload was not completed. */
  readonly end: ManifestEnd | undefined;
  /** SHA-256 of the file in hexadecimal, and its length in bytes. */
  readonly sha256: string;
  readonly length: number;
  /** Windows that were finished, and the runs in them. */
  readonly windows: number;
  readonly ranges: number;
  /** Bytes of these windows, and of the runs. Without the footer. */
  readonly windowBytes: number;
  readonly sent: number;
  readonly map: MapFacts;
}

export interface ReportFacts {
  /** Milliseconds since the Unix epoch. */
  readonly createdAt: number;
  /** The version that makes the report. */
  readonly version: string;
  readonly work: Work;
  /** In order of their start; the last one is the newest. All of them concern the same blob or file. */
  readonly runs: readonly RunFacts[];
  readonly manifest: ManifestFacts | undefined;
  /** The files that the report was made from. */
  readonly sources: readonly string[];
  /** What the sources lack or contradict, as sentences. */
  readonly notes: readonly string[];
}
