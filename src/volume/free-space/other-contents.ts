// What a volume may be instead of what its superblock says. A superblock of an earlier use stays in it if nothing overwrites it.
import { alignDown } from '../../base/byte-range.ts';
import { decodeMbr, MBR_LENGTH } from '../../base/mbr.ts';
import { detectAll } from '../detect-file-system.ts';
import { bytesAt } from '../disk.ts';
import type { FileSystem } from '../file-system.ts';
import { MD_MAGIC } from '../file-systems/containers.ts';
import type { VolumeBytes } from '../file-systems/opened-file-system.ts';

/** File systems that leave room for a boot loader before their superblock, which mkfs fills with zeros. */
const AFTER_BOOT_SECTORS: readonly string[] = ['ext2', 'ext3', 'ext4', 'btrfs'];
const BOOT_LENGTH = 1024;
const BOOT_SIGNATURE = 0xaa55;

interface Signature {
  readonly name: string;
  /** In bytes from the beginning. */
  readonly at: number;
  readonly bytes: Buffer;
}

/** What `detectAll` does not know, because nothing is read from it (util-linux, libblkid/src/superblocks and src/partitions). */
const SIGNATURES: readonly Signature[] = [
  { name: 'BitLocker To Go', at: 424, bytes: Buffer.from('3bd66749292ed84a8399f6a339e3d001', 'hex') },
  { name: 'a disk with a GPT', at: 512, bytes: Buffer.from('EFI PART') },
  { name: 'a disk with a GPT', at: 4096, bytes: Buffer.from('EFI PART') },
  { name: 'a disk of a BSD', at: 512, bytes: Buffer.from('57455682', 'hex') },
  { name: 'a Stratis device', at: 516, bytes: Buffer.from('!Stra0tis') },
  { name: 'a bcache device', at: 4120, bytes: Buffer.from('c68573f64e1a45ca8265f57f48ba6d81', 'hex') },
  { name: 'bcachefs', at: 4120, bytes: Buffer.from('c68573f666ce90a9d96a60cf803df7ef', 'hex') },
  { name: 'OCFS2', at: 8192, bytes: Buffer.from('OCFSV2') },
  { name: 'JFS', at: 32_768, bytes: Buffer.from('JFS1') },
  { name: 'ReiserFS', at: 65_588, bytes: Buffer.from('ReIsEr') },
  { name: 'GFS2', at: 65_536, bytes: Buffer.from('01161970', 'hex') },
  { name: 'VMFS', at: 1_048_576, bytes: Buffer.from('0dd001c0', 'hex') },
];

/** Big-endian: versions 8, 8.4 after a crash, and 9 (DRBD, user/shared/drbdmeta.c). */
const DRBD_MAGICS: readonly number[] = [0x8374026b, 0x8374026c, 0x8374026d];
const DRBD_MAGIC_AT = 60;

/**
 * Why the volume may be something else than `fileSystem`; undefined if nothing shows that. The reason follows a colon.
 * @throws {VhdupError} the image cannot be read.
 */
export async function doubtOfContents(bytes: VolumeBytes, fileSystem: FileSystem): Promise<string | undefined> {
  const other = (await detectAll(bytes, { offset: 0, length: bytes.size })).find(
    ({ type }) => type !== fileSystem.type,
  );
  const name = other?.name ?? (await otherAtBeginning(bytes));
  if (name !== undefined) return `it looks like ${fileSystem.name}, and like ${name}`;
  const boot = await bytesAt(bytes, 0, BOOT_LENGTH);
  const isBootSector = boot.readUInt16LE(MBR_LENGTH - 2) === BOOT_SIGNATURE;
  if (AFTER_BOOT_SECTORS.includes(fileSystem.type) && !isBootSector && boot.some((byte) => byte !== 0)) {
    return `it looks like ${fileSystem.name}, but begins with something that is not known`;
  }
  return await memberOf(bytes);
}

async function otherAtBeginning(bytes: VolumeBytes): Promise<string | undefined> {
  // The raw disk of a virtual machine, in a partition or a logical volume. The boot sectors of FAT and NTFS have no entries.
  const mbr = decodeMbr(await bytesAt(bytes, 0, MBR_LENGTH), { size: bytes.size, sectorSize: 512 });
  if (mbr !== undefined && mbr.entries.length > 0) return 'a disk with partitions';
  for (const { name, at, bytes: expected } of SIGNATURES) {
    if ((await bytesAt(bytes, at, expected.length)).equals(expected)) return name;
  }
  return undefined;
}

/** By what is at the end: versions 0.90 and 1.0 of md (Linux kernel, drivers/md/md.c), and DRBD. */
async function memberOf(bytes: VolumeBytes): Promise<string | undefined> {
  const sectors = Math.floor(bytes.size / 512);
  for (const offset of [alignDown(sectors - 16, 8) * 512, alignDown(bytes.size, 65_536) - 65_536]) {
    if (offset < 0) continue;
    const head = await bytesAt(bytes, offset, 8);
    if (head.readUInt32LE(0) === MD_MAGIC || head.readUInt32BE(0) === MD_MAGIC) return 'it is a member of a Linux RAID';
  }
  const drbd = alignDown(bytes.size, 4096) - 4096 + DRBD_MAGIC_AT;
  const isDrbd = drbd >= 0 && DRBD_MAGICS.includes((await bytesAt(bytes, drbd, 4)).readUInt32BE(0));
  return isDrbd ? 'it is replicated by DRBD' : undefined;
}
