// What the feature words of an XFS superblock permit (xfs_format.h, XFS_SB_VERSION_* and XFS_SB_FEAT_*).
import { UnreadableError } from '../opened-file-system.ts';

export interface XfsFeatures {
  /** Version 5: metadata have checksums and describe themselves. Otherwise version 4. */
  readonly hasChecksums: boolean;
  /** Entries of folders have the type of the file. */
  readonly hasFileTypes: boolean;
  /** Names are compared without the case of ASCII letters. */
  readonly ignoresCase: boolean;
  /** Version 5: the UUID in the metadata is not that of the superblock. */
  readonly hasMetadataUuid: boolean;
  /** The kernel refuses to mount it before xfs_repair. */
  readonly needsRepair: boolean;
  /** Features that do not hinder reading, but whose effect on free space or on the log is not known. */
  readonly isFreeSpaceUnknown: boolean;
}

const V4_NUMBER = 0xf;
/** Attributes, link counts, quota, alignments, log version 2, log sectors, unwritten extents, folders version 2, case, more bits. */
const V4_KNOWN = 0x0010 | 0x0020 | 0x0040 | 0x0080 | 0x0100 | 0x0400 | 0x0800 | 0x1000 | 0x2000 | 0x4000 | 0x8000;
/** Unwritten extents and folders of version 2: the kernel mounts nothing without them. */
const V4_NEEDED = 0x1000 | 0x2000;
const IGNORES_CASE = 0x4000;
const MORE_BITS = 0x8000;
/** Lazy counters, attributes version 2, parents, 32-bit project ids, checksums, file types. */
const MORE_KNOWN = 0x2 | 0x8 | 0x10 | 0x80 | 0x100 | 0x200;
const MORE_FILE_TYPES = 0x200;

/** Free inode tree, reverse map, reference counts, inode tree counters. */
const RO_COMPAT_KNOWN = 0xf;
/** File types, sparse inodes, metadata UUID, big time, repair, big extent counters, exchange of ranges, parents. */
const INCOMPAT_KNOWN = 0xff;
const FILE_TYPES = 0x1;
const METADATA_UUID = 0x4;
const NEEDS_REPAIR = 0x10;
/** Attributes in the log. The log is compared with its head anyway. */
const LOG_INCOMPAT_KNOWN = 0x1;

const INCOMPAT_NAMES: ReadonlyMap<number, string> = new Map([
  [0x100, 'a metadata folder (metadir)'],
  [0x200, 'zones'],
  [0x400, 'gaps between zones'],
]);

/** @param superblock The first sector. @throws {UnreadableError} it has a feature that changes how it is read. */
export function readFeatures(superblock: Buffer): XfsFeatures {
  const version = superblock.readUInt16BE(100);
  switch (version & V4_NUMBER) {
    case 4:
      return featuresOfV4(version, superblock.readUInt32BE(200));
    case 5:
      return featuresOfV5(superblock, version);
    default:
      throw new UnreadableError(`its version is ${version & V4_NUMBER}; versions 4 and 5 are supported`);
  }
}

function featuresOfV4(version: number, more: number): XfsFeatures {
  const unknown = version & ~V4_NUMBER & ~V4_KNOWN & 0xffff;
  if (unknown !== 0)
    throw new UnreadableError(`it has features that are not known: version bits 0x${unknown.toString(16)}`);
  if ((version & V4_NEEDED) !== V4_NEEDED) {
    throw new UnreadableError('it is of an old form without unwritten extents or folders of version 2');
  }
  const features2 = (version & MORE_BITS) === 0 ? 0 : more;
  const unknown2 = (features2 & ~MORE_KNOWN) >>> 0;
  if (unknown2 !== 0)
    throw new UnreadableError(`it has features that are not known: features2 0x${unknown2.toString(16)}`);
  return {
    hasChecksums: false,
    hasFileTypes: (features2 & MORE_FILE_TYPES) !== 0,
    ignoresCase: (version & IGNORES_CASE) !== 0,
    hasMetadataUuid: false,
    needsRepair: false,
    isFreeSpaceUnknown: false,
  };
}

function featuresOfV5(superblock: Buffer, version: number): XfsFeatures {
  const [roCompat, incompat, logIncompat] = [212, 216, 220].map((offset) => superblock.readUInt32BE(offset));
  if (roCompat === undefined || incompat === undefined || logIncompat === undefined) {
    throw new UnreadableError('its superblock is cut off');
  }
  const unknown = (incompat & ~INCOMPAT_KNOWN) >>> 0;
  if (unknown !== 0) {
    const names = [...INCOMPAT_NAMES].filter(([bit]) => (unknown & bit) !== 0).map(([, name]) => name);
    const found = names.length > 0 ? names.join(', ') : `incompatible features 0x${unknown.toString(16)}`;
    throw new UnreadableError(`it has ${found}, which is not supported`);
  }
  const isUnknown = (roCompat & ~RO_COMPAT_KNOWN) !== 0 || (logIncompat & ~LOG_INCOMPAT_KNOWN) !== 0;
  return {
    hasChecksums: true,
    hasFileTypes: (incompat & FILE_TYPES) !== 0,
    ignoresCase: (version & IGNORES_CASE) !== 0,
    hasMetadataUuid: (incompat & METADATA_UUID) !== 0,
    needsRepair: (incompat & NEEDS_REPAIR) !== 0,
    isFreeSpaceUnknown: isUnknown,
  };
}
