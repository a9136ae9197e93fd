import { describe, expect, it } from 'vitest';
import { unreadableBecause } from '../../../src/check/guest/ext-features.ts';

function superblock({ incompatible = 0x2c2, readOnly = 0x46b, blockSizeLog = 2, magic = 0xef53 }): Buffer {
  const bytes = Buffer.alloc(1024);
  bytes.writeUInt32LE(blockSizeLog, 24);
  bytes.writeUInt16LE(magic, 56);
  bytes.writeUInt32LE(incompatible, 96);
  bytes.writeUInt32LE(readOnly, 100);
  return bytes;
}

describe('an ext file system', () => {
  it.each([
    ['the default features of mke2fs', {}],
    ['an open journal, inline data, large folders and attributes in inodes', { incompatible: 0xe6c6 }],
    ['quotas and projects', { readOnly: 0x256b }],
    ['blocks of 16 KiB', { blockSizeLog: 4 }],
  ])('is readable with %s', (_, fields) => {
    expect(unreadableBecause(superblock(fields))).toBeUndefined();
  });

  it.each([
    [{ readOnly: 0x66b }, 'it has the ext4 feature bigalloc, which'],
    [{ incompatible: 0x202c2 }, 'the ext4 feature casefold,'],
    [{ incompatible: 0x302c2 }, 'the ext4 features encrypt, casefold,'],
    [{ readOnly: 0x846b }, 'the ext4 feature verity,'],
    [{ incompatible: 0x3c2 }, 'the ext4 feature mmp,'],
    [{ readOnly: 0x1046b }, 'the ext4 feature orphan_present,'],
    [{ incompatible: 0x800002c2, readOnly: 0x20046b }, 'the ext4 features incompat 0x80000000, ro_compat 0x200000,'],
    [{ blockSizeLog: 6 }, 'its blocks have 65536 bytes'],
    [{ blockSizeLog: 4_000_000_000 }, 'its superblock is damaged'],
    [{ magic: 0 }, 'its superblock is damaged: it has no ext signature'],
  ])('is not readable with %j, and the reason is named', (fields, reason) => {
    expect(unreadableBecause(superblock(fields))).toContain(reason);
  });
});
