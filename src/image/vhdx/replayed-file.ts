// ReplayedFile: a view of a VHDX file with its log replayed (MS-VHDX 2.3.3). The file itself is never written to.
import { type ByteRange, endOf } from '../../base/byte-range.ts';
import type { Crc32c } from '../../base/crc32c.ts';
import { printable } from '../../base/printable.ts';
import { CorruptImageError, UnsupportedImageError } from '../../errors.ts';
import type { ImageBytes } from '../image-bytes.ts';
import type { Guid } from './guid.ts';
import { descriptorSectorsOf, descriptorsOf, type LogDescriptor, type LogEntry } from './log-entry.ts';
import { LOG_SECTOR, type LogSectors } from './log-sectors.ts';
import { findActiveSequence } from './log-sequence.ts';
import { ZeroRanges } from './zero-ranges.ts';

/** No known program writes even a hundred. Without a limit, a log of 1 GiB could contain 33 million. */
const MAX_ZERO_DESCRIPTORS = 65_536;

/** A page in the log. Its bytes stay in the file, so only the places of pages use memory. */
interface LoggedPage {
  /** Offset of its data sector in the file. */
  readonly position: number;
  readonly leading: bigint;
  readonly trailing: number;
}

/** Reads through the log: pages and zero ranges of the active sequence hide the bytes of the file. */
export class ReplayedFile implements ImageBytes {
  readonly path: string;
  /** At least the length of the file. A log may record an extension that never reached the disk; it reads as zeros. */
  readonly size: number;
  /** Number of replayed entries. */
  readonly entryCount: number;
  readonly #file: ImageBytes;
  /** Keyed by offset in the file. Pages that were zeroed later are left out. */
  readonly #pages = new Map<number, LoggedPage>();
  readonly #zeros = new ZeroRanges();

  private constructor(file: ImageBytes, size: number, entryCount: number) {
    this.path = file.path;
    this.size = size;
    this.entryCount = entryCount;
    this.#file = file;
  }

  /**
   * Finds the active sequence of the log and applies it to the view.
   * @throws {CorruptImageError} the log has none, or the file is shorter than it was when the log was written.
   */
  static async replay(file: ImageBytes, log: LogSectors, logGuid: Guid, crc32c: Crc32c): Promise<ReplayedFile> {
    const sequence = await findActiveSequence(log, logGuid, file.path, crc32c);
    const replayed = new ReplayedFile(file, sizeAfter(file, sequence), sequence.length);
    await replayed.#replay(log, sequence);
    return replayed;
  }

  async read(position: number, into: Uint8Array): Promise<void> {
    const range = { offset: position, length: into.length };
    if (endOf(range) > this.size) {
      throw new CorruptImageError(
        `Cannot read ${into.length} bytes at ${position} of ${printable(this.path)}: with its log replayed, the file ends at ${this.size}.`,
      );
    }
    const stored = Math.max(0, Math.min(into.length, this.#file.size - position));
    if (stored > 0) await this.#file.read(position, into.subarray(0, stored));
    into.fill(0, stored);
    for (const zeros of this.#zeros.within(range)) {
      into.fill(0, zeros.offset - position, endOf(zeros) - position);
    }
    for (const offset of this.#pagesWithin(range)) await this.#copyPage(offset, position, into);
  }

  /** Works backwards, so that the newest write to each place is found first and wins. */
  async #replay(log: LogSectors, sequence: readonly LogEntry[]): Promise<void> {
    let zeroDescriptors = 0;
    for (const entry of sequence.toReversed()) {
      let dataSectors = 0;
      const descriptors: { descriptor: LogDescriptor; position: number }[] = [];
      for await (const descriptor of descriptorsOf(log, entry)) {
        const sector = descriptorSectorsOf(entry) + dataSectors;
        descriptors.push({ descriptor, position: log.positionOf(entry.offset + sector * LOG_SECTOR) });
        if (descriptor.kind === 'data') dataSectors++;
        else zeroDescriptors++;
        if (zeroDescriptors > MAX_ZERO_DESCRIPTORS) {
          throw new UnsupportedImageError(
            `Cannot read ${printable(this.path)}: its log fills more than ${MAX_ZERO_DESCRIPTORS} ranges with zeros. Attach the disk once to a machine and detach it, so that the log is replayed.`,
          );
        }
      }
      for (const { descriptor, position } of descriptors.reverse()) this.#apply(descriptor, position);
    }
  }

  #apply(descriptor: LogDescriptor, position: number): void {
    const { fileOffset } = descriptor;
    if (descriptor.kind === 'zero') {
      if (descriptor.length > 0) this.#zeros.add({ offset: fileOffset, length: descriptor.length });
    } else if (!this.#pages.has(fileOffset) && !this.#zeros.covers({ offset: fileOffset, length: LOG_SECTOR })) {
      this.#pages.set(fileOffset, { position, leading: descriptor.leading, trailing: descriptor.trailing });
    }
  }

  /** Offsets of the logged pages that have bytes in `range`. */
  *#pagesWithin(range: ByteRange): Generator<number> {
    for (let page = range.offset - (range.offset % LOG_SECTOR); page < endOf(range); page += LOG_SECTOR) {
      if (this.#pages.has(page)) yield page;
    }
  }

  async #copyPage(offset: number, position: number, into: Uint8Array): Promise<void> {
    const logged = this.#pages.get(offset);
    if (logged === undefined) return;
    const page = Buffer.alloc(LOG_SECTOR);
    await this.#file.read(logged.position, page);
    // A data sector stores its signature and number in place of the first 8 and last 4 bytes of the page.
    page.writeBigUInt64LE(logged.leading, 0);
    page.writeUInt32LE(logged.trailing, LOG_SECTOR - 4);
    const from = Math.max(0, position - offset);
    const to = Math.min(LOG_SECTOR, position + into.length - offset);
    into.set(page.subarray(from, to), offset + from - position);
  }
}

/** Length of the file after the replay. */
function sizeAfter(file: ImageBytes, sequence: readonly LogEntry[]): number {
  const newest = sequence.at(-1);
  if (newest === undefined) return file.size;
  if (newest.flushedFileOffset > BigInt(file.size)) {
    throw new CorruptImageError(
      `Cannot read ${printable(file.path)}: it was truncated. Its log says that it had at least ${newest.flushedFileOffset} bytes, but it has ${file.size}. Copy it again.`,
    );
  }
  if (newest.lastFileOffset > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new CorruptImageError(
      `Cannot read ${printable(file.path)}: its log says that the file extends to ${newest.lastFileOffset}, which no VHDX does.`,
    );
  }
  return Math.max(file.size, Number(newest.lastFileOffset));
}
