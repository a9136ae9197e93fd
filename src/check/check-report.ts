// What a check answers: one finding for each rule, and what they come to together.
import type { DiskImageFormat } from '../image/disk-image.ts';

/** What the disk is for. The Marketplace asks for more than a virtual machine of one's own. */
export const PURPOSES = ['vm', 'data-disk', 'marketplace'] as const;
export type Purpose = (typeof PURPOSES)[number];

/** Of the Hyper-V virtual machine: 1 starts by BIOS, 2 by UEFI. */
export type Generation = 1 | 2;

/** `unread`: the rule needs something that cannot be read, and so is neither passed nor failed. */
export type CheckResult = 'pass' | 'warn' | 'fail' | 'unread' | 'not-applicable';

/** A: from the image and the partition table. B: from the files of the guest. */
export type CheckLevel = 'A' | 'B';

export const CHECK_GROUPS = ['image', 'size', 'partitions', 'boot', 'system', 'accounts'] as const;
export type CheckGroup = (typeof CHECK_GROUPS)[number];

export interface CheckFinding {
  /** Stable, kebab-case. */
  readonly id: string;
  readonly level: CheckLevel;
  readonly group: CheckGroup;
  /** What the rule asks for, in a few words. */
  readonly title: string;
  readonly result: CheckResult;
  /** The value found. */
  readonly found: string;
  /** Why Azure, or a guest in it, wants it so. */
  readonly reason: string;
  /** What to do; there is none where nothing is wrong. */
  readonly fix?: string;
}

export interface CheckReport {
  readonly image: string;
  /** Absent when the image cannot be read. */
  readonly format?: DiskImageFormat;
  /** Virtual size in bytes. */
  readonly diskSize?: number;
  /** Length of the blob in bytes: the disk rounded up to a whole MiB, and the footer. */
  readonly blobSize?: number;
  readonly purpose: Purpose;
  /** The generation that was checked for; absent for a data disk and where nothing tells. */
  readonly generation?: Generation;
  /** Whether the generation was given or taken from the partition table. */
  readonly generationFrom?: 'option' | 'partition-table';
  /** The worst of the findings; what was not read counts as a warning. */
  readonly result: 'pass' | 'warn' | 'fail';
  readonly counts: Readonly<Record<CheckResult, number>>;
  readonly findings: readonly CheckFinding[];
}

export function summarise(findings: readonly CheckFinding[]): Pick<CheckReport, 'result' | 'counts' | 'findings'> {
  const counts: Record<CheckResult, number> = { pass: 0, warn: 0, fail: 0, unread: 0, 'not-applicable': 0 };
  for (const { result } of findings) counts[result] += 1;
  const result = counts.fail > 0 ? 'fail' : counts.warn + counts.unread > 0 ? 'warn' : 'pass';
  return { result, counts, findings };
}
