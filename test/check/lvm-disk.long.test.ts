// Checks whole disks whose Linux is on logical volumes, which the tools of lvm2 make.
import { describe, expect, it } from 'vitest';
import { checkImage } from '../../src/check/check-image.ts';
import type { CheckReport } from '../../src/check/check-report.ts';
import { EFI, GOLDEN_FILES } from '../support/golden-linux.ts';
import { type GuestDisk, NO_DISK_TOOLS, overwrite } from '../support/guest-disk.ts';
import { type LogicalPart, makeLvmDisk, NO_LVM_TOOLS } from '../support/lvm-disk.ts';

const ABSENT = NO_DISK_TOOLS ?? NO_LVM_TOOLS;
const MIB = 1024 * 1024;

const FSTAB = [
  '/dev/mapper/vg--golden-root--lv / xfs defaults 0 0',
  'LABEL=none-such /mnt/data xfs nofail 0 0',
  'UUID=5EAF /boot/efi vfat umask=0077 0 1',
  '/dev/vg-golden/home /home ext4 defaults 0 0',
].join('\n');

const ROOT: LogicalPart = {
  name: 'root-lv',
  size: 320,
  fileSystem: 'xfs',
  files: { ...GOLDEN_FILES, '/etc/fstab': `${FSTAB}\n` },
};
const HOME: LogicalPart = { name: 'home', size: 8, fileSystem: 'ext4', files: { '/maker/.profile': 'umask 022\n' } };
const SWAP: LogicalPart = { name: 'swap', size: 8, fileSystem: 'swap' };
const DISK: GuestDisk = { table: 'gpt', partitions: [EFI] };

function problemsIn({ findings }: CheckReport): string[] {
  return findings
    .filter(({ result }) => result !== 'pass' && result !== 'not-applicable')
    .map(({ id, result, found }) => `${id} ${result}: ${found}`);
}

const LVM = 'lvm warn: partition 2';

describe.skipIf(ABSENT !== undefined)(`check of a Linux on logical volumes ${ABSENT ?? ''}`, () => {
  it('reads its files, also those of another volume that fstab names, and warns of LVM alone', async () => {
    const report = await checkImage({ image: await makeLvmDisk(DISK, [ROOT, HOME]) });
    expect(problemsIn(report)).toEqual([LVM]);
    const of = (id: string) => report.findings.find((finding) => finding.id === id);
    expect(of('operating-system')).toMatchObject({ result: 'pass', found: 'Golden Linux 1' });
    expect(of('authorized-keys')).toMatchObject({ result: 'pass' });
    expect(of('file-systems-clean')).toMatchObject({ result: 'pass' });
  });

  it('finds keys on a separate home volume', async () => {
    const keys = { ...HOME, files: { '/maker/.ssh/authorized_keys': 'ssh-ed25519 AAAA maker@home\n' } };
    const report = await checkImage({ image: await makeLvmDisk(DISK, [ROOT, keys]) });
    expect(problemsIn(report)).toEqual([LVM, 'authorized-keys warn: /home/maker/.ssh/authorized_keys']);
  });

  it('sees swap and an unclean file system on logical volumes', async () => {
    const image = await makeLvmDisk(DISK, [{ ...ROOT, isMounted: true }, HOME, SWAP]);
    const problems = problemsIn(await checkImage({ image }));
    expect(problems).toEqual([
      'swap-partition warn: logical volume vg-golden/swap',
      LVM,
      expect.stringMatching(/^file-systems-clean fail: logical volume vg-golden\/root-lv \(XFS\): /),
    ]);
  });

  it('does not pass what is on a volume without a known file system', async () => {
    const report = await checkImage({
      image: await makeLvmDisk(DISK, [ROOT, HOME, { ...SWAP, fileSystem: undefined }]),
    });
    const unknown = 'logical volume vg-golden/swap: contents not recognised';
    expect(problemsIn(report)).toEqual([
      `swap-partition unread: none visible; not examined: ${unknown}`,
      LVM,
      `encryption unread: no LUKS, no BitLocker visible; not examined: ${unknown}`,
      'file-systems-clean unread: logical volume vg-golden/swap (unknown): its contents are not recognised',
      `operating-system unread: Golden Linux 1; not examined: ${unknown}`,
    ]);
  });

  it('passes nothing of a group whose metadata is damaged', async () => {
    const path = await makeLvmDisk(DISK, [ROOT]);
    // The text of the metadata follows the header of its area.
    await overwrite(path, 9 * MIB + 4096 + 512, Buffer.alloc(1024 * 1024 - 4096 - 512));
    const report = await checkImage({ image: path });
    const ofSystem = report.findings.filter(({ level, id }) => level === 'B' && id !== 'efi-boot-loader');
    expect([...new Set(ofSystem.map(({ result }) => result))].sort()).toEqual(['not-applicable', 'unread']);
    expect(report.findings.find(({ id }) => id === 'operating-system')?.found).toMatch(/partition 2: /);
    expect(report.findings.find(({ id }) => id === 'swap-partition')).toMatchObject({ result: 'unread' });
    expect(report.findings.find(({ id }) => id === 'file-systems-clean')).toMatchObject({ result: 'unread' });
  });
});
