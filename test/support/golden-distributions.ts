// Files of distributions as their guides for Azure ask for them, in memory. Each passes every rule about Linux.
import { gzipSync } from 'node:zlib';
import type { TreeFiles } from './guest-tree.ts';
import { cpio, HYPER_V_MODULES, moduleFiles } from './initrd-builder.ts';

const MODULES = [
  'drivers/hv/hv_vmbus',
  'drivers/scsi/hv_storvsc',
  'drivers/net/hyperv/hv_netvsc',
  'fs/udf/udf',
  'fs/fat/vfat',
  'drivers/nvme/host/nvme',
  'drivers/nvme/host/nvme-core',
];
const NVME_MODULES = ['nvme/host/nvme.ko.xz', 'nvme/host/nvme-core.ko.xz'];

/** Microcode comes first, in an archive of its own. */
const MICROCODE = cpio({ 'kernel/x86/microcode/GenuineIntel.bin': 'code'.repeat(300) });

function initrd(version: string): Buffer {
  const drivers = moduleFiles(version, ...HYPER_V_MODULES, ...NVME_MODULES);
  return Buffer.concat([MICROCODE, Buffer.alloc(512), gzipSync(cpio({ init: 'script', ...drivers }))]);
}

function kernel(version: string, initrdPath: string): TreeFiles {
  return {
    [initrdPath]: initrd(version),
    [`/lib/modules/${version}/modules.dep`]: MODULES.map((name) => `kernel/${name}.ko.xz:\n`).join(''),
    [`/lib/modules/${version}/modules.builtin`]: 'kernel/fs/ext4/ext4.ko\n',
  };
}

function units(folder: string, ...names: readonly string[]): TreeFiles {
  return Object.fromEntries(
    names.map((name) => [`${folder}/${name}.service`, `-> /usr/lib/systemd/system/${name}.service`]),
  );
}

const WANTS = '/etc/systemd/system/multi-user.target.wants';
const CLOUD_WANTS = '/etc/systemd/system/cloud-init.target.wants';

const COMMON: TreeFiles = {
  '/etc/passwd': 'root:x:0:0:root:/root:/bin/bash\n',
  '/etc/shadow': 'root:!!:19000:0:99999:7:::\n',
  '/etc/fstab': 'UUID=0f6b / ext4 defaults 0 1\n',
  '/etc/ssh/sshd_config': 'PermitRootLogin no\nClientAliveInterval 180\n',
  '/usr/sbin/sshd': 'binary',
  '/usr/sbin/waagent': 'script',
  '/etc/sudoers': 'Defaults env_reset\nroot ALL=(ALL) ALL\n',
  '/usr/bin/python3.9': 'binary',
  '/etc/machine-id': '',
};

const WITH_CLOUD_INIT: TreeFiles = {
  ...units(CLOUD_WANTS, 'cloud-init-local', 'cloud-init', 'cloud-config', 'cloud-final'),
  '/usr/bin/cloud-init': 'script',
  '/etc/waagent.conf': 'Provisioning.Agent=auto\nResourceDisk.Format=n\nResourceDisk.EnableSwap=n\n',
  '/etc/cloud/cloud.cfg': 'cloud_init_modules:\n - migrator\n - disk_setup\n - mounts\n',
  '/etc/cloud/cloud.cfg.d/91-azure_datasource.cfg':
    'datasource_list: [ Azure ]\ndatasource:\n    Azure:\n        apply_network_config: False\n',
  '/usr/bin/growpart': 'script',
  '/usr/sbin/sgdisk': 'binary',
};

function python(folder: string, agent: string, cloudInit?: string): TreeFiles {
  return {
    [`${folder}/azurelinuxagent/common/version.py`]: `AGENT_VERSION = '${agent}'\n`,
    ...(cloudInit === undefined ? {} : { [`${folder}/cloudinit/version.py`]: `__VERSION__ = "${cloudInit}"\n` }),
  };
}

function osRelease(id: string, version: string, name: string, like = ''): string {
  return `NAME="x"\nID="${id}"\nID_LIKE="${like}"\nVERSION_ID="${version}"\nPRETTY_NAME="${name}"\n`;
}

