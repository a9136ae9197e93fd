// XfsMetadata: reads metadata blocks, checks that each is what its reader expects, and keeps the last ones.
import { type ByteRange, endOf } from '../../../base/byte-range.ts';
import type { Crc32c } from '../../../base/crc32c.ts';
import { UnreadableError, type VolumeBytes } from '../opened-file-system.ts';
import type { XfsSuperblock } from './superblock.ts';

/** In bytes, of all blocks that are kept. */
const MAX_KEPT = 4 * 1024 * 1024;

/** How a kind of block describes itself. Offsets in bytes of its header; version 4 has only the magic number. */
export interface BlockKind {
  /** For messages: "block of the folder". */
  readonly name: string;
  /** Four characters each. */
  readonly magicsOfV4: readonly string[];
  readonly magicsOfV5: readonly string[];
  readonly checksumAt: number;
  /** The 512-byte sector at which the block is. */
  readonly addressAt: number;
  readonly uuidAt: number;
  /** The number of the inode or group that the block belongs to. */
  readonly ownerAt: number;
  /** 4 or 8 bytes. */
  readonly ownerLength: 4 | 8;
}

export class XfsMetadata {
  readonly superblock: XfsSuperblock;
  readonly #volume: VolumeBytes;
  readonly #crc32c: Crc32c;
  /** In the order of use. */
  readonly #kept = new Map<string, Buffer>();
  #keptBytes = 0;

  constructor(volume: VolumeBytes, superblock: XfsSuperblock, crc32c: Crc32c) {
    this.superblock = superblock;
    this.#volume = volume;
    this.#crc32c = crc32c;
  }

  /** Fills `into` from any place inside the file system. */
  async fill(offset: number, into: Uint8Array): Promise<void> {
    await this.#volume.read({ offset, length: into.length }, into);
  }

  /** Bytes without any check, to be read only. */
  async bytes(range: ByteRange): Promise<Buffer> {
    return await this.#keep(`${range.offset}+${range.length}`, () => this.#read([range]));
  }

  /**
   * A block of one or several pieces, to be read only.
   * @throws {UnreadableError} it is not of this kind, does not belong to `owner`, or its checksum is wrong.
   */
  async block(pieces: readonly ByteRange[], kind: BlockKind, owner: number): Promise<Buffer> {
    const key = `${kind.name} ${owner} ${pieces.map(({ offset, length }) => `${offset}+${length}`).join()}`;
    return await this.#keep(key, async () => {
      const bytes = await this.#read(pieces);
      const problem = this.#problemOf(bytes, pieces[0]?.offset ?? 0, kind, owner);
      if (problem !== undefined) throw new UnreadableError(`the ${kind.name} at ${pieces[0]?.offset} ${problem}`);
      return bytes;
    });
  }

  /** Whether the checksum at `field` is that of the structure. */
  hasChecksum(structure: Buffer, field: number): boolean {
    return this.#crc32c.of(structure, field) === structure.readUInt32LE(field);
  }

  #problemOf(bytes: Buffer, offset: number, kind: BlockKind, owner: number): string | undefined {
    const { features, metadataUuid } = this.superblock;
    const magic = bytes.toString('latin1', 0, 4);
    const magics = features.hasChecksums ? kind.magicsOfV5 : kind.magicsOfV4;
    if (!magics.includes(magic)) return `does not begin with ${magics.join(' or ')}`;
    if (!features.hasChecksums) return undefined;
    if (!this.hasChecksum(bytes, kind.checksumAt)) return 'has a wrong checksum';
    if (bytes.readBigUInt64BE(kind.addressAt) !== BigInt(offset / 512)) return 'was written for another place';
    if (!bytes.subarray(kind.uuidAt, kind.uuidAt + 16).equals(metadataUuid)) return 'is of another file system';
    const stored =
      kind.ownerLength === 4 ? BigInt(bytes.readUInt32BE(kind.ownerAt)) : bytes.readBigUInt64BE(kind.ownerAt);
    return stored === BigInt(owner) ? undefined : `belongs to ${stored}, not to ${owner}`;
  }

  async #read(pieces: readonly ByteRange[]): Promise<Buffer> {
    const bytes = Buffer.alloc(pieces.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const piece of pieces) {
      if (endOf(piece) > this.#volume.size)
        throw new UnreadableError(`it refers to byte ${endOf(piece)}, after its end`);
      await this.#volume.read(piece, bytes.subarray(at, at + piece.length));
      at += piece.length;
    }
    return bytes;
  }

  async #keep(key: string, load: () => Promise<Buffer>): Promise<Buffer> {
    const known = this.#kept.get(key);
    if (known !== undefined) {
      this.#kept.delete(key);
      this.#kept.set(key, known);
      return known;
    }
    const bytes = await load();
    if (!this.#kept.has(key)) this.#keptBytes += bytes.length;
    this.#kept.set(key, bytes);
    for (const [oldest, { length }] of this.#kept) {
      if (this.#keptBytes <= MAX_KEPT) break;
      this.#kept.delete(oldest);
      this.#keptBytes -= length;
    }
    return bytes;
  }
}
