// Damaged volumes: each step of reading gives a result or a reason, and takes a bounded number of reads.
import { describe, expect, it } from 'vitest';
import { endingsOf } from '../../../hostile/structure-victim.ts';
import { mountedXfsVictims } from '../../../hostile/xfs-victims.ts';
import { NO_XFS } from '../../../support/xfs-volumes.ts';

describe.skipIf(NO_XFS !== undefined)(`a damaged XFS volume ${NO_XFS ?? ''}`, () => {
  it('is read, or refused with a reason', async () => {
    expect(await endingsOf(await mountedXfsVictims(), 300)).toEqual(['checksum', 'refusal']);
  });
});