/** As the guides write them. */
const LINES = {
  general: 'console=tty1 console=ttyS0,115200n8 earlyprintk=ttyS0 rootdelay=300 net.ifnames=0',
  ubuntu: 'console=tty1 console=ttyS0,115200n8 earlyprintk=ttyS0,115200 rootdelay=300 quiet splash',
  redHat: 'console=tty1 console=ttyS0,115200n8 earlyprintk=ttyS0 net.ifnames=0',
  suse: 'audit=1 mitigations=auto security=apparmor crashkernel=228M,high crashkernel=72M,low console=ttyS0 earlyprintk=ttyS0',
  centOs6: 'console=ttyS0 earlyprintk=ttyS0 rootdelay=300',
} as const;

const NVME = 'nvme_core.io_timeout=240';

function grubMenu(version: string, image: string, line: string): string {
  return `set default=0\nmenuentry 'x' {\n\tlinux\t/boot/vmlinuz-${version} root=UUID=0f6b ro ${line} ${NVME}\n\tinitrd\t/boot/${image}\n}\n`;
}

/** RHEL 8 and later: an entry of the Boot Loader Specification for each kernel, on a /boot that GRUB calls "/". */
function loaderEntry(version: string, line: string): TreeFiles {
  const name = `0123abcd-${version}`;
  return {
    '/boot/grub2/grub.cfg': 'insmod blscfg\nblscfg\n',
    '/boot/grub2/grubenv': `# GRUB Environment Block\nsaved_entry=${name}\n####\n`,
    [`/boot/loader/entries/${name}.conf`]: `title x\nversion ${version}\nlinux /vmlinuz-${version}\ninitrd /initramfs-${version}.img $tuned_initrd\noptions root=UUID=0f6b ro ${line} ${NVME} $tuned_params\n`,
    ...kernel(version, `/boot/initramfs-${version}.img`),
  };
}

const ETH0 = 'DEVICE=eth0\nONBOOT=yes\nBOOTPROTO=dhcp\nTYPE=Ethernet\nUSERCTL=no\nPEERDNS=yes\nIPV6INIT=no\n';

const RED_HAT_8: TreeFiles = {
  ...COMMON,
  ...WITH_CLOUD_INIT,
  ...units(WANTS, 'sshd', 'waagent', 'NetworkManager'),
  '/etc/udev/rules.d/68-azure-sriov-nm-unmanaged.rules': 'SUBSYSTEM=="net", DRIVERS=="hv_pci", ENV{NM_UNMANAGED}="1"\n',
  '/usr/sbin/hypervkvpd': 'binary',
  '/usr/lib64/libcrypto.so.3': 'library',
};

export const UBUNTU_KERNEL = '6.8.0-1015-azure';
const UBUNTU: TreeFiles = {
  ...COMMON,
  ...WITH_CLOUD_INIT,
  ...units(WANTS, 'walinuxagent'),
  '/etc/os-release': osRelease('ubuntu', '24.04', 'Ubuntu 24.04.1 LTS', 'debian'),
  '/usr/lib/systemd/system/ssh.service': 'unit',
  '/etc/systemd/system/sockets.target.wants/ssh.socket': '-> /usr/lib/systemd/system/ssh.socket',
  ...python('/usr/lib/python3/dist-packages', '2.9.1.1', '24.2'),
  '/boot/grub/grub.cfg': grubMenu(UBUNTU_KERNEL, `initrd.img-${UBUNTU_KERNEL}`, LINES.ubuntu),
  ...kernel(UBUNTU_KERNEL, `/boot/initrd.img-${UBUNTU_KERNEL}`),
  [`/usr/lib/linux-tools/${UBUNTU_KERNEL}/hv_kvp_daemon`]: 'binary',
  '/usr/lib/x86_64-linux-gnu/libcrypto.so.3': 'library',
  '/etc/resolv.conf': '-> ../run/systemd/resolve/stub-resolv.conf',
};

