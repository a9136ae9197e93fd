// Checks whole disks with a Windows, on NTFS volumes that mkntfs makes and ntfs-3g fills.
import { readFile, truncate } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { type CheckOptions, checkImage } from '../../src/check/check-image.ts';
import type { CheckFinding, CheckReport } from '../../src/check/check-report.ts';
import { WINDOWS_RULES } from '../../src/check/rules/windows-rules.ts';
import { GOLDEN_EFI, GOLDEN_FILES } from '../support/golden-linux.ts';
import {
  DISK_ID,
  GENERALIZED,
  WINDOWS_PARTITION,
  type WindowsContents,
  windowsFiles,
} from '../support/golden-windows.ts';
import { type GuestDisk, makeDisk, NO_DISK_TOOLS, overwrite, setNtfsDirty } from '../support/guest-disk.ts';
import { dword, newLog, withChecksum } from '../support/hive-builder.ts';
import { NO_NTFS_TOOLS } from '../support/ntfs-volume.ts';
import { windowsGpt, windowsMbr, windowsPartition } from '../support/windows-disk.ts';

const GIB = 1024 ** 3;
const ABSENT = NO_DISK_TOOLS ?? NO_NTFS_TOOLS;
const WINDOWS_IDS: readonly string[] = WINDOWS_RULES.map(({ id }) => id);
const CONFIG = '/Windows/System32/config';

type Change = Partial<WindowsContents>;
const file = (path: string, content: Uint8Array | undefined): Change => ({ files: { [path]: content } });

async function reportOf(disk: GuestDisk, options: Omit<CheckOptions, 'image'> = {}): Promise<CheckReport> {
  return await checkImage({ image: await makeDisk(disk), ...options });
}

/** "id result: found" of what neither passes nor is exempt. */
function problemsIn({ findings }: CheckReport): string[] {
  return findings
    .filter(({ result }) => result !== 'pass' && result !== 'not-applicable')
    .map(({ id, result, found }) => `${id} ${result}: ${found}`);
}

function findingIn({ findings }: CheckReport, wanted: string): CheckFinding | undefined {
  return findings.find(({ id }) => id === wanted);
}

/** The results of the rules about Windows, without repetitions. */
function windowsResults({ findings }: CheckReport): string[] {
  const results = findings.filter(({ id }) => WINDOWS_IDS.includes(id)).map(({ result }) => result);
  return [...new Set(results)].sort();
}

/** Rules that read files of a system. The loader on the EFI system partition is part of none. */
function passedOfSystem({ findings }: CheckReport): string[] {
  return findings
    .filter(({ level, result, id }) => level === 'B' && result === 'pass' && id !== 'efi-boot-loader')
    .map(({ id }) => id);
}

describe.skipIf(ABSENT !== undefined)(`check of a disk with Windows ${ABSENT ?? ''}`, () => {
  it.each([
    [1, windowsMbr()],
    [2, windowsGpt()],
  ] as const)(
    'passes a prepared Windows of generation %i, to which rules about Linux do not apply',
    async (generation, disk) => {
      const report = await reportOf(disk);
      expect(problemsIn(report)).toEqual([]);
      expect(report).toMatchObject({ generation, result: 'pass' });
      expect(findingIn(report, 'operating-system')).toMatchObject({
        result: 'pass',
        found: 'Windows Server 2022 Datacenter, build 20348.2113, Server Core',
      });
      expect(findingIn(report, 'fstab')).toMatchObject({ result: 'not-applicable', found: 'Windows' });
      expect(findingIn(report, 'windows-generalized')).toMatchObject({ result: 'pass', found: 'specialized' });
    },
  );

  it('passes a generalized Windows for the Marketplace', async () => {
    const path = await makeDisk(windowsGpt(GENERALIZED));
    await truncate(path, 30 * GIB);
    const report = await checkImage({ image: path, purpose: 'marketplace', blobName: 'disk.vhd' });
    expect(problemsIn(report)).toEqual([]);
    expect(report).toMatchObject({ osState: 'generalized', result: 'pass' });
    expect(findingIn(report, 'marketplace-size')).toMatchObject({ found: '30 GiB for a Windows disk' });
  });

  it('fails a Windows without a boot configuration', async () => {
    const { partitions, ...disk } = windowsGpt();
    const [efi, ...others] = partitions;
    const { '/EFI/Microsoft/Boot/BCD': _, ...files } = efi?.files ?? {};
    const report = await reportOf({ ...disk, partitions: [{ size: 8, type: 'U', ...efi, files }, ...others] });
    expect(findingIn(report, 'windows-bcd-target')).toMatchObject({
      result: 'fail',
      found: 'there is no boot configuration /EFI/Microsoft/Boot/BCD on partition 1',
    });
    expect(findingIn(report, 'windows-bcd')).toMatchObject({ result: 'unread' });
    expect(findingIn(report, 'windows-clock')).toMatchObject({ result: 'pass' });
  });

  it('does not apply to data disks', async () => {
    const report = await reportOf(windowsGpt(), { purpose: 'data-disk' });
    expect(windowsResults(report)).toEqual(['not-applicable']);
  });
});

