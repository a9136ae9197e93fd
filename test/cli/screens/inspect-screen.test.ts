import { describe, expect, it } from 'vitest';
import { showInspection } from '../../../src/cli/screens/inspect-screen.ts';
import type { InspectReport } from '../../../src/inspect/inspect.ts';
import { PIPE, TERMINAL } from '../../support/screens.ts';

const GIB = 1024 ** 3;

const REPORT: InspectReport = {
  image: {
    path: 'disk\u001b[31m.vhd',
    fileSize: 2 * GIB,
    modified: '2026-01-02T03:04:05.678Z',
    format: 'vhd-differencing',
    diskSize: 10 * GIB,
    blockSize: 2 ** 21,
    sectorSize: { logical: 512, physical: 512 },
    creator: { application: 'q\u0007', version: '5.3' },
    timestamp: '2020-10-14T10:23:23.000Z',
    ids: { uniqueId: '00112233445566778899aabbccddeeff', parentId: '0f'.repeat(16) },
    geometry: { cylinders: 10, heads: 4, sectorsPerTrack: 17, size: 348_160, differs: true },
    savedState: true,
  },
  parents: [],
  disk: {
    size: 10 * GIB,
    allocated: 5 * GIB,
    nonZero: 1024,
    map: { cellSize: GIB, allocated: [1, 1, 1, 1, 1, 0, 0, 0, 0, 0] },
    layout: {
      table: {
        scheme: 'gpt',
        sectorSize: 512,
        diskId: '',
        partitions: [],
        hasBootCode: false,
        hasGrub: false,
        problems: [],
      },
      volumes: [
        {
          range: { offset: 1024 ** 2, length: GIB },
          partition: {
            index: 1,
            offset: 1024 ** 2,
            length: GIB,
            type: '',
            typeName: 'Linux root (x86-64)',
            role: 'linux-root',
            isActive: true,
            isLogical: false,
            name: 'name\u202e of a partition that is long enough to be cut on a narrow terminal',
          },
          fileSystem: { type: 'ext4', name: 'ext4', kind: 'file-system', label: 'ro\u001bot' },
        },
        {
          range: { offset: GIB, length: GIB },
          partition: {
            index: 2,
            offset: 2 * GIB,
            length: GIB,
            type: 'some-guid',
            typeName: 'Unknown type',
            role: 'other',
            isActive: false,
            isLogical: false,
          },
        },
      ],
      problems: [
        {
          code: 'x',
          message: 'The backup of the GPT is somewhere else than where it should be, and that is a long story.',
        },
      ],
    },
    boot: { generations: [1, 2], reason: 'there is everything' },
    volumes: [
      {
        name: 'partition 1 (root)',
        partitions: [1],
        size: GIB,
        fileSystem: { type: 'ext4', name: 'ext4', kind: 'file-system' },
        state: 'clean',
        stateReason: 'clean',
        used: GIB / 4,
        free: (3 * GIB) / 4,
        freeNotZero: GIB / 2,
      },
      {
        name: 'partition 2',
        partitions: [2],
        size: GIB,
        fileSystem: { type: 'ntfs', name: 'NTFS', kind: 'file-system' },
        state: 'unclean',
        stateReason: 'it is hibernated\u001b',
        freeReason: 'a hibernated system is stored in partition 2',
      },
    ],
    unreadVolumes: [{ name: 'logical volume rhel/pool', reason: 'it is a thin pool' }],
    operatingSystem: { family: 'linux', name: 'Ubuntu', reason: 'the boot loader EFI/ubu\u001bntu' },
  },
  problems: [],
};

