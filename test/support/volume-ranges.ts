// Checks the used ranges of a file system: what is not in them may be overwritten.
import { open } from 'node:fs/promises';
import { expect } from 'vitest';
import { type ByteRange, endOf } from '../../src/base/byte-range.ts';

/** The ranges, which must ascend with gaps between them. */
export async function collectRanges(ranges: AsyncIterable<ByteRange> | undefined): Promise<ByteRange[]> {
  const found: ByteRange[] = [];
  for await (const range of ranges ?? []) {
    const last = found.at(-1);
    expect(last === undefined || range.offset > endOf(last)).toBe(true);
    expect(range.length).toBeGreaterThan(0);
    found.push(range);
  }
  return found;
}

/** Overwrites everything that is not used, with another byte than zero. @returns the number of bytes. */
export async function overwriteUnused(path: string, used: readonly ByteRange[]): Promise<number> {
  const file = await open(path, 'r+');
  try {
    let [at, overwritten] = [0, 0];
    const { size } = await file.stat();
    for (const range of [...used, { offset: size, length: 0 }]) {
      const length = range.offset - at;
      if (length > 0) await file.write(Buffer.alloc(length, 0xa5), 0, length, at);
      overwritten += Math.max(0, length);
      at = endOf(range);
    }
    return overwritten;
  } finally {
    await file.close();
  }
}
