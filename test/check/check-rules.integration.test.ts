// Tests each rule with an image that passes and one that does not. Debian tools make the disks.
import { copyFile, mkdtemp, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CheckOptions, checkImage } from '../../src/check/check-image.ts';
import type { CheckReport, CheckResult } from '../../src/check/check-report.ts';
import type { Rule } from '../../src/check/rule.ts';
import { WINDOWS_RULES } from '../../src/check/rules/windows-rules.ts';
import { RULES } from '../../src/check/run-rules.ts';
import { EFI, GOLDEN_FILES, GOLDEN_GPT, GOLDEN_MBR, ROOT, withFiles } from '../support/golden-linux.ts';
import {
  diskFolder,
  type GuestDisk,
  makeDisk,
  NO_DISK_TOOLS,
  overwrite,
  setNtfsDirty,
  tool,
  writeDisk,
} from '../support/guest-disk.ts';
import { LINUX_RULES } from '../support/linux-cases.ts';
import { buildVhd, patchFile, type VhdDescription } from '../support/vhd-builder.ts';
import { buildVhdx } from '../support/vhdx-builder.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const TIB = 1024 * GIB;

type Options = Omit<CheckOptions, 'image'>;
const FOR_MARKETPLACE: Options = { purpose: 'marketplace', blobName: 'disk.vhd' };
const FOR_DATA: Options = { purpose: 'data-disk' };
const RAW: Options = { format: 'raw' };

let sharedFolder = '';
let goldenGpt = '';
let goldenMbr = '';
/** The size that the Marketplace requires. */
let goldenForMarketplace = '';
/** The shared disks by their descriptions. */
const disks = new Map<string, Promise<string>>();
const reports = new Map<string, Promise<CheckReport>>();

beforeAll(async () => {
  if (NO_DISK_TOOLS !== undefined) return;
  sharedFolder = await mkdtemp(join(tmpdir(), 'vhdup-shared-'));
  goldenGpt = await sharedDisk(GOLDEN_GPT);
  goldenMbr = await sharedDisk(GOLDEN_MBR);
  goldenForMarketplace = join(sharedFolder, 'marketplace.img');
  await copyFile(goldenGpt, goldenForMarketplace);
  await truncate(goldenForMarketplace, 2 * GIB);
});
afterAll(async () => {
  if (sharedFolder !== '') await rm(sharedFolder, { recursive: true, force: true });
});

/** A disk that several cases use. It is made once; do not modify it. */
function sharedDisk(disk: GuestDisk): Promise<string> {
  const key = JSON.stringify(disk);
  const path = join(sharedFolder, `${disks.size}.img`);
  const made = disks.get(key) ?? writeDisk(path, disk).then(() => path);
  disks.set(key, made);
  return made;
}

/** Checks an image once with the same options, because many cases use the same one. */
function reportOf(path: string, options: Options = {}): Promise<CheckReport> {
  const key = `${path} ${JSON.stringify(options)}`;
  const report = reports.get(key) ?? checkImage({ image: path, ...options });
  reports.set(key, report);
  return report;
}

async function copyOf(path: string, size?: number): Promise<string> {
  const copy = join(await diskFolder(), 'disk.img');
  await copyFile(path, copy);
  if (size !== undefined) await truncate(copy, size);
  return copy;
}

/** For rules that are about the file: its disk is empty. */
async function asVhd(description: Partial<VhdDescription> = {}): Promise<string> {
  const path = join(await diskFolder(), 'disk.vhd');
  await buildVhd(path, { type: 'dynamic', size: 32 * MIB, ...description });
  return path;
}

async function asVhdx(logicalSectorSize: 512 | 4096): Promise<string> {
  const path = join(await diskFolder(), 'disk.vhdx');
  buildVhdx(path, { size: 32 * MIB, logicalSectorSize });
  return path;
}

type Partition = GuestDisk['partitions'][number];

/** A Linux with another partition. */
function withPartition(partition: Partition): Promise<string> {
  return sharedDisk({ table: 'gpt', partitions: [EFI, ROOT, partition] });
}

