// Changes a few bytes of small valid VHDs. Each must give a consistent reading or a vhdup error.
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openAndRead } from '../../hostile/attack.ts';
import { vhdVictims } from '../../hostile/vhd-victims.ts';
import { temporaryFolder } from '../../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;
const MAX_ALLOCATION = 64 * MIB;
const MUTATIONS = 300;

/** Returns the size in bytes of the largest typed array created while `action` runs. */
async function largestAllocation(action: () => Promise<void>): Promise<number> {
  let largest = 0;
  for (const name of ['Uint8Array', 'Uint32Array'] as const) {
    vi.stubGlobal(
      name,
      new Proxy(globalThis[name], {
        construct(target, args: [number], newTarget) {
          if (typeof args[0] === 'number') largest = Math.max(largest, args[0] * target.BYTES_PER_ELEMENT);
          return Reflect.construct(target, args, newTarget) as object;
        },
      }),
    );
  }
  try {
    await action();
  } finally {
    vi.unstubAllGlobals();
  }
  return largest;
}

afterEach(() => vi.unstubAllGlobals());

describe('a damaged VHD', () => {
  it.each(['fixed', 'dynamic', 'differencing', 'parent'])(
    'is read consistently or refused, in little memory (%s)',
    async (name) => {
      const victim = (await vhdVictims(await temporaryFolder())).find((one) => one.name === name);
      if (victim === undefined) throw new RangeError(name);
      const ends = { read: 0, refused: 0 };
      for (let seed = 0; seed < MUTATIONS; seed++) {
        victim.damage(seed);
        const largest = await largestAllocation(async () => {
          ends['checksum' in (await openAndRead(victim.image)) ? 'read' : 'refused']++;
        });
        expect(largest, `seed ${seed}`).toBeLessThan(MAX_ALLOCATION);
      }
      // Both outcomes must occur, or the mutations prove nothing.
      expect(ends.read).toBeGreaterThan(MUTATIONS / 20);
      expect(ends.refused).toBeGreaterThan(MUTATIONS / 20);
    },
    120_000,
  );
});
