// The rules about the boot of a Linux: what breaks each of them, and what does not.
import { gzipSync } from 'node:zlib';
import { LINUX_BOOT_RULES } from '../../../src/check/rules/linux-boot-rules.ts';
import { LINUX_MODULE_RULES } from '../../../src/check/rules/linux-module-rules.ts';
import {
  CENTOS_6_KERNEL,
  DEBIAN_KERNEL,
  RHEL_KERNEL,
  SLES_KERNEL,
  UBUNTU_KERNEL,
} from '../../support/golden-distributions.ts';
import { cpio, HYPER_V_MODULES, moduleFiles } from '../../support/initrd-builder.ts';
import {
  type Case,
  edited,
  exempts,
  fails,
  passes,
  SPECIALIZED,
  stricter,
  testRules,
  unreadable,
  VM,
  warns,
} from '../../support/linux-cases.ts';

const GRUB = '/boot/grub/grub.cfg';
const BLS = `/boot/loader/entries/0123abcd-${RHEL_KERNEL}.conf`;
const DEBIAN_INITRD = `/boot/initrd.img-${DEBIAN_KERNEL}`;
const dep = (version: string) => `/lib/modules/${version}/modules.dep`;
const builtin = (version: string) => `/lib/modules/${version}/modules.builtin`;

