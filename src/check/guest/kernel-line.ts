// Reads the kernel command line from the configuration of the boot loader.
import { type LinuxSystem, linesOf } from './linux-system.ts';

export interface KernelLine {
  /** The file that defines it. */
  readonly path: string;
  readonly parameters: readonly string[];
}

const GRUB_MENUS = [
  '/boot/grub/grub.cfg',
  '/boot/grub2/grub.cfg',
  '/boot/grub/menu.lst',
  '/boot/grub/grub.conf',
] as const;

/** Boot Loader Specification, type 1. */
const ENTRY_FOLDERS = ['/boot/loader/entries', '/boot/efi/loader/entries', '/efi/loader/entries'] as const;

/** The command line of the default entry, or undefined if no boot loader is found. @throws {GuestUnreadableError} */
export async function readKernelLine(system: LinuxSystem): Promise<KernelLine | undefined> {
  return (await fromGrubMenu(system)) ?? (await fromLoaderEntries(system)) ?? (await fromGrubDefaults(system));
}

/** Reads the first entry; the others are older kernels and recovery modes. */
async function fromGrubMenu(system: LinuxSystem): Promise<KernelLine | undefined> {
  for (const path of GRUB_MENUS) {
    const text = await system.readText(path);
    const line = linesOf(text ?? '').find((candidate) => /^(?:linux|linux16|linuxefi|kernel)\s+\S/.test(candidate));
    if (line !== undefined) return { path, parameters: line.split(/\s+/).slice(2) };
  }
  return undefined;
}

/** Reads the newest entry: file names begin with a machine id and end with the version. */
async function fromLoaderEntries(system: LinuxSystem): Promise<KernelLine | undefined> {
  for (const folder of ENTRY_FOLDERS) {
    const names = (await system.names(folder)).filter((name) => name.endsWith('.conf') && !name.includes('rescue'));
    const newest = names.sort((one, other) => one.localeCompare(other, 'en', { numeric: true })).at(-1);
    if (newest === undefined) continue;
    const path = `${folder}/${newest}`;
    const options = linesOf((await system.readText(path)) ?? '').flatMap(
      (line) => /^options\s+(.*)$/.exec(line)?.[1] ?? [],
    );
    const parameters = options.join(' ').split(/\s+/).filter(Boolean);
    return {
      path,
      parameters: parameters.includes('$kernelopts') ? [...parameters, ...(await kernelOpts(system))] : parameters,
    };
  }
  return undefined;
}

/** RHEL 8 stores the parameters of all entries in one GRUB variable. */
async function kernelOpts(system: LinuxSystem): Promise<string[]> {
  for (const path of ['/boot/grub2/grubenv', '/boot/grub/grubenv']) {
    const line = linesOf((await system.readText(path)) ?? '').find((candidate) => candidate.startsWith('kernelopts='));
    if (line !== undefined) return line.slice('kernelopts='.length).split(/\s+/).filter(Boolean);
  }
  return [];
}

/** The settings that GRUB's menu is generated from. The menu may not have been generated yet. */
async function fromGrubDefaults(system: LinuxSystem): Promise<KernelLine | undefined> {
  const path = '/etc/default/grub';
  const lines = linesOf((await system.readText(path)) ?? '');
  const values = lines.flatMap((line) => /^GRUB_CMDLINE_LINUX(?:_DEFAULT)?=(.*)$/.exec(line)?.[1] ?? []);
  if (values.length === 0) return undefined;
  const parameters = values.map((value) => value.replace(/^(["'])(.*)\1$/, '$2')).join(' ');
  return { path, parameters: parameters.split(/\s+/).filter(Boolean) };
}
