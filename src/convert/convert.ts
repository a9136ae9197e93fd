// convertImage: uses the engine of an upload with a local file as the target.
import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { PAGE_SIZE } from '../base/byte-range.ts';
import { printable } from '../base/printable.ts';
import { UsageError } from '../errors.ts';
import { imageListeners, shielded } from '../events.ts';
import type { DiskImage } from '../image/disk-image.ts';
import { asFixedVhd } from '../image/fixed-vhd-view.ts';
import { openDiskImage } from '../image/open-disk-image.ts';
import { realPathOf } from '../image/real-path.ts';
import type { ImageTransferOptions } from '../options.ts';
import { LocalFile } from '../target/local-file.ts';
import { localConcurrency } from '../transfer/concurrency-limits.ts';
import { moveDisk, type TransferSource } from '../transfer/move-disk.ts';

export interface ConvertOptions extends ImageTransferOptions {
  /** Path of the file to write. */
  readonly output: string;
  /** Write only the disk, without padding and footer. @default false: a fixed VHD */
  readonly raw?: boolean;
  /** Replace an existing file. @default false */
  readonly overwrite?: boolean;
  /**
   * Leave holes where the disk is zero. Hyper-V does not mount sparse files, so Windows has the choice; elsewhere it is always
   * true. @default false on Windows, true elsewhere
   */
  readonly sparse?: boolean;
}

export interface ConvertResult {
  readonly output: string;
  readonly format: 'vhd-fixed' | 'raw';
  /** Length of the file in bytes. */
  readonly size: number;
  /** Virtual size of the image in bytes. */
  readonly diskSize: number;
  /** Bytes read from the image. */
  readonly read: number;
  /** Bytes written; all others are zeros. */
  readonly written: number;
  /** Whether zeros are holes, which take no space on the disk. */
  readonly sparse: boolean;
  readonly durationMs: number;
}

/**
 * Writes a disk image as a fixed VHD, or as a raw disk.
 * @throws {VhdupError} one subclass for each kind of failure; the reason of `signal`, unchanged, on abort. After a failure, no file
 * is left behind.
 */
export async function convertImage(options: ConvertOptions): Promise<ConvertResult> {
  const overwrite = options.overwrite === true;
  const sparse = sparseOf(options.sparse);
  const emit = shielded(options.onEvent);
  const signal = options.signal ?? new AbortController().signal;
  const startMs = performance.now();
  const image = await openDiskImage(options.image, {
    ...options,
    ...imageListeners(emit),
  });
  try {
    const vhd = asFixedVhd(image);
    const source: TransferSource & { size: number } =
      options.raw === true
        ? {
            size: image.size,
            diskSize: image.size,
            extents: () => image.extents(),
            read: (range, into) => image.read(range, into),
          }
        : vhd;
    await assertNotOfTheImage(image, options.output);
    const mode = await modeOf(image);
    const target = await LocalFile.create(options.output, source.size, overwrite, { mode, sparse });
    try {
      const progress = await moveDisk({
        source,
        target,
        ...localConcurrency(options.threads),
        signal,
        emit,
      });
      await image.assertUnchanged();
      if (options.raw !== true) {
        const range = { offset: vhd.diskSize, length: PAGE_SIZE };
        await target.write({ range, bytes: vhd.footer });
        progress.runSent(range);
      }
      await target.finish();
      return {
        output: options.output,
        format: options.raw === true ? 'raw' : 'vhd-fixed',
        size: source.size,
        diskSize: image.size,
        read: progress.read,
        written: progress.sent,
        sparse,
        durationMs: performance.now() - startMs,
      };
    } catch (error) {
      await target.abandon();
      throw error;
    }
  } finally {
    await image.close();
  }
}

/** @throws {UsageError} if the platform cannot write such a file. */
export function sparseOf(wanted: boolean | undefined, platform: NodeJS.Platform = process.platform): boolean {
  if (platform === 'win32') return wanted === true;
  if (wanted === false) {
    throw new UsageError(
      'A file without holes can be written on Windows only. On this system, convert the image and then copy the file with cp --sparse=never.',
    );
  }
  return true;
}

/** The permissions that all files of the image grant: nobody may read data in the output that they cannot read in the image. */
async function modeOf({ files }: DiskImage): Promise<number> {
  const modes = await Promise.all(files.map(({ path }) => stat(path).then(readersOf, () => 0)));
  return modes.reduce((narrowest, mode) => narrowest & mode, 0o666);
}

/** The output belongs to the group of the user, so the permissions of another group do not apply to it. */
function readersOf({ mode, gid }: Stats): number {
  const isOwnGroup = process.getegid === undefined || gid === process.getegid();
  return isOwnGroup ? mode : (mode & ~0o070) | ((mode & 0o007) << 3);
}

/** The output must not replace the image or a parent: a chain is lost without one of its files. */
async function assertNotOfTheImage(image: DiskImage, output: string): Promise<void> {
  const outputPath = await realPathOf(output);
  for (const { path } of image.files) {
    if ((await realPathOf(path)) !== outputPath) continue;
    const what = path === image.path ? 'the image itself' : `a parent of ${printable(image.path)}`;
    throw new UsageError(`${printable(output)} is ${what}. Name another file.`);
  }
}
