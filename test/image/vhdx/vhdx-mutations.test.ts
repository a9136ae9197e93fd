// Damages every structure of small VHDX files at random, then corrects the checksums so that parsing continues.
import { describe, expect, it, vi } from 'vitest';
import { ImageFile } from '../../../src/image/image-file.ts';
import { openAndRead } from '../../hostile/attack.ts';
import { vhdxVictims } from '../../hostile/vhdx-victims.ts';
import type { Victim } from '../../hostile/victim.ts';
import { temporaryFolder } from '../../support/vhd-fixtures.ts';
import { MIB } from '../../support/vhdx-builder.ts';

const MUTATIONS = 300;
/** Limit for every read, both at open and for the requested part of a disk. */
const LARGEST_READ = 4 * MIB;
const read = ImageFile.prototype.read;

/** Opens and reads the disk after each of the mutations. */
async function mutate(victim: Victim): Promise<{ read: number; refused: number }> {
  const ends = { read: 0, refused: 0 };
  for (let seed = 0; seed < MUTATIONS; seed++) {
    victim.damage(seed);
    const ending = await openAndRead(victim.image);
    if ('refusal' in ending) expect(ending.refusal.message, `seed ${seed}`).toMatch(/^Cannot .*\.$/s);
    ends['refusal' in ending ? 'refused' : 'read']++;
    victim.restore();
  }
  return ends;
}

describe('a damaged VHDX', () => {
  it.each(['dynamic', 'fixed', 'differencing', 'parent', 'dirty'])(
    'is read consistently or refused, in small reads (%s)',
    async (name) => {
      const victim = vhdxVictims(await temporaryFolder()).find((one) => one.name === name);
      if (victim === undefined) throw new RangeError(name);
      const reads = vi.spyOn(ImageFile.prototype, 'read');
      let largest = 0;
      reads.mockImplementation(async function (this: ImageFile, position, into, ...more) {
        largest = Math.max(largest, into.length);
        reads.mockClear();
        return await read.call(this, position, into, ...more);
      });
      try {
        const ends = await mutate(victim);
        // Both outcomes must occur, or the mutations prove nothing.
        expect(ends.refused).toBeGreaterThan(MUTATIONS / 10);
        expect(ends.read).toBeGreaterThan(MUTATIONS / 20);
        expect(largest).toBeLessThanOrEqual(LARGEST_READ);
      } finally {
        reads.mockRestore();
      }
    },
    120_000,
  );
});
