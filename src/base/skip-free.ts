// What is known of an upload or a file without the free space of the guest: which space, and exactly which ranges.

/** `all`: free space, and the contents of page, hibernation and swap files. `free`: free space only. */
export const SKIP_FREE_MODES = ['all', 'free'] as const;
export type SkipFree = (typeof SKIP_FREE_MODES)[number];

/** The ranges that were left out. */
export interface SkippedFree {
  readonly mode: SkipFree;
  /** SHA-256 of the ranges in hexadecimal, as `RangeMap.digest` computes it. */
  readonly digest: string;
}

/** A partition, the whole disk without a partition table, or a logical volume. */
export interface VolumeFreeSpace {
  /** "partition 2 (root)", escaped for printing. */
  readonly name: string;
  /** "ntfs", "swap", "lvm2". Absent if the contents are not recognised. */
  readonly type?: string;
  /** In bytes. */
  readonly size: number;
  /** Bytes that are kept. Those of a physical volume of LVM2 include its logical volumes. */
  readonly used: number;
  /** Bytes that it marks as free. */
  readonly free: number;
  /** Bytes in page, hibernation and swap files that are left out too. */
  readonly pageFiles: number;
  /** Why everything in it counts as used; absent if its free space is known. Follows a colon. */
  readonly reason?: string;
}

/** What is left out of a disk. */
export interface FreeSpaceReport extends SkippedFree {
  /** Bytes of the disk that read as zeros. */
  readonly bytes: number;
  readonly volumes: readonly VolumeFreeSpace[];
  /** Volumes that are not read, and why. Everything in them counts as used. */
  readonly unread: readonly { readonly name: string; readonly reason: string }[];
}

/** "all:1f2e..." */
export function encodeSkippedFree({ mode, digest }: SkippedFree): string {
  return `${mode}:${digest}`;
}

/** Undefined if the text is damaged. */
export function decodeSkippedFree(text: string): SkippedFree | undefined {
  const [, name, digest] = /^(\w+):([0-9a-f]{64})$/.exec(text) ?? [];
  const mode = SKIP_FREE_MODES.find((one) => one === name);
  return mode === undefined || digest === undefined ? undefined : { mode, digest };
}

/** "--skip-free", "--skip-free=free", "no --skip-free". */
export function skipFreeOption(skipped: Pick<SkippedFree, 'mode'> | undefined): string {
  if (skipped === undefined) return 'no --skip-free';
  return skipped.mode === 'all' ? '--skip-free' : `--skip-free=${skipped.mode}`;
}
