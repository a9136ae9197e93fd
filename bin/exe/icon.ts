// Draws the icon of the Windows executable: an arrow up, above a disk. Source of the formats: "Icons", Microsoft Learn; PNG 1.2.
import { crc32, deflateSync } from 'node:zlib';

/** In pixels, as Windows asks for them. The largest is a PNG, the others are bitmaps, which also old programs read. */
export const ICON_SIZES = [16, 24, 32, 48, 64, 256] as const;
const PNG_FROM = 256;

type Colour = readonly [red: number, green: number, blue: number];
const BLUE: Colour = [0, 103, 184];
const WHITE: Colour = [255, 255, 255];
/** Samples of a pixel along each axis, for smooth edges. */
const SAMPLES = 4;

/** The colour at a point of the unit square, y downwards; undefined outside of the icon. */
function colourAt(x: number, y: number): Colour | undefined {
  if (!isInRoundedBox(x, y, { left: 0.02, right: 0.98, top: 0.02, bottom: 0.98 }, 0.18)) return undefined;
  const isLight = Math.hypot(x - 0.72, y - 0.77) < 0.035;
  const isDisk = isInRoundedBox(x, y, { left: 0.18, right: 0.82, top: 0.67, bottom: 0.87 }, 0.06);
  const isShaft = Math.abs(x - 0.5) < 0.075 && y > 0.35 && y < 0.6;
  const isHead = y > 0.11 && y < 0.37 && Math.abs(x - 0.5) < (y - 0.11) * 0.92;
  return (isDisk && !isLight) || isShaft || isHead ? WHITE : BLUE;
}

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

function isInRoundedBox(x: number, y: number, { left, right, top, bottom }: Box, radius: number): boolean {
  const fromX = Math.max(left + radius - x, x - (right - radius), 0);
  const fromY = Math.max(top + radius - y, y - (bottom - radius), 0);
  return Math.hypot(fromX, fromY) <= radius;
}

/** @returns red, green, blue and opacity of each pixel, row by row from the top. */
function draw(size: number): Buffer {
  const pixels = Buffer.alloc(size * size * 4);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) pixels.set(pixelAt(column, row, size), (row * size + column) * 4);
  }
  return pixels;
}

function pixelAt(column: number, row: number, size: number): number[] {
  const sum = [0, 0, 0];
  let inside = 0;
  for (let sample = 0; sample < SAMPLES * SAMPLES; sample++) {
    const x = (column + ((sample % SAMPLES) + 0.5) / SAMPLES) / size;
    const y = (row + (Math.floor(sample / SAMPLES) + 0.5) / SAMPLES) / size;
    const colour = colourAt(x, y);
    if (colour === undefined) continue;
    inside += 1;
    colour.forEach((value, index) => {
      sum[index] = (sum[index] ?? 0) + value;
    });
  }
  return [...sum.map((value) => Math.round(value / Math.max(inside, 1))), Math.round((inside * 255) / SAMPLES ** 2)];
}

function png(size: number): Buffer {
  const pixels = draw(size);
  const stride = size * 4;
  // Each row begins with its filter: none.
  const rows = Array.from({ length: size }, (_, row) => [
    Buffer.alloc(1),
    pixels.subarray(row * stride, (row + 1) * stride),
  ]);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(size, 0);
  header.writeUInt32BE(size, 4);
  // 8 bits a channel; red, green, blue, opacity.
  header.set([8, 6], 8);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    pngChunk('IHDR', header),
    pngChunk('IDAT', deflateSync(Buffer.concat(rows.flat()))),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

function pngChunk(type: string, data: Buffer): Buffer {
  const typed = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc32(typed));
  return Buffer.concat([length, typed, check]);
}

/** A BITMAPINFOHEADER, the pixels from the bottom as blue, green, red and opacity, and an empty mask. */
function bitmap(size: number): Buffer {
  const header = Buffer.alloc(40);
  header.writeUInt32LE(header.length, 0);
  header.writeInt32LE(size, 4);
  // Of pixels and mask together.
  header.writeInt32LE(2 * size, 8);
  header.writeUInt16LE(1, 12);
  header.writeUInt16LE(32, 14);
  const pixels = draw(size);
  const bottomUp = Array.from({ length: size }, (_, row) => {
    const at = (size - 1 - row) * size * 4;
    const line = Buffer.from(pixels.subarray(at, at + size * 4));
    for (let pixel = 0; pixel < line.length; pixel += 4) line.subarray(pixel, pixel + 3).reverse();
    return line;
  });
  const maskStride = Math.ceil(size / 32) * 4;
  return Buffer.concat([header, ...bottomUp, Buffer.alloc(maskStride * size)]);
}

/** @returns an .ico file. */
export function icon(): Buffer {
  const images = ICON_SIZES.map((size) => (size >= PNG_FROM ? png(size) : bitmap(size)));
  const header = Buffer.alloc(6);
  header.writeUInt16LE(1, 2);
  header.writeUInt16LE(images.length, 4);
  let offset = header.length + 16 * images.length;
  const entries = images.map((image, index) => {
    const entry = Buffer.alloc(16);
    // 0 stands for 256.
    const size = (ICON_SIZES[index] ?? 0) % 256;
    entry.set([size, size], 0);
    entry.writeUInt16LE(1, 4);
    entry.writeUInt16LE(32, 6);
    entry.writeUInt32LE(image.length, 8);
    entry.writeUInt32LE(offset, 12);
    offset += image.length;
    return entry;
  });
  return Buffer.concat([header, ...entries, ...images]);
}
