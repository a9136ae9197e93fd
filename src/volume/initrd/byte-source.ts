// ByteSource: bytes that are read in order, from a file or from a decompressor.
import type { RangedFile } from '../registry/ranged-file.ts';

export interface ByteSource {
  /** Bytes taken and skipped so far; in a file, the offset of the next byte. */
  readonly position: number;
  /** The next `length` bytes, fewer only at the end. @throws {UnreadableError} */
  take(length: number): Promise<Buffer>;
  /** The same bytes, which stay the next ones. @param length At most 256 KiB. @throws {UnreadableError} */
  peek(length: number): Promise<Buffer>;
  /** @returns how many bytes were skipped: fewer only at the end. @throws {UnreadableError} */
  skip(length: number): Promise<number>;
}

/** Zeros are skipped in pieces of this length in bytes. */
const PIECE = 4096;

/** Moves to the next byte that is not zero. @returns whether there is one. @throws {UnreadableError} */
export async function skipZeros(source: ByteSource): Promise<boolean> {
  for (;;) {
    const piece = await source.peek(PIECE);
    const at = piece.findIndex((byte) => byte !== 0);
    await source.skip(at < 0 ? piece.length : at);
    if (at >= 0) return true;
    if (piece.length === 0) return false;
  }
}

/** In bytes. */
const CHUNK = 256 * 1024;

/** A file. What is skipped is not read. */
export class FileSource implements ByteSource {
  readonly #file: RangedFile;
  #position = 0;
  /** The part of the file that was read last. */
  #window: { readonly offset: number; readonly bytes: Buffer } = { offset: 0, bytes: Buffer.alloc(0) };

  constructor(file: RangedFile, position = 0) {
    this.#file = file;
    this.#position = position;
  }

  get position(): number {
    return this.#position;
  }

  async take(length: number): Promise<Buffer> {
    const bytes = await this.peek(length);
    this.#position += bytes.length;
    return bytes;
  }

  skip(length: number): Promise<number> {
    const from = this.#position;
    this.#position = Math.min(this.#file.size, from + length);
    return Promise.resolve(this.#position - from);
  }

  /** Another reader of the file, at the same byte. */
  copy(): FileSource {
    return new FileSource(this.#file, this.#position);
  }

  async peek(length: number): Promise<Buffer> {
    const start = this.#position - this.#window.offset;
    const isInside = start >= 0 && start + length <= this.#window.bytes.length;
    if (!isInside) {
      const bytes = Buffer.from(await this.#file.read(this.#position, Math.max(length, CHUNK)));
      this.#window = { offset: this.#position, bytes };
    }
    const from = this.#position - this.#window.offset;
    return this.#window.bytes.subarray(from, from + length);
  }

  /** The bytes from here to `end`, without moving. @throws {UnreadableError} */
  async *chunks(end = this.#file.size): AsyncGenerator<Buffer> {
    for (let offset = this.#position; offset < end; ) {
      const bytes = Buffer.from(await this.#file.read(offset, Math.min(CHUNK, end - offset)));
      if (bytes.length === 0) return;
      offset += bytes.length;
      yield bytes;
    }
  }
}

/** The output of a decompressor, one chunk in memory at a time. */
export class StreamSource implements ByteSource {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);
  #position = 0;

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  get position(): number {
    return this.#position;
  }

  async take(length: number): Promise<Buffer> {
    const bytes = await this.peek(length);
    this.#rest = this.#rest.subarray(bytes.length);
    this.#position += bytes.length;
    return bytes;
  }

  async peek(length: number): Promise<Buffer> {
    while (this.#rest.length < length) {
      const chunk = await this.#next();
      if (chunk === undefined) break;
      this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    }
    return this.#rest.subarray(0, length);
  }

  async skip(length: number): Promise<number> {
    let missing = length;
    while (missing > 0) {
      if (this.#rest.length === 0) this.#rest = (await this.#next()) ?? this.#rest;
      const skipped = Math.min(missing, this.#rest.length);
      if (skipped === 0) break;
      this.#rest = this.#rest.subarray(skipped);
      missing -= skipped;
    }
    this.#position += length - missing;
    return length - missing;
  }

  /** Stops the decompressor. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  async #next(): Promise<Buffer | undefined> {
    for (;;) {
      const next = await this.#chunks.next();
      if (next.done === true) return undefined;
      if (next.value.length > 0) return next.value;
    }
  }
}
