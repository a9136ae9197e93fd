// Rules about the contents of the disk: partition table, swap, LVM, encryption, and clean file systems.
import { MIB } from '../../base/byte-range.ts';
import { printable } from '../../base/printable.ts';
import { type DiskLayout, nameOfVolume } from '../../volume/disk-layout.ts';
import type { FileSystemState } from '../../volume/file-system-state.ts';
import type { CheckFacts } from '../check-facts.ts';
import {
  fail,
  failForMarketplace,
  onlyFor,
  pass,
  type Rule,
  unlessOsDisk,
  unread,
  type Verdict,
  warn,
} from '../rule.ts';
import { describe as describeVolume, hasRole, holds, namesOf, opaqueParts } from '../volumes.ts';

/** "GPT with 2 partitions" */
function describe({ scheme, partitions }: NonNullable<DiskLayout['table']>): string {
  return `${scheme.toUpperCase()} with ${partitions.length === 1 ? '1 partition' : `${partitions.length} partitions`}`;
}

/** Problems of the table, or of the image file, that may hide partitions. */
const LOST: readonly string[] = ['gpt-unreadable', 'unreadable'];

/** Problems that may leave partitions unexamined. */
const UNSEEN: readonly string[] = [...LOST, 'mbr-extended-damaged', 'partitions-too-many'];

/** A result of growing the disk, which `size-alignment` covers. */
const HARMLESS: readonly string[] = ['gpt-backup-misplaced'];

const PARTITION_TABLE: Rule = {
  id: 'partition-table',
  sources: ['disks'],
  level: 'A',
  group: 'partitions',
  title: 'Partition table',
  reason: 'Firmware and guest find the file systems through the partition table.',
  run: ({ layout: { table, volumes, problems }, purpose }) => {
    const repair = 'Repair the table with gdisk or sfdisk, or use another copy of the disk.';
    const relevant = problems.filter(({ code }) => !HARMLESS.includes(code));
    const messages = printable(relevant.map(({ message }) => message).join(' '));
    if (relevant.some(({ code }) => LOST.includes(code))) return fail(messages, repair);
    if (table === undefined) {
      const found = volumes.length === 0 ? 'none' : `none, but ${volumes[0]?.fileSystem?.name} on the whole disk`;
      return purpose === 'data-disk'
        ? pass(`${found}, which a data disk may have`)
        : fail(found, 'No machine can boot from this disk. If it holds only data, check it with --for data-disk.');
    }
    return relevant.length > 0 ? warn(`${describe(table)}. ${messages}`, repair) : pass(describe(table));
  },
};

const FIRST_MIB: Rule = {
  id: 'first-mib-free',
  sources: ['certification'],
  level: 'A',
  group: 'partitions',
  title: 'First MiB is free',
  reason: 'The Marketplace writes the billing tag of an image with a GPT into the first 2,048 sectors.',
  exempt: (facts) =>
    onlyFor('marketplace')(facts) ?? (facts.layout.table?.scheme === 'gpt' ? undefined : 'only for a GPT'),
  run: ({ layout }) => {
    const offsets = layout.volumes.map(({ range }) => range.offset);
    if (offsets.length === 0) return pass('no partitions');
    const first = Math.min(...offsets);
    const found = `the first partition begins at ${first}`;
    return first >= MIB
      ? pass(found)
      : fail(found, `Move it to ${MIB} (sector 2048) or later, with boot partitions first.`);
  },
};

/** Passes only if nothing is hidden: in a volume group that is not read, RAID, encryption, or unknown contents. */
function passUnlessOpaque({ contents, layout }: CheckFacts, found: string): Verdict {
  const opaque = opaqueParts(contents);
  if (layout.problems.some(({ code }) => UNSEEN.includes(code))) opaque.push('a part of the disk');
  return opaque.length === 0
    ? pass(found)
    : unread(printable(`${found} visible; not examined: ${opaque.join(', ')}`), 'Check it in the running machine.');
}

const SWAP: Rule = {
  id: 'swap-partition',
  sources: ['certification', 'linux'],
  level: 'A',
  group: 'partitions',
  title: 'No swap partition',
  reason: 'Swap on the OS disk is slow and costs money. The agent or cloud-init creates it on the temporary disk.',
  exempt: unlessOsDisk,
  run: (facts) => {
    const swaps = facts.contents.volumes.filter(
      (volume) => hasRole(volume, 'linux-swap') || holds(volume, 'swap', 'swap-suspended'),
    );
    return swaps.length === 0
      ? passUnlessOpaque(facts, 'none')
      : failForMarketplace(facts, namesOf(swaps), 'Remove it, and its line in /etc/fstab.');
  },
};

