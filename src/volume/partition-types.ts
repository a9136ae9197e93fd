// The purpose of a partition by its type (UEFI specification 5.3.3; the Discoverable Partitions Specification; the MBR types that sfdisk lists).

/** The purpose of a partition, for both kinds of tables. */
export type PartitionRole =
  | 'efi-system'
  | 'bios-boot'
  | 'linux'
  | 'linux-root'
  | 'linux-swap'
  | 'linux-lvm'
  | 'linux-raid'
  | 'linux-encrypted'
  | 'microsoft-reserved'
  | 'windows-data'
  | 'windows-recovery'
  | 'windows-dynamic'
  | 'freebsd'
  | 'extended'
  | 'protective'
  | 'other';

export interface PartitionType {
  readonly name: string;
  readonly role: PartitionRole;
}

const GPT_TYPES: Readonly<Record<string, readonly [name: string, role: PartitionRole]>> = {
  'c12a7328-f81f-11d2-ba4b-00a0c93ec93b': ['EFI system', 'efi-system'],
  '21686148-6449-6e6f-744e-656564454649': ['BIOS boot', 'bios-boot'],
  '024dee41-33e7-11d3-9d69-0008c781f39f': ['MBR partition scheme', 'other'],
  'e3c9e316-0b5c-4db8-817d-f92df00215ae': ['Microsoft reserved', 'microsoft-reserved'],
  'ebd0a0a2-b9e5-4433-87c0-68b6b72699c7': ['Microsoft basic data', 'windows-data'],
  'de94bba4-06d1-4d40-a16a-bfd50179d6ac': ['Windows recovery', 'windows-recovery'],
  '5808c8aa-7e8f-42e0-85d2-e1e90434cfb3': ['Windows dynamic disk metadata', 'windows-dynamic'],
  'af9b60a0-1431-4f62-bc68-3311714a69ad': ['Windows dynamic disk data', 'windows-dynamic'],
  'e75caf8f-f680-4cee-afa3-b001e56efc2d': ['Windows Storage Spaces', 'windows-dynamic'],
  '0fc63daf-8483-4772-8e79-3d69d8477de4': ['Linux file system', 'linux'],
  '4f68bce3-e8cd-4db1-96e7-fbcaf984b709': ['Linux root (x86-64)', 'linux-root'],
  'b921b045-1df0-41c3-af44-4c6f280d3fae': ['Linux root (ARM64)', 'linux-root'],
  '44479540-f297-41b2-9af7-d131d5f0458a': ['Linux root (x86)', 'linux-root'],
  '8484680c-9521-48c6-9c11-b0720656f69e': ['Linux /usr (x86-64)', 'linux'],
  'b0e01050-ee5f-4390-949a-9101b17104e9': ['Linux /usr (ARM64)', 'linux'],
  'bc13c2ff-59e6-4262-a352-b275fd6f7172': ['Linux extended boot', 'linux'],
  '933ac7e1-2eb4-4f13-b844-0e14e2aef915': ['Linux /home', 'linux'],
  '3b8f8425-20e0-4f3b-907f-1a25a76f98e8': ['Linux /srv', 'linux'],
  '4d21b016-b534-45c2-a9fb-5c16e091fd2d': ['Linux /var', 'linux'],
  '0657fd6d-a4ab-43c4-84e5-0933c84b4f4f': ['Linux swap', 'linux-swap'],
  'e6d6d379-f507-44c2-a23c-238f2a3df928': ['Linux LVM', 'linux-lvm'],
  'a19d880f-05fc-4d3b-a006-743f0f84911e': ['Linux RAID', 'linux-raid'],
  'ca7d7ccb-63ed-4c53-861c-1742536059cc': ['Linux LUKS', 'linux-encrypted'],
  '7ffec5c9-2d00-49b7-8941-3ea10a5586b7': ['Linux dm-crypt', 'linux-encrypted'],
  '5dfbf5f4-2848-4bac-aa5e-0d9a20b745a6': ['Flatcar or CoreOS /usr', 'linux'],
  '3884dd41-8582-4404-b9a8-e9b84f2df50e': ['Flatcar or CoreOS root', 'linux-root'],
  'c95dc21a-df0e-4340-8d7b-26cbfa9a03e0': ['Flatcar or CoreOS reserved', 'linux'],
  'fe3a2a5d-4f32-41a7-b725-accc3285a309': ['ChromeOS kernel', 'other'],
  '3cb8e202-3b7e-47dd-8a3c-7ff2a13cfcec': ['ChromeOS root', 'other'],
  '516e7cb4-6ecf-11d6-8ff8-00022d09712b': ['FreeBSD data', 'freebsd'],
  '83bd6b9d-7f41-11dc-be0b-001560b84f0f': ['FreeBSD boot', 'freebsd'],
  '85d5e45e-237c-11e1-b4b3-e89a8f7fc3a7': ['MidnightBSD boot', 'other'],
  '516e7cb5-6ecf-11d6-8ff8-00022d09712b': ['FreeBSD swap', 'freebsd'],
  '516e7cb6-6ecf-11d6-8ff8-00022d09712b': ['FreeBSD UFS', 'freebsd'],
  '516e7cba-6ecf-11d6-8ff8-00022d09712b': ['FreeBSD ZFS', 'freebsd'],
  '6a898cc3-1dd2-11b2-99a6-080020736631': ['ZFS', 'other'],
  '516e7cb8-6ecf-11d6-8ff8-00022d09712b': ['FreeBSD Vinum', 'freebsd'],
  '49f48d5a-b10e-11dc-b99b-0019d1879648': ['NetBSD FFS', 'other'],
  '49f48d82-b10e-11dc-b99b-0019d1879648': ['NetBSD LFS', 'other'],
  '49f48d32-b10e-11dc-b99b-0019d1879648': ['NetBSD swap', 'other'],
  '824cc7a0-36a8-11e3-890a-952519ad3f61': ['OpenBSD data', 'other'],
  '9d087404-1ca5-11dc-8817-01301bb8a9f5': ['DragonFly label', 'other'],
  '9d58fdbd-1ca5-11dc-8817-01301bb8a9f5': ['DragonFly swap', 'other'],
  '9d94ce7c-1ca5-11dc-8817-01301bb8a9f5': ['DragonFly UFS', 'other'],
  '61dc63ac-6e38-11dc-8513-01301bb8a9f5': ['DragonFly HAMMER', 'other'],
  '5cbb9ad1-862d-11dc-a94d-01301bb8a9f5': ['DragonFly HAMMER2', 'other'],
  '6a82cb45-1dd2-11b2-99a6-080020736631': ['Solaris boot', 'other'],
  '6a85cf4d-1dd2-11b2-99a6-080020736631': ['Solaris root', 'other'],
  '6a87c46f-1dd2-11b2-99a6-080020736631': ['Solaris swap', 'other'],
  '6a945a3b-1dd2-11b2-99a6-080020736631': ['Solaris reserved', 'other'],
  '42465331-3ba3-10f1-802a-4861696b7521': ['Haiku BFS', 'other'],
  '2e0a753d-9e48-43b0-8337-b15192cb1b5e': ['ChromeOS reserved', 'other'],
  '48465300-0000-11aa-aa11-00306543ecac': ['Apple HFS+', 'other'],
  '7c3457ef-0000-11aa-aa11-00306543ecac': ['Apple APFS', 'other'],
  '9e1a2d38-c612-4316-aa26-8b49521e5a8b': ['PowerPC PReP boot', 'other'],
};

