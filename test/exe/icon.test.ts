import { inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ICON_SIZES, icon } from '../../bin/exe/icon.ts';
import { Data } from '../../bin/exe/resedit.ts';

const file = icon();
const images = Data.IconFile.from(file).icons;

/** Length and type of the chunks of a PNG, and the pixels. */
function readPng(png: Buffer) {
  const data: Buffer[] = [];
  const types: string[] = [];
  for (let at = 8; at < png.length; ) {
    const length = png.readUInt32BE(at);
    const type = png.toString('latin1', at + 4, at + 8);
    types.push(type);
    if (type === 'IDAT') data.push(png.subarray(at + 8, at + 8 + length));
    at += length + 12;
  }
  return { types, pixels: inflateSync(Buffer.concat(data)) };
}

describe('the icon', () => {
  it('has every size that Windows asks for', () => {
    expect(images.map(({ width, height }) => [width || 256, height || 256])).toEqual(
      ICON_SIZES.map((size) => [size, size]),
    );
    expect(images.every(({ bitCount }) => bitCount === 32)).toBe(true);
  });

  it('is transparent at its corners, blue at its edge and white in the arrow', () => {
    const at = file.readUInt32LE(6 + 16 * (ICON_SIZES.length - 1) + 12);
    const { types, pixels } = readPng(file.subarray(at));
    expect(types).toEqual(['IHDR', 'IDAT', 'IEND']);
    const pixel = (x: number, y: number) => [...pixels.subarray(y * 1025 + 1 + x * 4, y * 1025 + 5 + x * 4)];
    expect(pixel(0, 0)).toEqual([0, 0, 0, 0]);
    expect(pixel(128, 10)).toEqual([0, 103, 184, 255]);
    expect(pixel(128, 100)).toEqual([255, 255, 255, 255]);
    expect(pixels.length).toBe(256 * 1025);
  });
});
