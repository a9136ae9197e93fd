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

/** Written again and again: memory costs most when it is touched for the first time. */
const FILLER = Buffer.alloc(2 ** 20, 0xa5);

/** Overwrites everything that is not used, with another byte than zero. @returns the number of bytes. */
export async function overwriteUnused(path: string, used: readonly ByteRange[]): Promise<number> {
  const file = await open(path, 'r+');
  try {
    let [at, overwritten] = [0, 0];
    const { size } = await file.stat();
    for (const range of [...used, { offset: size, length: 0 }]) {
      overwritten += Math.max(0, range.offset - at);
      for (; at < range.offset; at += FILLER.length)
        await file.write(FILLER, 0, Math.min(FILLER.length, range.offset - at), at);
      at = endOf(range);
    }
    return overwritten;
  } finally {
    await file.close();
  }
}
