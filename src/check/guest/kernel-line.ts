// Reads the default entry of the boot loader: the kernel, its initrds and its command line.
import { linesOf } from '../../volume/fstab.ts';
import type { LinuxSystem } from './linux-system.ts';

export interface KernelLine {
  /** The file that defines it. */
  readonly path: string;
  readonly parameters: readonly string[];
  /** As the boot loader names it, which may be relative to /boot or to the EFI system partition. Undefined if it is not known. */
  readonly kernel?: string;
  /** "5.14.0-427.el9.x86_64", if the entry or the name of the kernel has it. */
  readonly version?: string;
  /** As the boot loader names them. */
  readonly initrds?: readonly string[];
}

const GRUB_MENUS = [
  '/boot/grub/grub.cfg',
  '/boot/grub2/grub.cfg',
  '/boot/grub/menu.lst',
  '/boot/grub/grub.conf',
] as const;

/** Red Hat's menu of a machine with UEFI, before RHEL 9. */
const EFI_MENU_FOLDER = '/boot/efi/EFI';

/** Boot Loader Specification, type 1. */
const ENTRY_FOLDERS = ['/boot/loader/entries', '/boot/efi/loader/entries', '/efi/loader/entries'] as const;

const KERNEL_COMMAND = /^(?:linux|linux16|linuxefi|kernel)\s+\S/;
const INITRD_COMMAND = /^(?:initrd|initrd16|initrdefi)\s+\S/;

/** The default entry, or undefined if no boot loader is found. @throws {GuestUnreadableError} */
export async function readKernelLine(system: LinuxSystem): Promise<KernelLine | undefined> {
  return (
    (await fromGrubMenu(system)) ??
    (await fromLoaderEntries(system)) ??
    (await fromEfiMenu(system)) ??
    (await fromGrubDefaults(system))
  );
}