const LVM: Rule = {
  id: 'lvm',
  sources: ['linux'],
  level: 'A',
  group: 'partitions',
  title: 'No LVM',
  reason: 'Volume names collide when the disk is attached for repair to another machine of the same origin.',
  exempt: unlessOsDisk,
  run: (facts) => {
    const found = facts.layout.volumes.filter((volume) => hasRole(volume, 'linux-lvm') || holds(volume, 'lvm2'));
    return found.length === 0
      ? passUnlessOpaque(facts, 'none')
      : warn(
          found.map(nameOfVolume).join(', '),
          'Install on plain partitions, or keep LVM and rename the volume group before a repair.',
        );
  },
};

const LINUX_FILE_SYSTEMS = ['ext2', 'ext3', 'ext4', 'xfs', 'btrfs', 'f2fs'] as const;

const SINGLE_ROOT: Rule = {
  id: 'single-root-partition',
  sources: ['certification'],
  level: 'A',
  group: 'partitions',
  title: 'Single root partition',
  reason: 'The Marketplace requires one root partition, so that the disk can be grown. A separate /boot is usual.',
  exempt: onlyFor('marketplace'),
  run: (facts) => {
    const found = facts.contents.volumes.filter((volume) => holds(volume, ...LINUX_FILE_SYSTEMS));
    return found.length <= 2
      ? passUnlessOpaque(facts, found.length === 0 ? 'no Linux file systems' : namesOf(found))
      : warn(
          `${found.length} Linux file systems: ${namesOf(found)}`,
          'Move /home, /var and the like to the root partition.',
        );
  },
};

const ENCRYPTION: Rule = {
  id: 'encryption',
  sources: ['windows'],
  level: 'A',
  group: 'partitions',
  title: 'Not encrypted',
  reason:
    'Nobody can enter a passphrase when a machine boots in Azure, and a TPM with the key stays behind. Azure encrypts disks itself.',
  exempt: unlessOsDisk,
  run: (facts) => {
    const encrypted = facts.contents.volumes.filter(({ fileSystem }) => fileSystem?.kind === 'encrypted');
    if (encrypted.length === 0) return passUnlessOpaque(facts, 'no LUKS, no BitLocker');
    const found = encrypted.map(describeVolume).join(', ');
    return failForMarketplace(facts, found, 'Decrypt it before the upload (manage-bde -off, or a plain copy).');
  },
};

const FILE_SYSTEMS_CLEAN: Rule = {
  id: 'file-systems-clean',
  sources: ['experience'],
  level: 'A',
  group: 'partitions',
  title: 'File systems clean',
  reason:
    'A file system that was not closed means that the machine was running, hibernated or cut off. Recent changes may be missing, and the journal needs recovery.',
  exempt: ({ volumeStates, layout }) =>
    volumeStates.length === 0 && layout.problems.length === 0 ? 'no file systems' : undefined,
  run: ({ volumeStates, layout }) => {
    const list = (state: FileSystemState['state']) =>
      volumeStates
        .filter((one) => one.state === state)
        .map(({ name, fileSystem, reason }) => printable(`${name} (${fileSystem ?? 'unknown'}): ${reason}`));
    const [uncleanOnes, unknownOnes] = [list('unclean'), list('unknown')];
    if (uncleanOnes.length > 0) {
      return fail(
        uncleanOnes.join('; '),
        'Shut the machine down cleanly (Windows: powercfg /h off, then shutdown /s) and create the image again, or repair it: e2fsck, xfs_repair, chkdsk /f.',
      );
    }
    if (layout.problems.some(({ code }) => UNSEEN.includes(code)))
      unknownOnes.push('a part of the disk cannot be read');
    if (unknownOnes.length > 0 || volumeStates.length === 0) {
      return unread(
        unknownOnes.join('; ') || 'no file system was found',
        'Make sure that the machine was shut down cleanly, neither suspended nor hibernated.',
      );
    }
    return pass('no journal needs recovery');
  },
};

export const PARTITION_RULES: readonly Rule[] = [
  PARTITION_TABLE,
  FIRST_MIB,
  SWAP,
  LVM,
  SINGLE_ROOT,
  ENCRYPTION,
  FILE_SYSTEMS_CLEAN,
];
