import { describe, expect, it } from 'vitest';
import { findLinux } from '../../../src/check/guest/find-linux.ts';
import { type GuestFileSystem, GuestUnreadableError } from '../../../src/check/guest/guest-file-system.ts';
import { LinuxSystem } from '../../../src/check/guest/linux-system.ts';
import { guestTree } from '../../support/guest-tree.ts';

const FSTAB =
  '# comment\nUUID=1 / ext4 defaults 0 1\nUUID=2\t/boot/efi/ vfat defaults\nUUID=3 /home/ xfs rw\nUUID=4 none swap sw\nbroken\n';

describe('LinuxSystem', () => {
  it('reads the entries of fstab', async () => {
    const system = new LinuxSystem({ root: guestTree({ '/etc/fstab': FSTAB }) });
    expect(await system.mountPoints()).toEqual([
      { device: 'UUID=1', path: '/', fileSystem: 'ext4', options: 'defaults' },
      { device: 'UUID=2', path: '/boot/efi', fileSystem: 'vfat', options: 'defaults' },
      { device: 'UUID=3', path: '/home', fileSystem: 'xfs', options: 'rw' },
      { device: 'UUID=4', path: 'none', fileSystem: 'swap', options: 'sw' },
    ]);
  });

  it('finds /boot and the EFI system partition at their mount points', async () => {
    const system = new LinuxSystem({
      root: guestTree({ '/etc/fstab': FSTAB }),
      boot: guestTree({ '/grub/grub.cfg': 'menu' }),
      efi: guestTree({ '/EFI/BOOT/BOOTX64.EFI': 'loader' }),
    });
    expect(await system.readText('/boot/grub/grub.cfg')).toBe('menu');
    expect(await system.readText('/boot/efi/EFI/BOOT/BOOTX64.EFI')).toBe('loader');
    expect(await system.readText('/efi/EFI/BOOT/BOOTX64.EFI')).toBeUndefined();
  });

  it('does not report a file as absent when another file system is mounted over it', async () => {
    const system = new LinuxSystem({ root: guestTree({ '/etc/fstab': FSTAB }) });
    await expect(system.look('/home/me/.bash_history')).rejects.toThrow(GuestUnreadableError);
    await expect(system.look('/boot/efi/EFI')).rejects.toThrow('/boot/efi');
    expect(await system.look('/homes')).toEqual({ kind: 'absent' });
  });

  it('looks on the volumes that fstab names, and on the nearest one', async () => {
    const fstab = 'UUID=1 / ext4 rw\n/dev/vg/var /var xfs rw\n/dev/vg/log /var/log xfs rw\nUUID=9 /srv xfs rw\n';
    const volumes = new Map([
      ['/dev/vg/var', guestTree({ '/lib/x': 'of var', '/log/hidden': 'below a mount point' })],
      ['/dev/vg/log', guestTree({ '/messages': 'of log' })],
    ]);
    const root = guestTree({ '/etc/fstab': fstab, '/var/lib/x': 'below a mount point', '/etc/y': 'of root' });
    const system = new LinuxSystem({ root, volumeNamed: (device) => volumes.get(device) });
    expect(await system.readText('/var/lib/x')).toBe('of var');
    expect(await system.readText('/var/log/messages')).toBe('of log');
    expect(await system.look('/var/log/hidden')).toEqual({ kind: 'absent' });
    expect(await system.readText('/etc/y')).toBe('of root');
    await expect(system.look('/srv/x')).rejects.toThrow(GuestUnreadableError);
  });

  it('follows links from the root to other volumes, and does not report as absent where others lead', async () => {
    const home = guestTree({ '/me/.profile': 'umask' });
    const root = guestTree({ '/etc/fstab': 'UUID=1 / ext4 rw\nUUID=2 /var/home xfs rw\nUUID=3 /opt xfs rw\n' });
    const leadsTo = (from: string, to: string, files: GuestFileSystem): GuestFileSystem => ({
      ...files,
      look: async (path) =>
        path.startsWith(`${from}/`)
          ? { kind: 'absent', leadsTo: to + path.slice(from.length) }
          : await files.look(path),
    });
    const linked = leadsTo('/home', '/var/home', leadsTo('/srv', '/opt/srv', root));
    const volumeNamed = (device: string) => (device === 'UUID=2' ? leadsTo('/away', '/elsewhere', home) : undefined);
    const system = new LinuxSystem({ root: linked, volumeNamed });
    expect(await system.readText('/home/me/.profile')).toBe('umask');
    expect(await system.look('/home/me/.bashrc')).toEqual({ kind: 'absent' });
    await expect(system.look('/srv/x')).rejects.toThrow('/opt/srv/x is on the file system of /opt');
    await expect(system.look('/home/away/x')).rejects.toThrow('is a link to /elsewhere/x');
  });

  it('follows links from other volumes: RHEL 8 has its grubenv on the EFI system partition', async () => {
    const fstab = 'UUID=1 / xfs rw\nUUID=2 /boot xfs rw\nUUID=3 /boot/efi vfat rw\n';
    const root = guestTree({ '/etc/fstab': fstab, '/etc/alternatives/x': 'of the root' });
    const boot = guestTree({});
    const look = async (path: string) =>
      ({
        '/grub2/grubenv': { kind: 'absent', leadsTo: '/efi/EFI/redhat/grubenv', from: 'volume' } as const,
        '/absolute': { kind: 'absent', leadsTo: '/etc/alternatives/x', from: 'system' } as const,
        '/circle': { kind: 'absent', leadsTo: '/boot/circle', from: 'system' } as const,
      })[path] ?? (await boot.look(path));
    const efi = guestTree({ '/EFI/redhat/grubenv': 'saved_entry=x' });
    const linked = { ...boot, look };
    for (const volumes of [
      { boot: linked },
      { volumeNamed: (one: string) => (one === 'UUID=2' ? linked : undefined) },
    ]) {
      const system = new LinuxSystem({ root, efi, ...volumes });
      expect(await system.readText('/boot/grub2/grubenv')).toBe('saved_entry=x');
      expect(await system.readText('/boot/absolute')).toBe('of the root');
      expect(await system.look('/boot/circle')).toMatchObject({ kind: 'absent' });
    }
  });

  it('lists each account once, up to a limit', async () => {
    const many = Array.from({ length: 500 }, (_, index) => `u${index}:x:1:1::/home/u${index}:/bin/sh`);
    const passwd = ['root:x:0:0:root:/root:/bin/bash', 'a:x:1:1::/:/x', 'b:x:2:2::/nonexistent:/x', ...many, ...many];
    const system = new LinuxSystem({ root: guestTree({ '/etc/passwd': passwd.join('\n') }) });
    const { accounts, isComplete } = await system.accounts();
    expect(isComplete).toBe(false);
    expect(accounts.slice(0, 2)).toEqual([
      { name: 'root', home: '/root' },
      { name: 'u0', home: '/home/u0' },
    ]);
    expect(accounts).toHaveLength(200);
  });
});

