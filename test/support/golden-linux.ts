// A Linux disk that passes every check. Tests change it in one place.
import type { GuestDisk, GuestPartition, GuestTree } from './guest-disk.ts';
import { cpioText, HYPER_V_MODULES, moduleFiles } from './initrd-builder.ts';

const KERNEL = '6.1.0-42-amd64';

const MODULES = [
  'drivers/hv/hv_vmbus',
  'drivers/scsi/hv_storvsc',
  'drivers/net/hyperv/hv_netvsc',
  'fs/udf/udf',
  'fs/fat/vfat',
];

const UNITS = '/etc/systemd/system';

/** Debian, because the general guide applies to it. */
export const GOLDEN_FILES: GuestTree = {
  '/etc/os-release': '-> ../usr/lib/os-release',
  '/usr/lib/os-release': 'NAME="Golden"\nPRETTY_NAME="Golden Linux 1"\nID=debian\nVERSION_ID="12"\n',
  '/etc/fstab': '# made by hand\nUUID=0f6b /         ext4 defaults   0 1\nUUID=5EAF /boot/efi vfat umask=0077 0 1\n',
  '/etc/passwd':
    'root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/usr/sbin:/usr/sbin/nologin\nmaker:x:1000:1000::/home/maker:/bin/sh\n',
  '/etc/shadow': 'root:!:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\nmaker:!$6$salt$hash:19000:0:99999:7:::\n',
  '/etc/ssh/sshd_config': 'Include /etc/ssh/sshd_config.d/*.conf\nPort 22\n',
  '/etc/ssh/sshd_config.d/50-cloudimg-settings.conf': 'ClientAliveInterval 120\n',
  '/usr/sbin/sshd': 'binary',
  [`${UNITS}/multi-user.target.wants/ssh.service`]: '-> /lib/systemd/system/ssh.service',
  '/usr/sbin/waagent': 'script',
  '/usr/lib/python3/dist-packages/azurelinuxagent/common/version.py': "AGENT_VERSION = '2.9.1.1'\n",
  '/etc/waagent.conf':
    'Provisioning.Agent=auto\nResourceDisk.Format=n\nResourceDisk.EnableSwap=n\nAutoUpdate.Enabled=y\n',
  [`${UNITS}/multi-user.target.wants/walinuxagent.service`]: '-> /lib/systemd/system/walinuxagent.service',
  '/usr/bin/cloud-init': 'script',
  '/usr/lib/python3/dist-packages/cloudinit/version.py': '__VERSION__ = "22.4.2"\n',
  '/etc/cloud/cloud.cfg': 'cloud_init_modules:\n - disk_setup\n - mounts\n - ssh\n',
  '/etc/cloud/cloud.cfg.d/91-azure.cfg': 'datasource_list: [ Azure ]\n',
  ...Object.fromEntries(
    ['cloud-init-local', 'cloud-init', 'cloud-config', 'cloud-final'].map((unit) => [
      `${UNITS}/cloud-init.target.wants/${unit}.service`,
      `-> /lib/systemd/system/${unit}.service`,
    ]),
  ),
  '/usr/bin/growpart': 'script',
  '/usr/sbin/sgdisk': 'binary',
  '/usr/sbin/hv_kvp_daemon': 'binary',
  '/usr/bin/python3.11': 'binary',
  '/usr/lib/x86_64-linux-gnu/libcrypto.so.3': 'library',
  '/etc/machine-id': 'uninitialized\n',
  '/etc/hostname': 'localhost.localdomain\n',
  '/root/.bash_history': 'ls\n',
  '/root/.ssh/authorized_keys': '# nobody\n',
  '/boot/grub/grub.cfg': `menuentry 'Golden' {\n\tlinux /boot/vmlinuz-${KERNEL} root=UUID=0f6b ro console=tty1 console=ttyS0,115200n8 earlyprintk=ttyS0 rootdelay=300 net.ifnames=0 nvme_core.io_timeout=240\n\tinitrd /boot/initrd.img-${KERNEL}\n}\n`,
  [`/boot/initrd.img-${KERNEL}`]: cpioText(moduleFiles(KERNEL, ...HYPER_V_MODULES)),
  [`/lib/modules/${KERNEL}/modules.dep`]: MODULES.map((name) => `kernel/${name}.ko:\n`).join(''),
  [`/lib/modules/${KERNEL}/modules.builtin`]:
    'kernel/drivers/nvme/host/nvme.ko\nkernel/drivers/nvme/host/nvme-core.ko\n',
};

export const GOLDEN_EFI: GuestTree = {
  '/EFI/BOOT/BOOTX64.EFI': 'UEFI SHIM\n$Version: 15.8 $\n',
  '/EFI/BOOT/grubx64.efi': 'loader',
  '/EFI/debian/grubx64.efi': 'loader',
};

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
