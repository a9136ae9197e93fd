// Each rule about Windows, with a Windows that passes and ones that do not.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CheckFacts } from '../../../src/check/check-facts.ts';
import type { CheckFinding, CheckResult, OsState } from '../../../src/check/check-report.ts';
import type { WindowsBoot } from '../../../src/check/guest/windows-boot.ts';
import { WindowsSystem } from '../../../src/check/guest/windows-system.ts';
import { WINDOWS_RULES } from '../../../src/check/rules/windows-rules.ts';
import { runRules } from '../../../src/check/run-rules.ts';
import type { Partition, PartitionTable } from '../../../src/volume/partition-table.ts';
import type { FileVersion } from '../../../src/volume/portable-executable/file-version.ts';
import { Hive } from '../../../src/volume/registry/hive.ts';
import { deviceOf, gptDevice, mbrDevice } from '../../support/boot-configuration-builder.ts';
import {
  bootFrom,
  DISK_ID,
  GENERALIZED,
  LOADER,
  openWindows,
  WINDOWS_PARTITION,
  WINDOWS_VOLUME,
  type WindowsContents,
  windowsFiles,
} from '../../support/golden-windows.ts';
import {
  type BuiltValue,
  binary,
  buildHive,
  dword,
  memoryFile,
  multiSz,
  newLog,
  sz,
} from '../../support/hive-builder.ts';
import { filesFrom } from '../../support/memory-files.ts';
import { buildProgram } from '../../support/program-builder.ts';
import { NO_SHARED_GUESTS, sharedGuests } from '../../support/shared-guests.ts';

const TABLE: PartitionTable = {
  scheme: 'gpt',
  sectorSize: 512,
  diskId: DISK_ID,
  partitions: [WINDOWS_VOLUME],
  hasBootCode: false,
  hasGrub: false,
  problems: [],
};

const FACTS: CheckFacts = {
  purpose: 'vm',
  generation: 2,
  blobName: undefined,
  image: { path: 'disk.vhd', format: 'vhd-fixed', size: 2 ** 30, azureSize: 2 ** 30, warnings: [], creator: undefined },
  layout: { table: TABLE, volumes: [], problems: [] },
  contents: { volumes: [], unread: [] },
  volumeStates: [],
  guest: undefined,
  efi: undefined,
};

const MARKETPLACE = { purpose: 'marketplace', osState: 'generalized' } as const;

type Change = Partial<WindowsContents>;

async function findingsFor(changes: readonly Change[], facts: Partial<CheckFacts> = {}): Promise<CheckFinding[]> {
  return await runRules(WINDOWS_RULES, { ...FACTS, ...facts, windows: [await openWindows(...changes)] });
}

/** Findings of the rules that do not pass, as "id result: found". */
async function problemsFor(changes: readonly Change[], facts: Partial<CheckFacts> = {}): Promise<string[]> {
  const findings = await findingsFor(changes, facts);
  return findings
    .filter(({ result }) => result !== 'pass' && result !== 'not-applicable')
    .map(({ id, result, found }) => `${id} ${result}: ${found}`);
}

const SET = 'ControlSet001';
const system = (key: string, name: string, value: BuiltValue | undefined): Change => ({
  system: { [`${SET}\\${key}`]: { [name]: value } },
});
const software = (key: string, name: string, value: BuiltValue | undefined): Change => ({
  software: { [key]: { [name]: value } },
});
const start = (service: string, type: number | undefined): Change =>
  system(`Services\\${service}`, 'Start', type === undefined ? undefined : dword(type));
const bcd = (object: string, element: string, value: WindowsContents['bcd'][string][string]): Change => ({
  bcd: { [object]: { [element]: value } },
});
const file = (path: string, content: Uint8Array = new Uint8Array()): Change => ({ files: { [path]: content } });
const without = (path: string): Change => ({ files: { [path]: undefined } });
const build = (number: number): Change =>
  software('Microsoft\\Windows NT\\CurrentVersion', 'CurrentBuildNumber', sz(String(number)));

