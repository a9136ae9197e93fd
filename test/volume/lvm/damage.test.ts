// Damaged volume groups and swap areas: they are read, or nothing of them is left out, with a reason.
import { describe, expect, it } from 'vitest';
import { lvmVictims, swapVictims } from '../../hostile/disk-victims.ts';
import { endingsOf } from '../../hostile/structure-victim.ts';

describe('a damaged disk', () => {
  it.each([
    ['volume groups of LVM2', lvmVictims],
    ['swap', swapVictims],
  ])('with %s is read, or refused with a reason', async (_, victims) => {
    expect(await endingsOf(victims(), 75)).toEqual(['checksum', 'refusal']);
  });
});
