// tar archives, including OVA (VMware, VirtualBox) and XVA (XenServer) appliances, and the disks inside.
import type { ImageFile } from '../image-file.ts';
import { convertCommand, type ForeignFormat, shellWord, unpack, unpackLine } from './foreign-format.ts';

const BLOCK = 512;
const CHECKSUM_OFFSET = 148;
const CHECKSUM_LENGTH = 8;
/** Members examined at most: an OVA begins with its description and has a handful of disks. */
const MAX_MEMBERS = 32;

const DISK_NAME = /\.(vmdk|vhdx?|qcow2?|vdi|img|raw|hdd)(\.(gz|xz|bz2|zst))?$/i;
/** Programs for the extensions of compressed disks. */
const UNPACKERS: readonly (readonly [extension: RegExp, command: string])[] = [
  [/\.gz$/i, 'gzip -d'],
  [/\.xz$/i, 'xz -d'],
  [/\.bz2$/i, 'bzip2 -d'],
  [/\.zst$/i, 'zstd -d'],
];

interface Member {
  readonly name: string;
  /** In bytes. */
  readonly size: number;
}

/** Recognises a tar archive by the checksum of its first header, because old archives lack the mark "ustar". */
export async function asTar(file: ImageFile): Promise<ForeignFormat | undefined> {
  const names: string[] = [];
  for (let at = 0; names.length < MAX_MEMBERS; ) {
    const member = await readMember(file, at);
    if (member === undefined) break;
    names.push(member.name);
    at += BLOCK + Math.ceil(member.size / BLOCK) * BLOCK;
  }
  if (names.length === 0) return undefined;
  if (names.some((name) => /^Ref:\d+\/\d+/.test(name)) || names[0] === 'ova.xml') return XVA;
  const disk = names.find((name) => DISK_NAME.test(name));
  const isOva = names.some((name) => /\.ovf$/i.test(name));
  return { name: isOva ? 'an OVA appliance (tar)' : 'a tar archive', nextStep: (path) => unpackTar(path, disk) };
}

const XVA: ForeignFormat = {
  name: 'an XVA appliance of XenServer (tar)',
  nextStep: (path) =>
    `Import it (xe vm-import filename=${shellWord(path)}) and export its disk: xe vdi-export uuid=UUID format=vhd filename=disk.vhd`,
};

function unpackTar(path: string, disk: string | undefined): string {
  if (disk === undefined) return unpack('', 'tar -xf').nextStep(path);
  const inside = shellWord(disk);
  const extract = `tar -xf ${shellWord(path)} ${inside}`;
  const unpacker = UNPACKERS.find(([extension]) => extension.test(disk));
  if (unpacker !== undefined) {
    return `Extract the disk inside and unpack it: ${extract} && ${unpackLine(unpacker[1], inside)}`;
  }
  return /\.vhdx?$/i.test(disk)
    ? `Extract the disk inside and upload it: ${extract}`
    : `Extract the disk inside and convert it: ${extract} && ${convertCommand(inside)}`;
}

async function readMember(file: ImageFile, offset: number): Promise<Member | undefined> {
  if (offset + BLOCK > file.size) return undefined;
  const header = Buffer.alloc(BLOCK);
  await file.read(offset, header);
  const stored = octal(header, CHECKSUM_OFFSET, CHECKSUM_LENGTH);
  header.fill(' ', CHECKSUM_OFFSET, CHECKSUM_OFFSET + CHECKSUM_LENGTH);
  if (header.readUInt8(0) === 0 || stored !== header.reduce((sum, byte) => sum + byte, 0)) return undefined;
  const size = sizeOf(header);
  return size === undefined ? undefined : { name: header.toString('utf8', 0, 100).replace(/\0.*$/s, ''), size };
}

/** Octal digits; GNU tar stores 8 GiB and more as a binary number. */
function sizeOf(header: Buffer): number | undefined {
  if (header.readUInt8(124) !== 0x80) return octal(header, 124, 12);
  const size = header.readBigUInt64BE(128);
  return size > BigInt(Number.MAX_SAFE_INTEGER) ? undefined : Number(size);
}

function octal(header: Buffer, offset: number, length: number): number | undefined {
  const digits = header
    .toString('latin1', offset, offset + length)
    .replace(/[\0 ]+$/, '')
    .trimStart();
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : undefined;
}