const VERSION = 'Microsoft\\Windows\\CurrentVersion';
const STATE = `${VERSION}\\Setup\\State`;
const OTHER_PARTITION = '11111111-2222-3333-4444-555555555555';
const BOOT_MANAGER = '{9dea862c-5cdd-4e70-acc1-f32b344d4795}';
const LISTENER = 'Control\\Terminal Server\\WinStations\\RDP-Tcp';
const FIREWALL = 'Services\\SharedAccess\\Parameters\\FirewallPolicy';
const RULES = `${FIREWALL}\\FirewallRules`;
const proxy = (bypass: string) => {
  const text = (value: string) => {
    const bytes = Buffer.alloc(4 + value.length);
    bytes.writeUInt32LE(value.length);
    bytes.write(value, 4, 'latin1');
    return bytes;
  };
  const header = Buffer.from('180000000000000003000000', 'hex');
  return binary(Buffer.concat([header, text('proxy:8080'), text(bypass)]));
};

/** The change, and what is found: nothing else may be. */
const CASES: readonly [change: Change, finding: string, facts?: Partial<CheckFacts>][] = [
  [
    build(7600),
    'windows-version fail: Windows Server 2022 Datacenter, build 7600.2113, Server Core',
    { generation: 1 },
  ],
  [
    system('Control\\Session Manager\\Environment', 'PROCESSOR_ARCHITECTURE', sz('x86')),
    'windows-64-bit warn: PROCESSOR_ARCHITECTURE is x86',
  ],
  [build(9600), 'windows-legacy-acpi fail: Enum\\ACPI has no MSFT1000'],
  [start('vmbus', 3), 'windows-drivers fail: vmbus Start is 3, not 0'],
  [start('storvsc', 4), 'windows-drivers fail: storvsc Start is 4, not 0'],
  [start('netvsc', undefined), 'windows-drivers fail: netvsc is not installed'],
  [
    without('/Windows/System32/drivers/storvsc.sys'),
    'windows-drivers fail: /Windows/System32/drivers/storvsc.sys is missing',
  ],
  [system('Services\\storvsc\\StartOverride', '0', dword(3)), 'windows-drivers warn: storvsc StartOverride is 3'],
  [file('/hiberfil.sys', Buffer.from('HIBR....')), 'windows-hibernated fail: hiberfil.sys holds a hibernated system'],
  [file('/hiberfil.sys', Buffer.from('RSTR....')), 'windows-hibernated fail: hiberfil.sys holds a hibernated system'],
  [
    system('Control\\Session Manager\\Power', 'HiberbootEnabled', dword(1)),
    'windows-hibernated warn: HiberbootEnabled is 1 (fast startup)',
  ],
  [
    software(STATE, 'ImageState', sz('IMAGE_STATE_UNDEPLOYABLE')),
    'windows-generalized fail: ImageState is IMAGE_STATE_UNDEPLOYABLE',
  ],
  [software(STATE, 'ImageState', sz('\u001b[31m')), 'windows-generalized fail: ImageState is \\u{1b}[31m'],
  [
    { system: { 'Setup\\Status\\SysprepStatus': { GeneralizationState: dword(3) } } },
    'windows-generalized fail: GeneralizationState is 3: Sysprep has failed',
  ],
  [
    { system: { [`${SET}\\Control\\ProductOptions`]: { ProductType: sz('LanmanNT') } } },
    'windows-domain-controller warn: a domain controller',
  ],
  [
    { software: { [`${VERSION}\\Component Based Servicing\\RebootPending`]: {} } },
    'windows-pending warn: RebootPending',
  ],
  [file('/Windows/WinSxS/pending.xml'), 'windows-pending warn: WinSxS\\pending.xml'],
  [start('VMTools', 2), 'windows-foreign-tools warn: VMTools'],
  [system('Services\\RdAgent', 'ImagePath', undefined), 'windows-agent warn: no service RdAgent'],
  [
    system('Services\\RdAgent', 'ImagePath', sz('none')),
    'windows-agent unread: cannot be read: the service RdAgent starts none',
  ],
  [
    without('/WindowsAzure/Packages/WaAppAgent.exe'),
    'windows-agent warn: /WindowsAzure/Packages/WaAppAgent.exe of the service RdAgent is missing',
  ],
  [
    system('Control\\Terminal Server', 'fDenyTSConnections', dword(1)),
    'windows-rdp warn: Control\\Terminal Server fDenyTSConnections is 1, not 0',
  ],
  [
    software('Policies\\Microsoft\\Windows NT\\Terminal Services', 'fDenyTSConnections', dword(1)),
    'windows-rdp warn: Policies\\Microsoft\\Windows NT\\Terminal Services fDenyTSConnections is 1, not 0',
  ],
  [system(LISTENER, 'PortNumber', dword(3390)), `windows-rdp-listener warn: ${LISTENER} PortNumber is 3390, not 3389`],
  [
    system(LISTENER, 'SSLCertificateSHA1Hash', binary(Buffer.alloc(20))),
    `windows-rdp-listener warn: ${LISTENER} SSLCertificateSHA1Hash is set`,
  ],
  [
    system(LISTENER, 'UserAuthentication', undefined),
    `windows-rdp-nla warn: ${LISTENER} UserAuthentication is not set; it must be 1`,
  ],
  [
    system(LISTENER, 'KeepAliveTimeout', dword(0)),
    `windows-rdp-keepalive warn: ${LISTENER} KeepAliveTimeout is 0, not 1`,
  ],
  [start('Dhcp', 4), 'windows-services fail: Dhcp is disabled'],
  [start('w32time', 3), 'windows-services warn: w32time has the start type 3'],
  [start('WinRM', 3), 'windows-remote-shell warn: WinRM has the start type 3'],
  [
    system(RULES, 'WINRM-HTTP-In-TCP', sz('v2.30|Action=Allow|Active=FALSE|Dir=In|')),
    'windows-remote-shell warn: the firewall rule WINRM-HTTP-In-TCP is not active',
  ],
  [
    system(`${FIREWALL}\\PublicProfile`, 'EnableFirewall', dword(0)),
    `windows-firewall warn: ${FIREWALL}\\PublicProfile EnableFirewall is 0, not 1`,
  ],
  [
    software('Policies\\Microsoft\\WindowsFirewall\\DomainProfile', 'EnableFirewall', dword(0)),
    'windows-firewall warn: Policies\\Microsoft\\WindowsFirewall\\DomainProfile EnableFirewall is 0, not 1',
  ],
  [
    system(RULES, 'RemoteDesktop-UserMode-In-TCP', undefined),
    'windows-firewall-rdp warn: there is no rule for Remote Desktop',
  ],
  [
    system(RULES, 'RemoteDesktop-UserMode-In-TCP', sz('v2.30|Action=Allow|Active=FALSE|')),
    'windows-firewall-rdp warn: the rule for Remote Desktop is not active',
  ],
  [
    system(
      RULES,
      'RemoteDesktop-UserMode-In-TCP',
      sz('v2.30|Action=Allow|Active=TRUE|Profile=Domain|Profile=Private|'),
    ),
    'windows-firewall-rdp warn: the rule for Remote Desktop is active for domain, private only',
  ],
  [system(RULES, '{out}', undefined), 'windows-firewall-rdp warn: no rule allows 168.63.129.16 out'],
  [
    system('Control\\TimeZoneInformation', 'RealTimeIsUniversal', undefined),
    'windows-clock warn: Control\\TimeZoneInformation RealTimeIsUniversal is not set; it must be 1',
  ],
  [
    system('Control\\Power\\User\\PowerSchemes', 'ActivePowerScheme', sz('381b4222-f694-41f0-9685-ff5bb260df2e')),
    'windows-power-plan warn: Control\\Power\\User\\PowerSchemes ActivePowerScheme is 381b4222-f694-41f0-9685-ff5bb260df2e, not 8c5e7fda-e8bf-4a96-9a85-a6e23a8c635c',
  ],
  [
    system('Control\\Session Manager\\Environment', 'TMP', sz('E:\\temp')),
    'windows-temp warn: Control\\Session Manager\\Environment TMP is E:\\temp, not %SystemRoot%\\TEMP',
  ],
  [
    system('Services\\partmgr\\Parameters', 'SanPolicy', dword(3)),
    'windows-san-policy warn: Services\\partmgr\\Parameters SanPolicy is 3, not 1',
  ],
  [
    system('Services\\Tcpip\\Parameters\\PersistentRoutes', '10.0.0.0,255.0.0.0,10.1.1.1,1', sz('')),
    'windows-routes warn: 10.0.0.0,255.0.0.0,10.1.1.1,1',
  ],
  [
    system('Services\\Tcpip\\Parameters\\Interfaces\\{4d36e972}', 'EnableDHCP', dword(0)),
    'windows-static-address warn: {4d36e972} EnableDHCP is 0',
  ],
  [
    software(`${VERSION}\\Internet Settings\\Connections`, 'WinHttpSettings', proxy('<local>')),
    'windows-proxy warn: proxy proxy:8080',
  ],
  [
    software(`${VERSION}\\Internet Settings\\Connections`, 'WinHttpSettings', binary(Buffer.from([1]))),
    'windows-proxy unread: WinHttpSettings has an unknown form',
  ],
  [
    system('Control\\CrashControl', 'CrashDumpEnabled', dword(0)),
    'windows-crash-dump warn: Control\\CrashControl CrashDumpEnabled is 0, not 2',
  ],
  [
    system(
      'Control\\Session Manager\\Memory Management',
      'PagingFiles',
      multiSz('c:\\pagefile.sys 0 0', 'D:\\pagefile.sys'),
    ),
    'windows-page-file warn: D:\\pagefile.sys',
  ],
  [
    system('Control\\Session Manager\\Memory Management', 'PagingFiles', binary(Buffer.alloc(4))),
    'windows-page-file unread: cannot be read: PagingFiles has an unknown form',
  ],
  [
    system('Control\\ProductOptions', 'ProductType', undefined),
    'windows-domain-controller unread: cannot be read: ProductType is not set',
  ],
  [bcd(LOADER, '25000080', 1n), 'windows-bcd-safe-mode fail: safeboot is 1'],
  [bcd(LOADER, '16000009', true), 'windows-bcd warn: recoveryenabled is true, not false'],
  [bcd(LOADER, '250000e0', undefined), 'windows-bcd warn: bootstatuspolicy is not set, not 1'],
  [bcd(LOADER, '16000049', true), 'windows-secure-boot warn: testsigning on'],
  [bcd(LOADER, '21000001', undefined), 'windows-bcd-target fail: osdevice: not set'],
  [
    bcd(LOADER, '21000001', deviceOf(3)),
    'windows-bcd-target fail: osdevice: a device of the type 3, which is no partition',
  ],
  [
    bcd(LOADER, '21000001', gptDevice(DISK_ID, DISK_ID)),
    `windows-bcd-target fail: osdevice: no partition has the id ${DISK_ID}`,
  ],
  [
    bcd(LOADER, '21000001', gptDevice(WINDOWS_PARTITION, WINDOWS_PARTITION)),
    `windows-bcd-target fail: osdevice: a partition of the disk ${WINDOWS_PARTITION}, but this is the disk ${DISK_ID}`,
  ],
  [
    bcd(LOADER, '21000001', mbrDevice(1n, 7)),
    `windows-bcd-target fail: osdevice: a partition of the disk 00000007, but this is the disk ${DISK_ID}`,
  ],
  [
    bcd(LOADER, '12000002', '\\Windows\\system32\\winload.exe'),
    'windows-bcd-target fail: path is \\Windows\\system32\\winload.exe, not winload.efi, for generation 2',
  ],
  [
    without('/Windows/System32/winload.efi'),
    'windows-bcd-target fail: path: there is no \\Windows\\system32\\winload.efi',
  ],
  [bcd(LOADER, '22000002', '\\WINNT'), 'windows-bcd-target fail: systemroot is \\WINNT, not \\Windows'],
  [start('sacsvr', 3), 'windows-bcd warn: sacsvr has the start type 3'],
];

