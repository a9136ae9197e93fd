// VolumeDescriptions: what each volume of a disk uses, whether it was closed cleanly, and the operating system in it.
import type { ByteRange } from '../base/byte-range.ts';
import type { RangeMap } from '../base/range-map.ts';
import type { VolumeFreeSpace } from '../base/skip-free.ts';
import { VhdupError } from '../errors.ts';
import { type ContentVolume, readableVolumes, type UnreadVolume } from '../volume/content-volumes.ts';
import type { Disk } from '../volume/disk.ts';
import type { DiskLayout } from '../volume/disk-layout.ts';
import type { FileSystem } from '../volume/file-system.ts';
import { type FileSystemState, readFileSystemState } from '../volume/file-system-state.ts';
import { openerOf } from '../volume/file-systems/open-file-system.ts';
import { UnreadableError } from '../volume/file-systems/opened-file-system.ts';
import { readFreeSpace } from '../volume/free-space/read-free-space.ts';
import { type InstalledSystem, installedSystem } from '../volume/installed-system.ts';

export interface VolumeContents {
  /** "partition 2 (root)", "logical volume rhel/root": escaped for printing. */
  readonly name: string;
  /** The partitions that hold it: one, or those of its volume group. Empty if the disk has no table. */
  readonly partitions: readonly number[];
  /** In bytes. */
  readonly size: number;
  readonly fileSystem: FileSystem;
  /** Whether it was closed cleanly; the reason follows a colon. */
  readonly state: FileSystemState['state'];
  readonly stateReason: string;
  /** Bytes that the file system uses. Absent if that is not certain. */
  readonly used?: number;
  /** Bytes that the file system marks as free. Absent if that is not certain. */
  readonly free?: number;
  /** Bytes in sectors that are free, and not zero. Present with `scan`, if `free` is. */
  readonly freeNotZero?: number;
  /** Why `used` and `free` are absent. Follows a colon. */
  readonly freeReason?: string;
  readonly system?: InstalledSystem;
}

export interface DescribedVolumes {
  /** Volumes with recognised contents: partitions, then logical volumes. */
  readonly volumes: readonly VolumeContents[];
  readonly unread: readonly UnreadVolume[];
}

export interface DescribeOptions {
  readonly signal: AbortSignal;
  /** Why nothing on the disk may be taken for free. */
  readonly doubt: string | undefined;
}

/** Of one volume. With a reason, the numbers do not count. */
type KnownUse = Pick<VolumeFreeSpace, 'used' | 'free' | 'reason'>;

export class VolumeDescriptions {
  readonly #volumes: readonly ContentVolume[];
  readonly #unread: readonly UnreadVolume[];
  readonly #free: readonly KnownUse[];
  readonly #maps: ReadonlyMap<number, RangeMap>;
  readonly #freeNotZero: Float64Array;

  private constructor(
    { volumes, unread }: { volumes: readonly ContentVolume[]; unread: readonly UnreadVolume[] },
    free: readonly KnownUse[],
    maps: ReadonlyMap<number, RangeMap>,
  ) {
    this.#volumes = volumes;
    this.#unread = unread;
    this.#free = free;
    this.#maps = maps;
    this.#freeNotZero = new Float64Array(volumes.length);
  }

  /** Reads the metadata of all file systems. If a part of the image cannot be read, no free space is known. */
  static async read(disk: Disk, layout: DiskLayout, options: DescribeOptions): Promise<VolumeDescriptions> {
    const contents = await readableVolumes(disk, layout);
    const maps = new Map<number, RangeMap>();
    const onFree = (index: number, free: RangeMap) => maps.set(index, free);
    try {
      const { volumes } = await readFreeSpace(disk, layout, { ...options, pageFiles: false, onFree });
      return new VolumeDescriptions(contents, volumes, maps);
    } catch (error) {
      if (!(error instanceof VhdupError) || options.signal.aborted) throw error;
      const unknown = { used: 0, free: 0, reason: `the image cannot be read: ${error.message}` };
      return new VolumeDescriptions(
        contents,
        contents.volumes.map(() => unknown),
        new Map(),
      );
    }
  }

  /** Counts sectors of the disk that are not zero. */
  addData(range: ByteRange): void {
    for (const [index, map] of this.#maps) {
      for (const { length } of map.within(range)) this.#freeNotZero[index] = (this.#freeNotZero[index] ?? 0) + length;
    }
  }

  /** @param isScanned Whether all data of the disk was added. */
  async describe(signal: AbortSignal, isScanned: boolean): Promise<DescribedVolumes> {
    const volumes: VolumeContents[] = [];
    for (const [index, volume] of this.#volumes.entries()) {
      signal.throwIfAborted();
      const { name, fileSystem, bytes, within } = volume;
      if (fileSystem === undefined) continue;
      const { state, reason } = await readFileSystemState(bytes, { offset: 0, length: bytes.size }, fileSystem);
      const system = await systemOf(volume);
      volumes.push({
        name,
        partitions: within.flatMap(({ partition }) => (partition === undefined ? [] : [partition.index])),
        size: bytes.size,
        fileSystem,
        state,
        stateReason: reason,
        ...this.#freeOf(index, isScanned),
        ...(system === undefined ? {} : { system }),
      });
    }
    return { volumes, unread: this.#unread };
  }

  #freeOf(index: number, isScanned: boolean): Partial<VolumeContents> {
    const free = this.#free[index];
    if (free === undefined) return {};
    if (free.reason !== undefined || !this.#maps.has(index)) return { freeReason: free.reason ?? 'it is not known' };
    const found = { used: free.used, free: free.free };
    return isScanned ? { ...found, freeNotZero: this.#freeNotZero[index] ?? 0 } : found;
  }
}

/** Undefined if it has none, or if its files cannot be read: `state` and `freeReason` show why. */
async function systemOf({ bytes, fileSystem }: ContentVolume): Promise<InstalledSystem | undefined> {
  const open = openerOf(fileSystem?.type ?? '');
  if (open === undefined) return undefined;
  try {
    return await installedSystem(await open(bytes));
  } catch (error) {
    if (error instanceof UnreadableError || error instanceof VhdupError) return undefined;
    throw error;
  }
}
