// A file that Windows compressed as a whole (CompactOS, `compact /exe`): chunks in a stream of the same file
// (Microsoft, [MS-FSCC] 2.1.2 and WOF_EXTERNAL_INFO, FILE_PROVIDER_EXTERNAL_INFO_V1 of wdm.h; ntfs-3g-system-compression).
import { UnreadableError } from '../opened-file-system.ts';
import { DATA } from './attribute.ts';
import type { FileRecord } from './file-record.ts';
import { decompressLzx } from './lzx.ts';
import type { Mft } from './mft.ts';
import { safeNumber } from './numbers.ts';
import { Stream } from './stream.ts';
import { decompressXpress } from './xpress.ts';

const STREAM = 'WofCompressedData';
const FILE_PROVIDER = 2;

type Decompress = (bytes: Buffer, into: Buffer) => boolean;

/** By the number of the algorithm. */
const ALGORITHMS: readonly { readonly chunk: number; readonly decompress: Decompress }[] = [
  { chunk: 4096, decompress: decompressXpress },
  { chunk: 32_768, decompress: decompressLzx },
  { chunk: 8192, decompress: decompressXpress },
  { chunk: 16_384, decompress: decompressXpress },
];

export class WofFile {
  readonly #size: number;
  readonly #stored: Stream;
  readonly #chunk: number;
  readonly #decompress: Decompress;

  private constructor(size: number, stored: Stream, { chunk, decompress }: (typeof ALGORITHMS)[number]) {
    this.#size = size;
    this.#stored = stored;
    this.#chunk = chunk;
    this.#decompress = decompress;
  }

  /** @param data The data of its reparse point. @throws {UnreadableError} also if its contents are in a WIM. */
  static async open(mft: Mft, record: FileRecord, data: Buffer): Promise<WofFile> {
    const provider = data.length < 16 ? undefined : data.readUInt32LE(4);
    if (provider !== FILE_PROVIDER) throw new UnreadableError('its contents are in a WIM file (WOF)');
    const algorithm = ALGORITHMS[data.readUInt32LE(12)];
    const stored = await Stream.open(mft, record, DATA, (name) => name === STREAM);
    const plain = await Stream.open(mft, record, DATA);
    if (algorithm === undefined || stored === undefined || plain === undefined) {
      throw new UnreadableError('it is compressed (WOF) in a way that is not supported');
    }
    return new WofFile(plain.size, stored, algorithm);
  }

  /** @throws {UnreadableError} */
  async read(offset: number, length: number): Promise<Buffer> {
    const end = Math.min(offset + length, this.#size);
    const into = Buffer.alloc(Math.max(0, end - offset));
    for (let at = offset; at < end; ) {
      const index = Math.floor(at / this.#chunk);
      const chunk = await this.#readChunk(index);
      at += chunk.copy(into, at - offset, at - index * this.#chunk);
    }
    return into;
  }

  async #readChunk(index: number): Promise<Buffer> {
    const count = Math.ceil(this.#size / this.#chunk);
    const entry = this.#size > 0xffffffff ? 8 : 4;
    const table = (count - 1) * entry;
    // The table has the start of each chunk but the first.
    const first = Math.max(0, index - 1);
    const entries = await this.#stored.read(first * entry, Math.min(2, count - 1 - first) * entry);
    const placeAt = (wanted: number) => {
      if (wanted === 0) return table;
      if (wanted === count) return this.#stored.size;
      const at = (wanted - 1 - first) * entry;
      if (at + entry > entries.length) throw damaged(index);
      return table + (entry === 4 ? entries.readUInt32LE(at) : safeNumber(entries.readBigUInt64LE(at), 'a chunk'));
    };
    const [start, end] = [placeAt(index), placeAt(index + 1)];
    const into = Buffer.alloc(Math.min(this.#chunk, this.#size - index * this.#chunk));
    if (end <= start || end - start > into.length || end > this.#stored.size) throw damaged(index);
    const bytes = await this.#stored.read(start, end - start);
    // A chunk that does not become smaller is stored as it is.
    if (bytes.length === into.length) return bytes;
    if (!this.#decompress(bytes, into)) throw damaged(index);
    return into;
  }
}

function damaged(index: number): UnreadableError {
  return new UnreadableError(`chunk ${index} of its compressed data (WOF) is damaged`);
}