export const DEBIAN_KERNEL = '6.1.0-26-cloud-amd64';
const DEBIAN: TreeFiles = {
  ...COMMON,
  ...WITH_CLOUD_INIT,
  ...units(WANTS, 'ssh', 'walinuxagent'),
  '/etc/os-release': osRelease('debian', '12', 'Debian GNU/Linux 12 (bookworm)'),
  ...python('/usr/lib/python3/dist-packages', '2.9.1.1', '22.4.2'),
  '/boot/grub/grub.cfg': grubMenu(DEBIAN_KERNEL, `initrd.img-${DEBIAN_KERNEL}`, LINES.general),
  ...kernel(DEBIAN_KERNEL, `/boot/initrd.img-${DEBIAN_KERNEL}`),
  '/usr/sbin/hv_kvp_daemon': 'binary',
  '/usr/lib/x86_64-linux-gnu/libcrypto.so.3': 'library',
};

export const RHEL_KERNEL = '5.14.0-427.13.1.el9_4.x86_64';
const RHEL: TreeFiles = {
  ...RED_HAT_8,
  '/etc/os-release': osRelease('rhel', '9.4', 'Red Hat Enterprise Linux 9.4 (Plow)', 'fedora'),
  ...python('/usr/lib/python3.9/site-packages', '2.7.0.6', '23.1.1'),
  ...loaderEntry(RHEL_KERNEL, LINES.redHat),
};

const ROCKY: TreeFiles = {
  ...RED_HAT_8,
  '/etc/os-release': osRelease('rocky', '8.10', 'Rocky Linux 8.10 (Green Obsidian)', 'rhel centos fedora'),
  ...python('/usr/lib/python3.6/site-packages', '2.7.0.6', '23.4'),
  ...loaderEntry('4.18.0-553.el8_10.x86_64', LINES.redHat),
  '/usr/lib64/libcrypto.so.1.1': 'library',
};

const ORACLE: TreeFiles = {
  ...RED_HAT_8,
  '/etc/os-release': osRelease('ol', '9.4', 'Oracle Linux Server 9.4', 'fedora'),
  '/etc/oracle-release': 'Oracle Linux Server release 9.4\n',
  '/etc/redhat-release': 'Red Hat Enterprise Linux release 9.4 (Plow)\n',
  ...python('/usr/lib/python3.9/site-packages', '2.7.0.6', '23.1.1'),
  ...loaderEntry('5.15.0-207.156.6.el9uek.x86_64', LINES.redHat),
};

export const SLES_KERNEL = '6.4.0-150600.21-default';
const SLES: TreeFiles = {
  ...COMMON,
  ...WITH_CLOUD_INIT,
  ...units(WANTS, 'sshd', 'waagent'),
  '/etc/os-release': osRelease('sles', '15.6', 'SUSE Linux Enterprise Server 15 SP6', 'suse'),
  '/etc/waagent.conf':
    'Provisioning.UseCloudInit=auto\nProvisioning.Enabled=n\nResourceDisk.Format=n\nResourceDisk.EnableSwap=n\n',
  ...python('/usr/lib/python3.6/site-packages', '2.8.0.11', '23.3'),
  '/boot/grub2/grub.cfg': grubMenu(SLES_KERNEL, `initrd-${SLES_KERNEL}`, LINES.suse),
  ...kernel(SLES_KERNEL, `/boot/initrd-${SLES_KERNEL}`),
  '/etc/sysconfig/network/dhcp': 'DHCLIENT_SET_HOSTNAME="no"\n',
  '/usr/lib/hyper-v/bin/hv_kvp_daemon': 'binary',
  '/usr/lib64/libcrypto.so.3.1.4': 'library',
};

