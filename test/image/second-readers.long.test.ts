// Reads every image from other tools with qemu-img and libvhdi too. Where they disagree with vhdup, the table states who
// is right, and why. The test fails if one of them changes.
import { type FileHandle, mkdtemp, open, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { endOf } from '../../src/base/byte-range.ts';
import { VhdupError } from '../../src/errors.ts';
import type { DiskImage } from '../../src/image/disk-image.ts';
import { hasVhdimount, NO_LIBVHDI, withVhdimount } from '../support/libvhdi.ts';
import { hasQemuImg, NO_QEMU_IMG, qemuImg } from '../support/qemu.ts';
import { NO_SHARED_IMAGES, sharedImages } from '../support/shared-images.ts';
import { withImage } from '../support/vhdx-workspace.ts';

/** Result of another reader: the same bytes, other bytes (or bytes where vhdup refuses), or none. */
type Reading = 'same' | 'other' | 'refused';

interface Expected {
  readonly qemu: Reading;
  readonly libvhdi: Reading;
  /** Which reader is right when they disagree with vhdup. */
  readonly because?: string;
}

const ALL_AGREE: Expected = { qemu: 'same', libvhdi: 'same' };

/** MS-VHDX 2.5.1.1 and VHD "Implementing a Differencing Hard Disk": data that a child lacks comes from its parent. */
const VHD_CHILD: Expected = {
  qemu: 'other',
  libvhdi: 'same',
  because: 'qemu-img opens a differencing VHD as a dynamic one and gives zeros for what is in the parent: it is wrong',
};
const VHDX_CHILD: Expected = {
  qemu: 'refused',
  libvhdi: 'same',
  because: 'qemu-img knows no differencing VHDX; libvhdi and openvmm agree with us',
};
const DIRTY: Expected = {
  qemu: 'refused',
  libvhdi: 'other',
  because:
    'MS-VHDX 2.3: the log must be replayed before anything else is read. libvhdi does not, and is wrong; qemu-img does it ' +
    'only in a file that it may write, and then agrees with us, as openvmm does',
};

const EXPECTED: Readonly<Record<string, Expected>> = {
  'derived/bitmap-clear-over-data-libvhd.vhd': {
    qemu: 'other',
    libvhdi: 'same',
    because:
      'VHD, "Block Allocation Table and Data Blocks": a clear bit says that the sector was never written. qemu-img ignores ' +
      'bitmaps; libvhd and VirtualBox honour them, as we do. --trust-unmarked-sectors reads as qemu-img does',
  },
  'derived/bitmap-clear-over-data-qemu.vhd': {
    qemu: 'other',
    libvhdi: 'other',
    because:
      'the same, and libvhd and VirtualBox agree with us; libvhdi honours the bitmap above, but is wrong here, where a clear ' +
      'bit stands between set ones, as it is in fat-differential.vhd',
  },
  'dfvfs/ext2.vhd': ALL_AGREE,
  'dfvfs/ext2.vhdx': ALL_AGREE,
  'dfvfs/fat-differential.vhd': {
    qemu: 'other',
    libvhdi: 'other',
    because:
      'qemu-img ignores the parent. libvhdi goes by runs of bits, and takes sector 186 from the child although its bit is clear; 7-Zip and VirtualBox ' +
      'take it from the parent, as the specification wants and as we do',
  },
  'dfvfs/fat-differential.vhdx': VHDX_CHILD,
  'dfvfs/fat-parent.vhd': ALL_AGREE,
  'dfvfs/fat-parent.vhdx': ALL_AGREE,
  'dfvfs/image-differential.vhd': {
    qemu: 'refused',
    libvhdi: 'other',
    because:
      'both copies of its footer have a wrong checksum: we refuse it as qemu-img and 7-Zip do; libvhdi checks none',
  },
  'dfvfs/image.vhd': {
    qemu: 'refused',
    libvhdi: 'other',
    because: 'the same; VirtualBox too reads it without looking at the checksum',
  },
  'dfvfs/ntfs-differential.vhd': VHD_CHILD,
  'dfvfs/ntfs-differential.vhdx': VHDX_CHILD,
  'dfvfs/ntfs-dynamic.vhd': ALL_AGREE,
  'dfvfs/ntfs-dynamic.vhdx': ALL_AGREE,
  'dfvfs/ntfs-fixed.vhd': ALL_AGREE,
  'dfvfs/ntfs-fixed.vhdx': ALL_AGREE,
  'dfvfs/ntfs-parent.vhd': ALL_AGREE,
  'dfvfs/ntfs-parent.vhdx': ALL_AGREE,
  'discutils/btrfs.vhdx': ALL_AGREE,
  'discutils/lvm2.vhdx': ALL_AGREE,
  'discutils/swap.vhdx': ALL_AGREE,
  'discutils/vhdx-log-replay.vhdx': DIRTY,
  'discutils/xfs.vhdx': ALL_AGREE,
  'discutils/xfs5.vhdx': ALL_AGREE,
  'libvhd/base.vhd': ALL_AGREE,
  'libvhd/child-of-raw.vhd': {
    qemu: 'other',
    libvhdi: 'refused',
    because:
      'only Xen writes children of raw files, with a parent id of zeros: nothing says whether the raw file is the right one, so we refuse, as libvhdi does; qemu-img ignores the parent',
  },
  'libvhd/child.vhd': VHD_CHILD,
  'openvmm/b-base1m.vhdx': ALL_AGREE,
  'openvmm/b-child256m.vhdx': VHDX_CHILD,
  'openvmm/c9-base.vhdx': ALL_AGREE,
  'openvmm/c9-child.vhdx': VHDX_CHILD,
  'openvmm/dirty-multi.vhdx': DIRTY,
  'openvmm/fx-base.vhdx': ALL_AGREE,
  'openvmm/fx-child.vhdx': VHDX_CHILD,
  'openvmm/k4-base.vhdx': {
    qemu: 'refused',
    libvhdi: 'same',
    because:
      'MS-VHDX 2.6.2.4 allows logical sectors of 4096 bytes; qemu-img knows 512 alone. VirtualBox and 7-Zip agree with us',
  },
};

const folder = sharedImages ?? '';
const WINDOW = 4 * 1024 * 1024;
const SAMPLE = 64 * 1024;
const LARGE = 256 * 1024 * 1024;
/** Memory costs most when it is touched for the first time. */
const [OURS, THEIRS] = [Buffer.alloc(WINDOW), Buffer.alloc(WINDOW)];

describe.skipIf(sharedImages === undefined)(`an image from another tool (or: ${NO_SHARED_IMAGES})`, () => {
  it('is listed in the table', async () => {
    const files = await readdir(folder, { recursive: true });
    const images = files.filter((name) => /\.vhdx?$/.test(name)).map((name) => name.replaceAll('\\', '/'));
    expect(images.sort()).toEqual(Object.keys(EXPECTED).sort());
  });

  const cases = Object.entries(EXPECTED).map(([name, expected]) => ({ name, because: '', ...expected }));

  it.for(cases)('$name, read by qemu-img: $qemu', async ({ name, qemu, because }, context) => {
    context.skip(!hasQemuImg, NO_QEMU_IMG);
    expect(await readingOfQemu(join(folder, name)), because).toBe(qemu);
  });

  it.for(cases)('$name, read by libvhdi: $libvhdi', async ({ name, libvhdi, because }, context) => {
    context.skip(!hasVhdimount, NO_LIBVHDI);
    const reading = await readingOfLibvhdi(join(folder, name));
    context.skip(reading === undefined, NO_LIBVHDI);
    expect(reading, because).toBe(libvhdi);
  });
});

async function readingOfQemu(path: string): Promise<Reading> {
  const raw = await temporaryPath('disk.raw');
  try {
    // Without -f, qemu-img opens a fixed VHD as a raw disk, including the footer.
    await qemuImg('convert', '-f', path.endsWith('x') ? 'vhdx' : 'vpc', '-O', 'raw', path, raw);
  } catch (error) {
    if (error instanceof Error && error.message.includes('Could not open')) return 'refused';
    throw error;
  }
  return await comparedWithOurs(path, raw);
}

async function readingOfLibvhdi(path: string): Promise<Reading | undefined> {
  try {
    return await withVhdimount(path, async (disk) => await comparedWithOurs(path, disk));
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('vhdimount failed')) return 'refused';
    throw error;
  }
}

