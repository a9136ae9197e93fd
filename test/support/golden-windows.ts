// A Windows Server 2022 in memory that fulfils every rule, and variants of it.
import type { WindowsInstallation } from '../../src/check/guest/find-windows.ts';
import type { WindowsBoot } from '../../src/check/guest/windows-boot.ts';
import { WindowsSystem } from '../../src/check/guest/windows-system.ts';
import {
  BOOT_CONFIGURATION,
  BOOT_OBJECT,
  openBootConfigurationAt,
} from '../../src/volume/boot-configuration/boot-configuration.ts';
import type { Partition } from '../../src/volume/partition-table.ts';
import { type BuiltObject, buildBootConfiguration, gptDevice } from './boot-configuration-builder.ts';
import { type BuiltKey, type BuiltValue, binary, buildHive, dword, expandSz, multiSz, sz } from './hive-builder.ts';
import { filesFrom } from './memory-files.ts';

/** Values by key and name. In a change, undefined removes a value. */
type Settings = Readonly<Record<string, Readonly<Record<string, BuiltValue | undefined>>>>;

export interface WindowsContents {
  /** Paths from the root of the hive on, also without values. */
  readonly system: Settings;
  readonly software: Settings;
  /** Objects of the boot configuration with their elements. */
  readonly bcd: Readonly<Record<string, Readonly<Record<string, BuiltObject[string] | undefined>>>>;
  /** In a change, undefined removes a file. */
  readonly files: Readonly<Record<string, Uint8Array | undefined>>;
}

export const DISK_ID = '0b2394a9-095e-487d-8d48-719ecd4d78ca';
export const WINDOWS_PARTITION = '8e0f2c38-e4ea-47ba-b7fc-9d8c74dccf0b';
export const LOADER = '{733b62e5-f608-11eb-825c-c112f60133ab}';

/** The partition of Windows. */
export const WINDOWS_VOLUME: Partition = {
  index: 3,
  offset: 2 ** 27,
  length: 2 ** 30,
  type: 'ebd0a0a2-b9e5-4433-87c0-68b6b72699c7',
  typeName: 'Microsoft basic data',
  role: 'windows-data',
  isActive: false,
  isLogical: false,
  id: WINDOWS_PARTITION,
};

const SET = 'ControlSet001';
const LISTENER = `${SET}\\Control\\Terminal Server\\WinStations\\RDP-Tcp`;
const FIREWALL = `${SET}\\Services\\SharedAccess\\Parameters\\FirewallPolicy`;
const service = (start: number) => ({ Start: dword(start) });
const services = (start: number, ...names: string[]): Settings =>
  Object.fromEntries(names.map((name) => [`${SET}\\Services\\${name}`, service(start)]));
const agent = (name: string, path: string): Settings => ({
  [`${SET}\\Services\\${name}`]: { ...service(2), ImagePath: expandSz(path) },
});