export const CENTOS_7_KERNEL = '3.10.0-1160.el7.x86_64';
const CENTOS_7: TreeFiles = {
  ...COMMON,
  ...WITH_CLOUD_INIT,
  ...units(WANTS, 'sshd', 'waagent'),
  '/etc/os-release': osRelease('centos', '7', 'CentOS Linux 7 (Core)', 'rhel fedora'),
  '/etc/centos-release': 'CentOS Linux release 7.9.2009 (Core)\n',
  ...python('/usr/lib/python2.7/site-packages', '2.2.46', '19.4'),
  '/boot/grub2/grub.cfg': grubMenu(CENTOS_7_KERNEL, `initramfs-${CENTOS_7_KERNEL}.img`, LINES.general),
  ...kernel(CENTOS_7_KERNEL, `/boot/initramfs-${CENTOS_7_KERNEL}.img`),
  '/etc/sysconfig/network': 'NETWORKING=yes\nHOSTNAME=localhost.localdomain\n',
  '/etc/sysconfig/network-scripts/ifcfg-eth0': `${ETH0}NM_CONTROLLED=no\n`,
  '/etc/rc.d/rc3.d/S10network': '-> ../init.d/network',
  '/etc/udev/rules.d/68-azure-sriov-nm-unmanaged.rules': 'SUBSYSTEM=="net", DRIVERS=="hv_pci", ENV{NM_UNMANAGED}="1"\n',
  '/usr/sbin/hypervkvpd': 'binary',
  '/usr/lib64/libcrypto.so.10': 'library',
};

export const CENTOS_6_KERNEL = '2.6.32-754.35.1.el6.x86_64';
/** Without os-release, systemd and cloud-init; GRUB 1 on a separate /boot. */
const CENTOS_6: TreeFiles = {
  ...COMMON,
  '/etc/redhat-release': 'CentOS release 6.10 (Final)\n',
  '/etc/waagent.conf':
    'Provisioning.Enabled=y\nProvisioning.UseCloudInit=n\nResourceDisk.Format=y\nResourceDisk.Filesystem=ext4\nResourceDisk.MountPoint=/mnt/resource\nResourceDisk.EnableSwap=y\nResourceDisk.SwapSizeMB=2048    ## in MiB\n',
  ...python('/usr/lib/python2.6/site-packages', '2.2.46'),
  '/usr/lib/python2.6/site-packages/pyasn1/__init__.py': '',
  '/boot/grub/menu.lst': `default=0\ntimeout=5\ntitle CentOS (${CENTOS_6_KERNEL})\n\troot (hd0,0)\n\tkernel /vmlinuz-${CENTOS_6_KERNEL} ro root=UUID=0f6b ${LINES.centOs6}\n\tinitrd /initramfs-${CENTOS_6_KERNEL}.img\n`,
  ...kernel(CENTOS_6_KERNEL, `/boot/initramfs-${CENTOS_6_KERNEL}.img`),
  '/etc/sysconfig/network': 'NETWORKING=yes\nHOSTNAME=localhost.localdomain\n',
  '/etc/sysconfig/network-scripts/ifcfg-eth0': ETH0,
  '/lib/udev/rules.d/75-persistent-net-generator.rules': 'rules',
  '/etc/udev/rules.d/75-persistent-net-generator.rules': '-> /dev/null',
  ...Object.fromEntries(
    ['S10network', 'S55sshd', 'S99waagent'].map((name) => [`/etc/rc.d/rc3.d/${name}`, `-> ../init.d/${name.slice(3)}`]),
  ),
  '/usr/sbin/hv_kvp_daemon': 'binary',
  '/usr/bin/python2.6': 'binary',
  '/usr/lib64/libcrypto.so.10': 'library',
};

/** With the generation that the kernel supports. */
export const GOLDEN_DISTRIBUTIONS = {
  ubuntu: { files: UBUNTU, generation: 2 },
  debian: { files: DEBIAN, generation: 2 },
  rhel: { files: RHEL, generation: 2 },
  rocky: { files: ROCKY, generation: 2 },
  oracle: { files: ORACLE, generation: 2 },
  sles: { files: SLES, generation: 2 },
  centos7: { files: CENTOS_7, generation: 1 },
  centos6: { files: CENTOS_6, generation: 1 },
} as const satisfies Readonly<Record<string, { readonly files: TreeFiles; readonly generation: 1 | 2 }>>;

export type GoldenName = keyof typeof GOLDEN_DISTRIBUTIONS;
