// The storage of the page-blob test server: containers, blobs, and their pages. It is sparse, so a nearly empty blob of 1 TiB costs little.

import { createHash } from 'node:crypto';
import { alignDown, type ByteRange, endOf } from '../../../src/base/byte-range.ts';
import type { PublicAccess } from '../../../src/target/page-blob.ts';
import type { StoredCopy } from './copy-operations.ts';
import { BlobLease } from './lease.ts';

const SLAB_SIZE = 64 * 1024;
const READ_SIZE = 1024 * 1024;
const ZEROS = Buffer.alloc(SLAB_SIZE);

/** The bytes of a page blob. Slabs with only zeros are not stored; with `discard` nothing is. */
export class SparsePages {
  readonly #slabs = new Map<number, Buffer>();
  readonly #discard: boolean;

  constructor(discard: boolean) {
    this.#discard = discard;
  }

  write(offset: number, bytes: Uint8Array): void {
    if (this.#discard) return;
    for (const part of slabParts({ offset, length: bytes.length })) {
      const from = part.offset - offset;
      const source = bytes.subarray(from, from + part.length);
      const slab = this.#slabs.get(part.slab);
      if (slab !== undefined) slab.set(source, part.within);
      else if (Buffer.compare(source, ZEROS.subarray(0, part.length)) !== 0)
        this.#newSlab(part.slab).set(source, part.within);
    }
  }

  clear(range: ByteRange): void {
    for (const part of slabParts(range)) {
      if (part.length === SLAB_SIZE) this.#slabs.delete(part.slab);
      else this.#slabs.get(part.slab)?.fill(0, part.within, part.within + part.length);
    }
  }

  clone(): SparsePages {
    const copy = new SparsePages(this.#discard);
    for (const [index, slab] of this.#slabs) copy.#slabs.set(index, Buffer.from(slab));
    return copy;
  }

  read(range: ByteRange): Buffer {
    const bytes = Buffer.alloc(range.length);
    for (const part of slabParts(range)) {
      this.#slabs.get(part.slab)?.copy(bytes, part.offset - range.offset, part.within, part.within + part.length);
    }
    return bytes;
  }

  #newSlab(index: number): Buffer {
    const slab = Buffer.alloc(SLAB_SIZE);
    this.#slabs.set(index, slab);
    return slab;
  }
}

interface SlabPart extends ByteRange {
  readonly slab: number;
  readonly within: number;
}

function* slabParts(range: ByteRange): Generator<SlabPart> {
  for (let offset = range.offset; offset < endOf(range); ) {
    const slabStart = alignDown(offset, SLAB_SIZE);
    const length = Math.min(slabStart + SLAB_SIZE, endOf(range)) - offset;
    yield { offset, length, slab: slabStart / SLAB_SIZE, within: offset - slabStart };
    offset += length;
  }
}

/** The pages that were written and not cleared since: disjoint, sorted, adjacent ranges merged, as the service lists them. */
export class WrittenRanges {
  #starts: number[] = [];
  #ends: number[] = [];

  /** Number of separate ranges. */
  get count(): number {
    return this.#starts.length;
  }

  add(range: ByteRange): void {
    const first = firstIndex(this.#ends, (end) => end >= range.offset);
    const last = firstIndex(this.#starts, (start) => start > endOf(range));
    const start = Math.min(range.offset, first < last ? (this.#starts[first] ?? range.offset) : range.offset);
    const end = Math.max(endOf(range), first < last ? (this.#ends[last - 1] ?? 0) : 0);
    this.#replace(first, last, [start], [end]);
  }

  remove(range: ByteRange): void {
    const first = firstIndex(this.#ends, (end) => end > range.offset);
    const last = firstIndex(this.#starts, (start) => start >= endOf(range));
    if (first >= last) return;
    const starts: number[] = [];
    const ends: number[] = [];
    const start = this.#starts[first] ?? 0;
    const end = this.#ends[last - 1] ?? 0;
    if (start < range.offset) {
      starts.push(start);
      ends.push(range.offset);
    }
    if (end > endOf(range)) {
      starts.push(endOf(range));
      ends.push(end);
    }
    this.#replace(first, last, starts, ends);
  }

  /** The written parts of `range`, in order, at most `limit` of them. */
  within(range: ByteRange, limit = Number.POSITIVE_INFINITY): ByteRange[] {
    const found: ByteRange[] = [];
    for (let i = firstIndex(this.#ends, (end) => end > range.offset); i < this.#starts.length; i++) {
      const start = Math.max(this.#starts[i] ?? 0, range.offset);
      const end = Math.min(this.#ends[i] ?? 0, endOf(range));
      if (start >= end || found.length >= limit) break;
      found.push({ offset: start, length: end - start });
    }
    return found;
  }

  #replace(first: number, last: number, starts: number[], ends: number[]): void {
    this.#starts.splice(first, last - first, ...starts);
    this.#ends.splice(first, last - first, ...ends);
  }
}

/** The index of the first value for which `holds` is true, in an array where it is true from some index on. */
function firstIndex(values: readonly number[], holds: (value: number) => boolean): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(values[middle] ?? 0)) high = middle;
    else low = middle + 1;
  }
  return low;
}

export type BlobType = 'PageBlob' | 'BlockBlob' | 'AppendBlob';

/** The HTTP headers that a blob stores, by the name under which Get Blob returns them. */
export type BlobHeaders = ReadonlyMap<string, string>;

/** A blob, with everything that tests inspect. */
export class StoredBlob {
  readonly type: BlobType;
  readonly createdAt: Date;
  readonly lease: BlobLease;
  readonly written = new WrittenRanges();
  #pages: SparsePages;
  size: number;
  /** With quotation marks. Changes with each write. */
  etag = '';
  lastModified: Date;
  headers: BlobHeaders = new Map();
  metadata: ReadonlyMap<string, string> = new Map();
  sequenceNumber = 0n;
  tier: string | undefined;
  /** By the time that names each of them. While there are any, the blob is not deleted without them. */
  readonly snapshots = new Map<string, StoredBlob>();
  /** Earlier versions, by their ids. Only tests create them. */
  readonly versions = new Map<string, StoredBlob>();
  tags: ReadonlyMap<string, string> = new Map();
  /** The last copy onto the blob, until its properties are set. */
  copy: StoredCopy | undefined;

  /** @param replaced - The blob of the same name, whose lease and snapshots the new one has. */
  constructor(type: BlobType, size: number, now: Date, discard: boolean, replaced?: StoredBlob) {
    this.type = type;
    this.size = size;
    this.createdAt = now;
    this.lastModified = now;
    this.lease = replaced?.lease ?? new BlobLease();
    for (const [id, snapshot] of replaced?.snapshots ?? []) this.snapshots.set(id, snapshot);
    this.#pages = new SparsePages(discard);
  }

  /** Creates a snapshot. @returns the time that names it, which is new even if the clock stands still. */
  addSnapshot(now: Date): string {
    const ticks = String(this.snapshots.size).padStart(4, '0');
    const id = now.toISOString().replace('Z', `${ticks}Z`);
    this.snapshots.set(id, this.frozen());
    return id;
  }

  /** A copy of contents and properties, with the same ETag: what a snapshot or a version of the blob is. */
  frozen(): StoredBlob {
    const copy = new StoredBlob(this.type, this.size, this.createdAt, false);
    copy.#pages = this.#pages.clone();
    for (const range of this.ranges()) copy.written.add(range);
    const { etag, lastModified, headers, metadata, sequenceNumber, tier, tags } = this;
    return Object.assign(copy, { etag, lastModified, headers, metadata, sequenceNumber, tier, tags });
  }

  /** The stored Content-MD5 in base64, which the service never checks. */
  get contentMd5(): string | undefined {
    return this.headers.get('content-md5');
  }

  /** The written ranges, adjacent ones merged. */
  ranges(): ByteRange[] {
    return this.written.within({ offset: 0, length: this.size });
  }

  read(offset: number, length: number): Buffer {
    return this.#pages.read({ offset, length });
  }

  /** Changes only bytes, neither ranges nor ETag: the first half of a Put Page, or hidden damage by a test. */
  write(offset: number, bytes: Uint8Array): void {
    this.#pages.write(offset, bytes);
  }

  /** Returns the number of bytes of the range that had been written before. */
  markWritten(range: ByteRange): number {
    const rewritten = this.written.within(range).reduce((sum, { length }) => sum + length, 0);
    this.written.add(range);
    return rewritten;
  }

  clearPages(range: ByteRange): void {
    this.#pages.clear(range);
    this.written.remove(range);
  }

  resize(size: number): void {
    if (size < this.size) this.clearPages({ offset: size, length: this.size - size });
    this.size = size;
  }

  /** The contents in pieces of at most 1 MiB. */
  *pieces(range: ByteRange): Generator<Buffer> {
    for (let offset = range.offset; offset < endOf(range); offset += READ_SIZE) {
      yield this.read(offset, Math.min(READ_SIZE, endOf(range) - offset));
    }
  }

  /** The SHA-256 of the whole contents, in hexadecimal. */
  sha256(): string {
    const hash = createHash('sha256');
    for (const piece of this.pieces({ offset: 0, length: this.size })) hash.update(piece);
    return hash.digest('hex');
  }
}

/** The snapshot or the version that a query names, or else the blob itself; undefined if it does not exist. */
export function versionOf(blob: StoredBlob, query: ReadonlyMap<string, string>): StoredBlob | undefined {
  const [snapshot, version] = [query.get('snapshot'), query.get('versionid')];
  if (snapshot !== undefined) return blob.snapshots.get(snapshot);
  return version === undefined ? blob : blob.versions.get(version);
}

/** A container and its blobs by name. */
export class StoredContainer {
  readonly blobs = new Map<string, StoredBlob>();
  readonly createdAt: Date;
  publicAccess: PublicAccess = 'none';
  etag: string;

  constructor(now: Date, etag: string) {
    this.createdAt = now;
    this.etag = etag;
  }
}

/** Everything in the account, and the source of its ETags. */
export class BlobStore {
  readonly containers = new Map<string, StoredContainer>();
  #version = 0;

  /** A new ETag, with quotation marks. */
  nextEtag(): string {
    this.#version += 1;
    return `"0x8DD${this.#version.toString(16).toUpperCase().padStart(12, '0')}"`;
  }

  createContainer(name: string, now: Date): StoredContainer {
    const container = new StoredContainer(now, this.nextEtag());
    this.containers.set(name, container);
    return container;
  }

  /** Updates the ETag and the time of change of the blob. */
  touch(blob: StoredBlob, now: Date): void {
    blob.etag = this.nextEtag();
    blob.lastModified = now;
    blob.lease.settle(now.getTime());
  }
}