describe('the screen of an inspection', () => {
  it.each([60, 80, 140])('fits %i columns and contains no control characters', (width) => {
    const lines = showInspection(REPORT, { ...PIPE, width }).split('\n');
    for (const line of lines) {
      expect([...line].length).toBeLessThanOrEqual(width);
      expect(line).toMatch(/^[\x20-\x7e]*$/);
    }
  });

  it('distinguishes a disk that may boot from one that does not', () => {
    const bootLine = (boot: NonNullable<InspectReport['disk']>['boot']) => {
      const report = { ...REPORT, disk: { ...REPORT.disk, boot } } as InspectReport;
      return /^ {2}bootable .*$/m.exec(showInspection(report, { ...PIPE, width: 100 }))?.[0];
    };
    expect(bootLine({ generations: [], reason: 'nothing' })).toBe('  bootable     no (nothing)');
    expect(bootLine({ generations: [], isUncertain: true, reason: 'code' })).toBe('  bootable     unknown (code)');
  });

  it('describes the file and the disk', () => {
    expect(showInspection(REPORT, { ...PIPE, width: 100 })).toBe(`disk\\u{1b}[31m.vhd
  format       differencing VHD, blocks of 2.00 MiB
  creator      q\\u{7} 5.3
  time stamp   2020-10-14 10:23:23 UTC
  disk         10.0 GiB (10737418240 bytes)
  file         2.00 GiB (2147483648 bytes), modified 2026-01-02 03:04:05 UTC
  allocated    5.00 GiB (5368709120 bytes), 50% of the disk
  not zero     1.00 KiB (1024 bytes), less than 0.1% of the disk
  sectors      512 bytes, physically 512
  geometry     10/4/17, 340 KiB (348160 bytes), not the size of the disk: Azure goes by the disk,
               old programs by this
  unique id    00112233445566778899aabbccddeeff
  parent id    0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f
  saved state  yes (the machine was suspended)
  bootable     generation 1 (BIOS) and 2 (UEFI): there is everything
  system       Ubuntu (found the boot loader EFI/ubu\\u{1b}ntu)

GPT partition table, sectors of 512 bytes
  #   begins at      size  type                 contents           name
  1*   1.00 MiB  1.00 GiB  Linux root (x86-64)  ext4 "ro\\u{1b}ot"  name\\u{202e} of a partition that
                                                                   is long enough to be cut on a
                                                                   narrow terminal
  2    2.00 GiB  1.00 GiB  some-guid            not known
  * active: a BIOS boots from it

Volumes
  volume              contents     used     free  free, not zero  clean
  partition 1 (root)  ext4      256 MiB  768 MiB         512 MiB  yes
  partition 2         NTFS            ?        ?               ?  no
  partition 2 was not closed cleanly: it is hibernated\\u{1b}.
  The free space of partition 2 is not known: a hibernated system is stored in partition 2.
  logical volume rhel/pool is not read: it is a thin pool.

Allocation, 1.00 GiB a character
       0 B |#####.....|
            . none, - up to a third, + two thirds, * more, # all allocated

Notes
  The backup of the GPT is somewhere else than where it should be, and that is a long story.`);
  });

  it('shows the parents that were found, and every place that was searched', () => {
    const image = {
      path: 'base.vhd',
      fileSize: 512,
      modified: '2026-01-02T03:04:05Z',
      ids: { uniqueId: 'ab' },
      format: 'vhd-dynamic',
      diskSize: GIB,
    } as const;
    const missingParent = {
      child: 'base.vhd',
      wanted: 'unique id cd',
      tried: [
        { path: '/tmp/x\u001b.vhd', source: 'parent name', problem: 'there is no such file' },
        { path: '', source: 'parent locator 1 (W2ru)', problem: 'not tried, because its text is not UTF-16LE' },
      ],
    };
    const { disk: _, ...rest } = REPORT;
    const problems = [{ code: 'parent-image', message: 'Cannot find the parent.' }];
    const shown = showInspection({ ...rest, parents: [image], missingParent, problems, exitCode: 4 }, PIPE);
    expect(shown.slice(shown.indexOf('Parents'))).toBe(`Parents
  base.vhd: dynamic VHD, 1.00 GiB. Found; its id ab matches.
  The parent of base.vhd is missing, and the disk cannot be read without it.
    It has the unique id cd. Tried:
    /tmp/x\\u{1b}.vhd (parent name): there is no such file
    parent locator 1 (W2ru): not tried, because its text is not UTF-16LE
  Pass its folder, or the file itself, with --parent-path.`);
  });

  it('separates the reason why a disk cannot be read from other notes', () => {
    const { disk: _, ...rest } = REPORT;
    const problems = [
      { code: 'footer-damaged', message: 'The footer at the end is bad.' },
      { code: 'image-corrupt', message: 'The BAT is bad.' },
    ];
    const shown = showInspection({ ...rest, problems, exitCode: 3 }, PIPE);
    expect(shown).toContain('The disk cannot be read\n  The BAT is bad.\n\nNotes\n  The footer at the end is bad.');
  });

  it('describes the content of a disk without a partition table', () => {
    const disk = REPORT.disk as NonNullable<InspectReport['disk']>;
    const fileSystem = { type: 'ntfs', name: 'NTFS', kind: 'file-system' } as const;
    const withLayout = (volumes: NonNullable<InspectReport['disk']>['layout']['volumes']) =>
      showInspection({ ...REPORT, disk: { ...disk, layout: { volumes, problems: [] } } }, PIPE);
    expect(withLayout([])).toContain('No partition table\n  The contents of the disk are not recognised.');
    const range = { offset: 0, length: 1 };
    expect(withLayout([{ range, fileSystem }])).toContain('No partition table\n  NTFS on the whole disk.');
  });

  it('uses only bold and dim on a terminal, which are readable on light and dark backgrounds', () => {
    const escapeCharacter = String.fromCharCode(27);
    const codes = new Set(
      showInspection(REPORT, TERMINAL)
        .split(escapeCharacter)
        .slice(1)
        .map((text) => /^\[[0-9;]*m/.exec(text)?.[0]),
    );
    expect([...codes].sort()).toEqual(['[1m', '[22m', '[2m']);
  });
});