/**
 * Types of partitions that code in the protective MBR boots by BIOS, as installed by: gptboot(8) and gpart(8) of
 * FreeBSD and MidnightBSD, gpt(8) biosboot of NetBSD, OpenBSD and DragonFly, installboot(8) of illumos, cgpt of ChromeOS, makebootable of Haiku.
 */
const BOOTED_BY_MBR_CODE: readonly string[] = [
  '83bd6b9d-7f41-11dc-be0b-001560b84f0f',
  '85d5e45e-237c-11e1-b4b3-e89a8f7fc3a7',
  '49f48d5a-b10e-11dc-b99b-0019d1879648',
  '824cc7a0-36a8-11e3-890a-952519ad3f61',
  '9d087404-1ca5-11dc-8817-01301bb8a9f5',
  '6a82cb45-1dd2-11b2-99a6-080020736631',
  '6a85cf4d-1dd2-11b2-99a6-080020736631',
  'fe3a2a5d-4f32-41a7-b725-accc3285a309',
  '42465331-3ba3-10f1-802a-4861696b7521',
];

const MBR_TYPES: Readonly<Record<number, readonly [name: string, role: PartitionRole]>> = {
  1: ['FAT12', 'other'],
  4: ['FAT16, below 32 MiB', 'other'],
  5: ['Extended', 'extended'],
  6: ['FAT16', 'other'],
  7: ['NTFS or exFAT', 'windows-data'],
  11: ['FAT32', 'other'],
  12: ['FAT32 (LBA)', 'other'],
  14: ['FAT16 (LBA)', 'other'],
  15: ['Extended (LBA)', 'extended'],
  17: ['Hidden FAT12', 'other'],
  20: ['Hidden FAT16, below 32 MiB', 'other'],
  22: ['Hidden FAT16', 'other'],
  23: ['Hidden NTFS', 'windows-data'],
  27: ['Hidden FAT32', 'other'],
  28: ['Hidden FAT32 (LBA)', 'other'],
  30: ['Hidden FAT16 (LBA)', 'other'],
  39: ['Windows recovery', 'windows-recovery'],
  66: ['Windows dynamic disk', 'windows-dynamic'],
  130: ['Linux swap', 'linux-swap'],
  131: ['Linux', 'linux'],
  133: ['Linux extended', 'extended'],
  142: ['Linux LVM', 'linux-lvm'],
  165: ['FreeBSD', 'freebsd'],
  166: ['OpenBSD', 'other'],
  169: ['NetBSD', 'other'],
  175: ['Apple HFS+', 'other'],
  191: ['Solaris', 'other'],
  232: ['Linux LUKS', 'linux-encrypted'],
  234: ['Linux extended boot', 'linux'],
  238: ['GPT protective', 'protective'],
  239: ['EFI system', 'efi-system'],
  253: ['Linux RAID', 'linux-raid'],
};

/** @param guid In lower case. */
export function gptType(guid: string): PartitionType {
  const [name, role] = GPT_TYPES[guid] ?? ['Unknown type', 'other'];
  return { name, role };
}

/** Whether code in the protective MBR boots a partition of this type. @param guid In lower case. */
export function isBootedByMbrCode(guid: string): boolean {
  return BOOTED_BY_MBR_CODE.includes(guid);
}

/** @param type The type byte of the entry. */
export function mbrType(type: number): PartitionType {
  const [name, role] = MBR_TYPES[type] ?? ['Unknown type', 'other'];
  return { name, role };
}
