// vhdup inspect on images of several kinds, and as users run it.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Outcome, runHere, runProgram, startProgram } from '../../support/command-line.ts';
import { makeDisk, NO_DISK_TOOLS } from '../../support/guest-disk.ts';
import { hasQemuImg, NO_QEMU_IMG, qemuImg } from '../../support/qemu.ts';
import { NO_SHARED_IMAGES, sharedImages } from '../../support/shared-images.ts';
import { buildVhd, patchFile, patternOf, uniqueIdOf } from '../../support/vhd-builder.ts';
import { buildTemporary, temporaryFolder } from '../../support/vhd-fixtures.ts';
import { buildVhdx, GIB, MIB } from '../../support/vhdx-builder.ts';

function inspect(...args: string[]): Promise<Outcome> {
  return runHere(['inspect', ...args]);
}

function reportOf(stdout: string) {
  const lines = stdout.trim().split('\n');
  return JSON.parse(lines.at(-1) ?? '') as Record<string, unknown>;
}

describe('vhdup inspect', () => {
  it('prints plain text without a terminal', async () => {
    const contents = [{ offset: 0, bytes: patternOf(1, MIB) }];
    const { path } = await buildTemporary({ type: 'dynamic', size: 40 * MIB, contents });
    const { exitCode, stdout, stderr } = await runProgram(['inspect', path]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(/^[\x20-\x7e\n]*$/);
    expect(stdout).toContain('  format      dynamic VHD, blocks of 2.00 MiB\n');
    expect(stdout).toContain('       0 B |####');
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(Math.max(80, path.length));
  });

  it('prints one object with --json, the same on every terminal, with the non-zero data with --scan', async () => {
    const contents = [{ offset: 0, bytes: patternOf(1, MIB) }];
    const { path } = await buildTemporary({ type: 'dynamic', size: 64 * MIB, contents, uniqueId: uniqueIdOf(4) });
    const { exitCode, stdout, stderr } = await inspect(path, '--json', '--scan');
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const report = reportOf(stdout);
    expect(Object.keys(report)).toEqual(['type', 'time', 'image', 'parents', 'disk', 'problems']);
    expect(report).toMatchObject({
      type: 'result',
      image: { path, format: 'vhd-dynamic', ids: { uniqueId: Buffer.from(uniqueIdOf(4)).toString('hex') } },
      disk: { size: 64 * MIB, allocated: 2 * MIB, nonZero: MIB, map: { cellSize: 256 * 1024 } },
    });
    expect(report['disk']).toHaveProperty('map.allocated.length', 256);
    expect(report['disk']).toHaveProperty('map.nonZero.length', 256);
  });

  it('escapes control characters in JSON, and the parsed text is the same', async () => {
    const name = 'base\u009b31m\u202e\u{e0041}.vhd';
    const parent = { uniqueId: uniqueIdOf(1), name };
    const { path } = await buildTemporary({ type: 'differencing', size: 8 * MIB, parent });
    const { stdout, exitCode } = await inspect(path, '--json');
    expect(exitCode).toBe(4);
    expect(stdout).toMatch(/^[\x20-\x7e\n]*$/);
    expect(reportOf(stdout)).toMatchObject({ image: { parentReferences: [{ source: 'parent name', text: name }] } });
  });

  it('shows a chain whose parent is missing, and exits with 4', async () => {
    const folder = await temporaryFolder();
    const size = 8 * MIB;
    const parent = { uniqueId: uniqueIdOf(1), locators: [{ code: 'W2ru', text: '.\\base.vhd' }] };
    await buildVhd(join(folder, 'base.vhd'), { type: 'fixed', size, uniqueId: uniqueIdOf(1) });
    await buildVhd(join(folder, 'child.vhd'), { type: 'differencing', size, parent });
    const found = await inspect(join(folder, 'child.vhd'));
    expect(found.exitCode).toBe(0);
    expect(found.stdout.replaceAll(/\s+/g, ' ')).toMatch(/Found; its id [0-9a-f]+ matches/);
    await rm(join(folder, 'base.vhd'));
    const missing = await inspect(join(folder, 'child.vhd'));
    expect(missing).toMatchObject({ exitCode: 4, stderr: '' });
    expect(missing.stdout).toContain('differencing VHD');
    expect(missing.stdout.replaceAll(/\s+/g, ' ')).toContain('there is no such file');
  });

  it('shows the readable parts of a damaged image, and exits with 3', async () => {
    const { path, headerOffset, footerOffset } = await buildTemporary({ type: 'dynamic', size: 8 * MIB });
    await patchFile(path, headerOffset, new Uint8Array(8));
    const whole = await inspect(path);
    expect(whole).toMatchObject({ exitCode: 3, stderr: '' });
    expect(whole.stdout).toContain('The disk cannot be read\n  Cannot use the dynamic header at 512');
    const header = await inspect('header', path);
    expect(header).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('WRONG it must begin with "cxsparse"'),
    });
    await patchFile(path, footerOffset + 200, new Uint8Array([1]));
    const footer = await inspect('footer', path, '--json');
    expect(footer.exitCode).toBe(0);
    const report = reportOf(footer.stdout);
    expect(Object.keys(report)).toEqual(['type', 'time', 'format', 'structure', 'structures']);
    expect(report).toMatchObject({
      structures: [
        { name: 'footer', problems: [expect.stringMatching(/^its checksum is 0x/)] },
        { offset: 0, problems: [expect.stringContaining('differs from the footer at the end')] },
      ],
    });
  });

  it.each([
    [[], 2, 'image'],
    [['nonsense', 'x.vhd'], 2, 'must be one of footer, header, bat, bitmap, regions, metadata, log'],
    [['footer', '/no/such/file'], 3, 'there is no such file'],
    [['/no/such/file'], 3, 'there is no such file'],
    [['x.vhd', '--block', '1'], 2, '--block needs a structure'],
    [['x.vhd', '--all'], 2, '--all needs a structure'],
    [['bat', 'x.vhd', '--scan'], 2, '--scan reads the whole image'],
    [['bat', 'x.vhd', '--block', 'two'], 2, 'whole number'],
    [['footer', 'a', 'b'], 2, 'vhdup --help'],
  ])('refuses %j', async (args, code, message) => {
    const { exitCode, stderr } = await inspect(...args);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('bug');
    expect(exitCode).toBe(code);
  });

  it('stops a scan on Ctrl-C', async () => {
    const path = join(await temporaryFolder(), 'large.vhdx');
    // Allocated blocks of a dynamic image are read even if they are holes in the file.
    const blocks = Array.from({ length: 2048 }, (_, index) => ({ index }));
    buildVhdx(path, { size: 64 * GIB, blockSize: 32 * MIB, blocks });
    const { child, ended } = startProgram(['inspect', '--scan', '--json', '--verbose', path]);
    // The scan has started. A second signal would end it at once.
    child.stdout?.once('data', () => child.kill('SIGINT'));
    const { exitCode, stdout, stderr } = await ended;
    expect(exitCode).toBe(130);
    expect(stderr).toContain('Stopping. Press Ctrl-C again');
    expect(reportOf(stdout)).toMatchObject({ type: 'error', code: 'INTERRUPTED' });
  });
});

