// Rules about the boot configuration of a Windows (BCD).
// Sources: Microsoft, "Prepare a Windows VHD or VHDX to upload to Azure", "Trusted Launch", "BCD reference".
import {
  BOOT_ELEMENT,
  BOOT_OBJECT,
  type BootConfiguration,
} from '../../volume/boot-configuration/boot-configuration.ts';
import type { BootDevice } from '../../volume/boot-configuration/boot-device.ts';
import type { DiskLayout } from '../../volume/disk-layout.ts';
import type { CheckFacts } from '../check-facts.ts';
import { START, type WindowsSystem } from '../guest/windows-system.ts';
import { fail, pass, type Rule, unread, type Verdict, warn } from '../rule.ts';
import { windowsRule } from './windows-rule.ts';

/** A boot configuration and the entry that starts without a choice. */
interface DefaultEntry {
  readonly bcd: BootConfiguration;
  readonly loader: string;
}

type BootRule = Pick<Rule, 'id' | 'title' | 'reason'> & {
  readonly run: (entry: DefaultEntry, windows: WindowsSystem, facts: CheckFacts) => Promise<Verdict>;
};

function bootRule({ run, ...rest }: BootRule): Rule {
  return windowsRule({
    ...rest,
    group: 'boot',
    run: async (windows, facts) => {
      const { bcd } = windows;
      if (bcd === undefined)
        return unread('no boot configuration (BCD) was found', 'Run in the machine: bcdedit /enum');
      const loader = await bcd.defaultObject();
      if (loader === undefined) return fail('the boot manager has no default entry', 'Run bcdboot C:\\Windows');
      return await run({ bcd, loader }, windows, facts);
    },
  });
}

const TARGET = bootRule({
  id: 'windows-bcd-target',
  title: 'Boot entry leads to Windows',
  reason: 'A boot entry that names a partition or a loader that does not exist stops the boot with 0xc000000e.',
  run: async ({ bcd, loader }, { files }, facts) => {
    const problems: string[] = [];
    for (const [name, element] of [
      ['device', BOOT_ELEMENT.device],
      ['osdevice', BOOT_ELEMENT.osDevice],
    ] as const) {
      const problem = problemOfDevice(await bcd.device(loader, element), facts.layout);
      if (problem !== undefined) problems.push(`${name}: ${problem}`);
    }
    const path = (await bcd.text(loader, BOOT_ELEMENT.path)) ?? '';
    const wanted = facts.generation === 2 ? 'winload.efi' : 'winload.exe';
    if (facts.generation !== undefined && !path.toLowerCase().endsWith(`\\${wanted}`)) {
      problems.push(`path is ${path || 'not set'}, not ${wanted}, for generation ${facts.generation}`);
    } else if ((await files.stat(path.replaceAll('\\', '/'))) === undefined) {
      problems.push(`path: there is no ${path}`);
    }
    const root = await bcd.text(loader, BOOT_ELEMENT.systemRoot);
    if (root?.toLowerCase() !== '\\windows') problems.push(`systemroot is ${root ?? 'not set'}, not \\Windows`);
    const fix = 'Start Windows Setup or a recovery disk with this disk attached, and run: bcdboot C:\\Windows';
    return problems.length === 0 ? pass(path) : fail(problems.join('; '), fix);
  },
});

/** Why the device is no partition of the disk; undefined if it is. */
function problemOfDevice(device: BootDevice | undefined, { table }: DiskLayout): string | undefined {
  switch (device?.kind) {
    case undefined:
      return 'not set';
    case 'boot':
    case 'locate':
      return undefined;
    case 'other':
      return `a device of the type ${device.type}, which is no partition`;
    case 'gpt': {
      const { partitionId, diskId } = device;
      if (table?.scheme !== 'gpt' || table.diskId.toLowerCase() !== diskId) return ofAnotherDisk(diskId, table);
      const isThere = table.partitions.some(({ id }) => id?.toLowerCase() === partitionId);
      return isThere ? undefined : `no partition has the id ${partitionId}`;
    }
    case 'mbr': {
      const { offset, diskId } = device;
      if (table?.scheme !== 'mbr' || table.diskId.toLowerCase() !== diskId) return ofAnotherDisk(diskId, table);
      const isThere = table.partitions.some((partition) => BigInt(partition.offset) === offset);
      return isThere ? undefined : `no partition begins at ${offset}`;
    }
  }
}

function ofAnotherDisk(id: string, table: DiskLayout['table']): string {
  return `a partition of the disk ${id}, but this is the disk ${table?.diskId ?? 'without an id'}`;
}

const SAFE_MODE = bootRule({
  id: 'windows-bcd-safe-mode',
  title: 'No safe mode',
  reason: 'Safe mode starts without network and Remote Desktop.',
  run: async ({ bcd, loader }) => {
    const mode = await bcd.integer(loader, BOOT_ELEMENT.safeBoot);
    return mode === undefined
      ? pass('off')
      : fail(`safeboot is ${mode}`, 'Run in the machine: bcdedit /deletevalue {default} safeboot');
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
    command: '/set {default} recoveryenabled Off',
  },
  {
    name: 'bootstatuspolicy',
    object: 'loader',
    element: 'bootStatusPolicy',
    value: 1n,
    command: '/set {default} bootstatuspolicy IgnoreAllFailures',
  },
  {
    name: 'displaybootmenu',
    object: 'bootManager',
    element: 'displayBootMenu',
    value: true,
    command: '/set {bootmgr} displaybootmenu yes',
  },
  { name: 'timeout', object: 'bootManager', element: 'timeout', value: 5n, command: '/set {bootmgr} timeout 5' },
  { name: 'bootems', object: 'bootManager', element: 'bootEms', value: true, command: '/set {bootmgr} bootems yes' },
  { name: 'ems', object: 'loader', element: 'ems', value: true, command: '/ems {default} ON' },
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

const SECURITY = ['noIntegrityChecks', 'testSigning', 'debug'] as const;

const SECURE_BOOT = bootRule({
  id: 'windows-secure-boot',
  title: 'Boots with Secure Boot',
  reason:
    'Machines of generation 2 use Trusted Launch by default. Secure Boot refuses a loader without integrity checks, with test signing or with a debugger.',
  run: async ({ bcd, loader }) => {
    const found: string[] = [];
    for (const element of SECURITY) {
      if ((await bcd.boolean(loader, BOOT_ELEMENT[element])) === true) found.push(element.toLowerCase());
    }
    const commands = found.map((name) => `bcdedit /deletevalue {default} ${name}`);
    return found.length === 0
      ? pass('nothing that Secure Boot refuses')
      : warn(`${found.join(', ')} on`, `Run in the machine: ${commands.join('; ')}`);
  },
});

export const WINDOWS_BOOT_RULES: readonly Rule[] = [TARGET, SAFE_MODE, CONFIGURATION, SECURE_BOOT];
