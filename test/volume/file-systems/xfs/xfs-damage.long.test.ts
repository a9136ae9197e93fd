// Damaged volumes: each step of reading gives a result or a reason, and takes a bounded number of reads.
import { describe, expect, it } from 'vitest';
import { mountedXfsVictims } from '../../../hostile/xfs-victims.ts';
import { NO_XFS } from '../../../support/xfs-volumes.ts';

const SEEDS = 300;

describe.skipIf(NO_XFS !== undefined)(`a damaged XFS volume ${NO_XFS ?? ''}`, () => {
  it('is read, or refused with a reason', async () => {
    const endings = new Set<string>();
    for (const victim of await mountedXfsVictims()) {
      const whole = await victim.attack?.();
      expect(whole?.ending).toHaveProperty('checksum');
      for (let seed = 0; seed < SEEDS; seed++) {
        victim.damage(seed);
        const attacked = await victim.attack?.();
        if (attacked !== undefined) endings.add(Object.keys(attacked.ending).join());
        victim.restore();
      }
      expect(await victim.attack?.()).toMatchObject({ ending: whole?.ending });
    }
    expect([...endings].sort()).toEqual(['checksum', 'refusal']);
  });
});
