// The kernel that the system starts: its version, its modules and its initrd.
import { UnreadableError } from '../../volume/file-systems/opened-file-system.ts';
import { linesOf } from '../../volume/fstab.ts';
import { initrdNames } from '../../volume/initrd/initrd-names.ts';
import { GuestUnreadableError } from './guest-file-system.ts';
import { type KernelLine, readKernelLine } from './kernel-line.ts';
import type { LinuxSystem } from './linux-system.ts';

const MODULE_FOLDERS = ['/lib/modules', '/usr/lib/modules'] as const;

/** The option of the kernel for each module that can be built in. */
const OPTIONS = {
  hv_vmbus: 'CONFIG_HYPERV',
  hv_storvsc: 'CONFIG_HYPERV_STORAGE',
  hv_netvsc: 'CONFIG_HYPERV_NET',
  nvme: 'CONFIG_BLK_DEV_NVME',
  nvme_core: 'CONFIG_NVME_CORE',
  udf: 'CONFIG_UDF_FS',
  vfat: 'CONFIG_VFAT_FS',
} as const;

export type ModuleName = keyof typeof OPTIONS;

export interface Kernel {
  readonly version: string;
  /** Undefined if only the folder of its modules is known. */
  readonly line: KernelLine | undefined;
}

/** Versions that have a folder of modules, the oldest first. @throws {GuestUnreadableError} */
export async function kernelVersions(system: LinuxSystem): Promise<readonly string[]> {
  for (const folder of MODULE_FOLDERS) {
    const names = (await system.names(folder)).filter((name) => /^\d+\.\d/.test(name));
    if (names.length > 0) return [...names].sort((one, other) => one.localeCompare(other, 'en', { numeric: true }));
  }
  return [];
}

/** The kernel of the default entry of the boot loader; without one, the newest. Undefined if there is none. @throws {GuestUnreadableError} */
export async function defaultKernel(system: LinuxSystem): Promise<Kernel | undefined> {
  const line = await readKernelLine(system);
  const version = line?.version ?? (await kernelVersions(system)).at(-1);
  return version === undefined ? undefined : { version, line };
}

/** Where a kernel has a module. `unknown`: it has no list of its modules. */
export type ModulePlace = 'built-in' | 'module' | 'absent' | 'unknown';

/** @throws {GuestUnreadableError} */
export async function moduleOf(system: LinuxSystem, { version }: Kernel, name: ModuleName): Promise<ModulePlace> {
  const folder = await moduleFolder(system, version);
  const builtIn = folder === undefined ? undefined : await system.readLongText(`${folder}/modules.builtin`);
  const config = await kernelConfig(system, version, folder);
  const isBuiltIn = namesIn(builtIn ?? '').has(name) || linesOf(config ?? '').includes(`${OPTIONS[name]}=y`);
  if (isBuiltIn) return 'built-in';
  const modules = folder === undefined ? undefined : await system.readLongText(`${folder}/modules.dep`);
  if (modules === undefined) return 'unknown';
  return namesIn(modules).has(name) ? 'module' : 'absent';
}

async function moduleFolder(system: LinuxSystem, version: string): Promise<string | undefined> {
  return await system.firstOf(MODULE_FOLDERS.map((folder) => `${folder}/${version}`));
}

async function kernelConfig(system: LinuxSystem, version: string, folder = ''): Promise<string | undefined> {
  return (await system.readText(`/boot/config-${version}`)) ?? (await system.readText(`${folder}/config`));
}

/** The names of the modules at the beginning of each line: "kernel/drivers/hv/hv-vmbus.ko.xz: …" is hv_vmbus. */
function namesIn(text: string): ReadonlySet<string> {
  return new Set(linesOf(text).flatMap((line) => moduleName(line.split(':')[0] ?? '') ?? []));
}

/** Undefined if the path is not that of a module. The kernel does not distinguish "-" and "_". */
function moduleName(path: string): string | undefined {
  return /([^/]+)\.ko(?:\.\w+)?$/.exec(path)?.[1]?.replaceAll('-', '_');
}

export interface InitrdLook {
  /** The first file. Undefined if there is none. */
  readonly path: string | undefined;
  /** Of the wanted modules, those that it does not have. */
  readonly missing: readonly ModuleName[];
  /** Why a part of it cannot be read: what is missing may be there. */
  readonly problem?: string;
}

/** Looks for modules in the initrds of the kernel, and stops when it has found all. @throws {GuestUnreadableError} */
export async function lookIntoInitrd(
  system: LinuxSystem,
  kernel: Kernel,
  wanted: readonly ModuleName[],
): Promise<InitrdLook> {
  const missing = new Set<string>(wanted);
  const problems: string[] = [];
  let path: string | undefined;
  for (const candidate of await initrdsOf(system, kernel)) {
    path ??= candidate;
    const file = await system.open(candidate);
    if (file === undefined) continue;
    try {
      for await (const name of initrdNames(file)) {
        missing.delete(moduleName(name) ?? '');
        if (missing.size === 0) break;
      }
    } catch (error) {
      if (!(error instanceof UnreadableError || error instanceof GuestUnreadableError)) throw error;
      problems.push(`${candidate}: ${error.message}`);
    }
    if (missing.size === 0) break;
  }
  const left = wanted.filter((name) => missing.has(name));
  return { path, missing: left, ...(problems.length === 0 ? {} : { problem: problems.join('; ') }) };
}

/** Initrds read at most: microcode and one or two others. */
const MAX_INITRDS = 4;

/** The files that the boot loader names, else the usual ones for the version. */
async function initrdsOf(system: LinuxSystem, { version, line }: Kernel): Promise<readonly string[]> {
  const named: string[] = [];
  for (const word of (line?.initrds ?? []).slice(0, MAX_INITRDS)) {
    const path = await system.firstOf(bootPathsOf(word));
    if (path !== undefined) named.push(path);
  }
  if (named.length > 0) return named;
  const usual = [`initrd.img-${version}`, `initramfs-${version}.img`, `initrd-${version}`, `initrd-${version}.img`];
  const found = await system.firstOf(usual.map((name) => `/boot/${name}`));
  return found === undefined ? [] : [found];
}

/** Where a path of the boot loader may be: it is relative to the file system of /boot, or to the EFI system partition; btrfs adds the name of a subvolume. */
function bootPathsOf(word: string): readonly string[] {
  const inside = word.replace(/^\/@[^/]*(?=\/)/, '');
  return [`/boot${inside}`, inside, `/boot/efi${inside}`, `/efi${inside}`];
}
