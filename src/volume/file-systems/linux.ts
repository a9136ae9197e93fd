// XFS, Btrfs, F2FS, SquashFS and EROFS, by their superblocks.
import { textAt, uuidAt } from '../disk.ts';
import { described, type FileSystem } from '../file-system.ts';

const KIND = 'file-system';
const BTRFS_SUPERBLOCK = 64 * 1024;
const F2FS_MAGIC = 0xf2f52010;
const EROFS_MAGIC = 0xe0f5e1e2;

export const LINUX_DETECTORS: readonly ((head: Buffer) => FileSystem | undefined)[] = [
  detectXfs,
  detectBtrfs,
  detectF2fs,
  detectErofs,
  detectSquashfs,
];

function detectXfs(head: Buffer): FileSystem | undefined {
  if (head.toString('latin1', 0, 4) === 'XFSB') {
    return described(
      { type: 'xfs', name: 'XFS', kind: KIND },
      { label: textAt(head, 108, 12), uuid: uuidAt(head, 32) },
    );
  }
  return undefined;
}

function detectBtrfs(head: Buffer): FileSystem | undefined {
  if (head.toString('latin1', BTRFS_SUPERBLOCK + 64, BTRFS_SUPERBLOCK + 72) === '_BHRfS_M') {
    const texts = { label: textAt(head, BTRFS_SUPERBLOCK + 299, 256), uuid: uuidAt(head, BTRFS_SUPERBLOCK + 32) };
    return described({ type: 'btrfs', name: 'Btrfs', kind: KIND }, texts);
  }
  return undefined;
}

function detectF2fs(head: Buffer): FileSystem | undefined {
  if (head.readUInt32LE(1024) === F2FS_MAGIC) {
    const texts = { label: textAt(head, 1024 + 124, 1024, 'utf16le'), uuid: uuidAt(head, 1024 + 108) };
    return described({ type: 'f2fs', name: 'F2FS', kind: KIND }, texts);
  }
  return undefined;
}

function detectErofs(head: Buffer): FileSystem | undefined {
  if (head.readUInt32LE(1024) === EROFS_MAGIC) {
    const texts = { label: textAt(head, 1024 + 64, 16), uuid: uuidAt(head, 1024 + 48) };
    return described({ type: 'erofs', name: 'EROFS', kind: KIND }, texts);
  }
  return undefined;
}

function detectSquashfs(head: Buffer): FileSystem | undefined {
  if (head.toString('latin1', 0, 4) === 'hsqs') return described({ type: 'squashfs', name: 'SquashFS', kind: KIND });
  return undefined;
}
