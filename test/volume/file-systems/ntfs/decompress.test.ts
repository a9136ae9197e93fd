// The decompressors of NTFS and WOF, with samples of the specification and with damaged data.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decompressLznt1 } from '../../../../src/volume/file-systems/ntfs/lznt1.ts';
import { decompressLzx } from '../../../../src/volume/file-systems/ntfs/lzx.ts';
import { decompressXpress } from '../../../../src/volume/file-systems/ntfs/xpress.ts';

/** [MS-XCA] 3.3, an example of LZNT1. */
const SAMPLE =
  '38b08846232000204720410010a24701a045204400084501507900c045200524138805b4024a44ef0358028c0916014845' +
  '00be009e00040118900000';
const TEXT =
  'F# F# G A A G F# E D D E F# F# E E F# F# G A A G F# E D D E F# E D D E E F# D E F# G F# D E F# G F# E D E A F# F# G A A G F# E D D E F# E D D\0';

describe('LZNT1', () => {
  it('gives the text of the specification', () => {
    const into = Buffer.alloc(4096);
    expect(decompressLznt1(Buffer.from(SAMPLE, 'hex'), into)).toBe(true);
    expect(into.toString('latin1', 0, TEXT.length)).toBe(TEXT);
  });

  it('puts each chunk at a multiple of 4 KiB, and leaves zeros behind short ones', () => {
    const into = Buffer.alloc(3 * 4096);
    const chunk = Buffer.from('02b0006162', 'hex');
    expect(decompressLznt1(Buffer.concat([chunk, chunk, Buffer.alloc(2)]), into)).toBe(true);
    expect(into.toString('latin1', 0, 3)).toBe('ab\0');
    expect(into.toString('latin1', 4096, 4099)).toBe('ab\0');
    expect(into.subarray(8192).every((byte) => byte === 0)).toBe(true);
  });

  it.each([
    ['a distance before the beginning', '03b0026100f0'],
    ['a chunk that is cut off', 'ffb000'],
    ['a token that is cut off', '02b0026100'],
  ])('refuses %s', (_, hex) => {
    expect(decompressLznt1(Buffer.from(hex, 'hex'), Buffer.alloc(4096))).toBe(false);
  });
});

describe.each([
  ['LZNT1', decompressLznt1],
  ['XPRESS', decompressXpress],
  ['LZX', decompressLzx],
])('%s', (_, decompress) => {
  it('ends and stays within its output, whatever the data', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), fc.constantFrom(1, 4096, 32_768), (bytes, length) => {
        const around = Buffer.alloc(length + 16, 0x5a);
        expect(typeof decompress(Buffer.from(bytes), around.subarray(8, 8 + length))).toBe('boolean');
        expect(around.toString('latin1', 0, 8) + around.toString('latin1', length + 8)).toBe('Z'.repeat(16));
      }),
      { numRuns: 500 },
    );
  });
});
