// The messages between the processes: the seeds to try, and the outcome of each.

import { FILE_SYSTEMS } from '../../test/hostile/file-system-victims.ts';

export const FORMATS = ['vhd', 'vhdx', ...FILE_SYSTEMS, 'xfs', 'btrfs', 'ntfs', 'hive', 'lvm', 'swap'] as const;
export type Format = (typeof FORMATS)[number];

/** The most memory that a process may use, in bytes. */
export const MAX_MEMORY = 256 * 1024 * 1024;

/** Consecutive seeds. */
export interface Stretch {
  readonly format: Format;
  readonly first: number;
  readonly count: number;
}

/** The work of one process. */
export interface Task extends Stretch {
  /** Folder for the images. */
  readonly folder: string;
}

export interface CaseReport {
  readonly victim: string;
  readonly outcome: string;
  /** The error, with its stack. */
  readonly fault?: string;
  /** The operation that took longest. */
  readonly slowest?: { readonly operation: string; readonly ms: number };
  /** Peak memory of the process so far, in bytes. */
  readonly peakMemory: number;
}

export type Message =
  | { readonly type: 'begin'; readonly seed: number }
  | ({ readonly type: 'end'; readonly seed: number } & CaseReport);
