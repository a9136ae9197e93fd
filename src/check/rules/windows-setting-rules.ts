// Rules about single settings of a Windows: clock, power, paths, disks, network, crash dumps.
// Source: Microsoft, "Prepare a Windows VHD or VHDX to upload to Azure".
import { UnreadableError } from '../../volume/file-systems/opened-file-system.ts';
import type { WindowsSystem } from '../guest/windows-system.ts';
import { pass, type Rule, unread, warn } from '../rule.ts';
import {
  becomesImage,
  differences,
  inSystem,
  notApplicable,
  type Setting,
  warnOf,
  windowsRule,
} from './windows-rule.ts';

const CLOCK = windowsRule({
  id: 'windows-clock',
  sources: ['windows'],
  title: 'Clock in UTC',
  reason: 'The hardware clock of a machine in Azure runs in UTC.',
  run: async (windows) => {
    const settings = [inSystem('Control\\TimeZoneInformation', 'RealTimeIsUniversal', 1)];
    return warnOf(await differences(windows, settings), pass('RealTimeIsUniversal is 1'));
  },
});

const HIGH_PERFORMANCE = '8c5e7fda-e8bf-4a96-9a85-a6e23a8c635c';

const POWER_PLAN = windowsRule({
  id: 'windows-power-plan',
  sources: ['windows'],
  title: 'Power plan: high performance',
  reason: 'A machine in Azure must not go to sleep, because nothing wakes it.',
  run: async (windows) => {
    const setting = inSystem('Control\\Power\\User\\PowerSchemes', 'ActivePowerScheme', HIGH_PERFORMANCE);
    const found = await differences(windows, [setting]);
    return found.length === 0
      ? pass('high performance')
      : warn(found.map((one) => one.found).join('; '), `Run in the machine: powercfg /setactive ${HIGH_PERFORMANCE}`);
  },
});

const ENVIRONMENT = 'Control\\Session Manager\\Environment';

const TEMP = windowsRule({
  id: 'windows-temp',
  sources: ['windows'],
  title: 'Temporary folders',
  reason: 'Temporary folders on a drive that does not exist in Azure stop installers and agents.',
  run: async (windows) => {
    const settings = ['TEMP', 'TMP'].map((name) => inSystem(ENVIRONMENT, name, '%SystemRoot%\\TEMP'));
    return warnOf(await differences(windows, settings), pass('%SystemRoot%\\TEMP'));
  },
});

const SAN_POLICY = windowsRule({
  id: 'windows-san-policy',
  sources: ['windows'],
  title: 'Data disks online',
  reason: 'With another SAN policy than OnlineAll, data disks that are attached in Azure stay offline.',
  run: async (windows) => {
    const found = await differences(windows, [inSystem('Services\\partmgr\\Parameters', 'SanPolicy', 1)]);
    return found.length === 0
      ? pass('SanPolicy is 1 (OnlineAll)')
      : warn(
          found.map((one) => one.found).join('; '),
          'Run in the machine: Set-StorageSetting -NewDiskPolicy OnlineAll',
        );
  },
});

const TCPIP = 'Services\\Tcpip\\Parameters';

const ROUTES = windowsRule({
  id: 'windows-routes',
  sources: ['windows'],
  group: 'network',
  title: 'No persistent routes',
  reason: 'Routes of the old network lead nowhere in Azure.',
  run: async (windows) => {
    const routes = (await windows.values('system', `${TCPIP}\\PersistentRoutes`)).map(([name]) => name);
    if (routes.length === 0) return pass('none');
    return warn(
      routes.slice(0, 5).join('; '),
      'Run in the machine: route print; then for each: route delete <destination>',
    );
  },
});

const STATIC_ADDRESS = windowsRule({
  id: 'windows-static-address',
  sources: ['experience'],
  group: 'network',
  title: 'Addresses by DHCP',
  reason: 'Azure gives addresses by DHCP. A machine that keeps its old address cannot be reached.',
  run: async (windows, facts) => {
    if (await becomesImage(windows, facts)) return notApplicable('only for disks that do not become an image');
    const found: string[] = [];
    for (const id of (await windows.subkeys('system', `${TCPIP}\\Interfaces`)) ?? []) {
      const isDynamic = await windows.integer('system', `${TCPIP}\\Interfaces\\${id}`, 'EnableDHCP');
      if (isDynamic === 0) found.push(`${id} EnableDHCP is 0`);
    }
    return found.length === 0
      ? pass('no static address')
      : warn(found.slice(0, 5).join('; '), 'Run in the machine: Get-NetIPInterface | Set-NetIPInterface -Dhcp Enabled');
  },
});

