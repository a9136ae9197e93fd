// File systems, volume groups and encrypted volumes that begin at the first byte of a file: a disk without a partition table, or one partition.
import type { ImageFile } from '../image-file.ts';
import type { ForeignFormat } from './foreign-format.ts';

/** Btrfs stores its superblock at 64 KiB, ZFS its first uberblock at 128 KiB. */
const HEAD_LENGTH = 129 * 1024;

/** Tried in this order. Bytes are encoded as latin1. */
const VOLUMES: readonly (readonly [offset: number, bytes: string, name: string])[] = [
  [3, '-FVE-FS-', 'a volume encrypted with BitLocker'],
  [3, 'NTFS    ', 'an NTFS file system'],
  [3, 'ReFS\0\0\0\0', 'a ReFS file system'],
  [3, 'EXFAT   ', 'an exFAT file system'],
  [512, 'LABELONE', 'a physical volume of LVM'],
  [0, 'XFSB', 'an XFS file system'],
  [64 * 1024 + 64, '_BHRfS_M', 'a Btrfs file system'],
  [128 * 1024, '\x0c\xb1\xba\0\0\0\0\0', 'a member of a ZFS pool'],
  [0, '\xfc\x4e\x2b\xa9', 'a member of a software RAID of Linux (md)'],
  [4096, '\xfc\x4e\x2b\xa9', 'a member of a software RAID of Linux (md)'],
  [4096 - 10, 'SWAPSPACE2', 'a swap area of Linux'],
  [54, 'FAT12   ', 'a FAT file system'],
  [54, 'FAT16   ', 'a FAT file system'],
  [82, 'FAT32   ', 'a FAT file system'],
];

const EXT_SUPERBLOCK = 1024;
const EXT_HAS_JOURNAL = 0x4;
/** Extents, 64-bit block numbers, flexible groups: only ext4 has them. */
const EXT4_ONLY = 0x40 | 0x80 | 0x200;

/** The volume that `file`, which has no partition table, consists of. It can be uploaded as a raw disk. */
export async function bareVolume(file: ImageFile): Promise<ForeignFormat | undefined> {
  const head = Buffer.alloc(HEAD_LENGTH);
  await file.read(0, head.subarray(0, Math.min(HEAD_LENGTH, file.size)));
  const found = VOLUMES.find(([offset, bytes]) => head.toString('latin1', offset, offset + bytes.length) === bytes);
  const name = found?.[2] ?? extName(head);
  return name === undefined ? undefined : { name: `${name} without a partition table`, nextStep: () => NEXT_STEP };
}

const NEXT_STEP =
  'A disk that boots needs a partition table: copy the volume to a partition of a disk, install a boot loader and use that disk. If this is a whole data disk, upload it as it is with --format raw (convert: --image-format raw). If it is a VHD, it was truncated: copy it again.';

function extName(head: Buffer): string | undefined {
  if (head.readUInt16LE(EXT_SUPERBLOCK + 56) !== 0xef53) return undefined;
  const [compatible, incompatible] = [92, 96].map((offset) => head.readUInt32LE(EXT_SUPERBLOCK + offset));
  if (((incompatible ?? 0) & EXT4_ONLY) !== 0) return 'an ext4 file system';
  return ((compatible ?? 0) & EXT_HAS_JOURNAL) !== 0 ? 'an ext3 file system' : 'an ext2 file system';
}