const hiveOf = (name: string, ...changes: readonly Change[]): Buffer =>
  Buffer.from(windowsFiles(...changes).windows[`${CONFIG}/${name}`] ?? []);
const WRONG_CLOCK: Change = {
  system: { 'ControlSet001\\Control\\TimeZoneInformation': { RealTimeIsUniversal: dword(0) } },
};

/** Sequence numbers that differ, as while Windows writes. */
function dirty(hive: Buffer): Buffer {
  const copy = Buffer.from(hive);
  copy.writeUInt32LE(copy.readUInt32LE(8) + 1, 4);
  return withChecksum(copy);
}

describe.skipIf(ABSENT !== undefined)(`a Windows that was not closed or cannot be read ${ABSENT ?? ''}`, () => {
  it.each([
    ['SYSTEM was not closed and has no logs', file(`${CONFIG}/SYSTEM`, dirty(hiveOf('SYSTEM'))), 'was not closed'],
    ['SOFTWARE is damaged', file(`${CONFIG}/SOFTWARE`, Buffer.alloc(8192)), 'its base block is damaged'],
    ['SOFTWARE is missing', file(`${CONFIG}/SOFTWARE`, undefined), 'is missing'],
  ])('is unread, not passed: %s', async (_, change, reason) => {
    const report = await reportOf(windowsGpt(change));
    expect(windowsResults(report)).toEqual(['not-applicable', 'unread']);
    expect(findingIn(report, 'windows-clock')).toMatchObject({ found: expect.stringContaining(reason) });
    expect(findingIn(report, 'operating-system')).toMatchObject({
      result: 'unread',
      found: expect.stringContaining(reason),
    });
    expect(passedOfSystem(report)).toEqual([]);
    expect(report.result).toBe('warn');
  });

  it('is read with its transaction logs, and reported as not closed', async () => {
    const old = dirty(hiveOf('SYSTEM', WRONG_CLOCK));
    const log = newLog([old, hiveOf('SYSTEM')], old.readUInt32LE(8));
    const changes = [file(`${CONFIG}/SYSTEM`, old), file(`${CONFIG}/SYSTEM.LOG1`, log)];
    expect(problemsIn(await reportOf(windowsGpt(...changes)))).toEqual([
      'windows-registry warn: the registry was not closed: SYSTEM',
    ]);
  });

  it('is read on a volume that was not closed, which fails', async () => {
    const path = await makeDisk(windowsGpt());
    await setNtfsDirty(path);
    const report = await checkImage({ image: path });
    expect(problemsIn(report)).toEqual([
      expect.stringMatching(/^file-systems-clean fail: partition 3 \(NTFS\): .*dirty/),
      expect.stringMatching(/^windows-registry warn: its volume was not closed, so settings may be older: /),
    ]);
  });

  it('fails if it is hibernated', async () => {
    const report = await reportOf(windowsGpt(file('/hiberfil.sys', Buffer.from('HIBR'.padEnd(4096, '\0')))));
    expect(findingIn(report, 'windows-hibernated')).toMatchObject({ result: 'fail' });
    expect(findingIn(report, 'file-systems-clean')).toMatchObject({ result: 'fail' });
  });

  it('is unread behind BitLocker', async () => {
    const path = await makeDisk(windowsGpt());
    const start = (await readFile(path)).indexOf('NTFS    ', 0, 'latin1');
    await overwrite(path, start, Buffer.from('-FVE-FS-'));
    const report = await checkImage({ image: path });
    expect(windowsResults(report)).toEqual(['not-applicable', 'unread']);
    expect(findingIn(report, 'windows-rdp')).toMatchObject({ found: expect.stringContaining('BitLocker') });
    expect(findingIn(report, 'encryption')).toMatchObject({ result: 'warn' });
    expect(passedOfSystem(report)).toEqual([]);
  });

  it('is unread on a damaged NTFS, and where only the partitions show it', async () => {
    const path = await makeDisk(windowsGpt());
    const bytes = await readFile(path);
    for (let at = bytes.indexOf('FILE0'); at >= 0; at = bytes.indexOf('FILE0', at + 1)) {
      await overwrite(path, at, Buffer.from('BAAD'));
    }
    const damaged = await checkImage({ image: path });
    expect(windowsResults(damaged)).toEqual(['not-applicable', 'unread']);
    expect(passedOfSystem(damaged)).toEqual([]);
    const { partitions, ...disk } = windowsGpt();
    const empty = partitions.map(({ fileSystem, files, ...rest }) =>
      fileSystem === 'ntfs' ? rest : { ...rest, ...(fileSystem && { fileSystem }), ...(files && { files }) },
    );
    const hidden = await reportOf({ ...disk, partitions: empty });
    expect(findingIn(hidden, 'windows-rdp')).toMatchObject({
      result: 'unread',
      found: expect.stringContaining('the boot loader EFI/Microsoft'),
    });
    expect(passedOfSystem(hidden)).toEqual([]);
  });
});