/** @param disk A file with the disk as the other reader read it. */
async function comparedWithOurs(path: string, disk: string): Promise<Reading> {
  try {
    return await withImage(path, async (image) => ((await isSame(image, disk)) ? 'same' : 'other'));
  } catch (error) {
    if (error instanceof VhdupError) return 'other';
    throw error;
  }
}

/** Compares all allocated data and, of the rest of a large disk, 64 KiB of every 4 MiB: comparing zeros is slow. */
async function isSame(image: DiskImage, disk: string): Promise<boolean> {
  const file = await open(disk);
  try {
    if ((await file.stat()).size !== image.size) return false;
    const step = image.size > LARGE ? SAMPLE : WINDOW;
    for (let offset = 0; offset < image.size; offset += WINDOW) {
      if (!(await isSameRange(image, file, offset, Math.min(step, image.size - offset)))) return false;
    }
    for await (const extent of image.extents()) {
      for (let offset = extent.offset; offset < endOf(extent); offset += WINDOW) {
        if (!(await isSameRange(image, file, offset, Math.min(WINDOW, endOf(extent) - offset)))) return false;
      }
    }
    return true;
  } finally {
    await file.close();
  }
}

async function isSameRange(image: DiskImage, file: FileHandle, offset: number, length: number): Promise<boolean> {
  const [ours, theirs] = [OURS.subarray(0, length).fill(0xa5), THEIRS.subarray(0, length).fill(0)];
  await image.read({ offset, length }, ours);
  await file.read(theirs, 0, length, offset);
  return ours.equals(theirs);
}

async function temporaryPath(name: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'vhdup-readers-'));
  onTestFinished(async () => await rm(folder, { recursive: true, force: true }));
  return join(folder, name);
}
