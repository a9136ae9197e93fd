// The result of a check: one finding per rule, and the overall result.
import type { DiskImageFormat } from '../image/disk-image.ts';
import type { RuleSource } from './rule-sources.ts';

/** What the disk is for. The Marketplace has stricter rules than a private virtual machine. */
export const PURPOSES = ['vm', 'data-disk', 'marketplace'] as const;
export type Purpose = (typeof PURPOSES)[number];

/** Generation of the Hyper-V virtual machine: 1 boots by BIOS, 2 by UEFI. */
export type Generation = 1 | 2;

/** Whether virtual machines are made from an image of the disk (Sysprep, `waagent -deprovision`), or one machine continues with it. */
export const OS_STATES = ['generalized', 'specialized'] as const;
export type OsState = (typeof OS_STATES)[number];

/** `unread`: the rule needs something that cannot be read, so it neither passes nor fails. */
export type CheckResult = 'pass' | 'warn' | 'fail' | 'unread' | 'not-applicable';

/** A: needs only the image and the partition table. B: needs the files of the guest. C: needs the blob and its container. */
export type CheckLevel = 'A' | 'B' | 'C';

export const CHECK_GROUPS = [
  'image',
  'size',
  'partitions',
  'boot',
  'system',
  'provisioning',
  'remote',
  'network',
  'accounts',
  'target',
] as const;
export type CheckGroup = (typeof CHECK_GROUPS)[number];

export interface CheckFinding {
  /** Stable, kebab-case. */
  readonly id: string;
  readonly level: CheckLevel;
  readonly group: CheckGroup;
  /** What the rule requires, in a few words. */
  readonly title: string;
  readonly result: CheckResult;
  /** The value found. */
  readonly found: string;
  /** Why Azure, or a guest in it, requires this. */
  readonly reason: string;
  /** The documents that ask for it, the first one above all. */
  readonly sources: readonly RuleSource[];
  /** What to do. Absent if nothing is wrong. */
  readonly fix?: string;
}

export interface CheckReport {
  readonly image: string;
  /** URL of the blob that was checked too, without a SAS. Absent if none was given. */
  readonly destination?: string;
  /** Absent when the image cannot be read. */
  readonly format?: DiskImageFormat;
  /** Virtual size in bytes. */
  readonly diskSize?: number;
  /** Length of the blob in bytes: the disk rounded up to a whole MiB, plus the footer. */
  readonly blobSize?: number;
  readonly purpose: Purpose;
  /** The generation that was checked for. Absent for a data disk, and if it cannot be detected. */
  readonly generation?: Generation;
  /** Whether the generation was given or detected from the partition table. */
  readonly generationFrom?: 'option' | 'partition-table';
  /** The state of the operating system that was checked for. Absent if it was neither given nor implied by the purpose. */
  readonly osState?: OsState;
  /** The worst of the findings; `unread` counts as a warning. */
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
