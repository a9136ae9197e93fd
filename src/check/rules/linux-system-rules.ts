// Rules about a Linux system as a whole, and the list of all rules of the group "system".
import { printable } from '../../base/printable.ts';
import { GuestUnreadableError } from '../guest/guest-file-system.ts';
import { readKernelLine } from '../guest/kernel-line.ts';
import type { LinuxSystem } from '../guest/linux-system.ts';
import { fail, pass, type Rule, warn } from '../rule.ts';
import { BSD_RULES } from './bsd-rules.ts';
import { LINUX_ACCESS_RULES } from './linux-access-rules.ts';
import { LINUX_AGENT_RULES } from './linux-agent-rules.ts';
import { LINUX_KERNEL_RULES } from './linux-kernel-rules.ts';
import { LINUX_MODULE_RULES } from './linux-module-rules.ts';
import { LINUX_NETWORK_RULES } from './linux-network-rules.ts';
import { LINUX_PACKAGE_RULES } from './linux-package-rules.ts';
import { linuxRule } from './linux-rule.ts';
import { LINUX_VERSION_RULES } from './linux-version-rules.ts';

/** Names that no disk of a Hyper-V machine has: the boot would wait for them in vain. */
const FOREIGN_DEVICE = /^\/dev\/(?:vd|xvd|hd)[a-z]/;
/** Names that may refer to another disk at the next boot, or that udev makes of the serial number or the controller of the old one. */
const UNSTABLE_DEVICE = /^\/dev\/(?:sd[a-z]|nvme\d|disk\/by-path\/|disk\/by-id\/(?:ata|ide|nvme|scsi|usb|virtio|wwn)-)/;

/** The device that the boot loader names as the root. @param hasOthers Whether the rule has a finding also if that is not known. */
async function rootDevice(system: LinuxSystem, hasOthers: boolean): Promise<string | undefined> {
  try {
    const parameters = (await readKernelLine(system))?.parameters ?? [];
    return parameters.findLast((parameter) => parameter.startsWith('root='))?.slice('root='.length);
  } catch (error) {
    if (!hasOthers || !(error instanceof GuestUnreadableError)) throw error;
    return undefined;
  }
}

const FSTAB = linuxRule({
  id: 'fstab',
  sources: ['linux', 'redHat'],
  group: 'system',
  title: 'Mounts by UUID',
  reason:
    'Names such as /dev/sda1 depend on the order in which disks appear, and names such as /dev/vda1 exist on other hypervisors only. A failed mount can stop the boot.',
  run: async (system) => {
    const mounts = await system.mountPoints();
    const isWrong = (device: string) => FOREIGN_DEVICE.test(device) || UNSTABLE_DEVICE.test(device);
    const wrong = mounts.filter(({ device }) => isWrong(device));
    const found = wrong.map(({ device, path }) => `${device} on ${path}`);
    const root = (await rootDevice(system, wrong.length > 0)) ?? '';
    if (isWrong(root)) found.unshift(`root=${root} in the kernel command line`);
    if (found.length === 0) return pass(mounts.length === 1 ? '1 mount' : `${mounts.length} mounts`);
    const isForeign = [root, ...wrong.map(({ device }) => device)].some((device) => FOREIGN_DEVICE.test(device));
    return (isForeign ? fail : warn)(
      found.slice(0, 5).map(printable).join(', '),
      'Use UUID=... instead; blkid lists the UUIDs.',
    );
  },
});

export const LINUX_SYSTEM_RULES: readonly Rule[] = [
  ...LINUX_AGENT_RULES,
  FSTAB,
  ...LINUX_PACKAGE_RULES,
  ...LINUX_KERNEL_RULES,
  ...LINUX_VERSION_RULES,
  ...LINUX_MODULE_RULES,
  ...LINUX_NETWORK_RULES,
  ...LINUX_ACCESS_RULES,
  ...BSD_RULES,
];