function onlyPartition(partition: Partition): Promise<string> {
  return sharedDisk({ table: 'gpt', partitions: [partition] });
}

/** Partitions without contents, for rules about sizes, names and partition tables. */
const UNFORMATTED: Partition = { size: 32, type: 'L' };
const BARE_GPT: GuestDisk = { table: 'gpt', partitions: [{ size: 8, type: 'U' }, UNFORMATTED] };
const BIOS_BOOT = '21686148-6449-6e6f-744e-656564454649';
const BARE_MBR: GuestDisk = { ...GOLDEN_MBR, partitions: [{ ...UNFORMATTED, bootable: true }] };
const bareGpt = () => sharedDisk(BARE_GPT);
/** A GPT whose protective MBR has the code of an unknown boot loader. */
const strangeGpt = () => sharedDisk({ table: 'gpt', hasBootCode: true, partitions: [UNFORMATTED] });
/** A GPT with a place for GRUB, which was never installed. */
const withoutGrub = () => sharedDisk({ table: 'gpt', partitions: [{ size: 1, type: BIOS_BOOT }, UNFORMATTED] });
const bareMbr = () => sharedDisk(BARE_MBR);

const GRUB_ALONE: Partition = { ...EFI, files: { '/EFI/BOOT/BOOTX64.EFI': 'GRUB' } };
const LVM = { size: 8, type: 'V' } as const;
const LUKS = { size: 20, type: 'L', fileSystem: 'luks' } as const;
const NTFS = { size: 20, type: 'L', fileSystem: 'ntfs' } as const;

/** Lacks an EFI system partition. */
const withoutEfi = () => onlyPartition(UNFORMATTED);

/** A Linux that each rule about files warns about. */
const untidy = () =>
  sharedDisk(
    withFiles({
      '/usr/sbin/waagent': undefined,
      '/usr/bin/cloud-init': undefined,
      '/etc/fstab': '/dev/sda2 / ext4 defaults 0 1\n',
      '/boot/grub/grub.cfg': 'linux /boot/vmlinuz root=UUID=0f6b ro console=tty0 rootdelay=30 rhgb quiet\n',
      '/etc/udev/rules.d/70-persistent-net.rules': 'SUBSYSTEM=="net"\n',
      '/etc/ssh/sshd_config.d/50-cloudimg-settings.conf': undefined,
      '/etc/shadow': 'root:$6$salt$hash:19000::::::\n',
      '/home/maker/.ssh/authorized_keys': 'ssh-ed25519 AAAA maker@home\n',
      '/root/.bash_history': 'x'.repeat(1025),
      '/lib/modules/6.1.0-42-amd64/modules.dep': 'kernel/fs/ext4/ext4.ko:\n',
      '/etc/systemd/system/multi-user.target.wants/ssh.service': undefined,
      '/etc/ssh/ssh_host_ed25519_key': 'key',
      '/etc/hostname': 'build7\n',
    }),
  );

/** A Linux that Azure or the Marketplace refuses for several reasons. */
const refused = () =>
  sharedDisk(
    withFiles({
      '/usr/sbin/waagent': undefined,
      '/etc/fstab': '/dev/vda2\t/\text4\n',
      '/etc/ssh/sshd_config.d/10-first.conf':
        '# wins\nclientaliveinterval = 10m # too long\nAuthorizedKeysFile /etc/ssh/keys/%u\n',
      '/etc/ssh/keys/root': 'ssh-ed25519 AAAA maker@home\n',
      '/etc/shadow': 'root::19000::::::\nmaker:$y$j9T$hash:1::::::\n',
    }),
  );

interface Case {
  readonly rule: string;
  /** An image that passes the rule. @default the golden GPT disk */
  readonly good?: () => string | Promise<string>;
  readonly goodOptions?: Options;
  /** An image that does not pass the rule. */
  readonly bad: () => string | Promise<string>;
  readonly badOptions?: Options;
  readonly result: CheckResult;
  /** Part of the expected `found` text. */
  readonly found: string;
}

