import { describe, expect, it } from 'vitest';
import { bitmapLengthOf } from '../../../src/image/vhd/sector-bitmap.ts';

describe('bitmapLengthOf', () => {
  it.each([
    [512, 512],
    [512 * 1024, 512],
    [2 * 1024 * 1024, 512],
    [4 * 1024 * 1024, 1024],
    [256 * 1024 * 1024, 65536],
  ])('a block of %i bytes has a bitmap of %i', (blockSize, length) => {
    expect(bitmapLengthOf(blockSize)).toBe(length);
  });
});