const CASES: readonly Case[] = [
  // hyperv-initramfs
  ...stricter(
    'hyperv-initramfs',
    'debian',
    { [DEBIAN_INITRD]: gzipSync(cpio(moduleFiles(DEBIAN_KERNEL, ...HYPER_V_MODULES.slice(1)))) },
    `hv_vmbus not in ${DEBIAN_INITRD}`,
  ),
  ...stricter(
    'hyperv-initramfs',
    'centos6',
    { [`/boot/initramfs-${CENTOS_6_KERNEL}.img`]: undefined },
    'has no initrd',
  ),
  fails(
    'hyperv-initramfs',
    'rhel',
    { [dep(RHEL_KERNEL)]: 'kernel/fs/ext4/ext4.ko.xz:\nkernel/drivers/hv/hv_vmbus.ko.xz:\n' },
    `kernel ${RHEL_KERNEL} has no hv_storvsc, no hv_netvsc`,
  ),
  passes(
    'hyperv-initramfs',
    'rhel',
    {
      [`/boot/initramfs-${RHEL_KERNEL}.img`]: cpio({ init: 'x' }),
      [builtin(RHEL_KERNEL)]:
        'kernel/drivers/hv/hv_vmbus.ko\nkernel/drivers/scsi/hv_storvsc.ko\nkernel/drivers/net/hyperv/hv_netvsc.ko\n',
    },
    'built into kernel',
  ),
  passes(
    'hyperv-initramfs',
    'rhel',
    {
      [`/boot/initramfs-${RHEL_KERNEL}.img`]: undefined,
      [`/boot/config-${RHEL_KERNEL}`]: 'CONFIG_HYPERV=y\nCONFIG_HYPERV_STORAGE=y\nCONFIG_HYPERV_NET=y\n',
    },
    'built into kernel',
  ),
  unreadable(
    'hyperv-initramfs',
    'sles',
    { [`/boot/initrd-${SLES_KERNEL}`]: Buffer.from('fd377a585a000004', 'hex') },
    'compressed with xz',
  ),
  unreadable(
    'hyperv-initramfs',
    'debian',
    {
      [DEBIAN_INITRD]: cpio({ init: 'x' }),
      [dep(DEBIAN_KERNEL)]: undefined,
      [builtin(DEBIAN_KERNEL)]: undefined,
    },
    'what is built into',
  ),
  unreadable(
    'hyperv-initramfs',
    'debian',
    {
      [GRUB]: undefined,
      [DEBIAN_INITRD]: undefined,
      [dep(DEBIAN_KERNEL)]: undefined,
      [builtin(DEBIAN_KERNEL)]: undefined,
    },
    'no kernel was found',
  ),

  // nvme-initramfs
  warns(
    'nvme-initramfs',
    'ubuntu',
    {
      [`/boot/initrd.img-${UBUNTU_KERNEL}`]: cpio(moduleFiles(UBUNTU_KERNEL, ...HYPER_V_MODULES)),
      [dep(UBUNTU_KERNEL)]: 'kernel/drivers/nvme/host/nvme.ko:\nkernel/drivers/nvme/host/nvme-core.ko:\n',
    },
    'nvme, nvme_core not in',
  ),
  warns('nvme-initramfs', 'rhel', edited('rhel', BLS, 'io_timeout=240', 'io_timeout=30'), 'nvme_core.io_timeout=30'),
  warns('nvme-initramfs', 'rhel', {}, 'generation 1', { ...VM, generation: 1 }),
  exempts('nvme-initramfs', 'rhel', {}, '--nvme', { ...VM, hasNvme: false }),

  // secure-boot-linux, trusted-launch
  warns('secure-boot-linux', 'ubuntu', {}, 'is not shim', { ...VM, efi: { '/EFI/BOOT/BOOTX64.EFI': 'GRUB' } }),
  warns('secure-boot-linux', 'ubuntu', {}, 'neither grubx64.efi nor fbx64.efi', {
    ...VM,
    efi: { '/EFI/BOOT/BOOTX64.EFI': '\0shim,4,UEFI shim,' },
  }),
  passes('secure-boot-linux', 'rhel', {}, 'fbx64.efi', {
    ...VM,
    efi: { '/EFI/BOOT/BOOTX64.EFI': 'UEFI SHIM', '/EFI/BOOT/fbx64.efi': 'x' },
  }),
  passes('secure-boot-linux', 'ubuntu', {}, 'BOOTAA64', {
    ...VM,
    efi: { '/EFI/BOOT/BOOTAA64.EFI': 'UEFI SHIM', '/EFI/BOOT/grubaa64.efi': 'x' },
  }),
  exempts('secure-boot-linux', 'ubuntu', {}, 'efi-boot-loader', {
    ...VM,
    efi: { '/EFI/ubuntu/shimx64.efi': 'UEFI SHIM' },
  }),
  exempts('secure-boot-linux', 'centos6', {}, 'generation 2'),
  ...(
    [
      ['ubuntu', 'VERSION_ID="24.04"', 'VERSION_ID="16.04"', 'older than 18.4'],
      ['debian', 'VERSION_ID="12"', 'VERSION_ID="10"', 'older than 11.0'],
      ['rhel', 'VERSION_ID="9.4"', 'VERSION_ID="8.5"', 'older than 8.6'],
      ['rocky', 'VERSION_ID="8.10"', 'VERSION_ID="8.5"', 'older than 8.6'],
      ['oracle', 'VERSION_ID="9.4"', 'VERSION_ID="8.2"', 'older than 8.3'],
      ['sles', 'VERSION_ID="15.6"', 'VERSION_ID="15.2"', 'older than 15.3'],
      ['rocky', 'ID="rocky"', 'ID="almalinux"', ''],
      ['rhel', 'ID="rhel"', 'ID="arch"', 'not in the list'],
    ] as const
  ).map(([golden, from, to, found]) =>
    (found === '' ? passes : warns)('trusted-launch', golden, edited(golden, '/etc/os-release', from, to), found),
  ),
  warns('trusted-launch', 'centos7', {}, 'CentOS Linux 7 (Core) is not in the list', { ...VM, generation: 2 }),
  exempts('trusted-launch', 'centos7', {}, 'generation 2'),

  // modules
  fails(
    'module-vfat',
    'rhel',
    { '/etc/modprobe.d/cis.conf': 'install vfat /bin/true\n' },
    '"install vfat /bin/true" in /etc/modprobe.d/cis.conf',
  ),
  fails('module-vfat', 'rhel', { '/etc/modprobe.d/cis.conf': 'blacklist vfat\n' }, 'blacklist vfat', SPECIALIZED),
  // A link to /dev/null in /etc takes the place of the file in /usr.
  passes(
    'module-vfat',
    'rhel',
    { '/usr/lib/modprobe.d/cis.conf': 'install vfat /bin/true\n', '/etc/modprobe.d/cis.conf': '-> /dev/null' },
    'nothing forbids vfat',
  ),
  fails(
    'module-vfat',
    'rhel',
    { '/usr/lib/modprobe.d/cis.conf': 'install vfat /bin/true\n' },
    '/usr/lib/modprobe.d/cis',
  ),
  passes(
    'module-vfat',
    'rhel',
    { '/etc/modprobe.d/cis.conf': '#install vfat /bin/true\ninstall vfatx /bin/true\noptions vfat x\n' },
    'nothing forbids vfat',
  ),
  fails(
    'module-vfat',
    'debian',
    edited('debian', GRUB, ' ro ', ' ro module_blacklist=udf,vfat '),
    'module_blacklist=udf,vfat',
  ),
  fails('module-vfat', 'debian', { [dep(DEBIAN_KERNEL)]: 'kernel/fs/udf/udf.ko:\n' }, 'has no vfat'),
  warns('module-udf', 'rhel', { '/etc/modprobe.d/cis.conf': 'install udf /usr/bin/false\n' }, 'install udf'),
  fails('module-udf', 'centos7', { '/etc/modprobe.d/cis.conf': 'install udf /bin/true\n' }, 'install udf'),
  fails('module-udf', 'centos6', { '/etc/modprobe.d/cis.conf': 'blacklist udf\n' }, 'blacklist udf'),
  warns('module-udf', 'debian', { [dep(DEBIAN_KERNEL)]: 'kernel/fs/fat/vfat.ko:\n' }, 'has no udf'),
  unreadable('module-udf', 'debian', { [dep(DEBIAN_KERNEL)]: undefined }, 'the modules of the kernel are not known'),
  exempts('module-udf', 'debian', {}, 'only for generalized', SPECIALIZED),
];

testRules('rules about the boot of a Linux', [...LINUX_BOOT_RULES, ...LINUX_MODULE_RULES], CASES);
