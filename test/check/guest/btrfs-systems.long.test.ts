// Linux installations in subvolumes of btrfs, as SUSE, Fedora and Ubuntu lay them out, made by the kernel.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { gatherDiskFacts } from '../../../src/check/gather-facts.ts';
import { type FoundLinux, findLinux } from '../../../src/check/guest/find-linux.ts';
import { GuestFiles } from '../../../src/check/guest/guest-files.ts';
import { openGuest } from '../../../src/check/open-guest.ts';
import { openDiskImage } from '../../../src/image/open-disk-image.ts';
import { makeBtrfs, NO_BTRFS } from '../../support/btrfs-volumes.ts';
import { diskWith } from '../../support/free-space.ts';
import { CountingVolume, runTool } from '../../support/loop-volume.ts';

interface Layout {
  /** Paths from the top level, parents first. */
  readonly subvolumes: readonly string[];
  readonly files: Readonly<Record<string, string>>;
  readonly links?: Readonly<Record<string, string>>;
  readonly default?: string;
}

async function systemsOf({ subvolumes, files, links = {}, default: chosen }: Layout): Promise<FoundLinux> {
  const made = makeBtrfs([]);
  onTestFinished(() => made.remove());
  made.mounted('', (root) => {
    const place = (path: string) => {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      return join(root, path);
    };
    for (const path of subvolumes) runTool('btrfs', '-q', 'subvolume', 'create', place(path));
    for (const [path, text] of Object.entries(files)) writeFileSync(place(path), text);
    for (const [path, target] of Object.entries(links)) symlinkSync(target, place(path));
    if (chosen !== undefined) runTool('btrfs', 'subvolume', 'set-default', join(root, chosen));
  });
  const volume = new CountingVolume(made.path);
  onTestFinished(() => volume.close());
  return await findLinux(new Map([['partition 2', new GuestFiles({ type: 'btrfs', bytes: volume })]]), undefined);
}

const SUSE = '@/.snapshots/1/snapshot';

describe.skipIf(NO_BTRFS !== undefined)(`Linux in btrfs ${NO_BTRFS ?? ''}`, () => {
  it('of SUSE: the root is a snapshot, and fstab mounts subvolumes beside it', async () => {
    const { systems, problems } = await systemsOf({
      subvolumes: ['@', '@/var', '@/root', '@/home', '@/boot/grub2/x86_64-efi', SUSE],
      default: SUSE,
      files: {
        [`${SUSE}/etc/fstab`]: [
          'UUID=1 / btrfs defaults 0 0',
          'UUID=1 /var btrfs subvol=/@/var 0 0',
          'UUID=1 /root btrfs subvol=/@/root 0 0',
          'UUID=1 /home btrfs subvol=@/home 0 0',
          'UUID=1 /boot/grub2/x86_64-efi btrfs subvol=/@/boot/grub2/x86_64-efi 0 0',
          'UUID=1 /opt btrfs subvol=/@/opt 0 0',
          'UUID=2 /srv xfs defaults 0 0',
        ].join('\n'),
        [`${SUSE}/boot/grub2/grub.cfg`]: 'menu',
        [`${SUSE}/var/hidden`]: 'below the mount',
        '@/var/lib/waagent/x': 'in var',
        '@/root/.bash_history': 'ls',
        '@/boot/grub2/x86_64-efi/core.efi': 'loader',
      },
      links: { [`${SUSE}/lib`]: 'usr/lib', '@/var/history': '/root/.bash_history' },
    });
    expect(problems).toEqual([]);
    expect(systems.map(({ name }) => name)).toEqual(['partition 2']);
    const system = systems[0]?.system;
    expect(await system?.readText('/boot/grub2/grub.cfg')).toBe('menu');
    expect(await system?.readText('/var/lib/waagent/x')).toBe('in var');
    expect(await system?.readText('/boot/grub2/x86_64-efi/core.efi')).toBe('loader');
    expect(await system?.readText('/var/history')).toBe('ls');
    expect(await system?.look('/var/hidden')).toEqual({ kind: 'absent' });
    expect(await system?.look('/home/none')).toEqual({ kind: 'absent' });
    expect(await system?.names('/root')).toEqual(['.bash_history']);
    await expect(system?.look('/opt/x')).rejects.toThrow('it has no subvolume /@/opt, which is mounted at /opt');
    await expect(system?.look('/srv/x')).rejects.toThrow('which vhdup did not examine');
  });

  it.each([
    ['Fedora', 'root', 'home'],
    ['Ubuntu', '@', '@home'],
    ['Debian', '@rootfs', '@home'],
    ['a name of its own', 'root00', 'home00'],
  ])('of %s: the default subvolume is the top level, and the root another one', async (_name, root, home) => {
    const { systems, problems } = await systemsOf({
      subvolumes: [root, home],
      files: {
        [`${root}/etc/fstab`]: `UUID=1 / btrfs subvol=${root},compress=zstd:1 0 0\nUUID=1 /home btrfs subvol=${home} 0 0\n`,
        [`${root}/usr/lib/os-release`]: 'NAME=x',
        [`${home}/maker/.bash_history`]: 'ls',
      },
    });
    expect(problems).toEqual([]);
    expect(systems.map(({ name }) => name)).toEqual([`partition 2, subvolume ${root}`]);
    expect(await systems[0]?.system.readText('/usr/lib/os-release')).toBe('NAME=x');
    expect(await systems[0]?.system.readText('/home/maker/.bash_history')).toBe('ls');
    expect(await systems[0]?.system.look('/usr/sbin/waagent')).toEqual({ kind: 'absent' });
  });

  it('reads what fstab mounts from another btrfs volume, in the subvolume that it names', async () => {
    const [root, other] = [makeBtrfs([]), makeBtrfs([])];
    for (const made of [root, other]) onTestFinished(() => made.remove());
    const uuid = runTool('blkid', '-p', '-s', 'UUID', '-o', 'value', other.path).trim();
    root.mounted('', (folder) => {
      mkdirSync(join(folder, 'etc'));
      writeFileSync(join(folder, 'etc/fstab'), `UUID=1 / btrfs\nUUID=${uuid} /home auto subvol=/homes 0 0\n`);
    });
    other.mounted('', (folder) => {
      writeFileSync(join(folder, 'maker'), 'not mounted');
      runTool('btrfs', '-q', 'subvolume', 'create', join(folder, 'homes'));
      writeFileSync(join(folder, 'homes/history'), 'ls');
    });
    const image = await openDiskImage(await diskWith({ path: root.path }, { path: other.path }), { format: 'raw' });
    onTestFinished(() => image.close());
    const { guest, close } = await openGuest(
      await gatherDiskFacts(image, [], { purpose: 'vm', generation: undefined, blobName: undefined }),
    );
    onTestFinished(close);
    const system = guest.kind === 'linux' ? guest.systems[0]?.system : undefined;
    expect(await system?.readText('/home/history')).toBe('ls');
    expect(await system?.look('/home/maker')).toEqual({ kind: 'absent' });
  });

  it('finds none where there is none', async () => {
    const { systems, problems } = await systemsOf({ subvolumes: ['data'], files: { 'data/x': 'x' } });
    expect([systems, problems]).toEqual([[], []]);
  });
});
