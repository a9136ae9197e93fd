// What the processes tell one another: which seeds to try, and how each ended.

export const FORMATS = ['vhd', 'vhdx'] as const;
export type Format = (typeof FORMATS)[number];

/** Seeds in a row. */
export interface Stretch {
  readonly format: Format;
  readonly first: number;
  readonly count: number;
}

/** What a process does. */
export interface Task extends Stretch {
  /** For the images. */
  readonly folder: string;
}

export interface CaseReport {
  readonly victim: string;
  readonly outcome: string;
  /** What went wrong, with its stack. */
  readonly fault?: string;
  /** The operation that took longest. */
  readonly slowest?: { readonly operation: string; readonly ms: number };
  /** Of the process until now, in bytes. */
  readonly peakMemory: number;
}

export type Message =
  | { readonly type: 'begin'; readonly seed: number }
  | ({ readonly type: 'end'; readonly seed: number } & CaseReport);
