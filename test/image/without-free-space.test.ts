import { describe, expect, it } from 'vitest';
import type { ByteRange } from '../../src/base/byte-range.ts';
import { RangeMapBuilder } from '../../src/base/range-map.ts';
import { openDiskImage } from '../../src/image/open-disk-image.ts';
import { withoutFreeSpace } from '../../src/image/without-free-space.ts';
import { Picker } from '../hostile/random.ts';
import { buildImage } from '../support/spread-disk.ts';
import { patternOf } from '../support/vhd-builder.ts';

const SIZE = 8 * 1024 * 1024;
const CONTENTS = [
  { offset: 0, bytes: patternOf(1, 3 * 1024 * 1024) },
  { offset: 5 * 1024 * 1024 + 512, bytes: patternOf(2, 2 * 1024 * 1024) },
];

function freeMap(ranges: readonly ByteRange[]) {
  const builder = new RangeMapBuilder();
  for (const range of ranges) builder.add(range);
  const map = builder.build();
  if (map === undefined) throw new Error('The ranges overlap.');
  return map;
}

describe('withoutFreeSpace', () => {
  it('reads zeros in free ranges, and everything else unchanged, whatever is read', async () => {
    const image = await openDiskImage(await buildImage({ size: SIZE, contents: CONTENTS }));
    const picker = new Picker(1);
    const ranges = Array.from({ length: 100 }, (_, index) => ({
      offset: index * 80_000,
      length: picker.below(70_000),
    }));
    const map = freeMap(ranges);
    const masked = withoutFreeSpace(image, map);
    const expected = Buffer.alloc(SIZE);
    await image.read({ offset: 0, length: SIZE }, expected);
    for (const { offset, length } of map.ranges()) expected.fill(0, offset, offset + length);
    const found = Buffer.alloc(SIZE);
    await masked.read({ offset: 0, length: SIZE }, found);
    expect(found.equals(expected)).toBe(true);
    for (let round = 0; round < 100; round++) {
      const offset = 512 * picker.below(SIZE / 512 - 200);
      const part = Buffer.alloc(512 * picker.between(1, 200));
      await masked.read({ offset, length: part.length }, part);
      expect(part.equals(expected.subarray(offset, offset + part.length))).toBe(true);
    }
    await masked.close();
  });

  it('has the extents of the image without the free ranges, and counts what is left out', async () => {
    const image = await openDiskImage(await buildImage({ size: SIZE, contents: CONTENTS }));
    const masked = withoutFreeSpace(
      image,
      freeMap([
        { offset: 4096, length: 8192 },
        { offset: 6 * 1024 * 1024, length: 2 * 1024 * 1024 },
      ]),
    );
    const [before, after]: number[] = [0, 0];
    let [all, rest] = [before ?? 0, after ?? 0];
    for await (const { length } of image.extents()) all += length;
    expect(masked.leftOut).toBeUndefined();
    let end = 0;
    for await (const { offset, length } of masked.extents()) {
      expect(offset).toBeGreaterThanOrEqual(end);
      end = offset + length;
      rest += length;
    }
    expect(masked.leftOut).toBe(all - rest);
    expect(all - rest).toBeGreaterThanOrEqual(8192);
    await masked.close();
  });

  it('has no place in a file for a range with free pages', async () => {
    const image = await openDiskImage(await buildImage({ size: SIZE, contents: CONTENTS }));
    const masked = withoutFreeSpace(image, freeMap([{ offset: 1024 * 1024, length: 512 }]));
    expect(await masked.locate?.({ offset: 0, length: 4096 })).toEqual(
      await image.locate?.({ offset: 0, length: 4096 }),
    );
    expect(await masked.locate?.({ offset: 1024 * 1024 - 512, length: 1024 })).toBeUndefined();
    await masked.close();
  });
});
