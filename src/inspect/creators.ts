// Who wrote a VHD: the field Creator Application of its footer in words.

const CREATORS: Readonly<Record<string, string>> = {
  'vpc ': 'Virtual PC',
  'vs  ': 'Virtual Server',
  'win ': 'Windows or Hyper-V',
  'd2v\0': 'Disk2vhd',
  qemu: 'QEMU',
  qem2: 'QEMU, with force_size',
  'tap\0': 'blktap (XenServer)',
  CTXS: 'Citrix XenConvert',
  vbox: 'VirtualBox',
  caml: 'ocaml-vhd (Xen)',
  'xo  ': 'Xen Orchestra',
  'wa\0\0': 'Azure tools, vhdup among them',
};

const SYSTEMS: Readonly<Record<string, string>> = { Wi2k: 'Windows', 'Mac ': 'Macintosh' };

/** @param application Four characters. Undefined for a program that is not known. */
export function creatorName(application: string): string | undefined {
  return CREATORS[application];
}

/** @param system Four characters: the field Creator Host OS. */
export function creatorSystem(system: string): string | undefined {
  return SYSTEMS[system];
}

/** "10.0", from the two halves of a 32-bit version. */
export function versionText(version: number): string {
  return `${version >>> 16}.${version & 0xffff}`;
}

/** Seconds between 1970 and 2000, where VHD begins to count. */
const VHD_EPOCH_S = 946_684_800;

/** A time stamp of a VHD in ISO 8601; undefined for 0, which means that there is none. */
export function vhdTime(seconds: number): string | undefined {
  return seconds === 0 ? undefined : new Date((VHD_EPOCH_S + seconds) * 1000).toISOString();
}
