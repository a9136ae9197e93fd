// The version of a Windows, from its SOFTWARE hive.
import type { OpenedFileSystem } from './file-systems/opened-file-system.ts';
import { type Hive, openHiveAt } from './registry/hive.ts';

export interface WindowsVersion {
  /** "Windows Server 2022 Datacenter". Undefined if it is not set. */
  readonly product: string | undefined;
  /** 7601 is Windows 7 SP1 and Server 2008 R2 SP1, 9200 Server 2012, 9600 Server 2012 R2, 14393 Server 2016, 20348 Server 2022. */
  readonly build: number;
  /** Number of the cumulative update. Undefined before Windows 10. */
  readonly revision: number | undefined;
  /** "Server", "Server Core", "Client", "Nano Server". */
  readonly installationType: string | undefined;
}

const CURRENT_VERSION = 'Microsoft\\Windows NT\\CurrentVersion';
/** Windows 11 has the product name of Windows 10. */
const FIRST_WINDOWS_11 = 22_000;

/** Undefined if the hive has no build number. @throws {UnreadableError} */
export async function windowsVersionIn(software: Hive): Promise<WindowsVersion | undefined> {
  const text = async (name: string) => await software.text(CURRENT_VERSION, name);
  const build = (await text('CurrentBuildNumber')) ?? (await text('CurrentBuild')) ?? '';
  if (!/^\d{1,9}$/.test(build)) return undefined;
  const product = await text('ProductName');
  return {
    product: Number(build) >= FIRST_WINDOWS_11 ? product?.replace(/^Windows 10\b/, 'Windows 11') : product,
    build: Number(build),
    revision: await software.integer(CURRENT_VERSION, 'UBR'),
    installationType: await text('InstallationType'),
  };
}

/** The Windows on a volume; undefined if there is none. @throws {UnreadableError} its SOFTWARE hive cannot be read. */
export async function readWindowsVersion(files: OpenedFileSystem): Promise<WindowsVersion | undefined> {
  const software = await openHiveAt(files, '/Windows/System32/config/SOFTWARE');
  return software === undefined ? undefined : await windowsVersionIn(software);
}

/** "Windows Server 2022 Datacenter, build 20348.2113, Server Core". */
export function describeVersion({ product, build, revision, installationType }: WindowsVersion): string {
  const number = revision === undefined ? `build ${build}` : `build ${build}.${revision}`;
  return [product ?? 'Windows', number, ...(installationType === undefined ? [] : [installationType])].join(', ');
}
