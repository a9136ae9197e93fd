// All rules about Windows, in display order.
import type { Rule } from '../rule.ts';
import { WINDOWS_BOOT_RULES } from './windows-boot-rules.ts';
import { WINDOWS_BOOT_TARGET_RULES } from './windows-boot-target-rules.ts';
import { WINDOWS_DRIVER_RULES } from './windows-driver-rules.ts';
import { WINDOWS_FIREWALL_RULES } from './windows-firewall-rules.ts';
import { WINDOWS_IMAGE_RULES } from './windows-image-rules.ts';
import { WINDOWS_PATCH_RULES } from './windows-patch-rules.ts';
import { WINDOWS_REMOTE_RULES } from './windows-remote-rules.ts';
import { WINDOWS_SETTING_RULES } from './windows-setting-rules.ts';
import { WINDOWS_SYSTEM_RULES } from './windows-system-rules.ts';

export const WINDOWS_RULES: readonly Rule[] = [
  ...WINDOWS_BOOT_TARGET_RULES,
  ...WINDOWS_BOOT_RULES,
  ...WINDOWS_SYSTEM_RULES,
  ...WINDOWS_DRIVER_RULES,
  ...WINDOWS_PATCH_RULES,
  ...WINDOWS_IMAGE_RULES,
  ...WINDOWS_REMOTE_RULES,
  ...WINDOWS_FIREWALL_RULES,
  ...WINDOWS_SETTING_RULES,
];
