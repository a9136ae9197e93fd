// What --skip-free would have saved: the free space of the guest that an upload without it sends. It never delays or breaks the upload.
import type { ByteRange } from '../base/byte-range.ts';
import { LinkedAbort } from '../base/linked-abort.ts';
import type { RangeMap } from '../base/range-map.ts';
import type { ImageWarning } from '../image/disk-image.ts';
import type { Disk } from '../volume/disk.ts';
import { UnreadableError } from '../volume/file-systems/opened-file-system.ts';
import { freeSpaceOf } from '../volume/free-space/leave-out.ts';

/** Metadata that is read at most during an upload, in bytes. Volumes that need more are not counted. */
const MAX_READ = 2 * 1024 * 1024 * 1024;
/** Sent runs that are kept until the free space is known. */
const MAX_WAITING = 65_536;
/** In bytes. Less is not reported. */
const WORTH_REPORTING = 1024 * 1024;

export interface Skippable {
  /** Bytes that were or would be sent, and that clean file systems mark as free, or that are contents of page files. */
  readonly bytes: number;
  /** The number of volumes that contain them. */
  readonly volumes: number;
}

export class SkippableSpace {
  readonly #stop: LinkedAbort;
  readonly #reading: Promise<void>;
  #waiting: ByteRange[] = [];
  #isTooLate = false;
  #map: RangeMap | undefined;
  #volumes = 0;
  #bytes = 0;

  /**
   * Begins to read the file systems of the disk. The caller closes it before the disk.
   * @param maxRead In bytes. @default 2 GiB
   */
  constructor(disk: Disk, warnings: readonly Pick<ImageWarning, 'code'>[], signal: AbortSignal, maxRead = MAX_READ) {
    this.#stop = new LinkedAbort(signal);
    this.#reading = this.#read(limited(disk, maxRead, this.#stop.signal), warnings, this.#stop.signal).catch(
      () => undefined,
    );
  }

  runSent(range: ByteRange): void {
    if (this.#map !== undefined) this.#count(this.#map, range);
    else if (this.#waiting.length < MAX_WAITING) this.#waiting.push(range);
    else this.#isTooLate = true;
  }

  /** Undefined if it is not known yet, or not worth reporting. */
  get found(): Skippable | undefined {
    if (this.#isTooLate || this.#bytes < WORTH_REPORTING) return undefined;
    return { bytes: this.#bytes, volumes: this.#volumes };
  }

  /** Waits until the free space is known, or cannot be. */
  async ready(): Promise<void> {
    await this.#reading;
  }

  async close(): Promise<void> {
    this.#stop.abort(new Error('The free space is no longer needed.'));
    this.#stop.unlink();
    await this.#reading;
  }

  async #read(disk: Disk, warnings: readonly Pick<ImageWarning, 'code'>[], signal: AbortSignal): Promise<void> {
    const { map, volumes } = await freeSpaceOf(disk, warnings, 'all', signal);
    this.#volumes = volumes.filter(({ free, pageFiles }) => free + pageFiles > 0).length;
    for (const range of this.#waiting) this.#count(map, range);
    this.#waiting = [];
    this.#map = map;
  }

  #count(map: RangeMap, range: ByteRange): void {
    for (const { length } of map.within(range)) this.#bytes += length;
  }
}

/** Reads until the limit is reached. Then everything that is not known is used. The end of the upload stops it at the next read. */
function limited(disk: Disk, maxRead: number, signal: AbortSignal): Disk {
  let read = 0;
  return {
    size: disk.size,
    read: async (range, into) => {
      read += range.length;
      signal.throwIfAborted();
      if (read > maxRead) throw new UnreadableError('reading it takes too long');
      await disk.read(range, into);
    },
  };
}