const OTHER_ID = '11111111-2222-3333-4444-555555555555';

describe.skipIf(ABSENT !== undefined)(`a disk with several systems ${ABSENT ?? ''}`, () => {
  it('gets the worst result of two installations of Windows, and checks the entry that starts', async () => {
    const denied: Change = file('/Windows/System32/drivers/netvsc.sys', undefined);
    const { partitions, ...disk } = windowsGpt();
    const second = windowsPartition(windowsFiles(denied).windows, OTHER_ID);
    const report = await reportOf({ ...disk, partitions: [...partitions, second] });
    expect(problemsIn(report)).toEqual([
      'windows-drivers fail: partition 4: /Windows/System32/drivers/netvsc.sys is missing',
    ]);
    expect(findingIn(report, 'operating-system')?.found).toMatch(/^partition 3: Windows .*, partition 4: Windows /);
  });

  it('checks both Windows and Linux', async () => {
    const { partitions, ...disk } = windowsGpt();
    const [efi, ...others] = partitions;
    const both = { size: 8, type: 'U', ...efi, files: { ...efi?.files, ...GOLDEN_EFI } };
    const linux = { size: 32, type: 'L', fileSystem: 'ext4', files: GOLDEN_FILES } as const;
    const report = await reportOf({ ...disk, partitions: [both, ...others, linux] });
    expect(problemsIn(report)).toEqual([]);
    expect(findingIn(report, 'fstab')).toMatchObject({ result: 'pass' });
    expect(findingIn(report, 'windows-clock')).toMatchObject({ result: 'pass' });
    expect(findingIn(report, 'operating-system')?.found).toBe(
      'partition 4: Golden Linux 1, partition 3: Windows Server 2022 Datacenter, build 20348.2113, Server Core',
    );
  });

  it('looks like neither, if NTFS holds data alone', async () => {
    const data = windowsPartition({ '/data.txt': Buffer.from('x') }, WINDOWS_PARTITION);
    const report = await reportOf({ table: 'gpt', id: DISK_ID, partitions: [data] });
    expect(findingIn(report, 'operating-system')).toMatchObject({
      result: 'unread',
      found: 'no file system with an /etc or a folder Windows was found',
    });
    expect(passedOfSystem(report)).toEqual([]);
  });
});
