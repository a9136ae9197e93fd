// A disk in memory that enforces the contract of DiskImage and counts the bytes read.
import type { ByteRange } from '../../src/base/byte-range.ts';
import { requireReadable } from '../../src/image/read-padded.ts';

export class MemoryDisk {
  readonly bytes: Buffer;
  readCount = 0;
  readBytes = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  get size(): number {
    return this.bytes.length;
  }

  read(range: ByteRange, into: Uint8Array): Promise<void> {
    requireReadable(this.size, range, into);
    this.readCount += 1;
    this.readBytes += range.length;
    into.set(this.bytes.subarray(range.offset, range.offset + range.length));
    return Promise.resolve();
  }
}
