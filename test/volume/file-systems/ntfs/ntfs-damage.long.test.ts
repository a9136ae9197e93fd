// Damaged NTFS volumes. `npm run hostile -- --only ntfs` tries many more.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openNtfs } from '../../../../src/volume/file-systems/ntfs/ntfs-file-system.ts';
import { attackVolume } from '../../../hostile/attack-volume.ts';
import { ntfsVictims, type VolumeVictim } from '../../../hostile/ntfs-victims.ts';
import { NO_NTFS_TOOLS } from '../../../support/ntfs-volume.ts';

const folder = mkdtempSync(join(tmpdir(), 'vhdup-ntfs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(NO_NTFS_TOOLS !== undefined)(`a damaged NTFS volume ${NO_NTFS_TOOLS ?? ''}`, () => {
  let victims: VolumeVictim[] = [];
  beforeAll(() => {
    victims = ntfsVictims(folder);
  });

  it('gives files or reasons, with few reads', async () => {
    for (const { name, bytes, damaged } of victims) {
      const sound = await attackVolume(bytes, openNtfs);
      expect(sound).toMatchObject({ unreadable: 0 });
      for (let seed = 1; seed <= 20; seed++) {
        const { reads, bytesRead } = await attackVolume(damaged(seed), openNtfs);
        expect(reads, `${name}, seed ${seed}`).toBeLessThan(10 * sound.reads);
        expect(bytesRead, `${name}, seed ${seed}`).toBeLessThan(10 * sound.bytesRead);
      }
    }
  });
});