/** A rule that the golden disk for the Marketplace passes, and that fails for another disk. */
function failsForMarketplace(rule: string, bad: Case['bad'], found: string): Case {
  const forMarketplace = { goodOptions: FOR_MARKETPLACE, badOptions: FOR_MARKETPLACE };
  return { rule, good: () => goldenForMarketplace, bad, ...forMarketplace, result: 'fail', found };
}

const CASES: readonly Case[] = [
  {
    rule: 'image-readable',
    bad: async () => {
      const path = await asVhd({ type: 'fixed' });
      await patchFile(path, 32 * MIB + 492, Buffer.from([1]));
      return path;
    },
    result: 'fail',
    found: 'checksum',
  },
  {
    rule: 'image-intact',
    good: () => asVhd(),
    bad: () => asVhd({ footers: 'head' }),
    result: 'warn',
    found: 'footer at the end',
  },
  { rule: 'image-intact', bad: () => asVhd({ type: 'fixed', gapBeforeFooter: 512 }), result: 'warn', found: 'Only' },
  {
    rule: 'saved-state',
    good: () => asVhd(),
    bad: () => asVhd({ savedState: true }),
    result: 'fail',
    found: 'suspended',
  },
  { rule: 'sector-size', good: () => asVhdx(512), bad: () => asVhdx(4096), result: 'fail', found: '4096' },
  {
    rule: 'creator',
    good: () => asVhd({ creatorApplication: 'qem2' }),
    bad: () => asVhd({ creatorApplication: 'qemu' }),
    result: 'warn',
    found: 'force_size',
  },
  {
    rule: 'blob-name',
    goodOptions: { blobName: 'images/disk.vhd' },
    bad: bareGpt,
    badOptions: { blobName: '100%.vhd' },
    result: 'warn',
    found: '100%',
  },
  {
    rule: 'blob-name',
    good: () => goldenForMarketplace,
    goodOptions: FOR_MARKETPLACE,
    bad: bareGpt,
    badOptions: { ...FOR_MARKETPLACE, blobName: 'a"b.vhd' },
    result: 'fail',
    found: 'a"b',
  },
  {
    rule: 'size-minimum',
    bad: () => makeDisk({ table: 'dos', size: 10, partitions: [{ size: 5, type: 'L' }] }),
    result: 'fail',
    found: '10 MiB',
  },
  {
    rule: 'size-maximum',
    good: () => goldenMbr,
    bad: async () => copyOf(await bareMbr(), 2 * TIB + MIB),
    result: 'fail',
    found: 'generation 1',
  },
  { rule: 'size-maximum', bad: async () => copyOf(await bareGpt(), 4 * TIB), result: 'fail', found: 'generation 2' },
  {
    rule: 'page-blob-size',
    bad: async () => copyOf(await bareGpt(), 8 * TIB),
    badOptions: FOR_DATA,
    result: 'warn',
    found: '8192 GiB and 512 bytes',
  },
  { rule: 'size-alignment', bad: async () => copyOf(await bareGpt(), 42 * MIB + 512), result: 'warn', found: '43 MiB' },
  failsForMarketplace('marketplace-size', bareGpt, '42 MiB'),
  {
    rule: 'marketplace-size',
    good: async () => copyOf(await bareGpt(), 1023 * GIB),
    goodOptions: FOR_MARKETPLACE,
    bad: async () => copyOf(await bareGpt(), 1024 * GIB),
    badOptions: FOR_MARKETPLACE,
    result: 'fail',
    found: '1024 GiB',
  },
  {
    rule: 'partition-table',
    bad: () => makeDisk({ table: 'none', size: 32, partitions: [] }),
    badOptions: RAW,
    result: 'fail',
    found: 'none',
  },
  {
    rule: 'partition-table',
    bad: async () => {
      const path = await copyOf(await bareGpt());
      await overwrite(path, 512, new Uint8Array(512));
      return path;
    },
    result: 'warn',
    found: 'GPT with 2 partitions',
  },
  {
    rule: 'partition-table',
    bad: async () => {
      const path = await copyOf(await bareGpt());
      await overwrite(path, 512, new Uint8Array(512));
      await overwrite(path, 42 * MIB - 512, new Uint8Array(512));
      return path;
    },
    result: 'fail',
    found: 'GPT',
  },
  {
    rule: 'first-mib-free',
    good: () => goldenForMarketplace,
    goodOptions: FOR_MARKETPLACE,
    bad: () => makeDisk({ ...BARE_GPT, firstSector: 64 }),
    badOptions: FOR_MARKETPLACE,
    result: 'fail',
    found: '32768',
  },
  {
    rule: 'swap-partition',
    bad: () => onlyPartition({ size: 8, type: 'S', fileSystem: 'swap' }),
    result: 'warn',
    found: 'partition 1',
  },
  {
    rule: 'swap-partition',
    good: () => goldenForMarketplace,
    goodOptions: FOR_MARKETPLACE,
    bad: () => onlyPartition({ size: 8, type: 'L', fileSystem: 'swap' }),
    badOptions: FOR_MARKETPLACE,
    result: 'fail',
    found: 'partition 1',
  },
  { rule: 'lvm', bad: () => onlyPartition(LVM), result: 'warn', found: 'partition 1' },
  {
    rule: 'single-root-partition',
    good: () => goldenForMarketplace,
    goodOptions: FOR_MARKETPLACE,
    bad: () =>
      makeDisk({
        table: 'gpt',
        partitions: [EFI, ROOT, { size: 8, type: 'L', fileSystem: 'ext4' }, { size: 8, type: 'L', fileSystem: 'ext4' }],
      }),
    badOptions: FOR_MARKETPLACE,
    result: 'warn',
    found: '3 Linux file systems',
  },
  {
    rule: 'encryption',
    bad: () => onlyPartition(LUKS),
    result: 'warn',
    found: 'LUKS',
  },
  {
    rule: 'file-systems-clean',
    bad: async () => {
      const path = await copyOf(goldenMbr);
      await tool('debugfs', ['-w', '-R', 'feature needs_recovery', `${path}?offset=${MIB}`]);
      return path;
    },
    result: 'fail',
    found: 'partition 1 (ext4): its journal needs recovery',
  },
  {
    rule: 'file-systems-clean',
    bad: () => onlyPartition({ size: 8, type: 'L' }),
    result: 'unread',
    found: 'partition 1 (unknown): its contents are not recognised',
  },
  {
    rule: 'file-systems-clean',
    good: () => onlyPartition(NTFS),
    bad: async () => {
      const path = await copyOf(await onlyPartition(NTFS));
      await setNtfsDirty(path);
      return path;
    },
    result: 'fail',
    found: 'partition 1 (NTFS): its dirty flag is set',
  },
  {
    rule: 'swap-partition',
    bad: () => onlyPartition(LUKS),
    result: 'unread',
    found: 'not examined: partition 1: LUKS2 encryption',
  },
  {
    rule: 'lvm',
    bad: () => onlyPartition(LUKS),
    result: 'unread',
    found: 'not examined: partition 1: LUKS2 encryption',
  },
  {
    rule: 'encryption',
    bad: () => onlyPartition(LVM),
    result: 'unread',
    found: 'not examined: partition 1: contents not recognised',
  },
  {
    rule: 'operating-system',
    bad: () => withPartition({ size: 20, type: 'L', fileSystem: 'vfat' }),
    result: 'unread',
    found: 'not examined: partition 3: FAT',
  },
  {
    rule: 'root-locked',
    bad: () => {
      const second = { '/etc/fstab': '', '/etc/shadow': 'root::1::::::\n' };
      return withPartition({ size: 8, type: 'L', fileSystem: 'ext4', files: second });
    },
    result: 'fail',
    found: 'partition 3: root has an empty password',
  },
  { rule: 'generation', bad: bareGpt, badOptions: { generation: 1 }, result: 'fail', found: 'GPT' },
  {
    rule: 'generation',
    good: () => goldenMbr,
    bad: bareMbr,
    badOptions: { generation: 2 },
    result: 'fail',
    found: 'MBR',
  },
  {
    rule: 'generation',
    bad: withoutEfi,
    result: 'fail',
    found: 'no EFI system partition',
  },
  { rule: 'generation', bad: strangeGpt, result: 'unread', found: 'nothing that the code in the protective MBR' },
  {
    rule: 'generation',
    bad: withoutGrub,
    badOptions: { generation: 1 },
    result: 'fail',
    found: 'a BIOS boot partition, but no boot code',
  },
  {
    rule: 'bios-boot-code',
    good: () => goldenMbr,
    bad: strangeGpt,
    badOptions: { generation: 1 },
    result: 'unread',
    found: 'no partition that it is known to start',
  },
  {
    rule: 'bios-boot-code',
    good: () => goldenMbr,
    bad: () => makeDisk({ ...BARE_MBR, hasBootCode: false }),
    result: 'fail',
    found: 'no code',
  },
  {
    rule: 'bios-boot-code',
    good: () => goldenMbr,
    bad: () => makeDisk({ ...BARE_MBR, partitions: [UNFORMATTED] }),
    result: 'fail',
    found: 'no active partition',
  },
  {
    rule: 'efi-system-partition',
    bad: withoutEfi,
    badOptions: { generation: 2 },
    result: 'fail',
    found: 'none',
  },
  {
    rule: 'efi-system-partition',
    bad: () => makeDisk({ table: 'gpt', partitions: [{ size: 8, type: 'U', fileSystem: 'ext4' }] }),
    result: 'fail',
    found: 'ext4',
  },
  {
    rule: 'efi-boot-loader',
    bad: () => makeDisk({ table: 'gpt', partitions: [{ ...EFI, files: { '/EFI/debian/grubx64.efi': 'x' } }] }),
    result: 'fail',
    found: 'BOOTX64',
  },
  {
    rule: 'efi-boot-loader',
    bad: withoutEfi,
    badOptions: { generation: 2 },
    result: 'unread',
    found: 'no readable EFI system partition',
  },
  {
    rule: 'operating-system',
    bad: () => makeDisk({ table: 'gpt', partitions: [EFI, { size: 20, type: 'L', fileSystem: 'luks' }] }),
    result: 'unread',
    found: 'LUKS',
  },
  { rule: 'agent', bad: untidy, result: 'warn', found: 'neither' },
  failsForMarketplace('agent', refused, '/usr/bin/cloud-init alone'),
  { rule: 'fstab', bad: untidy, result: 'warn', found: '/dev/sda2 on /' },
  { rule: 'fstab', bad: refused, result: 'fail', found: '/dev/vda2 on /' },
  { rule: 'kernel-console', bad: untidy, result: 'warn', found: 'console=tty0 (/boot/grub/grub.cfg)' },
  { rule: 'kernel-rootdelay', bad: untidy, result: 'warn', found: 'rootdelay=30 ' },
  { rule: 'kernel-messages', bad: untidy, result: 'warn', found: 'rhgb quiet' },
  { rule: 'persistent-net-rules', bad: untidy, result: 'warn', found: '70-persistent-net.rules' },
  { rule: 'sshd-keepalive', bad: untidy, result: 'warn', found: 'not set' },
  failsForMarketplace('sshd-keepalive', refused, 'ClientAliveInterval 10m (/etc/ssh/sshd_config.d/10-first.conf)'),
  { rule: 'hyperv-initramfs', bad: untidy, result: 'fail', found: 'kernel 6.1.0-42-amd64 has no hv_vmbus' },
  {
    rule: 'secure-boot-linux',
    bad: () => sharedDisk({ table: 'gpt', partitions: [GRUB_ALONE, ROOT] }),
    result: 'warn',
    found: 'is not shim',
  },
  { rule: 'sshd-enabled', bad: untidy, result: 'warn', found: 'nothing starts sshd' },
  failsForMarketplace('deprovisioned', untidy, '/etc/ssh/ssh_host_ed25519_key; the host name build7'),
  {
    rule: 'nvme-initramfs',
    goodOptions: { nvme: true },
    bad: untidy,
    badOptions: { nvme: true },
    result: 'warn',
    found: 'no nvme_core.io_timeout=',
  },
  { rule: 'root-locked', bad: untidy, result: 'warn', found: 'has a password' },
  { rule: 'root-locked', bad: refused, result: 'fail', found: 'empty' },
  failsForMarketplace('user-passwords', refused, 'maker'),
  { rule: 'authorized-keys', bad: untidy, result: 'warn', found: '/home/maker/.ssh/authorized_keys' },
  { rule: 'authorized-keys', bad: refused, result: 'warn', found: '/etc/ssh/keys/root' },
  { rule: 'shell-history', bad: untidy, result: 'warn', found: '/root/.bash_history (1025 bytes)' },
];

