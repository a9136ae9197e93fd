// Builds initrds: cpio archives of the format newc, which are text as long as their files are.

/** Contents by name. */
export type CpioFiles = Readonly<Record<string, string>>;

function entry(name: string, content: string, index: number): string {
  const hex = (value: number) => value.toString(16).padStart(8, '0');
  const fields = [index, 0o100644, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length + 1, 0];
  return padded(`070701${fields.map(hex).join('')}${name}\0`) + padded(content);
}

/** To 4 bytes. */
function padded(text: string): string {
  return text + '\0'.repeat((4 - (text.length % 4)) % 4);
}

/** ASCII only. */
export function cpioText(files: CpioFiles): string {
  const entries = Object.entries(files).map(([name, content], index) => entry(name, content, index + 1));
  return entries.join('') + entry('TRAILER!!!', '', 0);
}

export function cpio(files: CpioFiles): Buffer {
  return Buffer.from(cpioText(files), 'latin1');
}

/** Paths of modules, as they are in an initrd. */
export function moduleFiles(version: string, ...modules: readonly string[]): CpioFiles {
  return Object.fromEntries(modules.map((name) => [`usr/lib/modules/${version}/kernel/drivers/${name}`, 'module']));
}

export const HYPER_V_MODULES = ['hv/hv_vmbus.ko.xz', 'scsi/hv_storvsc.ko.xz', 'net/hyperv/hv_netvsc.ko.xz'] as const;
