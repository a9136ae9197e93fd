// Hibernated Linux systems in volumes that are left whole: the other volumes of the disk are kept too.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MIB } from '../../../src/base/byte-range.ts';
import { convertImage } from '../../../src/convert/convert.ts';
import { copyOf, diskWith, freeSpaceOfFile, reasonsOf } from '../../support/free-space.ts';
import { hasTool, NO_DISK_TOOLS, overwrite, tool } from '../../support/guest-disk.ts';

const SKIPPED = NO_DISK_TOOLS ?? (hasTool('mkfs.btrfs') ? undefined : 'mkfs.btrfs is not installed');
const HIBERNATED = /^a hibernated system is stored in partition 1$/;
const folder = mkdtempSync(join(tmpdir(), 'vhdup-hibernation-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let made = 0;

/** A volume with the files that `fill` puts into its root folder. */
async function volume(
  size: number,
  [program = '', ...args]: readonly string[],
  fill?: (root: string) => void,
): Promise<string> {
  const path = join(folder, `volume${made++}`);
  const root = `${path}.root`;
  mkdirSync(join(root, 'etc'), { recursive: true });
  fill?.(root);
  writeFileSync(path, Buffer.alloc(size * MIB, 'old data '));
  await tool(program, ['-q', ...args, root, path]);
  return path;
}

const ext4With = (fill?: (root: string) => void) => volume(32, ['mkfs.ext4', '-F', '-E', 'nodiscard', '-d'], fill);
const btrfsWith = (fill?: (root: string) => void) =>
  volume(128, ['mkfs.btrfs', '-f', '--nodiscard', '--rootdir'], fill);

/** The root of a system with a swap file. */
function systemWith(swap: Buffer): (root: string) => void {
  return (root) => {
    writeFileSync(join(root, 'etc/fstab'), 'UUID=1 / auto defaults 0 1\n/swapfile none swap sw 0 0\n');
    writeFileSync(join(root, 'swapfile'), swap);
  };
}

/** A copy with something before its superblock that is not a boot loader, so that it is left whole. */
async function leftWhole(path: string): Promise<string> {
  const copy = await copyOf(path);
  await overwrite(copy, 0, Buffer.from('ORCLDISK'));
  return copy;
}

describe.skipIf(SKIPPED !== undefined)(`a volume that is left whole ${SKIPPED ?? ''}`, () => {
  let clean: string;
  let swap: Buffer;
  let suspended: Buffer;
  beforeAll(async () => {
    clean = await ext4With();
    const path = join(folder, 'swap');
    writeFileSync(path, Buffer.alloc(4 * MIB, 'memory '));
    await tool('mkswap', [path]);
    swap = readFileSync(path);
    suspended = Buffer.from(swap);
    suspended.write('S1SUSPEND\0', 4086, 'latin1');
  });

  async function reasonsBesideClean(path: string): Promise<string[]> {
    return reasonsOf(await freeSpaceOfFile(await diskWith({ path }, { path: clean })));
  }

  it.each([
    ['ext4', ext4With],
    ['btrfs', btrfsWith],
  ])('and has a suspended swap file keeps everything on the disk: %s', async (_, made) => {
    const path = await leftWhole(await made(systemWith(suspended)));
    const disk = await diskWith({ path }, { path: clean });
    const found = reasonsOf(await freeSpaceOfFile(disk));
    expect(found).toEqual([expect.stringMatching(HIBERNATED), expect.stringMatching(HIBERNATED)]);
    const output = join(folder, 'out.raw');
    await convertImage({ image: disk, imageFormat: 'raw', output, format: 'raw', overwrite: true, skipFree: 'all' });
    expect(readFileSync(output).equals(readFileSync(disk))).toBe(true);
  });

  it.each([
    ['ext4', ext4With],
    ['btrfs', btrfsWith],
  ])('and has a swap file that is not suspended keeps itself alone: %s', async (_, made) => {
    const path = await leftWhole(await made(systemWith(swap)));
    expect(await reasonsBesideClean(path)).toEqual([expect.stringMatching(/begins with something/), '']);
  });

  it('and names a swap file on another file system keeps everything on the disk', async () => {
    const lines = 'UUID=1 / ext4 defaults\nUUID=2 /data ext4 defaults\n/data/swapfile none swap sw 0 0\n';
    const path = await leftWhole(await ext4With((root) => writeFileSync(join(root, 'etc/fstab'), lines)));
    const unknown = expect.stringMatching(/in partition 1 cannot be read: the swap file .* is on another file system/);
    expect(await reasonsBesideClean(path)).toEqual([unknown, unknown]);
  });

  it('because it cannot be opened keeps everything on the disk', async () => {
    const path = await copyOf(clean);
    await tool('debugfs', ['-w', '-R', 'feature encrypt', path]);
    const unknown = expect.stringMatching(/in partition 1 cannot be read: it has the ext4 feature encrypt/);
    expect(await reasonsBesideClean(path)).toEqual([unknown, unknown]);
  });

  it.each([
    ['needs_recovery', /its journal needs recovery/],
    ['shared_blocks', /effect on free space is not known/],
  ])('because of its feature %s keeps itself alone', async (feature, reason) => {
    const path = await copyOf(clean);
    await tool('debugfs', ['-w', '-R', `feature ${feature}`, path]);
    expect(await reasonsBesideClean(path)).toEqual([expect.stringMatching(reason), '']);
  });
});

describe.skipIf(SKIPPED !== undefined)('a btrfs', () => {
  it.each([
    ['whose /etc/fstab is a link to another subvolume', 0, '/nix/store/fstab', /: \/etc\/fstab leads to another file/],
    ['whose top level has 40 other names', 40, undefined, undefined],
    ['whose top level has too many names', 1000, undefined, /: its top level has more than 1000 names/],
  ])('%s is kept only if it may hide a system', async (_, count, target, reason) => {
    const path = await btrfsWith((root) => {
      if (target !== undefined) symlinkSync(target, join(root, 'etc/fstab'));
      for (let index = 0; index < count; index++) writeFileSync(join(root, `f${index}`), '');
    });
    const expected = reason === undefined ? '' : expect.stringMatching(reason);
    expect(reasonsOf(await freeSpaceOfFile(await diskWith({ path })))).toEqual([expected]);
  });
});