describe('findLinux', () => {
  it('identifies root and /boot by their contents, in any order', async () => {
    const volumes = new Map([
      ['partition 1', guestTree({ '/data/x': '' })],
      ['partition 2', guestTree({ '/grub2/grub.cfg': 'menu' })],
      ['partition 3', guestTree({ '/usr/lib/os-release': 'NAME=x' })],
    ]);
    const { systems, problems } = await findLinux(volumes, undefined);
    expect(problems).toEqual([]);
    expect(systems.map(({ name }) => name)).toEqual(['partition 3']);
    const system = systems[0]?.system;
    expect(await system?.readText('/boot/grub2/grub.cfg')).toBe('menu');
    expect(await system?.readText('/usr/lib/os-release')).toBe('NAME=x');
  });

  it('finds each of several installations', async () => {
    const volumes = new Map([
      ['partition 1', guestTree({ '/etc/fstab': '' })],
      ['partition 2', guestTree({ '/grub/grub.cfg': 'menu' })],
      ['partition 3', guestTree({ '/etc/os-release': '' })],
    ]);
    const { systems } = await findLinux(volumes, undefined);
    expect(systems.map(({ name }) => name)).toEqual(['partition 1', 'partition 3']);
    for (const { system } of systems) expect(await system.readText('/boot/grub/grub.cfg')).toBe('menu');
  });

  it('names the volume that it cannot read, and reads the others', async () => {
    const fails = () => Promise.reject(new GuestUnreadableError('it is damaged'));
    const broken = { look: fails, read: fails };
    const volumes = new Map([
      ['partition 1', broken],
      ['partition 2', guestTree({ '/etc/fstab': '' })],
    ]);
    const { systems, problems } = await findLinux(volumes, undefined);
    expect(systems).toHaveLength(1);
    expect(problems).toEqual(['partition 1: it is damaged']);
  });
});