describe.skipIf(NO_DISK_TOOLS !== undefined)(`real disks ${NO_DISK_TOOLS ?? ''}`, () => {
  beforeEach((context) => context.skip(!hasQemuImg, NO_QEMU_IMG));

  it('are described alike in a VHD and in a VHDX', async () => {
    const raw = await makeDisk({
      table: 'gpt',
      partitions: [
        { size: 34, type: 'uefi', fileSystem: 'vfat', mkfs: ['-F', '32'], files: { '/EFI/ubuntu/x': '' } },
        { size: 8, type: 'linux', fileSystem: 'ext4', mkfs: ['-L', 'cloudimg-rootfs'] },
      ],
    });
    await qemuImg('convert', '-f', 'raw', '-O', 'vpc', '-o', 'subformat=dynamic,force_size=on', raw, `${raw}.vhd`);
    await qemuImg('convert', '-f', 'raw', '-O', 'vhdx', raw, `${raw}.vhdx`);
    const reports = [];
    for (const path of [`${raw}.vhd`, `${raw}.vhdx`])
      reports.push(reportOf((await inspect(path, '--json', '--scan')).stdout));
    for (const report of reports) {
      expect(report).toMatchObject({
        problems: [],
        disk: {
          boot: { generations: [2] },
          operatingSystem: { name: 'Ubuntu' },
          layout: {
            volumes: [{ fileSystem: { type: 'fat32' } }, { fileSystem: { type: 'ext4', label: 'cloudimg-rootfs' } }],
          },
        },
      });
    }
    const [vhd, vhdx] = reports.map((report) => report['disk'] as { nonZero: number });
    expect(vhd?.nonZero).toBeGreaterThan(0);
    expect(vhdx?.nonZero).toBe(vhd?.nonZero);
  });
});

describe('images made by other tools', () => {
  beforeEach((context) => context.skip(sharedImages === undefined, NO_SHARED_IMAGES));

  it.each([
    ['dfvfs/fat-differential.vhd', 0, 'MBR partition table'],
    ['dfvfs/image.vhd', 3, 'its checksum is 0xfffff683, but its bytes give 0xffffef25'],
    ['libvhd/child-of-raw.vhd', 4, 'its parent id is zero'],
    ['discutils/lvm2.vhdx', 0, 'LVM2 physical volume'],
    ['discutils/vhdx-log-replay.vhdx', 0, 'not closed cleanly; 2 entries to replay'],
  ])('%s', async (name, code, text) => {
    const { exitCode, stdout, stderr } = await inspect(join(sharedImages ?? '', name));
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain(text);
    expect({ exitCode, stderr }).toEqual({ exitCode: code, stderr: '' });
  });
});
