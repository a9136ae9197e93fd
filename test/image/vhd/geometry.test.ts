import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { capacityOf, geometryOf } from '../../../src/image/vhd/geometry.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

/** The algorithm in the appendix of the specification, line by line. */
function specification(size: number): [number, number, number] {
  let totalSectors = Math.floor(size / 512);
  let sectorsPerTrack: number;
  let heads: number;
  let cylinderTimesHeads: number;
  if (totalSectors > 65535 * 16 * 255) totalSectors = 65535 * 16 * 255;
  if (totalSectors >= 65535 * 16 * 63) {
    sectorsPerTrack = 255;
    heads = 16;
    cylinderTimesHeads = Math.floor(totalSectors / sectorsPerTrack);
  } else {
    sectorsPerTrack = 17;
    cylinderTimesHeads = Math.floor(totalSectors / sectorsPerTrack);
    heads = Math.floor((cylinderTimesHeads + 1023) / 1024);
    if (heads < 4) heads = 4;
    if (cylinderTimesHeads >= heads * 1024 || heads > 16) {
      sectorsPerTrack = 31;
      heads = 16;
      cylinderTimesHeads = Math.floor(totalSectors / sectorsPerTrack);
    }
    if (cylinderTimesHeads >= heads * 1024) {
      sectorsPerTrack = 63;
      heads = 16;
      cylinderTimesHeads = Math.floor(totalSectors / sectorsPerTrack);
    }
  }
  return [Math.floor(cylinderTimesHeads / heads), heads, sectorsPerTrack];
}

describe('geometryOf', () => {
  it.each([
    ['4 MiB, as Windows 10 writes it', 4 * MIB, 120, 4, 17],
    ['127 GiB, as Hyper-V writes it', 127 * GIB, 65278, 16, 255],
    ['1 TiB: no geometry says more than 127.5 GiB', 1024 * GIB, 65535, 16, 255],
    ['8 PiB - 512', 2 ** 53 - 512, 65535, 16, 255],
  ])('%s', (_name, size, cylinders, heads, sectorsPerTrack) => {
    expect(geometryOf(size)).toEqual({ cylinders, heads, sectorsPerTrack });
  });

  it('matches the algorithm in the appendix of the specification', () => {
    const sizes = fc.oneof(fc.integer({ min: 1, max: 2 ** 31 }), fc.integer({ min: 1, max: 2 ** 20 }));
    fc.assert(
      fc.property(sizes, (sectors) => {
        const { cylinders, heads, sectorsPerTrack } = geometryOf(sectors * 512);
        expect([cylinders, heads, sectorsPerTrack]).toEqual(specification(sectors * 512));
      }),
      { numRuns: 2000 },
    );
  });

  it('never addresses more than the disk', () => {
    fc.assert(
      fc.property(fc.integer({ min: 68, max: 2 ** 31 }), (sectors) => {
        expect(capacityOf(geometryOf(sectors * 512))).toBeLessThanOrEqual(sectors * 512);
      }),
    );
  });
});