async function fromGrubMenu(system: LinuxSystem): Promise<KernelLine | undefined> {
  for (const path of GRUB_MENUS) {
    const found = await defaultEntry(system, path);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function fromEfiMenu(system: LinuxSystem): Promise<KernelLine | undefined> {
  const folders = await namesOrNone(system, EFI_MENU_FOLDER);
  for (const folder of folders.slice(0, 20)) {
    const path = `${EFI_MENU_FOLDER}/${folder}/grub.cfg`;
    const found = await defaultEntry(system, path);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A disk without an EFI system partition has none of its files. */
async function namesOrNone(system: LinuxSystem, folder: string): Promise<readonly string[]> {
  return system.hasEfi ? await system.names(folder) : [];
}

/** The entry that a menu of GRUB starts. Without a setting it is the first one: the others are older kernels and recovery modes. */
async function defaultEntry(system: LinuxSystem, path: string): Promise<KernelLine | undefined> {
  const lines = linesOf((await system.readText(path)) ?? '');
  const menu = menuIn(lines);
  // GRUB 1 numbers its entries: "default=1" is the second.
  if (menu.entries.length === 0) return entryIn(lines, path, Number(lastMatch(lines, /^default[ =](\d+)$/) ?? 0));
  const setting = lastMatch(lines, /^set default="?([^"$]+|\$\{?saved_entry\}?)"?$/);
  const isSaved = setting?.startsWith('$') === true;
  const wanted = isSaved ? await grubVariable(system, 'saved_entry') : setting;
  const { from, to } = chosenIn(menu, wanted ?? '0');
  return entryIn(lines.slice(from, to), path) ?? entryIn(lines, path);
}

function lastMatch(lines: readonly string[], pattern: RegExp): string | undefined {
  return lines.map((line) => pattern.exec(line)?.[1]).findLast((found) => found !== undefined);
}

function entryIn(lines: readonly string[], path: string, wanted = 0): KernelLine | undefined {
  const starts = lines.flatMap((line, index) => (KERNEL_COMMAND.test(line) ? [index] : []));
  const start = starts[wanted] ?? starts[0];
  if (start === undefined) return undefined;
  const [, kernel = '', ...parameters] = wordsOf(lines[start] ?? '');
  const next = starts.find((index) => index > start) ?? lines.length;
  const initrds = lines.slice(start, next).find((line) => INITRD_COMMAND.test(line));
  return { path, parameters, ...kernelOf(kernel), initrds: wordsOf(initrds ?? '').slice(1) };
}

/** A menu, a submenu or an entry of GRUB 2. */
interface MenuItem {
  /** Its title, and its id if it has one. */
  readonly names: readonly string[];
  /** Of a menu. */
  readonly entries: MenuItem[];
  /** Its lines. */
  readonly from: number;
  to: number;
}

const MENU_ITEM = /^(?:menuentry|submenu)\s+(?:'([^']*)'|"([^"]*)"|(\S+))(.*)\{$/;
const ITEM_ID = /(?:\$menuentry_id_option|--id[ =])\s*['"]?([^'"\s]+)/;

function menuIn(lines: readonly string[]): MenuItem {
  const menu: MenuItem = { names: [], entries: [], from: 0, to: lines.length };
  /** The blocks that are open, the innermost last, each with the item that it is or is in: functions are blocks too. */
  const open: { readonly item: MenuItem; readonly isItem: boolean }[] = [];
  for (const [index, line] of lines.entries()) {
    if (line === '}') {
      const closed = open.pop();
      if (closed?.isItem === true) closed.item.to = index;
    } else if (line.endsWith('{')) {
      const outer = open.at(-1)?.item ?? menu;
      const item = itemOf(line, index, lines.length);
      if (item !== undefined) outer.entries.push(item);
      open.push({ item: item ?? outer, isItem: item !== undefined });
    }
  }
  return menu;
}

function itemOf(line: string, from: number, to: number): MenuItem | undefined {
  const [, single, double, bare, rest = ''] = MENU_ITEM.exec(line) ?? [];
  const title = single ?? double ?? bare;
  if (title === undefined) return undefined;
  const id = ITEM_ID.exec(rest)?.[1];
  return { names: id === undefined ? [title] : [title, id], entries: [], from, to };
}

/** @param wanted "1", "1>2", a title, an id, or several of them. What does not exist is the first entry, as for GRUB. */
function chosenIn(menu: MenuItem, wanted: string): MenuItem {
  const names = wanted.split('>');
  let chosen = menu;
  for (let depth = 0; chosen.entries[0] !== undefined; depth++) {
    const name = names[depth] ?? '0';
    const named = chosen.entries.find((entry) => entry.names.includes(name));
    chosen = named ?? (/^\d+$/.test(name) ? chosen.entries[Number(name)] : undefined) ?? chosen.entries[0];
  }
  return chosen;
}

/** "($root)/vmlinuz-5.14.0" is "/vmlinuz-5.14.0", of the version 5.14.0. */
function kernelOf(word: string, version = versionIn(word)): Pick<KernelLine, 'kernel' | 'version'> {
  return { kernel: word, ...(version === undefined ? {} : { version }) };
}

/** "/vmlinuz-VERSION", and "/MACHINE/VERSION/linux" of systemd-boot. */
function versionIn(kernel: string): string | undefined {
  const name = /\/(?:vmlinu[xz]|bzImage|Image|kernel)-([^/]+)$/.exec(kernel)?.[1];
  return name ?? /\/(\d+\.\d[^/]*)\/(?:linux|vmlinuz)$/.exec(kernel)?.[1];
}

/** Variables and devices of GRUB before a path mean the file system of /boot. */
function wordsOf(line: string): string[] {
  return line
    .split(/\s+/)
    .filter(Boolean)
    .map((word) => word.replace(/^\([^)]*\)(?=\/)/, ''));
}

/** The entry that GRUB has saved as the default, or the newest: file names begin with a machine id and end with the version. */
async function fromLoaderEntries(system: LinuxSystem): Promise<KernelLine | undefined> {
  for (const folder of ENTRY_FOLDERS) {
    const names = (await system.names(folder)).filter((name) => name.endsWith('.conf') && !name.includes('rescue'));
    const newest = names.sort((one, other) => one.localeCompare(other, 'en', { numeric: true })).at(-1);
    if (newest === undefined) continue;
    const saved = (await grubVariable(system, 'saved_entry')) ?? '';
    // A number counts from the newest.
    const numbered = /^\d+$/.test(saved) ? names.at(-1 - Number(saved)) : undefined;
    const wanted = names.includes(`${saved}.conf`) ? `${saved}.conf` : (numbered ?? newest);
    return await loaderEntry(system, `${folder}/${wanted}`);
  }
  return undefined;
}

async function loaderEntry(system: LinuxSystem, path: string): Promise<KernelLine> {
  const lines = linesOf((await system.readText(path)) ?? '');
  const values = (name: string) =>
    lines
      .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}\t`))
      .map((line) => line.slice(name.length).trim());
  const parameters = values('options').flatMap(wordsOf);
  const [kernel] = values('linux').flatMap(wordsOf);
  const isStored = parameters.includes('$kernelopts');
  return {
    path,
    parameters: isStored ? [...parameters, ...wordsOf(await kernelOptions(system))] : parameters,
    ...(kernel === undefined ? {} : kernelOf(kernel, values('version')[0] ?? versionIn(kernel))),
    initrds: values('initrd')
      .flatMap(wordsOf)
      .filter((word) => !word.startsWith('$')),
  };
}

/** The menu sets the variable if it is not stored. */
async function kernelOptions(system: LinuxSystem): Promise<string> {
  const stored = await grubVariable(system, 'kernelopts');
  if (stored !== undefined) return stored;
  const folders = await namesOrNone(system, EFI_MENU_FOLDER);
  for (const path of [...GRUB_MENUS, ...folders.slice(0, 20).map((name) => `${EFI_MENU_FOLDER}/${name}/grub.cfg`)]) {
    const set = lastMatch(linesOf((await system.readText(path)) ?? ''), /^set kernelopts="(.*)"$/);
    if (set !== undefined) return set;
  }
  return '';
}

/** RHEL 8 stores the parameters of all entries in one variable of GRUB, and the name of the default entry in another. */
async function grubVariable(system: LinuxSystem, name: string): Promise<string | undefined> {
  for (const path of ['/boot/grub2/grubenv', '/boot/grub/grubenv']) {
    const line = linesOf((await system.readText(path)) ?? '').find((candidate) => candidate.startsWith(`${name}=`));
    if (line !== undefined) return line.slice(name.length + 1);
  }
  return undefined;
}

/** The settings that GRUB's menu is generated from. The menu may not have been generated yet. */
async function fromGrubDefaults(system: LinuxSystem): Promise<KernelLine | undefined> {
  const path = '/etc/default/grub';
  const lines = linesOf((await system.readText(path)) ?? '');
  const values = lines.flatMap((line) => /^GRUB_CMDLINE_LINUX(?:_DEFAULT)?=(.*)$/.exec(line)?.[1] ?? []);
  if (values.length === 0) return undefined;
  const parameters = values.map((value) => value.replace(/^(["'])(.*)\1$/, '$2')).join(' ');
  return { path, parameters: wordsOf(parameters) };
}
