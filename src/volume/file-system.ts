// FileSystem: the description of a partition's contents from the superblock.

/** Texts are unescaped, as stored on the disk. */
export interface FileSystem {
  /** Stable, lower-case: "ext4", "fat32", "ntfs", "lvm2", "luks", "swap". */
  readonly type: string;
  /** Name for display: "ext4", "FAT32", "LVM2 physical volume". */
  readonly name: string;
  /** Kind of contents. Only a `file-system` contains files. */
  readonly kind: 'file-system' | 'swap' | 'encrypted' | 'volume-group' | 'raid';
  readonly label?: string;
  /** In the notation of its operating system: "5eaf-1234", "0f6b...". */
  readonly uuid?: string;
  /** ext: the last mount point. */
  readonly lastMounted?: string;
}

/** Builds a FileSystem without the texts that are undefined. */
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
