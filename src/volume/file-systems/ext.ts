// ext2, ext3 and ext4 (Linux kernel, Documentation/filesystems/ext4/super.rst).
import { textAt, uuidAt } from '../disk.ts';
import { described, type FileSystem } from '../file-system.ts';

const SUPERBLOCK = 1024;
const MAGIC = 0xef53;

const HAS_JOURNAL = 0x4;
const IS_JOURNAL_DEVICE = 0x8;
/** Incompatible features that ext3 does not support: extents, 64 bit, flexible groups and later ones. */
const EXT4_INCOMPATIBLE = ~0x1f;
/** Read-only compatible features that ext3 does not support: huge files, group checksums and later ones. */
const EXT4_READ_ONLY = ~0x7;

export function detectExt(head: Buffer): FileSystem | undefined {
  if (head.readUInt16LE(SUPERBLOCK + 56) !== MAGIC) return undefined;
  const compatible = head.readUInt32LE(SUPERBLOCK + 92);
  const incompatible = head.readUInt32LE(SUPERBLOCK + 96);
  const readOnly = head.readUInt32LE(SUPERBLOCK + 100);
  const texts = {
    label: textAt(head, SUPERBLOCK + 120, 16),
    uuid: uuidAt(head, SUPERBLOCK + 104),
    lastMounted: textAt(head, SUPERBLOCK + 136, 64),
  };
  if ((incompatible & IS_JOURNAL_DEVICE) !== 0) {
    return described({ type: 'ext-journal', name: 'external journal of ext3 or ext4', kind: 'file-system' }, texts);
  }
  const isExt4 = (incompatible & EXT4_INCOMPATIBLE) !== 0 || (readOnly & EXT4_READ_ONLY) !== 0;
  const type = isExt4 ? 'ext4' : (compatible & HAS_JOURNAL) !== 0 ? 'ext3' : 'ext2';
  return described({ type, name: type, kind: 'file-system' }, texts);
}