const CONNECTIONS = 'Microsoft\\Windows\\CurrentVersion\\Internet Settings\\Connections';
const AZURE_ADDRESS = '168.63.129.16';
const HAS_PROXY = 2;

const PROXY = windowsRule({
  id: 'windows-proxy',
  sources: ['windows'],
  group: 'network',
  title: 'No system proxy',
  reason: `The VM Agent reaches the platform at ${AZURE_ADDRESS}, which no proxy forwards to.`,
  run: async (windows) => {
    const data = await windows.value('software', CONNECTIONS, 'WinHttpSettings');
    const fix = 'Run in the machine: netsh winhttp reset proxy';
    if (data === undefined) return pass('none');
    if (data.kind !== 'bytes' || data.bytes.length < 12) return unread('WinHttpSettings has an unknown form', fix);
    if ((data.bytes.readUInt32LE(8) & HAS_PROXY) === 0) return pass('none');
    const { text: proxy, end } = textWithLength(data.bytes, 12);
    const { text: bypass } = textWithLength(data.bytes, end);
    return bypass.includes(AZURE_ADDRESS) ? pass(`${proxy}, not for ${AZURE_ADDRESS}`) : warn(`proxy ${proxy}`, fix);
  },
});

/** A text after its length in 32 bits, as far as it is there. */
function textWithLength(bytes: Buffer, offset: number): { readonly text: string; readonly end: number } {
  if (offset + 4 > bytes.length) return { text: '', end: bytes.length };
  const end = Math.min(offset + 4 + bytes.readUInt32LE(offset), bytes.length);
  return { text: bytes.toString('latin1', offset + 4, end), end };
}

const CRASH_CONTROL = 'Control\\CrashControl';
const LOCAL_DUMPS = 'Microsoft\\Windows\\Windows Error Reporting\\LocalDumps';

const CRASH_DUMP = windowsRule({
  id: 'windows-crash-dump',
  sources: ['windows'],
  title: 'Crash dumps',
  reason: 'A dump is the only trace of a stop error, because nobody sees the screen of a machine in Azure.',
  run: async (windows) => {
    const kind = await windows.integer('system', CRASH_CONTROL, 'CrashDumpEnabled');
    const settings: Setting[] = [
      // Automatic dumps (7), the default of Windows, are as good as kernel dumps.
      inSystem(CRASH_CONTROL, 'CrashDumpEnabled', kind === 7 ? 7 : 2),
      inSystem(CRASH_CONTROL, 'DumpFile', '%SystemRoot%\\MEMORY.DMP'),
      inSystem(CRASH_CONTROL, 'NMICrashDump', 1),
      { branch: 'software', key: LOCAL_DUMPS, name: 'DumpType', value: 2 },
    ];
    return warnOf(await differences(windows, settings), pass('of the kernel and of programs'));
  },
});

const PAGE_FILE = windowsRule({
  id: 'windows-page-file',
  sources: ['windows'],
  title: 'Page file',
  reason:
    'A page file on a drive other than C: is lost where that drive does not exist. D: is the temporary disk of a machine in Azure only once it runs there.',
  run: async (windows) => {
    const key = 'Control\\Session Manager\\Memory Management';
    const files = await pageFiles(windows, key);
    const elsewhere = files.filter((file) => !/^[?c]:/i.test(file));
    if (elsewhere.length === 0) return pass(files.join(', ') || 'none');
    return warn(
      elsewhere.join(', '),
      `Run in the machine: Set-ItemProperty "HKLM:\\SYSTEM\\CurrentControlSet\\${key}" PagingFiles @("?:\\pagefile.sys") -Type MultiString`,
    );
  },
});

async function pageFiles(windows: WindowsSystem, key: string): Promise<readonly string[]> {
  const data = await windows.value('system', key, 'PagingFiles');
  if (data !== undefined && data.kind !== 'texts' && data.kind !== 'text') {
    throw new UnreadableError('PagingFiles has an unknown form');
  }
  const files = data?.kind === 'texts' ? data.texts : data === undefined ? [] : [data.text];
  return files.filter((file) => file !== '');
}

export const WINDOWS_SETTING_RULES: readonly Rule[] = [
  CLOCK,
  POWER_PLAN,
  TEMP,
  SAN_POLICY,
  ROUTES,
  STATIC_ADDRESS,
  PROXY,
  CRASH_DUMP,
  PAGE_FILE,
];
