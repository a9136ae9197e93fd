// Reads ranges of the contents of a file.
import { UnreadableError } from '../opened-file-system.ts';
import { decompress } from './compression.ts';
import { extentsBetween, type FileExtent } from './file-extents.ts';
import type { BtrfsInode } from './inode.ts';
import type { BtrfsMetadata } from './metadata.ts';
import { readSectors } from './sectors.ts';

/** In bytes. A caller that needs more reads it in parts. */
const MAX_READ = 64 * 1024 * 1024;
/** In bytes, of what is read and verified at once. */
const PART = 1024 * 1024;

export class FileData {
  readonly #metadata: BtrfsMetadata;
  /** The compressed extent that was read last: who reads a file in small parts needs it again. */
  #last: { readonly address: number; readonly bytes: Buffer } | undefined;

  constructor(metadata: BtrfsMetadata) {
    this.#metadata = metadata;
  }

  /** At most `length` bytes from `offset`, fewer at the end of the file. Holes and preallocated parts are zeros. @throws {UnreadableError} */
  async read(inode: BtrfsInode, offset: number, length: number): Promise<Buffer> {
    const wanted = Math.max(0, Math.min(length, inode.size - offset));
    if (wanted > MAX_READ) throw new UnreadableError(`more than ${MAX_READ} bytes of a file are needed at once`);
    const bytes = Buffer.alloc(wanted);
    if (wanted === 0) return bytes;
    const end = offset + wanted;
    for await (const extent of extentsBetween(this.#metadata, inode, offset, end)) {
      const from = Math.max(offset, extent.start);
      const to = Math.min(end, extent.start + extent.length);
      const into = bytes.subarray(from - offset, to - offset);
      await this.#readExtent(inode, extent, from - extent.start, into);
    }
    return bytes;
  }

  /** Fills `into` from a byte of the extent on. */
  async #readExtent(inode: BtrfsInode, extent: FileExtent, at: number, into: Buffer): Promise<void> {
    const { source } = extent;
    if (source.kind === 'zeros') return;
    if (source.kind === 'inline') this.#unpacked(extent, source.bytes).copy(into, 0, at);
    else if (extent.compression === 'none') await this.#readPlain(inode, source.address + source.skip + at, into);
    else (await this.#readCompressed(inode, extent, source)).copy(into, 0, source.skip + at);
  }

  /** Whole sectors are read, because each has one checksum. */
  async #readPlain(inode: BtrfsInode, address: number, into: Buffer): Promise<void> {
    const { sectorSize } = this.#metadata.superblock;
    for (let at = 0; at < into.length; ) {
      const before = (address + at) % sectorSize;
      const length = Math.min(PART, Math.ceil((before + into.length - at) / sectorSize) * sectorSize);
      const sectors = await readSectors(this.#metadata, inode, address + at - before, length);
      at += sectors.copy(into, at, before);
    }
  }

  async #readCompressed(
    inode: BtrfsInode,
    extent: FileExtent,
    { address, storedLength }: { readonly address: number; readonly storedLength: number },
  ): Promise<Buffer> {
    if (this.#last?.address === address) return this.#last.bytes;
    const stored = await readSectors(this.#metadata, inode, address, storedLength);
    const bytes = this.#unpacked(extent, stored);
    this.#last = { address, bytes };
    return bytes;
  }

  #unpacked({ compression, uncompressedLength }: FileExtent, stored: Buffer): Buffer {
    return decompress(compression, stored, uncompressedLength, this.#metadata.superblock.sectorSize);
  }
}
