// inspectImage: what is in a disk image, for people to look at; and its structures as they stand in the file.

import type { FailedParentSearch } from '../errors.ts';
import { ParentImageError, UsageError, VhdupError } from '../errors.ts';
import { shielded } from '../events.ts';
import type { DiskImage, ImageFileIdentity } from '../image/disk-image.ts';
import { ImageFile } from '../image/image-file.ts';
import { openDiskImage } from '../image/open-disk-image.ts';
import type { ImageTransferOptions } from '../options.ts';
import { type DiskLayout, readDiskLayout } from '../volume/disk-layout.ts';
import { type BootAbility, bootAbilityOf } from '../volume/generation.ts';
import { guessOperatingSystem, type OperatingSystemGuess } from '../volume/operating-system.ts';
import type { DiskProblem } from '../volume/partition-table.ts';
import { type AllocationMap, CellCounts } from './allocation-map.ts';
import type { ImageFacts } from './image-facts.ts';
import { readImageFacts } from './read-image-facts.ts';
import { scanDisk } from './scan-disk.ts';

export interface InspectOptions extends ImageTransferOptions {
  /** Read the whole disk and count what is not zero. @default false */
  readonly scan?: boolean;
  /** Cells of the allocation map, 1 to 65,536. @default 256 */
  readonly mapCells?: number;
}

export interface InspectReport {
  /** What the file says of itself. */
  readonly image: ImageFacts;
  /** The parents that were found, from the image's own down to the base. */
  readonly parents: readonly ImageFacts[];
  /** Where the chain ends before its base. */
  readonly missingParent?: FailedParentSearch;
  /** What lies on the disk and where. Absent when the disk cannot be read. */
  readonly disk?: {
    /** In bytes, with all parents. */
    readonly size: number;
    /** Bytes that the image and its parents allocate, but for holes of a sparse file of a fixed format where the system reports them. */
    readonly allocated: number;
    /** Bytes of sectors that are not all zero: with `scan`. */
    readonly nonZero?: number;
    readonly map: AllocationMap;
    readonly layout: DiskLayout;
    readonly boot: BootAbility;
    /** Absent where nothing tells. */
    readonly operatingSystem?: OperatingSystemGuess;
  };
  /** What is wrong, or should be known. Those of the layout are there. */
  readonly problems: readonly DiskProblem[];
  /** Of the error that keeps the disk from being read: what the command line exits with. Absent when there is none. */
  readonly exitCode?: number;
}

const DEFAULT_CELLS = 256;
const MAX_CELLS = 65_536;

/**
 * Inspects an image. What is damaged, or a parent that is missing, is part of the report and is no error.
 * @throws {ImageAccessError} the file cannot be opened; the reason of `signal`, unchanged, on abort.
 */
export async function inspectImage(options: InspectOptions): Promise<InspectReport> {
  const cells = options.mapCells ?? DEFAULT_CELLS;
  if (!Number.isInteger(cells) || cells < 1 || cells > MAX_CELLS) {
    throw new UsageError(`mapCells must be an integer from 1 to ${MAX_CELLS}, but is ${cells}.`);
  }
  const facts = await factsOf(options.image, options.format);
  const problems: DiskProblem[] = [];
  const chain: ImageFileIdentity[] = [];
  let failure: VhdupError | undefined;
  let disk: InspectReport['disk'];
  // A raw disk says nothing of itself: it is one because its contents are those of a disk.
  let told: Pick<ImageFacts, 'format' | 'diskSize'> = {};
  try {
    const image = await openDiskImage(options.image, {
      ...options,
      onFile: (file) => chain.push(file),
      onWarning: (warning) => problems.push(warning),
    });
    try {
      told = { format: image.format, diskSize: image.size };
      disk = await inspectDisk(image, facts, cells, options);
    } finally {
      await image.close();
    }
  } catch (error) {
    if (!(error instanceof VhdupError) || options.signal?.aborted === true) throw error;
    failure = error;
    problems.push({ code: error.code.toLowerCase().replaceAll('_', '-'), message: error.message });
  }
  const parents: ImageFacts[] = [];
  for (const { path } of chain.slice(1)) parents.push(await factsOf(path));
  const missing = failure instanceof ParentImageError ? failure.search : undefined;
  return {
    image: { ...facts, ...told },
    parents,
    ...(missing === undefined ? {} : { missingParent: missing }),
    ...(disk === undefined ? {} : { disk }),
    problems,
    ...(failure === undefined ? {} : { exitCode: failure.exitCode }),
  };
}

async function factsOf(path: string, format?: 'raw'): Promise<ImageFacts> {
  const file = await ImageFile.open(path);
  try {
    return await readImageFacts(file, format);
  } finally {
    await file.close();
  }
}

async function inspectDisk(
  image: DiskImage,
  facts: ImageFacts,
  cells: number,
  options: InspectOptions,
): Promise<NonNullable<InspectReport['disk']>> {
  const signal = options.signal ?? new AbortController().signal;
  const counts = new CellCounts(image.size, cells);
  let allocated = 0;
  for await (const extent of image.extents()) {
    signal.throwIfAborted();
    counts.add(extent);
    allocated += extent.length;
  }
  const sectorSize =
    facts.sectorSize?.logical === 4096 ? 4096 : facts.format?.startsWith('vhd') === true ? 512 : undefined;
  const layout = await readDiskLayout(image, sectorSize);
  const operatingSystem = guessOperatingSystem(layout);
  const data = options.scan === true ? await scan(image, cells, signal, options) : undefined;
  return {
    size: image.size,
    allocated,
    ...(data === undefined ? {} : { nonZero: data.bytes }),
    map: {
      cellSize: counts.cellSize,
      allocated: counts.shares(),
      ...(data === undefined ? {} : { nonZero: data.shares }),
    },
    layout,
    boot: bootAbilityOf(layout),
    ...(operatingSystem === undefined ? {} : { operatingSystem }),
  };
}

async function scan(
  image: DiskImage,
  cells: number,
  signal: AbortSignal,
  options: InspectOptions,
): Promise<{ bytes: number; shares: number[] }> {
  const counts = new CellCounts(image.size, cells);
  let bytes = 0;
  await scanDisk(image, {
    threads: options.threads,
    signal,
    emit: shielded(options.onEvent),
    onData: (range) => {
      counts.add(range);
      bytes += range.length;
    },
  });
  return { bytes, shares: counts.shares() };
}