/** Rules that do not apply to a raw disk of generation 2 with Debian. */
const NOT_FOR_DEBIAN = [
  'saved-state',
  'creator',
  'bios-boot-code',
  'nvme-initramfs',
  'cloud-init-leftovers',
  'kernel-atapi',
  'kernel-lis',
  'oracle-uek2',
  'network-rhel',
  'network-nm-conflict',
  'network-sriov',
  'network-suse',
  'freebsd',
  'openbsd',
];

describe.skipIf(NO_DISK_TOOLS !== undefined)(`check rules ${NO_DISK_TOOLS ?? ''}`, () => {
  it('all pass for the golden disks', async () => {
    for (const path of [goldenGpt, goldenMbr]) {
      const report = await reportOf(path);
      expect(report.findings.filter(({ result }) => result !== 'pass' && result !== 'not-applicable')).toEqual([]);
      expect(report.result).toBe('pass');
    }
  });

  it('all pass for a golden disk for the Marketplace', async () => {
    const report = await reportOf(goldenForMarketplace, FOR_MARKETPLACE);
    expect(report.findings.filter(({ result }) => result !== 'pass' && result !== 'not-applicable')).toEqual([]);
    const exempt = report.findings
      .filter(({ id, result }) => result === 'not-applicable' && !id.startsWith('windows-'))
      .map(({ id }) => id);
    expect(exempt).toEqual(NOT_FOR_DEBIAN);
  });

  it('each have a test case', () => {
    const withCase = new Set(CASES.map(({ rule }) => rule));
    const isElsewhere = (rule: Rule) => WINDOWS_RULES.includes(rule) || LINUX_RULES.some(({ id }) => rule.id === id);
    expect(RULES.filter((rule) => !withCase.has(rule.id) && !isElsewhere(rule)).map(({ id }) => id)).toEqual([]);
    expect(new Set(RULES.map(({ id }) => id)).size).toBe(RULES.length);
  });

  it.each(CASES)('$rule: passes, or returns $result ($found)', async ({ rule, ...wanted }) => {
    const good = wanted.good === undefined ? goldenGpt : await wanted.good();
    const passed = await reportOf(good, wanted.goodOptions);
    expect(passed.findings.find(({ id }) => id === rule)).toMatchObject({ result: 'pass' });

    const report = await reportOf(await wanted.bad(), wanted.badOptions);
    const finding = report.findings.find(({ id }) => id === rule);
    expect(finding).toMatchObject({ result: wanted.result, found: expect.stringContaining(wanted.found) });
    expect(finding?.fix).toMatch(/\w/);
    expect(report.result).toBe(wanted.result === 'fail' ? 'fail' : report.counts.fail > 0 ? 'fail' : 'warn');
  });
});