const WINDOWS_BOOT_RULES = WINDOWS_RULES.filter(({ group }) => group === 'boot');

describe('rules about Windows', () => {
  it('pass for a Windows that is prepared', async () => {
    expect(await problemsFor([])).toEqual([]);
    const marketplace = MARKETPLACE;
    expect(await problemsFor([GENERALIZED], marketplace)).toEqual([]);
    expect(await problemsFor([], marketplace)).toEqual(['windows-generalized fail: not generalized']);
  });

  it.each(CASES.map(([change, finding, facts]) => [finding, change, facts ?? {}] as const))(
    'find what is wrong and say what to do: %s',
    async (finding, change, facts) => {
      const id = finding.split(' ', 1)[0];
      const [found, ...others] = (await findingsFor([change], facts)).filter((one) => one.id === id);
      expect(others).toEqual([]);
      expect(`${found?.id} ${found?.result}: ${found?.found}`).toBe(finding);
      expect(found?.fix).toMatch(/\S/);
    },
  );

  it('each have a case', () => {
    const tried = new Set(CASES.map(([, finding]) => finding.split(' ', 1)[0]));
    const elsewhere = [
      'windows-boot-manager',
      'windows-registry',
      'windows-roles',
      'windows-nvme',
      'windows-smb-patch',
      'windows-unattend',
      'windows-dvd',
    ];
    expect(WINDOWS_RULES.map(({ id }) => id).filter((id) => !tried.has(id))).toEqual(elsewhere);
  });

  it.each<[string, Change, string, CheckResult]>([
    ['without its tag', without('/Windows/System32/Sysprep/Sysprep_succeeded.tag'), 'windows-generalized', 'fail'],
    ['without windeploy', { system: { Setup: { CmdLine: sz('cmd') } } }, 'windows-generalized', 'fail'],
    ['with an answer file', file('/Windows/Panther/unattend.xml'), 'windows-unattend', 'warn'],
    ['without a DVD drive', start('cdrom', 4), 'windows-dvd', 'fail'],
    ['with a pending restart', file('/Windows/WinSxS/pending.xml'), 'windows-pending', 'fail'],
    ['with roles', start('DHCPServer', 2), 'windows-roles', 'warn'],
    ['with SQL Server', start('MSSQL$EXPRESS', 2), 'windows-roles', 'fail'],
    [
      'without Remote Desktop',
      system('Control\\Terminal Server', 'fDenyTSConnections', dword(1)),
      'windows-rdp',
      'fail',
    ],
  ])('a generalized image for the Marketplace %s', async (_, change, id, result) => {
    const findings = await findingsFor([GENERALIZED, change], MARKETPLACE);
    expect(findings.filter((one) => one.id === id).map((one) => one.result)).toEqual([result]);
  });

  it('warn of a registry that was not closed', async () => {
    const dirty = buildHive({}, { sequences: [3, 2] });
    const log = newLog([dirty, buildHive({ values: { V: dword(1) } })], 2);
    const system = await Hive.open(memoryFile(dirty), [memoryFile(log)]);
    const software = await Hive.open(memoryFile(buildHive({})), []);
    const boot = await bootFrom({});
    const windows = new WindowsSystem({ system, software, files: filesFrom({}), boot });
    const findings = await runRules(WINDOWS_RULES, { ...FACTS, windows: [{ name: 'partition 3', system: windows }] });
    const of = (wanted: string) => findings.find(({ id }) => id === wanted);
    expect(of('windows-registry')).toMatchObject({ result: 'warn', found: 'the registry was not closed: SYSTEM' });
  });

  it('fail without a boot configuration and a boot manager, and are unread where they cannot be looked for', async () => {
    const of = async (boot: WindowsBoot) => {
      const { windows } = windowsFiles();
      const system = await WindowsSystem.open(filesFrom(windows), { boot });
      if (system === undefined) throw new Error('There is no Windows.');
      const findings = await runRules(WINDOWS_BOOT_RULES, { ...FACTS, windows: [{ name: 'partition 3', system }] });
      return findings.map(({ id, result, found }) => `${id} ${result}: ${found}`);
    };
    const missing = 'there is no boot configuration /EFI/Microsoft/Boot/BCD on partition 1';
    expect(await of(await bootFrom({}))).toEqual([
      'windows-boot-manager fail: no \\EFI\\Microsoft\\Boot\\bootmgfw.efi on partition 1',
      `windows-bcd-target fail: ${missing}`,
      `windows-bcd-safe-mode unread: ${missing}`,
      `windows-bcd unread: ${missing}`,
      `windows-secure-boot unread: ${missing}`,
    ]);
    const unread = 'unread: cannot be read: no EFI system partition that can be read was found';
    expect(await of({ isRead: false, reason: 'no EFI system partition that can be read was found' })).toEqual(
      WINDOWS_BOOT_RULES.map(({ id }) => `${id} ${unread}`),
    );
  });

  it('know what is different on a Windows 10', async () => {
    const client = software('Microsoft\\Windows NT\\CurrentVersion', 'InstallationType', sz('Client'));
    const services = [start('IKEEXT', 3), start('RemoteRegistry', 4), start('w32time', 3)];
    expect(await problemsFor([client, ...services])).toEqual([]);
  });

  it('know the devices of Windows Server 2012 R2', async () => {
    const devices = (...names: string[]): Change => ({
      system: Object.fromEntries(names.map((name) => [`${SET}\\Enum\\ACPI\\${name}`, {}])),
    });
    const trustedLaunch =
      'windows-secure-boot warn: Windows Server 2022 Datacenter, build 9600.2113, Server Core, which Trusted Launch does not support';
    expect(await problemsFor([build(9600), devices('VMBus', 'MSFT1000')])).toEqual([trustedLaunch]);
    expect(await problemsFor([build(9600), devices('MSFT1000', 'Hyper_V_Gen_Counter_V1')])).toEqual([
      trustedLaunch,
      'windows-legacy-acpi fail: Enum\\ACPI has no MSFT1002',
    ]);
  });

  it('accept a boot entry that is found by searching, and one on an MBR', async () => {
    const located = [bcd(LOADER, '11000001', deviceOf(5)), bcd(LOADER, '21000001', deviceOf(8))];
    expect(await problemsFor(located)).toEqual([]);
    const partition = bcd(LOADER, '21000001', mbrDevice(BigInt(2 ** 27), 0xab12));
    const table: PartitionTable = { ...TABLE, scheme: 'mbr', diskId: '0000ab12' };
    const facts = { generation: undefined, layout: { ...FACTS.layout, table } };
    expect(await problemsFor([bcd(LOADER, '11000001', deviceOf(5)), partition], facts)).toEqual([]);
    const other = bcd(LOADER, '21000001', mbrDevice(512n, 0xab12));
    expect(await problemsFor([bcd(LOADER, '11000001', deviceOf(5)), other], facts)).toEqual([
      'windows-bcd-target fail: osdevice: no partition begins at 512',
    ]);
  });

  it('fail for a boot entry that leads to a partition without Windows', async () => {
    const other: Partition = { ...WINDOWS_VOLUME, index: 4, id: OTHER_PARTITION };
    const layout = { ...FACTS.layout, table: { ...TABLE, partitions: [WINDOWS_VOLUME, other] } };
    const entry = bcd(LOADER, '21000001', gptDevice(OTHER_PARTITION, DISK_ID));
    expect(await problemsFor([entry], { layout })).toEqual([
      'windows-bcd-target fail: osdevice: partition 4, but Windows is on partition 3',
    ]);
  });

  it('depend on how the disk will be used', async () => {
    const of = async (id: string, changes: readonly Change[], osState: OsState | undefined) =>
      (await findingsFor(changes, { osState })).find((one) => one.id === id)?.result;
    expect(await of('windows-generalized', [], undefined)).toBe('pass');
    expect(await of('windows-generalized', [], 'specialized')).toBe('pass');
    expect(await of('windows-generalized', [], 'generalized')).toBe('fail');
    expect(await of('windows-generalized', [GENERALIZED], 'specialized')).toBe('fail');
    const fixed = system('Services\\Tcpip\\Parameters\\Interfaces\\{4d36e972}', 'EnableDHCP', dword(0));
    expect(await of('windows-static-address', [fixed], 'specialized')).toBe('warn');
    expect(await of('windows-static-address', [fixed], 'generalized')).toBe('not-applicable');
    expect(await of('windows-dvd', [start('cdrom', 4)], undefined)).toBe('not-applicable');
    expect(await of('windows-dvd', [start('cdrom', 4)], 'generalized')).toBe('fail');
  });

  it('ask for a controller for NVMe only with --nvme', async () => {
    const of = async (changes: readonly Change[], facts: Partial<CheckFacts> = {}) => {
      const findings = await findingsFor(changes, { hasNvme: true, ...facts });
      const found = findings.find(({ id }) => id === 'windows-nvme');
      return `${found?.result}: ${found?.found}`;
    };
    expect(await of([], { hasNvme: undefined })).toBe('not-applicable: only with --nvme');
    expect(await of([])).toBe(
      'warn: Services\\stornvme Start is not set; it must be 0; Services\\stornvme\\Parameters IoTimeoutValue is not set; it must be 240',
    );
    const ready = [start('stornvme', 0), system('Services\\stornvme\\Parameters', 'IoTimeoutValue', dword(240))];
    expect(await of(ready)).toBe('pass: stornvme starts at boot');
    expect(await of(ready, { generation: 1 })).toBe('warn: generation 1');
    expect(await of([...ready, build(14_393)])).toBe('warn: build 14393, before 17763');
  });

  it('compare the version of the SMB server for the Marketplace', async () => {
    const of = async (changes: readonly Change[], facts: Partial<CheckFacts> = MARKETPLACE) => {
      const found = (await findingsFor([GENERALIZED, ...changes], facts)).find(({ id }) => id === 'windows-smb-patch');
      return `${found?.result}: ${found?.found}`;
    };
    const driver = (name: string, ...version: FileVersion) =>
      file(`/Windows/System32/drivers/${name}`, buildProgram(version));
    const srv = '/Windows/System32/drivers/srv';
    expect(await of([], {})).toBe('not-applicable: only for marketplace');
    expect(await of([])).toBe('not-applicable: no version is required of build 20348');
    expect(await of([build(14_393)])).toMatch(/^unread: .*neither .*srv.sys nor .*srv2.sys exists/);
    expect(await of([build(14_393), driver('srv2.sys', 10, 0, 14_393, 953)])).toBe(
      `pass: ${srv}2.sys has the version 10.0.14393.953`,
    );
    const old = driver('srv.sys', 10, 0, 14_393, 206);
    expect(await of([build(14_393), old, driver('srv2.sys', 10, 0, 14_393, 953)])).toBe(
      `fail: ${srv}.sys has the version 10.0.14393.206, but 10.0.14393.953 is needed`,
    );
    expect(await of([build(9600), file(`${srv}.sys`, Buffer.alloc(100))])).toMatch(/^unread: .*begin with MZ/);
  });

  it('fail for a boot manager without an entry', async () => {
    const problems = await problemsFor([bcd(BOOT_MANAGER, '23000003', undefined)]);
    expect(problems[0]).toBe('windows-bcd-target fail: the boot manager has no default entry');
    const stray = await problemsFor([bcd(BOOT_MANAGER, '23000003', `{${OTHER_PARTITION}}`)]);
    // An entry that does not exist has no safe mode either, which is no reason to pass.
    expect(stray).toHaveLength(4);
    for (const problem of stray)
      expect(problem).toContain(`fail: the default entry {${OTHER_PARTITION}} does not exist`);
  });

  it('are unread where a hive is damaged, and do not apply without Windows or to data disks', async () => {
    const unset = await findingsFor([{ system: { Select: { Current: dword(2) } } }]);
    expect(unset.find(({ id }) => id === 'windows-clock')).toMatchObject({
      result: 'unread',
      found: 'cannot be read: the SYSTEM hive: it has no current control set',
    });
    const without = await runRules(WINDOWS_RULES, FACTS);
    expect([...new Set(without.map(({ result }) => result))]).toEqual(['not-applicable']);
    const data = await findingsFor([], { purpose: 'data-disk' });
    expect([...new Set(data.map(({ result }) => result))]).toEqual(['not-applicable']);
  });
});

