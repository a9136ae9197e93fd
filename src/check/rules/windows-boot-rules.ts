// Rules about the settings in the boot configuration of a Windows (BCD).
// Sources: Microsoft, "Prepare a Windows VHD or VHDX to upload to Azure", "Trusted Launch", "BCD reference".
import { BOOT_ELEMENT, BOOT_OBJECT } from '../../volume/boot-configuration/boot-configuration.ts';
import { describeVersion, type WindowsVersion } from '../../volume/windows-version.ts';
import { START } from '../guest/windows-system.ts';
import { fail, pass, type Rule, warn } from '../rule.ts';
import { bootRule } from './windows-boot-rule.ts';

const SAFE_MODE = bootRule({
  id: 'windows-bcd-safe-mode',
  sources: ['safeMode'],
  title: 'No safe mode',
  reason: 'Safe mode starts without network and Remote Desktop.',
  run: async ({ bcd, loader }) => {
    const mode = await bcd.integer(loader, BOOT_ELEMENT.safeBoot);
    return mode === undefined
      ? pass('off')
      : fail(`safeboot is ${mode}`, 'Run in the machine: bcdedit /deletevalue "{default}" safeboot');
  },
});

/** What must be set, as bcdedit names and sets it. */
interface BootSetting {
  readonly name: string;
  readonly object: 'loader' | keyof typeof BOOT_OBJECT;
  readonly element: keyof typeof BOOT_ELEMENT;
  readonly value: boolean | bigint;
  readonly command: string;
}

const SETTINGS: readonly BootSetting[] = [
  {
    name: 'recoveryenabled',
    object: 'loader',
    element: 'recoveryEnabled',
    value: false,
    command: '/set "{default}" recoveryenabled Off',
  },
  {
    name: 'bootstatuspolicy',
    object: 'loader',
    element: 'bootStatusPolicy',
    value: 1n,
    command: '/set "{default}" bootstatuspolicy IgnoreAllFailures',
  },
  {
    name: 'displaybootmenu',
    object: 'bootManager',
    element: 'displayBootMenu',
    value: true,
    command: '/set "{bootmgr}" displaybootmenu yes',
  },
  { name: 'timeout', object: 'bootManager', element: 'timeout', value: 5n, command: '/set "{bootmgr}" timeout 5' },
  { name: 'bootems', object: 'bootManager', element: 'bootEms', value: true, command: '/set "{bootmgr}" bootems yes' },
  { name: 'ems', object: 'loader', element: 'ems', value: true, command: '/ems "{default}" ON' },
  {
    name: 'emsport',
    object: 'emsSettings',
    element: 'emsPort',
    value: 1n,
    command: '/emssettings EMSPORT:1 EMSBAUDRATE:115200',
  },
  {
    name: 'emsbaudrate',
    object: 'emsSettings',
    element: 'emsBaudRate',
    value: 115_200n,
    command: '/emssettings EMSPORT:1 EMSBAUDRATE:115200',
  },
];

const CONFIGURATION = bootRule({
  id: 'windows-bcd',
  sources: ['windows'],
  title: 'Boot settings for Azure',
  reason:
    'A Windows that waits in its recovery menu cannot be reached. The serial console of Azure is the only way to see the boot.',
  run: async ({ bcd, loader }, windows) => {
    const found: string[] = [];
    const commands = new Set<string>();
    for (const { name, object, element, value, command } of SETTINGS) {
      const id = object === 'loader' ? loader : BOOT_OBJECT[object];
      const read = typeof value === 'boolean' ? bcd.boolean.bind(bcd) : bcd.integer.bind(bcd);
      const actual = await read(id, BOOT_ELEMENT[element]);
      if (actual === value) continue;
      found.push(`${name} is ${actual ?? 'not set'}, not ${value}`);
      commands.add(`bcdedit ${command}`);
    }
    const console = await windows.startOf('sacsvr');
    if (console !== undefined && console !== START.automatic) {
      found.push(`sacsvr has the start type ${console}`);
      commands.add('Set-Service -Name sacsvr -StartupType Automatic');
    }
    return found.length === 0 ? pass('set') : warn(found.join('; '), `Run in the machine: ${[...commands].join('; ')}`);
  },
});

const WITHOUT_TRUSTED_LAUNCH = 'Upgrade Windows, or create the VM with: az vm create --security-type Standard';

/** Windows Server 2016, or Windows 10. */
function firstBuildWithTrustedLaunch({ installationType }: WindowsVersion): number {
  return installationType === 'Client' ? 10_240 : 14_393;
}

const SECURITY = ['noIntegrityChecks', 'testSigning', 'debug'] as const;

const SECURE_BOOT = bootRule({
  id: 'windows-secure-boot',
  sources: ['trustedLaunch'],
  title: 'Boots with Secure Boot',
  exempt: ({ generation }) => (generation === 1 ? 'only for generation 2' : undefined),
  reason:
    'Machines of generation 2 use Trusted Launch by default. Secure Boot refuses a loader without integrity checks, with test signing or with a debugger.',
  run: async ({ bcd, loader }, windows) => {
    const version = await windows.version();
    if (version.build < firstBuildWithTrustedLaunch(version)) {
      return warn(`${describeVersion(version)}, which Trusted Launch does not support`, WITHOUT_TRUSTED_LAUNCH);
    }
    const found: string[] = [];
    for (const element of SECURITY) {
      if ((await bcd.boolean(loader, BOOT_ELEMENT[element])) === true) found.push(element.toLowerCase());
    }
    const commands = found.map((name) => `bcdedit /deletevalue "{default}" ${name}`);
    return found.length === 0
      ? pass('nothing that Secure Boot refuses')
      : warn(`${found.join(', ')} on`, `Run in the machine: ${commands.join('; ')}`);
  },
});

export const WINDOWS_BOOT_RULES: readonly Rule[] = [SAFE_MODE, CONFIGURATION, SECURE_BOOT];
