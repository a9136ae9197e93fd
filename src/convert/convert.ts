// convertImage: uses the engine of an upload with a local file as the target.
import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { printable } from '../base/printable.ts';
import type { FreeSpaceReport } from '../base/skip-free.ts';
import { UsageError } from '../errors.ts';
import { collectingListeners, type EventListener, shielded } from '../events.ts';
import type { DiskImage, DiskImageFormat } from '../image/disk-image.ts';
import { asFixedVhd } from '../image/fixed-vhd-view.ts';
import { openDiskImage } from '../image/open-disk-image.ts';
import { realPathOf } from '../image/real-path.ts';
import { FOOTER_LENGTH } from '../image/vhd/footer.ts';
import type { ImageTransferOptions } from '../options.ts';
import { formatOfName, type LocalImageFormat } from '../target/local-image.ts';
import { openLocalImage } from '../target/open-local-image.ts';
import { localConcurrency } from '../transfer/concurrency-limits.ts';
import { moveDisk, type TransferSource } from '../transfer/move-disk.ts';
import { checkSkipFree, sparseOf } from '../validate-options.ts';
import { leaveOutFreeSpace } from '../volume/free-space/leave-out.ts';

export interface ConvertOptions extends Omit<ImageTransferOptions, 'format'> {
  /** Path of the file to write. */
  readonly output: string;
  /** Format of the file: a fixed VHD, a dynamic VHD, a dynamic VHDX, or only the disk. @default 'vhdx' for a name that ends with .vhdx, otherwise 'vhd' */
  readonly format?: LocalImageFormat;
  /** Another name for the format `raw`. @default false */
  readonly raw?: boolean;
  /** Reads the image as a raw disk, whatever it contains. @default detected from the contents */
  readonly imageFormat?: 'raw';
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
  /** The format as `inspectImage` names it. */
  readonly format: DiskImageFormat;
  /** Length of the file in bytes. */
  readonly size: number;
  /** Virtual size of the image in bytes. */
  readonly diskSize: number;
  /** Bytes read from the image. */
  readonly read: number;
  /** Bytes of the disk that were written, and the footer of a fixed VHD; all others are zeros. */
  readonly written: number;
  /** Whether zeros are holes, which take no space on the disk. */
  readonly sparse: boolean;
  readonly durationMs: number;
  /** Only with `skipFree`. */
  readonly freeSpace?: FreeSpaceReport;
}

const RESULT_FORMATS = {
  vhd: 'vhd-fixed',
  'vhd-dynamic': 'vhd-dynamic',
  vhdx: 'vhdx-dynamic',
  raw: 'raw',
} as const satisfies Record<LocalImageFormat, DiskImageFormat>;

/**
 * Writes a disk image to a local file in another format.
 * @throws {VhdupError} one subclass for each kind of failure; the reason of `signal`, unchanged, on abort. After a failure, no file
 * is left behind.
 */
export async function convertImage(options: ConvertOptions): Promise<ConvertResult> {
  const format = formatOf(options);
  const overwrite = options.overwrite === true;
  const sparse = sparseOf(options.sparse);
  const emit = shielded(options.onEvent);
  const signal = options.signal ?? new AbortController().signal;
  const startMs = performance.now();
  checkSkipFree(options.skipFree);
  const { image, freeSpace } = await openSource(options, emit, signal);
  try {
    const source = sourceOf(image, format);
    await assertNotOfTheImage(image, options.output);
    const target = await openLocalImage({
      path: options.output,
      format,
      diskSize: source.diskSize,
      diskId: image.diskId,
      timestamp: image.timestamp,
      overwrite,
      mode: await modeOf(image),
      sparse,
    });
    try {
      const progress = await moveDisk({
        source,
        target,
        ...localConcurrency(options.threads),
        signal,
        emit,
      });
      await image.assertUnchanged();
      await target.finish();
      return {
        output: options.output,
        format: RESULT_FORMATS[format],
        size: target.size,
        diskSize: image.size,
        read: progress.read,
        written: progress.sent + (format === 'vhd' ? FOOTER_LENGTH : 0),
        sparse,
        durationMs: performance.now() - startMs,
        ...(freeSpace === undefined ? {} : { freeSpace }),
      };
    } catch (error) {
      await target.abandon();
      throw error;
    }
  } finally {
    await image.close();
  }
}

/** @throws {UsageError} `raw` contradicts `format`. */
function formatOf({ format, raw, output }: ConvertOptions): LocalImageFormat {
  if (raw === true && format !== undefined && format !== 'raw') {
    throw new UsageError(`--raw is another name for --format raw, but --format is ${format}. Give only one of them.`);
  }
  return raw === true ? 'raw' : (format ?? formatOfName(output));
}

interface Source {
  readonly image: DiskImage;
  /** What `image` leaves out; undefined without the option. */
  readonly freeSpace: FreeSpaceReport | undefined;
}

async function openSource(options: ConvertOptions, emit: EventListener, signal: AbortSignal): Promise<Source> {
  const { image: path, format: _, imageFormat, skipFree, ...others } = options;
  const { warnings, listeners } = collectingListeners(emit);
  const image = await openDiskImage(path, {
    ...others,
    ...(imageFormat === undefined ? {} : { format: imageFormat }),
    ...listeners,
  });
  if (skipFree === undefined) return { image, freeSpace: undefined };
  try {
    const left = await leaveOutFreeSpace(image, warnings, skipFree, signal);
    emit({ type: 'free-space', ...left.report });
    return { image: left.image, freeSpace: left.report };
  } catch (error) {
    await image.close();
    throw error;
  }
}

/** What is written: the disk, which a fixed VHD for Azure pads to whole MiBs. */
function sourceOf(image: DiskImage, format: LocalImageFormat): TransferSource {
  if (format === 'vhd') return asFixedVhd(image);
  return {
    diskSize: image.size,
    extents: () => image.extents(),
    read: (range, into) => image.read(range, into),
  };
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
