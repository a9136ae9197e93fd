// The decompression of extents, with streams written by hand after the documentation of LZO and RFC 8878.
import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decompress } from '../../../../src/volume/file-systems/btrfs/compression.ts';
import { decompressLzo } from '../../../../src/volume/file-systems/btrfs/lzo.ts';
import { zstdFrameOf } from '../../../../src/volume/file-systems/btrfs/zstd-frame.ts';
import { UnreadableError } from '../../../../src/volume/file-systems/opened-file-system.ts';

const SECTOR = 4096;
/** A copy of distance 0: the end of a segment. */
const END = '110000';

/** Segments with their lengths, as btrfs stores them. */
function lzo(...segments: readonly string[]): Buffer {
  const parts: Buffer[] = [Buffer.alloc(4)];
  for (const hex of segments) {
    const bytes = Buffer.from(hex, 'hex');
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    const at = parts.reduce((sum, part) => sum + part.length, 0);
    const left = SECTOR - (at % SECTOR);
    parts.push(Buffer.alloc(left < 4 ? left : 0), length, bytes);
  }
  const whole = Buffer.concat(parts);
  whole.writeUInt32LE(whole.length, 0);
  return whole;
}

const hexOf = (text: string) => Buffer.from(text).toString('hex');

describe('LZO', () => {
  it.each<[string, string, string]>([
    ['literals in the first byte', `15${hexOf('abcd')}`, 'abcd'],
    ['few literals first, then a copy of two bytes', `13${hexOf('ab')}0400`, 'abab'],
    ['a long run of literals', `00${'00'}01${'61'.repeat(3 + 15 + 255 + 1)}`, 'a'.repeat(274)],
    ['a copy that repeats itself', `12${'78'}2d0000`, 'x'.repeat(16)],
    ['a copy of three bytes from near', `15${hexOf('abcd')}4c00`, 'abcdabc'],
    ['a copy of eight bytes from near', `19${hexOf('abcdefgh')}fc00`, 'abcdefghabcdefgh'],
    ['literals after a copy', `15${hexOf('abcd')}4e00${hexOf('xy')}`, 'abcdabcxy'],
  ])('has %s', (_name, instructions, text) => {
    expect(decompressLzo(lzo(instructions + END), 10_000, SECTOR).toString()).toBe(text);
  });

  it('has a copy from more than 16 KiB and one from more than 2 KiB', () => {
    const noise = Buffer.from(Array.from({ length: 20_000 }, (_, index) => (index * 7919) >> 3));
    const runs = noise.length - 3 - 15;
    const length =
      '00'.repeat(1 + Math.floor((runs - 1) / 255)) + Buffer.from([((runs - 1) % 255) + 1]).toString('hex');
    const literals = length + noise.toString('hex');
    const far = Buffer.from([0x11 + 1, ((20_000 - 16_384) << 2) & 0xff, ((20_000 - 16_384) << 2) >> 8]);
    expect(decompressLzo(lzo(literals + far.toString('hex') + END), 65_536, 65_536).subarray(20_000)).toEqual(
      noise.subarray(0, 4),
    );
    const near = Buffer.from([0x00, (3000 - 2049) >> 2]);
    near[0] = ((3000 - 2049) & 3) << 2;
    expect(decompressLzo(lzo(literals + near.toString('hex') + END), 65_536, 65_536).subarray(20_000)).toEqual(
      noise.subarray(17_000, 17_003),
    );
  });

  it('has segments of a sector each, whose lengths are never in two sectors', () => {
    const literals = `00${'00'.repeat(15)}d9${'61'.repeat(4060)}`;
    const stored = lzo(literals + END, `15${hexOf('abcd')}${END}`);
    expect(decompressLzo(stored, 10_000, SECTOR).toString()).toBe(`${'a'.repeat(4060)}abcd`);
  });

  it.each<[string, Buffer]>([
    ['ends too early', lzo('ff6162')],
    ['copies from before its beginning', lzo(`15${hexOf('abcd')}4c10${END}`)],
    ['copies from another segment', lzo(`15${hexOf('abcd')}${END}`, `12614c00${END}`)],
    ['is longer than a sector', lzo(`12782000000000000000000000000000000000000000000000000001${END}`)],
    ['is longer than all', lzo(`15${hexOf('abcd')}${END}`).subarray(0, 10)],
    ['has no segment', Buffer.from('0400000000', 'hex')],
    ['has an empty segment', lzo('')],
  ])('%s: it is refused', (_name, stored) => {
    expect(() => decompressLzo(stored, 8192, SECTOR)).toThrow(UnreadableError);
  });

  it('gives bytes or a reason, whatever is stored', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (bytes) => {
        try {
          const result = decompressLzo(lzo(Buffer.from(bytes).toString('hex')), 4096, SECTOR);
          expect(result.length).toBeLessThanOrEqual(4096);
        } catch (error) {
          expect(error).toBeInstanceOf(UnreadableError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('zlib', () => {
  it('is padded to a sector, and what is missing is zeros', () => {
    const stored = Buffer.concat([deflateSync('text'.repeat(1000)), Buffer.alloc(500)]);
    expect(decompress('zlib', stored, 4096, SECTOR)).toEqual(Buffer.concat([Buffer.from('text'.repeat(1000))], 4096));
  });

  it('that is damaged or endless is refused', () => {
    const bomb = deflateSync(Buffer.alloc(2 ** 20));
    for (const stored of [Buffer.alloc(4096, 1), bomb, Buffer.alloc(0)]) {
      expect(() => decompress('zlib', stored, 4096, SECTOR)).toThrow('compressed with zlib is damaged');
    }
  });
});

describe('a Zstandard frame', () => {
  it.each<[string, string]>([
    ['one raw block, a window', '28b52ffd0000' + '190000616263'],
    ['one byte of size', '28b52ffd2003' + '190000616263'],
    ['two bytes of size, a checksum', '28b52ffd640000' + '190000616263' + 'aabbccdd'],
    ['a dictionary and eight bytes of size', '28b52ffde101' + '0300000000000000' + '190000616263'],
    ['two blocks, the first repeats a byte', '28b52ffd0000' + '02100078' + '190000616263'],
  ])('of %s ends before its padding', (_name, hex) => {
    const frame = Buffer.from(hex, 'hex');
    expect(zstdFrameOf(Buffer.concat([frame, Buffer.alloc(100)]))).toEqual(frame);
    expect(() => zstdFrameOf(frame.subarray(0, -1))).toThrow('is cut off');
  });

  it.each(['28b52ffe0000190000616263', '28b52ffd00000f0000', ''])('%s is refused', (hex) => {
    expect(() => zstdFrameOf(Buffer.from(hex, 'hex'))).toThrow(UnreadableError);
  });
});