describe.skipIf(sharedGuests === undefined)(
  `rules about Windows on a real registry ${sharedGuests === undefined ? NO_SHARED_GUESTS : ''}`,
  () => {
    it('read a SYSTEM hive that was not closed, with its logs', async () => {
      const of = (name: string) => readFileSync(join(sharedGuests ?? '', 'regipy', name));
      const system = '/Windows/System32/config/SYSTEM';
      const logs = ['.LOG1', '.LOG2'].map((suffix) => [`${system}${suffix}`, of(`SYSTEM_B${suffix}`)] as const);
      const files = { ...windowsFiles().windows, [system]: of('SYSTEM_B'), ...Object.fromEntries(logs) };
      const boot = await bootFrom({ '/EFI/Microsoft/Boot/BCD': of('BCD') });
      const windows = await WindowsSystem.open(filesFrom(files), { boot });
      if (windows === undefined) throw new Error('There is no Windows.');
      const findings = await runRules(WINDOWS_RULES, { ...FACTS, windows: [{ name: 'partition 3', system: windows }] });
      const results = Object.fromEntries(findings.map(({ id, result }) => [id, result]));
      expect(Object.values(results)).not.toContain('unread');
      expect(results).toMatchObject({
        'windows-registry': 'warn',
        'windows-64-bit': 'pass',
        'windows-rdp': 'warn',
        'windows-rdp-nla': 'pass',
        'windows-firewall': 'pass',
        'windows-firewall-rdp': 'warn',
        'windows-bcd-safe-mode': 'pass',
        'windows-agent': 'warn',
        'windows-domain-controller': 'pass',
        'windows-page-file': 'pass',
      });
    });
  },
);