const SYSTEM: Settings = {
  Select: { Current: dword(1) },
  Setup: { SetupType: dword(0), CmdLine: sz('') },
  'Setup\\Status\\SysprepStatus': { GeneralizationState: dword(7) },
  [`${SET}\\Control\\Session Manager\\Environment`]: {
    PROCESSOR_ARCHITECTURE: sz('AMD64'),
    TEMP: expandSz('%SystemRoot%\\TEMP'),
    TMP: expandSz('%SystemRoot%\\TEMP'),
  },
  [`${SET}\\Control\\Session Manager\\Power`]: { HiberbootEnabled: dword(0) },
  [`${SET}\\Control\\Session Manager\\Memory Management`]: { PagingFiles: multiSz('?:\\pagefile.sys') },
  [`${SET}\\Control\\ProductOptions`]: { ProductType: sz('ServerNT') },
  [`${SET}\\Control\\TimeZoneInformation`]: { RealTimeIsUniversal: dword(1) },
  [`${SET}\\Control\\Power\\User\\PowerSchemes`]: { ActivePowerScheme: sz('8C5E7FDA-E8BF-4A96-9A85-A6E23A8C635C') },
  [`${SET}\\Control\\CrashControl`]: {
    CrashDumpEnabled: dword(7),
    DumpFile: expandSz('%SystemRoot%\\MEMORY.DMP'),
    NMICrashDump: dword(1),
  },
  [`${SET}\\Control\\Terminal Server`]: { fDenyTSConnections: dword(0) },
  [LISTENER]: {
    PortNumber: dword(3389),
    LanAdapter: dword(0),
    fEnableWinStation: dword(1),
    MaxInstanceCount: dword(0xffffffff),
    UserAuthentication: dword(1),
    KeepAliveTimeout: dword(1),
    fInheritReconnectSame: dword(1),
    fReconnectSame: dword(0),
  },
  ...services(0, 'vmbus', 'storvsc'),
  ...services(1, 'cdrom'),
  ...services(3, 'netvsc', 'Netlogon', 'Netman', 'TermService', 'WerSvc'),
  ...services(2, 'BFE', 'Dhcp', 'Dnscache', 'IKEEXT', 'iphlpsvc', 'nsi', 'mpssvc', 'RemoteRegistry', 'w32time'),
  ...services(2, 'WinRM', 'sacsvr'),
  ...agent('RdAgent', '"C:\\WindowsAzure\\Packages\\WaAppAgent.exe" -service'),
  ...agent('WindowsAzureGuestAgent', 'C:\\WindowsAzure\\Packages\\WindowsAzureGuestAgent.exe'),
  [`${SET}\\Services\\partmgr\\Parameters`]: { SanPolicy: dword(1) },
  [`${SET}\\Services\\Tcpip\\Parameters\\PersistentRoutes`]: {},
  [`${SET}\\Services\\Tcpip\\Parameters\\Interfaces\\{4d36e972}`]: { EnableDHCP: dword(1) },
  [`${FIREWALL}\\DomainProfile`]: { EnableFirewall: dword(1) },
  [`${FIREWALL}\\StandardProfile`]: { EnableFirewall: dword(1) },
  [`${FIREWALL}\\PublicProfile`]: { EnableFirewall: dword(1) },
  [`${FIREWALL}\\FirewallRules`]: {
    'RemoteDesktop-UserMode-In-TCP': sz('v2.30|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=3389|'),
    'WINRM-HTTP-In-TCP': sz('v2.30|Action=Allow|Active=TRUE|Dir=In|Protocol=6|Profile=Domain|LPort=5985|'),
    'FPS-ICMP4-ERQ-In': sz('v2.30|Action=Allow|Active=TRUE|Dir=In|Protocol=1|ICMP4=8:*|'),
    '{in}': sz('v2.30|Action=Allow|Active=TRUE|Dir=In|RA4=168.63.129.16|Name=AzurePlatform|'),
    '{out}': sz('v2.30|Action=Allow|Active=TRUE|Dir=Out|RA4=168.63.129.16|Name=AzurePlatform|'),
  },
};

const CURRENT_VERSION = 'Microsoft\\Windows\\CurrentVersion';

const SOFTWARE: Settings = {
  'Microsoft\\Windows NT\\CurrentVersion': {
    ProductName: sz('Windows Server 2022 Datacenter'),
    CurrentBuildNumber: sz('20348'),
    UBR: dword(2113),
    InstallationType: sz('Server Core'),
  },
  [`${CURRENT_VERSION}\\Setup\\State`]: { ImageState: sz('IMAGE_STATE_COMPLETE') },
  'Policies\\Microsoft\\Windows NT\\Terminal Services': { KeepAliveEnable: dword(1), KeepAliveInterval: dword(1) },
  'Microsoft\\Windows\\Windows Error Reporting\\LocalDumps': { DumpType: dword(2) },
  [`${CURRENT_VERSION}\\Internet Settings\\Connections`]: {
    WinHttpSettings: binary(Buffer.from('180000000000000001000000000000000000000000000000', 'hex')),
  },
};

const BCD: WindowsContents['bcd'] = {
  [BOOT_OBJECT.bootManager]: { 23000003: LOADER, 26000020: true, 25000004: 5n, 16000020: true },
  [BOOT_OBJECT.emsSettings]: { 15000022: 1n, 15000023: 115_200n },
  [LOADER]: {
    11000001: gptDevice(WINDOWS_PARTITION, DISK_ID),
    '12000002': '\\Windows\\system32\\winload.efi',
    16000009: false,
    21000001: gptDevice(WINDOWS_PARTITION, DISK_ID),
    '22000002': '\\Windows',
    '250000e0': 1n,
    '260000b0': true,
  },
};

const NOTHING = new Uint8Array();

