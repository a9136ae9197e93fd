import { describe, expect, it } from 'vitest';
import { findLinux } from '../../../src/check/guest/find-linux.ts';
import { GuestUnreadableError } from '../../../src/check/guest/guest-file-system.ts';
import { LinuxSystem } from '../../../src/check/guest/linux-system.ts';
import { guestTree } from '../../support/guest-tree.ts';

const FSTAB =
  '# comment\nUUID=1 / ext4 defaults 0 1\nUUID=2\t/boot/efi/ vfat defaults\nUUID=3 /home/ xfs rw\nUUID=4 none swap sw\nbroken\n';

describe('LinuxSystem', () => {
  it('reads the entries of fstab', async () => {
    const system = new LinuxSystem({ root: guestTree({ '/etc/fstab': FSTAB }) });
    expect(await system.mountPoints()).toEqual([
      { device: 'UUID=1', path: '/', fileSystem: 'ext4' },
      { device: 'UUID=2', path: '/boot/efi', fileSystem: 'vfat' },
      { device: 'UUID=3', path: '/home', fileSystem: 'xfs' },
      { device: 'UUID=4', path: 'none', fileSystem: 'swap' },
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

  it('lists each home folder once, up to a limit', async () => {
    const many = Array.from({ length: 500 }, (_, index) => `u${index}:x:1:1::/home/u${index}:/bin/sh`);
    const passwd = ['root:x:0:0:root:/root:/bin/bash', 'a:x:1:1::/:/x', 'b:x:2:2::/nonexistent:/x', ...many, ...many];
    const system = new LinuxSystem({ root: guestTree({ '/etc/passwd': passwd.join('\n') }) });
    const accounts = await system.accounts();
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
    const broken = { look: () => Promise.reject(new GuestUnreadableError('it is damaged')) };
    const volumes = new Map([
      ['partition 1', broken],
      ['partition 2', guestTree({ '/etc/fstab': '' })],
    ]);
    const { systems, problems } = await findLinux(volumes, undefined);
    expect(systems).toHaveLength(1);
    expect(problems).toEqual(['partition 1: it is damaged']);
  });
});
