// Damaged volumes: each step of reading gives a result or a reason.
import { describe, expect, it } from 'vitest';
import { mountedBtrfsVictims } from '../../../hostile/btrfs-victims.ts';
import { endingsOf } from '../../../hostile/structure-victim.ts';
import { NO_BTRFS } from '../../../support/btrfs-volumes.ts';

describe.skipIf(NO_BTRFS !== undefined)(`a damaged btrfs volume ${NO_BTRFS ?? ''}`, () => {
  it('is read, or refused with a reason', async () => {
    expect(await endingsOf(await mountedBtrfsVictims(), 150)).toEqual(['checksum', 'refusal']);
  });
});
