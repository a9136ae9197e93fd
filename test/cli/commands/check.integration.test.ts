// vhdup check on disks of several kinds, and as users run it.
import { describe, expect, it } from 'vitest';
import { type Outcome, runHere, runProgram } from '../../support/command-line.ts';
import { GOLDEN_GPT, withFiles } from '../../support/golden-linux.ts';
import { makeDisk, NO_DISK_TOOLS, overwrite } from '../../support/guest-disk.ts';
import { buildTemporary } from '../../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;

function check(...args: string[]): Promise<Outcome> {
  return runHere(['check', ...args]);
}

describe.skipIf(NO_DISK_TOOLS !== undefined)(`vhdup check ${NO_DISK_TOOLS ?? ''}`, () => {
  it('exits with 0 if every rule passes', async () => {
    const { exitCode, stdout, stderr } = await runProgram(['check', await makeDisk(GOLDEN_GPT)]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(/Golden\s+Linux\s+1\.\s+Checked\s+for\s+vm/);
    expect(stdout).toMatch(/\nPassed\n {2}Image: \d+ passed\n {2}Size: /);
    expect(stdout).not.toContain('\u001b');
  });

  it('exits with 20 on warnings, and prints nothing with --quiet', async () => {
    const disk = await makeDisk(withFiles({ '/usr/sbin/waagent': undefined, '/usr/bin/cloud-init': undefined }));
    expect(await check(disk, '--quiet')).toEqual({ exitCode: 20, stdout: '', stderr: '' });
  });

  it('exits with 21 on failures, and prints one JSON object with --json', async () => {
    const { exitCode, stdout } = await check(await makeDisk(GOLDEN_GPT), '--generation', '1', '--json');
    expect(exitCode).toBe(21);
    const report: unknown = JSON.parse(stdout);
    expect(report).toMatchObject({
      type: 'result',
      format: 'raw',
      diskSize: 42 * MIB,
      blobSize: 42 * MIB + 512,
      purpose: 'vm',
      generation: 1,
      generationFrom: 'option',
      result: 'fail',
      // The GPT has neither a BIOS boot partition nor boot code.
      counts: { fail: 2, warn: 0, unread: 0 },
    });
    expect(report).toHaveProperty('findings.0', {
      id: 'image-readable',
      level: 'A',
      group: 'image',
      title: 'Readable image',
      result: 'pass',
      found: 'raw disk (a partition table and no footer), converted to a fixed VHD during the upload',
      reason: expect.stringMatching(/\w/),
      sources: [{ title: expect.stringMatching(/\w/), url: expect.stringMatching(/^https:/) }],
    });
  });

  it('prints no control characters from an image', async () => {
    const evil = '\u001b[2J\u001b]0;owned\u0007\u202e';
    const disk = await makeDisk(
      withFiles({
        '/usr/lib/os-release': `PRETTY_NAME="x${evil}"\n`,
        '/etc/fstab': `/dev/sda1${evil} /${evil} ext4 x\n`,
        '/etc/passwd': `me${evil}:x:1:1::/home/a${evil}:/bin/sh\n`,
        '/etc/shadow': `root:!:1\nme${evil}:$6$x:1\n`,
        '/etc/ssh/sshd_config': `ClientAliveInterval ${evil}\n`,
        '/boot/grub/grub.cfg': `linux /x console=${evil} rootdelay=${evil}\n`,
      }),
    );
    for (const option of ['--verbose', '--json']) {
      const { stdout } = await check(disk, option);
      expect(stdout).toContain('u{1b}');
      expect([...stdout].filter((character) => character !== '\n' && /[\p{Cc}\p{Cf}]/u.test(character))).toEqual([]);
    }
  });

  it('fails for an image that cannot be read', async () => {
    const disk = await makeDisk({ table: 'none', size: 1, partitions: [] });
    await overwrite(disk, 0, Buffer.from('QFI\u00fb', 'latin1'));
    const { exitCode, stdout } = await check(disk);
    expect(exitCode).toBe(21);
    expect(stdout).toContain('  FAIL    Readable image [image-readable]\n');
    expect(stdout).toContain('QCOW');
  });
});

describe('vhdup check', () => {
  it('exits with 3 if the file does not exist', async () => {
    expect(await check('/nowhere/disk.vhd')).toMatchObject({
      exitCode: 3,
      stderr: expect.stringContaining('no such file'),
    });
  });

  it('does not require a data disk to boot', async () => {
    const { path } = await buildTemporary({ type: 'dynamic', size: 64 * MIB });
    const { exitCode, stdout } = await check(path, '--for', 'data-disk', '--verbose');
    expect(exitCode).toBe(0);
    expect(stdout).toContain('none, which a data disk may have');
    expect(stdout).toMatch(/\n {2}- {7}Matches the generation +a data disk\n/);
  });
});
