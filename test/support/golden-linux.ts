// A Linux disk that passes every check. Tests change it in one place.
import type { GuestDisk, GuestPartition, GuestTree } from './guest-disk.ts';

export const GOLDEN_FILES: GuestTree = {
  '/etc/os-release': '-> ../usr/lib/os-release',
  '/usr/lib/os-release': 'NAME="Golden"\nPRETTY_NAME="Golden Linux 1"\n',
  '/etc/fstab': '# made by hand\nUUID=0f6b /         ext4 defaults   0 1\nUUID=5EAF /boot/efi vfat umask=0077 0 1\n',
  '/etc/passwd':
    'root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/usr/sbin:/usr/sbin/nologin\nmaker:x:1000:1000::/home/maker:/bin/sh\n',
  '/etc/shadow': 'root:!:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\nmaker:!$6$salt$hash:19000:0:99999:7:::\n',
  '/etc/ssh/sshd_config': 'Include /etc/ssh/sshd_config.d/*.conf\nPort 22\n',
  '/etc/ssh/sshd_config.d/50-cloudimg-settings.conf': 'ClientAliveInterval 120\n',
  '/usr/sbin/sshd': 'binary',
  '/usr/sbin/waagent': 'script',
  '/usr/bin/cloud-init': 'script',
  '/root/.bash_history': 'ls\n',
  '/root/.ssh/authorized_keys': '# nobody\n',
  '/boot/grub/grub.cfg':
    "menuentry 'Golden' {\n\tlinux /boot/vmlinuz root=UUID=0f6b ro console=tty1 console=ttyS0,115200n8 rootdelay=300\n}\n",
};

export const GOLDEN_EFI: GuestTree = { '/EFI/BOOT/BOOTX64.EFI': 'loader', '/EFI/debian/grubx64.efi': 'loader' };

export const ROOT: GuestPartition = { size: 32, type: 'L', fileSystem: 'ext4', files: GOLDEN_FILES };
export const EFI: GuestPartition = { size: 8, type: 'U', fileSystem: 'vfat', files: GOLDEN_EFI };

/** The disk for generation 2. */
export const GOLDEN_GPT: GuestDisk = { table: 'gpt', partitions: [EFI, ROOT] };

/** The disk for generation 1. */
export const GOLDEN_MBR: GuestDisk = {
  table: 'dos',
  hasBootCode: true,
  partitions: [{ ...ROOT, bootable: true }],
};

/** The golden disk with other files on its root; undefined removes one. */
export function withFiles(changes: Readonly<Record<string, string | undefined>>): GuestDisk {
  const files = Object.entries({ ...GOLDEN_FILES, ...changes }).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return { table: 'gpt', partitions: [EFI, { ...ROOT, files: Object.fromEntries(files) }] };
}
