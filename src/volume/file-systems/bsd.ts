// UFS2 of the BSDs and ZFS, by their superblock and label.
import { textAt } from '../disk.ts';
import { described, type FileSystem } from '../file-system.ts';

const UFS2_SUPERBLOCK = 64 * 1024;
const UFS2_MAGIC = 0x19540119;

/** The name-value list of the first label, in XDR: a header of 12 bytes, then pairs. */
const ZFS_LABEL = 16 * 1024;
const ZFS_LABEL_LENGTH = 4096;
/** A pair begins with its name: the length in 32 bits and the characters. The type (9, a string), a count of 1 and the text follow. */
const ZFS_NAME_PAIR = Buffer.from('\0\0\0\x04name\0\0\0\x09\0\0\0\x01', 'latin1');

export function detectBsd(head: Buffer): FileSystem | undefined {
  if (head.readUInt32LE(UFS2_SUPERBLOCK + 1372) !== UFS2_MAGIC) return undefined;
  return described(
    { type: 'ufs2', name: 'UFS2', kind: 'file-system' },
    { label: textAt(head, UFS2_SUPERBLOCK + 680, 32) },
  );
}

export function detectZfs(head: Buffer): FileSystem | undefined {
  const label = head.subarray(ZFS_LABEL, ZFS_LABEL + ZFS_LABEL_LENGTH);
  if (label.readUInt8(0) !== 1 || !label.includes('pool_guid')) return undefined;
  const at = label.indexOf(ZFS_NAME_PAIR);
  const text = at + ZFS_NAME_PAIR.length;
  const name = at < 0 || text + 4 > label.length ? undefined : textAt(label, text + 4, label.readUInt32BE(text));
  return described({ type: 'zfs', name: 'ZFS pool member', kind: 'file-system' }, { label: name });
}
