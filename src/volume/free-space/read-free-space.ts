// readFreeSpace: the ranges of a disk that clean file systems mark as free, and the contents of page files. What is not certain is used.
import { type ByteRange, endOf } from '../../base/byte-range.ts';
import { EMPTY_MAP, type RangeMap, RangeMapBuilder } from '../../base/range-map.ts';
import type { VolumeFreeSpace } from '../../base/skip-free.ts';
import { type ContentVolume, type ContentVolumes, contentVolumes } from '../content-volumes.ts';
import type { Disk } from '../disk.ts';
import type { DiskLayout } from '../disk-layout.ts';
import { type OpenedFileSystem, UnreadableError } from '../file-systems/opened-file-system.ts';
import { doubtOfDisk } from './disk-doubts.ts';
import { type Hibernation, hibernationIn, hibernationOf } from './hibernation.ts';
import { type Owner, ownerOf } from './owner.ts';
import { type NamedPageFiles, namedPageFiles, pageFileContents } from './page-files.ts';
import { SWAP_HEAD, type SwapArea, swapAreaOf } from './swap-area.ts';
import { swapFileContents } from './swap-files.ts';

export interface FreeSpaceOptions {
  /** Whether the contents of page, hibernation and swap files are left out too. */
  readonly pageFiles: boolean;
  readonly signal: AbortSignal;
  /** Why nothing on the disk may be taken for free, if its image shows that. */
  readonly doubt?: string | undefined;
  /** Called for each volume whose free space is known, with its place in `FreeSpace.volumes`. */
  readonly onFree?: (index: number, free: RangeMap) => void;
  /** The most ranges that are left out. Beyond it, the shortest ones count as used. @default about a million */
  readonly limit?: number;
}

export interface FreeSpace {
  readonly volumes: readonly VolumeFreeSpace[];
  /** Logical volumes and physical volumes that are not read, and why. Everything in them counts as used. */
  readonly unread: readonly { readonly name: string; readonly reason: string }[];
  /** What reads as zeros: whole pages. */
  readonly map: RangeMap;
}

/** A volume with its owner. */
interface Known extends Hibernation {
  readonly volume: ContentVolume;
  readonly owner: Owner;
  /** For a swap area. */
  readonly swap: SwapArea | undefined;
}

/**
 * Reads the metadata of all file systems. Memory is bounded.
 * @throws {VhdupError} the image cannot be read; the reason of the signal, unchanged, on abort.
 */
export async function readFreeSpace(disk: Disk, layout: DiskLayout, options: FreeSpaceOptions): Promise<FreeSpace> {
  const { signal, limit } = options;
  const contents = await contentVolumes(disk, layout);
  const unread = contents.unread.map(({ name, reason }) => ({ name, reason }));
  const used = (doubt: string) => allUsed(contents, unread, doubt);
  const doubt = options.doubt ?? (await doubtOfDisk(disk, layout));
  if (doubt !== undefined) return used(doubt);
  const known: Known[] = [];
  for (const volume of contents.volumes) {
    signal.throwIfAborted();
    known.push(await look(volume, contents));
  }
  const hibernated = known.find(isHibernated);
  if (hibernated !== undefined) return used(`a hibernated system is stored in ${hibernated.volume.name}`);
  const unclear = known.find(({ hibernation }) => hibernation === 'unknown');
  if (unclear !== undefined) {
    const why = unclear.doubt === undefined ? '' : `: ${unclear.doubt}`;
    return used(`whether a hibernated system is stored in ${unclear.volume.name} cannot be read${why}`);
  }
  const named = await namedPageFiles(known.flatMap(({ owner }) => (owner.kind === 'files' ? [owner.files] : [])));
  const all = new RangeMapBuilder(limit);
  const volumes: VolumeFreeSpace[] = [];
  for (const one of known) {
    const onFree = (free: RangeMap) => options.onFree?.(volumes.length, free);
    volumes.push(await add(one, named, all, { ...options, onFree }));
  }
  const map = all.build();
  if (map === undefined) return used('two volumes use the same part of the disk');
  return { volumes, unread, map };
}

function allUsed({ volumes }: ContentVolumes, unread: FreeSpace['unread'], reason: string): FreeSpace {
  return { volumes: volumes.map((volume) => usedVolume(volume, reason)), unread, map: EMPTY_MAP };
}

function usedVolume(volume: ContentVolume, reason: string): VolumeFreeSpace {
  return { ...titleOf(volume), used: volume.bytes.size, free: 0, pageFiles: 0, reason };
}

function titleOf({ name, fileSystem, bytes }: ContentVolume): Pick<VolumeFreeSpace, 'name' | 'type' | 'size'> {
  return { name, ...(fileSystem === undefined ? {} : { type: fileSystem.type }), size: bytes.size };
}

