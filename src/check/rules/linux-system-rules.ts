// Rules about a Linux system as a whole, and the list of all rules of the group "system".
import { printable } from '../../base/printable.ts';
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
/** Names that may refer to another disk at the next boot. */
const UNSTABLE_DEVICE = /^\/dev\/(?:sd[a-z]|nvme\d)/;

const FSTAB = linuxRule({
  id: 'fstab',
  sources: ['linux', 'redHat'],
  group: 'system',
  title: 'Mounts by UUID',
  reason:
    'Names such as /dev/sda1 depend on the order in which disks appear, and names such as /dev/vda1 exist on other hypervisors only. A failed mount can stop the boot.',
  run: async (system) => {
    const mounts = await system.mountPoints();
    const found = mounts
      .filter(({ device }) => FOREIGN_DEVICE.test(device) || UNSTABLE_DEVICE.test(device))
      .map(({ device, path }) => printable(`${device} on ${path}`));
    const fix = 'Use UUID=... instead; blkid lists the UUIDs.';
    if (found.length === 0) return pass(mounts.length === 1 ? '1 mount' : `${mounts.length} mounts`);
    const isForeign = mounts.some(({ device }) => FOREIGN_DEVICE.test(device));
    return (isForeign ? fail : warn)(found.slice(0, 5).join(', '), fix);
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
