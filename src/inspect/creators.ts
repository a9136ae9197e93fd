// The program that wrote a VHD: names for the field Creator Application of its footer.

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
  'wa\0\0': 'Azure tools, including vhdup',
};

const SYSTEMS: Readonly<Record<string, string>> = { Wi2k: 'Windows', 'Mac ': 'Macintosh' };

/** @param application Four characters. Returns undefined for an unknown program. */
export function creatorName(application: string): string | undefined {
  return CREATORS[application];
}

/** @param system Four characters, from the field Creator Host OS. */
export function creatorSystem(system: string): string | undefined {
  return SYSTEMS[system];
}

/** Formats the two halves of a 32-bit version: "10.0". */
export function versionText(version: number): string {
  return `${version >>> 16}.${version & 0xffff}`;
}

/** Seconds from 1970 to 2000, the epoch of VHD. */
const VHD_EPOCH_S = 946_684_800;

/** Converts a VHD time stamp to ISO 8601; undefined for 0, which means not stated. */
export function vhdTime(seconds: number): string | undefined {
  return seconds === 0 ? undefined : new Date((VHD_EPOCH_S + seconds) * 1000).toISOString();
}
