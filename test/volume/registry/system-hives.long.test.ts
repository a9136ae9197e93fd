// SYSTEM hives of real machines: all of their 40,000 keys as hivex reads them.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Hive } from '../../../src/volume/registry/hive.ts';
import { HiveBins } from '../../../src/volume/registry/hive-bins.ts';
import { replayLogs } from '../../../src/volume/registry/replay.ts';
import { memoryFile, withChecksum } from '../../support/hive-builder.ts';
import { type DumpedKey, dumpWithHivex, hasHivex, NO_HIVEX } from '../../support/hivex.ts';
import { NO_SHARED_GUESTS, sharedGuests } from '../../support/shared-guests.ts';
import { walkHive } from '../../support/walk-hive.ts';

const guests = sharedGuests ?? '';
const isReady = sharedGuests !== undefined && hasHivex;

describe.skipIf(!isReady)(
  `SYSTEM hives${isReady ? '' : ` (skipped: ${hasHivex ? NO_SHARED_GUESTS : NO_HIVEX})`}`,
  () => {
    let folder: string;
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'vhdup-hives-'));
    });
    afterAll(() => rmSync(folder, { recursive: true }));

    /** Reads the bytes of a hive that is marked as closed with hivex and with Hive. */
    async function expectSame(hive: Buffer): Promise<number> {
      hive.writeUInt32LE(hive.readUInt32LE(4), 8);
      const path = join(folder, 'hive');
      writeFileSync(path, withChecksum(hive));
      const ours = await walkHive(await Hive.open(memoryFile(hive), []));
      expect(firstDifference(ours, dumpWithHivex(path))).toBeUndefined();
      return ours.length;
    }

    it('of a Windows 10 equals', async () => {
      expect(await expectSame(readFileSync(join(guests, 'regipy/SYSTEM_WIN_10_1709')))).toBe(43_211);
    });

    it('with 24 log entries in two logs equals, after the replay', async () => {
      const [hive, ...logs] = ['', '.LOG1', '.LOG2'].map((end) => readFileSync(join(guests, `regipy/SYSTEM_B${end}`)));
      if (hive === undefined) throw new Error('there is no hive');
      const replayed = await replayLogs(memoryFile(hive), logs.map(memoryFile));
      // The last entry let the hive grow.
      expect(replayed.binsSize).toBe(12_591_104);
      const bins = new HiveBins(memoryFile(hive), replayed.binsSize, replayed.sectors);
      const whole = Buffer.concat([hive.subarray(0, 4096), await bins.read(0, replayed.binsSize)]);
      whole.writeUInt32LE(replayed.binsSize, 40);
      expect(await expectSame(whole)).toBe(35_595);
      const ours = await walkHive(await Hive.open(memoryFile(hive), logs.map(memoryFile)));
      expect(firstDifference(ours, dumpWithHivex(join(folder, 'hive')))).toBeUndefined();
    });
  },
);

/** The first key that is not the same: a report of all of them would be too long. */
function firstDifference(ours: readonly DumpedKey[], theirs: readonly DumpedKey[]): unknown {
  for (let index = 0; index < Math.max(ours.length, theirs.length); index++) {
    if (JSON.stringify(ours[index]) !== JSON.stringify(theirs[index])) return [ours[index], theirs[index]];
  }
  return undefined;
}