async function look(volume: ContentVolume, contents: ContentVolumes): Promise<Known> {
  const owner = await ownerOf(volume, contents);
  const known = { volume, owner, hibernation: 'absent', swapFiles: [], swap: undefined } as const;
  switch (owner.kind) {
    case 'files':
      return { ...known, ...(await hibernationOf(owner.files)) };
    case 'none':
      return { ...known, doubt: owner.reason, ...(await hibernationIn(volume.bytes)) };
    case 'swap':
      return { ...known, swap: await swapOf(volume) };
    case 'group':
      return known;
  }
}

async function swapOf({ bytes }: ContentVolume): Promise<SwapArea> {
  const head = Buffer.alloc(Math.min(SWAP_HEAD, bytes.size));
  await bytes.read({ offset: 0, length: head.length }, head);
  return swapAreaOf(head, bytes.size);
}

function isHibernated({ hibernation, swap }: Known): boolean {
  return hibernation === 'active' || swap?.state === 'suspended';
}

/** Adds the free ranges of a volume to `all`, or none of them. */
async function add(
  known: Known,
  named: NamedPageFiles,
  all: RangeMapBuilder,
  options: Omit<FreeSpaceOptions, 'onFree'> & { readonly onFree: (free: RangeMap) => void },
): Promise<VolumeFreeSpace> {
  const { volume, owner } = known;
  if (owner.kind === 'none') return usedVolume(volume, owner.reason);
  try {
    const free = new RangeMapBuilder(options.limit);
    const pages = new RangeMapBuilder(options.limit);
    if (owner.kind !== 'swap') await addFree(volume, usedRangesOf(volume, owner), free, options.signal);
    if (options.pageFiles) {
      for (const range of await contentsOf(known, named)) place(volume, range, pages);
    } else if (owner.kind === 'swap') return usedVolume(volume, 'the contents of swap are kept');
    const [freeMap, pageMap] = [free.build(), pages.build()];
    if (freeMap === undefined || pageMap === undefined) throw new UnreadableError('parts of it overlap');
    for (const range of pageMap.ranges()) {
      if (freeMap.overlaps(range)) throw new UnreadableError('a part of a page file is marked as free');
    }
    all.addAll(freeMap);
    all.addAll(pageMap);
    options.onFree(freeMap);
    const used = volume.bytes.size - freeMap.bytes - pageMap.bytes;
    return { ...titleOf(volume), used, free: freeMap.bytes, pageFiles: pageMap.bytes };
  } catch (error) {
    if (error instanceof UnreadableError) return usedVolume(volume, error.message);
    throw error;
  }
}

function usedRangesOf(
  { bytes }: ContentVolume,
  owner: Extract<Owner, { kind: 'files' | 'group' }>,
): AsyncIterable<ByteRange> | Iterable<ByteRange> {
  const ranges = owner.kind === 'files' ? owner.files.usedRanges() : owner.group.usedRanges(bytes);
  if (ranges !== undefined) return ranges;
  throw new UnreadableError(owner.kind === 'files' ? reasonOf(owner.files) : 'its volume group is not certain');
}

function reasonOf({ unclean, unknownUse }: OpenedFileSystem): string {
  return unclean ?? unknownUse ?? 'its free space is not known';
}

/** Adds what is between the ranges. */
async function addFree(
  volume: ContentVolume,
  used: AsyncIterable<ByteRange> | Iterable<ByteRange>,
  free: RangeMapBuilder,
  signal: AbortSignal,
): Promise<void> {
  const { size } = volume.bytes;
  let at = 0;
  for await (const range of used) {
    signal.throwIfAborted();
    // Every volume begins with something that it uses.
    const isRight = range.length > 0 && range.offset >= at && endOf(range) <= size && (at > 0 || range.offset === 0);
    if (!isRight) throw new UnreadableError('the ranges that it uses contradict one another');
    place(volume, { offset: at, length: range.offset - at }, free);
    at = endOf(range);
  }
  if (at === 0) throw new UnreadableError('it uses nothing');
  place(volume, { offset: at, length: size - at }, free);
}

/** Adds a range of the volume at its place on the disk. */
function place(volume: ContentVolume, range: ByteRange, to: RangeMapBuilder): void {
  if (range.length === 0) return;
  let placed = 0;
  for (const piece of volume.onDisk(range)) {
    const isInside = volume.within.some(
      ({ range: outer }) => piece.offset >= outer.offset && endOf(piece) <= endOf(outer),
    );
    if (!isInside) throw new UnreadableError('a part of it is outside of its partitions');
    to.add(piece);
    placed += piece.length;
  }
  if (placed !== range.length) throw new UnreadableError('a part of it is not on the disk');
}

async function contentsOf(known: Known, named: NamedPageFiles): Promise<readonly ByteRange[]> {
  const { volume, owner, hibernation, swapFiles, swap } = known;
  if (owner.kind === 'swap') {
    if (swap?.state === 'swap') return [swap.contents];
    throw new UnreadableError(swap?.state === 'unknown' ? swap.reason : 'its swap header is not known');
  }
  if (owner.kind !== 'files') return [];
  const ofWindows = await pageFileContents(volume.bytes, owner.files, hibernation, named);
  return [...ofWindows, ...(await swapFileContents(owner.files, swapFiles))];
}
