import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bitmapSlice, reverseBits, runsOf } from '../../src/image/sector-runs.ts';

describe('runsOf', () => {
  it('maps the highest bit of a byte to its first sector', () => {
    expect(runsOf(Uint8Array.of(0b11001011), 0, 8)).toEqual([
      { first: 0, count: 2, isSet: true },
      { first: 2, count: 2, isSet: false },
      { first: 4, count: 1, isSet: true },
      { first: 5, count: 1, isSet: false },
      { first: 6, count: 2, isSet: true },
    ]);
  });

  it('returns one run for a whole block', () => {
    expect(runsOf(new Uint8Array(512).fill(0xff), 0, 4096)).toEqual([{ first: 0, count: 4096, isSet: true }]);
    expect(runsOf(new Uint8Array(512), 0, 4096)).toEqual([{ first: 0, count: 4096, isSet: false }]);
  });

  it('stops inside a byte', () => {
    expect(runsOf(Uint8Array.of(0xff, 0xff), 3, 7)).toEqual([{ first: 3, count: 7, isSet: true }]);
  });

  it('reports every sector as its bit does, wherever the range begins', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.nat(), fc.nat(), (bitmap, from, many) => {
        const sectors = bitmap.length * 8;
        const first = from % sectors;
        const count = 1 + (many % (sectors - first));
        const { offset, length } = bitmapSlice(first, count);
        const runs = runsOf(bitmap.subarray(offset, offset + length), first, count);
        const said = runs.flatMap((run) => new Array<boolean>(run.count).fill(run.isSet));
        const bits = [...bitmap].map((byte) => byte.toString(2).padStart(8, '0')).join('');
        expect(said.map((isSet) => (isSet ? '1' : '0')).join('')).toBe(bits.slice(first, first + count));
        expect(runs.every((run, index) => run.isSet !== runs[index - 1]?.isSet)).toBe(true);
      }),
    );
  });
});

describe('reverseBits', () => {
  it('reverses the bits of each byte', () => {
    const bytes = Uint8Array.of(0b10000000, 0b11001000, 0xff, 0);
    reverseBits(bytes);
    expect([...bytes]).toEqual([0b00000001, 0b00010011, 0xff, 0]);
  });
});
