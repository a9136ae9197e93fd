// ext2, ext3 and ext4 as mke2fs makes them and Linux fills them, compared with what a mount shows.
import { describe, expect, it } from 'vitest';
import { openExt } from '../../../src/volume/file-systems/ext/open-ext.ts';
import { NO_DISK_TOOLS, tool } from '../../support/guest-disk.ts';
import {
  expectSameFiles,
  fill,
  NO_MOUNTS,
  newImage,
  volumeInFile,
  whileMounted,
} from '../../support/mounted-volume.ts';
import { collectRanges, overwriteUnused } from '../../support/volume-ranges.ts';

const SKIPPED = NO_DISK_TOOLS ?? NO_MOUNTS;

/** Files of every kind: deep and large folders, holes, unwritten extents, fragments, links, devices, deleted files. */
const FILL = `
  mkdir -p etc/deep/er "größe 磁盘" many
  head -c 100 /dev/urandom > small; head -c 300000 /dev/urandom > etc/deep/er/large; : > empty
  for i in $(seq 1 400); do echo "$i" > many/a-file-with-a-rather-long-name-number-$i; done
  rm many/*7
  truncate -s 5000000 hole; printf end >> hole; printf x | dd of=hole bs=1 seek=2000000 conv=notrunc status=none
  fallocate -l 200000 unwritten 2>/dev/null || truncate -s 200000 unwritten
  for i in $(seq 1 12); do head -c 3000 /dev/urandom >> odd; head -c 2000 /dev/urandom >> even; done
  for i in $(seq 1 9); do printf part$i | dd of=scattered bs=1 seek=$((i * 9000)) conv=notrunc status=none; done
  ln -s small short; ln -s "$(printf 'x%.0s' $(seq 1 200))" long; ln -s "$(printf 'y%.0s' $(seq 1 59))" link59; ln -s "$(printf 'z%.0s' $(seq 1 60))" link60
  ln small hard; mkfifo pipe; mknod device c 1 3; chmod 4751 small; printf a > "$(printf 'n%.0s' $(seq 1 255))"
  for size in 50 59 60 61 100 150 160 200; do head -c $size /dev/urandom > inline-$size; done
  mkdir in; for i in 1 2 3 4 5; do echo > in/name$i; done
`;

const VARIANTS: readonly (readonly [name: string, mkfs: readonly string[]])[] = [
  ['the default', []],
  ['all features of e2fsprogs 1.47', ['-O', '64bit,metadata_csum,metadata_csum_seed,orphan_file']],
  ['blocks of 1 KiB', ['-b', '1024']],
  ['blocks of 2 KiB', ['-b', '2048', '-O', '^64bit']],
  ['ext2', ['-t', 'ext2']],
  ['ext2 with blocks of 1 KiB and inodes of 128 bytes', ['-t', 'ext2', '-b', '1024', '-I', '128']],
  ['ext2 of revision 0', ['-t', 'ext2', '-r', '0', '-b', '1024']],
  ['ext3', ['-t', 'ext3']],
  ['no checksums', ['-O', '^metadata_csum']],
  ['checksums of groups', ['-O', '^metadata_csum,uninit_bg']],
  ['checksums of groups with 32-byte descriptors', ['-O', '^metadata_csum,uninit_bg,^64bit', '-b', '1024']],
  ['checksums with 32-byte descriptors', ['-O', 'metadata_csum,^64bit']],
  ['checksums with inodes of 128 bytes', ['-O', 'metadata_csum', '-I', '128']],
  ['inodes of 1 KiB', ['-I', '1024']],
  ['inline data', ['-O', 'inline_data', '-I', '256']],
  ['bigalloc', ['-O', 'bigalloc', '-C', '65536']],
  ['bigalloc with blocks of 1 KiB', ['-O', 'bigalloc', '-b', '1024', '-C', '8192']],
  ['meta_bg', ['-O', 'meta_bg,^resize_inode', '-b', '1024']],
  ['meta_bg with 32-byte descriptors', ['-O', 'meta_bg,^resize_inode,^64bit', '-b', '1024']],
  ['sparse_super2', ['-O', 'sparse_super2', '-b', '1024']],
  ['copies of the superblock in all groups', ['-O', '^sparse_super,^resize_inode', '-b', '1024']],
  ['no flexible groups', ['-O', '^flex_bg', '-b', '1024']],
  ['small groups', ['-g', '1024', '-b', '1024']],
  ['ea_inode, large_dir and mmp', ['-O', 'ea_inode,large_dir,mmp']],
  ['no reserved descriptors', ['-O', '^resize_inode']],
];

describe.skipIf(SKIPPED !== undefined)(`openExt ${SKIPPED ?? ''}`, () => {
  it.each(VARIANTS)('reads what mount shows, and knows what is free: %s', async (_, mkfs) => {
    const path = await newImage(40);
    await tool('mkfs.ext4', ['-q', '-F', '-m', '0', ...mkfs, path]);
    await fill(path, FILL);
    const volume = await volumeInFile(path);
    const files = await openExt(volume);
    expect(files.unclean).toBeUndefined();
    const count = await whileMounted(path, ['ro'], async (folder) => await expectSameFiles(files, folder));
    expect(count).toBeGreaterThan(380);

    const used = await collectRanges(files.usedRanges());
    const free = await overwriteUnused(path, used);
    expect(free).toBe(await freeByDumpe2fs(path));
    await tool('e2fsck', ['-f', '-n', path]);
    const again = await openExt(await volumeInFile(path));
    await whileMounted(path, ['ro'], async (folder) => await expectSameFiles(again, folder));
  });
});

/** Bytes of free blocks, as dumpe2fs of e2fsprogs counts them. */
async function freeByDumpe2fs(path: string): Promise<number> {
  const header = await tool('dumpe2fs', ['-h', path]);
  const number = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(header)?.[1]);
  return number('Free blocks') * number('Block size');
}