export const GOLDEN_WINDOWS: WindowsContents = {
  system: SYSTEM,
  software: SOFTWARE,
  bcd: BCD,
  files: {
    '/Windows/System32/winload.efi': NOTHING,
    '/Windows/System32/drivers/vmbus.sys': NOTHING,
    '/Windows/System32/drivers/storvsc.sys': NOTHING,
    '/Windows/System32/drivers/netvsc.sys': NOTHING,
    '/WindowsAzure/Packages/WaAppAgent.exe': NOTHING,
    '/WindowsAzure/Packages/WindowsAzureGuestAgent.exe': NOTHING,
  },
};

/** What Sysprep changes. */
export const GENERALIZED: Partial<WindowsContents> = {
  system: { Setup: { SetupType: dword(2), CmdLine: sz('C:\\Windows\\System32\\oobe\\windeploy.exe') } },
  software: {
    [`${CURRENT_VERSION}\\Setup\\State`]: { ImageState: sz('IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE') },
  },
  files: { '/Windows/System32/Sysprep/Sysprep_succeeded.tag': NOTHING },
};

/** The files of a Windows: those of its own volume, and the boot configuration, which may be on another one. */
export interface WindowsFiles {
  readonly windows: Readonly<Record<string, Uint8Array>>;
  readonly bcd: Uint8Array;
}

/** The golden Windows with the changes, in this order. */
export function windowsFiles(...changes: readonly Partial<WindowsContents>[]): WindowsFiles {
  const { system, software, bcd, files } = [GOLDEN_WINDOWS, ...changes].reduce<WindowsContents>(
    (contents, change) => ({
      system: merged(contents.system, change.system ?? {}),
      software: merged(contents.software, change.software ?? {}),
      bcd: merged(contents.bcd, change.bcd ?? {}),
      files: { ...contents.files, ...change.files },
    }),
    { system: {}, software: {}, bcd: {}, files: {} },
  );
  const objects = Object.entries(bcd).map(([id, elements]) => [id, present(elements)] as const);
  return {
    windows: present({
      '/Windows/System32/config/SYSTEM': buildHive(treeOf(system)),
      '/Windows/System32/config/SOFTWARE': buildHive(treeOf(software)),
      ...files,
    }),
    bcd: buildBootConfiguration(Object.fromEntries(objects)),
  };
}

/** In memory, with the boot configuration of generation 2. */
export async function openWindows(...changes: readonly Partial<WindowsContents>[]): Promise<WindowsInstallation> {
  const { windows, bcd } = windowsFiles(...changes);
  const files = filesFrom(windows);
  const boot = await bootFrom({ '/EFI/Microsoft/Boot/bootmgfw.efi': Buffer.from('MZ'), [BOOT_CONFIGURATION.efi]: bcd });
  const system = await WindowsSystem.open(files, { boot, partition: WINDOWS_VOLUME });
  if (system === undefined) throw new Error('There is no Windows.');
  return { name: 'partition 3', system };
}

/** The EFI system partition with these files. */
export async function bootFrom(contents: Readonly<Record<string, Uint8Array>>): Promise<WindowsBoot> {
  const files = filesFrom(contents);
  const path = BOOT_CONFIGURATION.efi;
  return {
    isRead: true,
    name: 'partition 1',
    partition: undefined,
    files,
    path,
    bcd: await openBootConfigurationAt(files, path),
  };
}

function merged<T>(
  one: Readonly<Record<string, Readonly<Record<string, T | undefined>>>>,
  other: Readonly<Record<string, Readonly<Record<string, T | undefined>>>>,
): Record<string, Record<string, T | undefined>> {
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]);
  return Object.fromEntries([...keys].map((key) => [key, { ...one[key], ...other[key] }]));
}

function present<T>(values: Readonly<Record<string, T | undefined>>): Record<string, T> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

interface Tree {
  values: Record<string, BuiltValue>;
  keys: Record<string, Tree>;
}

function treeOf(settings: Settings): BuiltKey {
  const root: Tree = { values: {}, keys: {} };
  for (const [path, values] of Object.entries(settings)) {
    let key = root;
    for (const name of path.split('\\')) {
      key.keys[name] ??= { values: {}, keys: {} };
      key = key.keys[name];
    }
    Object.assign(key.values, present(values));
  }
  return root;
}
