// FileSystem: what a superblock says of the contents of a partition.

/** What a superblock says. Texts are as they stand on the disk, unescaped. */
export interface FileSystem {
  /** Stable, lower-case: "ext4", "fat32", "ntfs", "lvm2", "luks", "swap". */
  readonly type: string;
  /** As people write it: "ext4", "FAT32", "LVM2 physical volume". */
  readonly name: string;
  /** What kind of contents it is: only of a `file-system` could files be read. */
  readonly kind: 'file-system' | 'swap' | 'encrypted' | 'volume-group' | 'raid';
  readonly label?: string;
  /** As the system itself writes it: "5eaf-1234", "0f6b...". */
  readonly uuid?: string;
  /** ext: where it was mounted last. */
  readonly lastMounted?: string;
}

/** Leaves out what there is none of. */
export function described(
  fileSystem: Omit<FileSystem, 'label' | 'uuid' | 'lastMounted'>,
  texts: {
    readonly label?: string | undefined;
    readonly uuid?: string | undefined;
    readonly lastMounted?: string | undefined;
  } = {},
): FileSystem {
  const { label, uuid, lastMounted } = texts;
  return {
    ...fileSystem,
    ...(label === undefined ? {} : { label }),
    ...(uuid === undefined ? {} : { uuid }),
    ...(lastMounted === undefined ? {} : { lastMounted }),
  };
}
