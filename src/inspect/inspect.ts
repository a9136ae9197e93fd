// inspectImage: describes the contents of a disk image: its file, parents, partitions and allocation.

import type { ByteRange } from '../base/byte-range.ts';
import { CellCounts } from '../base/cell-counts.ts';
import type { FailedParentSearch } from '../errors.ts';
import { ParentImageError, UsageError, VhdupError } from '../errors.ts';
import { shielded } from '../events.ts';
import type { DiskImage, ImageFileIdentity } from '../image/disk-image.ts';
import { ImageFile } from '../image/image-file.ts';
import { openDiskImage } from '../image/open-disk-image.ts';
import type { ImageTransferOptions } from '../options.ts';
import { type DiskLayout, readDiskLayout } from '../volume/disk-layout.ts';
import { doubtOfImage } from '../volume/free-space/leave-out.ts';
import { type BootAbility, bootAbilityOf } from '../volume/generation.ts';
import { guessOperatingSystem, type OperatingSystemGuess } from '../volume/operating-system.ts';
import type { DiskProblem } from '../volume/partition-table.ts';
import type { AllocationMap } from './allocation-map.ts';
import type { ImageFacts } from './image-facts.ts';
import { readImageFacts } from './read-image-facts.ts';
import { scanDisk } from './scan-disk.ts';
import { type VolumeContents, VolumeDescriptions } from './volume-contents.ts';

export interface InspectOptions extends ImageTransferOptions {
  /** Reads the whole disk and counts the bytes that are not zero. @default false */
  readonly scan?: boolean;
  /** Cells of the allocation map, 1 to 65,536. @default 256 */
  readonly mapCells?: number;
}

export interface InspectReport {
  /** The properties that the file states. */
  readonly image: ImageFacts;
  /** The parents that were found, from the parent of the image down to the base. */
  readonly parents: readonly ImageFacts[];
  /** The failed search, if a parent is missing. */
  readonly missingParent?: FailedParentSearch;
  /** The contents of the disk. Absent if the disk cannot be read. */
  readonly disk?: {
    /** Virtual size in bytes. */
    readonly size: number;
    /** Bytes that the image and its parents allocate, without the holes that the system reports for a sparse file of a fixed format. */
    readonly allocated: number;
    /** Bytes in sectors that are not all zero. Present with `scan`. */
    readonly nonZero?: number;
    readonly map: AllocationMap;
    readonly layout: DiskLayout;
    readonly boot: BootAbility;
    /** What is in the volumes: free space, state, systems. Logical volumes are included. */
    readonly volumes: readonly VolumeContents[];
    /** Logical and physical volumes of LVM2 that are not read, and why. */
    readonly unreadVolumes: readonly { readonly name: string; readonly reason: string }[];
    /** Absent if it cannot be detected. */
    readonly operatingSystem?: OperatingSystemGuess;
  };
  /** Faults and notes. Those of the layout are in `disk.layout`. */
  readonly problems: readonly DiskProblem[];
  /** Exit code of the error that prevents reading the disk. Absent if there is none. */
  readonly exitCode?: number;
}

const DEFAULT_CELLS = 256;
const MAX_CELLS = 65_536;

/**
 * Inspects an image. Damage or a missing parent is part of the report, not an error.
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
  // A raw disk states nothing about itself. Its format and size come from opening it.
  let detected: Pick<ImageFacts, 'format' | 'diskSize'> = {};
  try {
    const image = await openDiskImage(options.image, {
      ...options,
      onFile: (file) => chain.push(file),
      onWarning: (warning) => problems.push(warning),
    });
    try {
      detected = { format: image.format, diskSize: image.size };
      const doubt = doubtOfImage(problems.map(({ code }) => code));
      disk = await inspectDisk(image, facts, { cells, doubt }, options);
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
    image: { ...facts, ...detected },
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
  { cells, doubt }: { readonly cells: number; readonly doubt: string | undefined },
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
  const descriptions = await VolumeDescriptions.read(image, layout, { signal, doubt });
  const onData = (range: ByteRange) => descriptions.addData(range);
  const data = options.scan === true ? await scan(image, cells, { signal, onData }, options) : undefined;
  const { volumes, unread } = await descriptions.describe(signal, data !== undefined);
  const operatingSystem = foundSystem(volumes) ?? guessOperatingSystem(layout);
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
    volumes,
    unreadVolumes: unread.map(({ name, reason }) => ({ name, reason })),
    ...(operatingSystem === undefined ? {} : { operatingSystem }),
  };
}

/** What a system states about itself is more than what its partitions look like. */
function foundSystem(volumes: readonly VolumeContents[]): OperatingSystemGuess | undefined {
  for (const { name: volume, system } of volumes) {
    if (system === undefined) continue;
    const { family, name, version, edition } = system;
    return {
      family,
      name,
      reason: `${family === 'windows' ? 'the registry' : 'os-release'} in ${volume}`,
      ...(version === undefined ? {} : { version }),
      ...(edition === undefined ? {} : { edition }),
    };
  }
  return undefined;
}

async function scan(
  image: DiskImage,
  cells: number,
  { signal, onData }: { readonly signal: AbortSignal; readonly onData: (range: ByteRange) => void },
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
      onData(range);
    },
  });
  return { bytes, shares: counts.shares() };
}