describe.skipIf(NO_DISK_TOOLS !== undefined)(`checkImage on a guest ${NO_DISK_TOOLS ?? ''}`, () => {
  it.each([
    ['an XFS without an /etc', { size: 320, type: 'L', fileSystem: 'xfs' }, 'no file system with an /etc'],
    ['LUKS', { size: 20, type: 'L', fileSystem: 'luks' }, 'LUKS'],
    ['LVM', { size: 20, type: 'V' }, 'partition 1'],
    ['NTFS', { size: 20, type: 'L', fileSystem: 'ntfs' }, 'a folder Windows'],
    ['contents not recognised', { size: 20, type: 'L' }, 'contents not recognised'],
    [
      'an ext4 with casefold',
      { size: 20, type: 'L', fileSystem: 'ext4', mkfs: ['-O', 'casefold'] },
      'feature casefold',
    ],
    ['an ext4 with encrypt', { size: 20, type: 'L', fileSystem: 'ext4', mkfs: ['-O', 'encrypt'] }, 'feature encrypt'],
    ['an ext4 without an /etc', { size: 20, type: 'L', fileSystem: 'ext4' }, 'no file system with an /etc'],
  ] as const)('reports contents that it cannot read as unread, never as passed: %s', async (_, partition, found) => {
    const guest = { ...partition, bootable: true };
    const image = await makeDisk({ table: 'dos', hasBootCode: true, partitions: [guest] });
    const report = await checkImage({ image });
    const ofGuest = report.findings.filter(
      ({ id, group }) => (group === 'system' || group === 'accounts') && !id.startsWith('windows-'),
    );
    const applied = ofGuest.filter(({ result }) => result !== 'not-applicable');
    expect(applied.length).toBeGreaterThan(20);
    expect([...new Set(applied.map(({ result }) => result))]).toEqual(['unread']);
    expect(ofGuest.find(({ id }) => id === 'operating-system')?.found).toContain(found);
    expect(report.result).toBe('warn');
  });

  it('skips the Linux rules for what looks like Windows, and reports that Windows is not read', async () => {
    const ntfs = { size: 20, type: '7', fileSystem: 'ntfs', bootable: true } as const;
    const report = await checkImage({
      image: await makeDisk({ table: 'dos', hasBootCode: true, partitions: [ntfs] }),
    });
    const of = (id: string) => report.findings.find((finding) => finding.id === id);
    expect(of('agent')).toMatchObject({ result: 'not-applicable', found: 'Windows' });
    expect(of('operating-system')).toMatchObject({ result: 'unread' });
    expect(of('windows-rdp')).toMatchObject({ result: 'unread', found: expect.stringContaining('active partition') });
    expect(report.result).toBe('warn');
  });

  it('does not report files as absent when they are on a separate file system', async () => {
    const image = await makeDisk(
      withFiles({ '/etc/fstab': 'UUID=1 / ext4 defaults 0 1\nUUID=2 /home xfs defaults 0 2\n' }),
    );
    const report = await checkImage({ image });
    const of = (id: string) => report.findings.find((finding) => finding.id === id);
    expect(of('authorized-keys')).toMatchObject({ result: 'unread', found: expect.stringContaining('/home') });
    expect(of('root-locked')).toMatchObject({ result: 'pass' });
  });

  it('reads the kernel command line from a separate /boot, and from the entries of systemd-boot', async () => {
    const { '/boot/grub/grub.cfg': menu = '', ...rest } = GOLDEN_FILES;
    const root = { ...ROOT, files: rest };
    const boot = { size: 8, type: 'L', fileSystem: 'ext4', files: { '/grub2/grub.cfg': menu } } as const;
    const apart = await checkImage({ image: await makeDisk({ table: 'gpt', partitions: [EFI, boot, root] }) });
    expect(apart.findings.find(({ id }) => id === 'kernel-console')).toMatchObject({
      result: 'pass',
      found: 'console=tty1 console=ttyS0,115200n8 earlyprintk=ttyS0 (/boot/grub2/grub.cfg)',
    });
    const entries = {
      '/loader/entries/1-6.1.0.conf': 'title old\noptions quiet\n',
      '/loader/entries/1-6.10.0.conf': 'title new\noptions root=UUID=1 console=ttyS0 earlyprintk=ttyS0\n',
    };
    const efi = { ...EFI, files: { ...EFI.files, ...entries } };
    const byEntry = await checkImage({ image: await makeDisk({ table: 'gpt', partitions: [efi, root] }) });
    expect(byEntry.findings.find(({ id }) => id === 'kernel-console')).toMatchObject({
      result: 'pass',
      found: 'console=ttyS0 earlyprintk=ttyS0 (/boot/efi/loader/entries/1-6.10.0.conf)',
    });
  });
});
