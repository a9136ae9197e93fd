// ChunkMap: where logical addresses are on the device. Each chunk maps a range of them to one or two places
// (Linux kernel, struct btrfs_chunk, btrfs_stripe; fs/btrfs/volumes.c).
import { UnreadableError } from '../opened-file-system.ts';
import { number64, roughly64 } from './numbers.ts';
import type { BtrfsSuperblock } from './superblock.ts';
import { ITEM, KEY_LENGTH, type Key, keyAt } from './tree-key.ts';

/** In bytes. */
const CHUNK_LENGTH = 48;
const STRIPE_LENGTH = 32;
/** 64 TiB, the largest disk of Azure, in chunks of 256 MiB. */
const MAX_CHUNKS = 262_144;

/** Data, system, metadata. */
const CONTENTS = 0x7;
const DUP = 0x20;
const PROFILES: ReadonlyMap<number, string> = new Map([
  [0x8, 'RAID0'],
  [0x10, 'RAID1'],
  [0x40, 'RAID10'],
  [0x80, 'RAID5'],
  [0x100, 'RAID6'],
  [0x200, 'RAID1C3'],
  [0x400, 'RAID1C4'],
]);

export interface Chunk {
  /** The first logical address, and the number of bytes. */
  readonly start: number;
  readonly length: number;
  /** Contents and profile, as its block group has them too. */
  readonly type: number;
  /** Offsets on the device of the copies, in bytes. */
  readonly copies: readonly number[];
}

export class ChunkMap {
  /** By logical addresses. */
  readonly chunks: readonly Chunk[];

  /** @throws {UnreadableError} chunks overlap, or there are too many. */
  constructor(chunks: readonly Chunk[]) {
    if (chunks.length > MAX_CHUNKS) throw new UnreadableError(`it has more than ${MAX_CHUNKS} chunks`);
    this.chunks = [...chunks].sort((one, other) => one.start - other.start);
    expectApart(this.chunks, 'begins at the address');
    expectApart(this.places(), 'is at');
  }

  /** Each copy of each chunk, by its place on the device. */
  places(): { readonly start: number; readonly length: number; readonly chunk: Chunk }[] {
    return this.chunks
      .flatMap((chunk) => chunk.copies.map((start) => ({ start, length: chunk.length, chunk })))
      .sort((one, other) => one.start - other.start);
  }

  /** The chunk that holds all of these addresses; undefined if there is none. */
  holderOf(address: number, length: number): Chunk | undefined {
    let [low, high] = [0, this.chunks.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.chunks[middle]?.start ?? 0) <= address) low = middle + 1;
      else high = middle;
    }
    const chunk = this.chunks[low - 1];
    return chunk !== undefined && address + length <= chunk.start + chunk.length ? chunk : undefined;
  }

  /** Offsets on the device of the copies of these bytes. @throws {UnreadableError} they are not in one chunk. */
  placesOf(address: number, length: number, what: string): number[] {
    const chunk = this.holderOf(address, length);
    if (chunk === undefined)
      throw new UnreadableError(`${what} should be at the address ${address}, outside of all chunks`);
    return chunk.copies.map((start) => start + (address - chunk.start));
  }
}

function expectApart(ranges: readonly { readonly start: number; readonly length: number }[], where: string): void {
  let end = 0;
  for (const { start, length } of ranges) {
    if (start < end) throw new UnreadableError(`its chunks overlap: one ${where} ${start}, before the end of another`);
    end = start + length;
  }
}

/** The chunks in the superblock: keys and chunks in turn. @throws {UnreadableError} */
export function systemChunks(superblock: BtrfsSuperblock): ChunkMap {
  const { systemChunks: bytes } = superblock;
  const chunks: Chunk[] = [];
  for (let at = 0; at < bytes.length; ) {
    const start = at + KEY_LENGTH;
    if (start + CHUNK_LENGTH > bytes.length) throw new UnreadableError('its system chunks are cut off');
    const end = start + CHUNK_LENGTH + bytes.readUInt16LE(start + 44) * STRIPE_LENGTH;
    const key = keyAt(bytes, at);
    if (key.type !== ITEM.chunk || end > bytes.length) throw new UnreadableError('its system chunks are damaged');
    chunks.push(decodeChunk(superblock, key, bytes.subarray(start, end)));
    at = end;
  }
  return new ChunkMap(chunks);
}

/** @param key Its offset is the first logical address. @throws {UnreadableError} */
export function decodeChunk(superblock: BtrfsSuperblock, { offset: start }: Key, bytes: Buffer): Chunk {
  const fail = (problem: string) => new UnreadableError(`its chunk at the address ${start} ${problem}`);
  if (bytes.length < CHUNK_LENGTH) throw fail(`has ${bytes.length} bytes`);
  const length = number64(bytes, 0, 'length of a chunk');
  const type = roughly64(bytes, 24);
  const profile = [...PROFILES].find(([bit]) => type < 2 ** 32 && (type & bit) !== 0)?.[1];
  if (profile !== undefined) throw fail(`is of the profile ${profile}; single and DUP are supported`);
  if (type > (CONTENTS | DUP) || (type & ~(CONTENTS | DUP)) !== 0 || (type & CONTENTS) === 0) {
    throw fail(`is of the type ${type}, which is not supported`);
  }
  const stripes = bytes.readUInt16LE(44);
  if (stripes !== ((type & DUP) === 0 ? 1 : 2)) throw fail(`has ${stripes} stripes`);
  if (bytes.length !== CHUNK_LENGTH + stripes * STRIPE_LENGTH) throw fail(`has ${bytes.length} bytes`);
  const isAligned = start % superblock.sectorSize === 0 && length % superblock.sectorSize === 0;
  if (!Number.isSafeInteger(start + length) || length === 0 || !isAligned) throw fail(`has ${length} bytes`);
  const copies = Array.from({ length: stripes }, (_, index) => {
    const at = CHUNK_LENGTH + index * STRIPE_LENGTH;
    const isHere =
      roughly64(bytes, at) === superblock.deviceId && bytes.subarray(at + 16, at + 32).equals(superblock.deviceUuid);
    if (!isHere) throw fail('is on another device');
    const place = number64(bytes, at + 8, 'place of a chunk');
    if (place + length > superblock.deviceBytes) throw fail(`ends at ${place + length}, after the end of the device`);
    return place;
  });
  return { start, length, type, copies };
}
