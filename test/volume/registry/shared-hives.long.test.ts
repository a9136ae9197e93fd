// Hives made by Windows and by hivex: every key and value as hivex reads them, and as Windows recovered them.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UnreadableError } from '../../../src/volume/file-systems/opened-file-system.ts';
import { type Hive, openHiveAt } from '../../../src/volume/registry/hive.ts';
import { withChecksum } from '../../support/hive-builder.ts';
import { buildWithHivex, type DumpedKey, dumpWithHivex, hasHivex, NO_HIVEX } from '../../support/hivex.ts';
import { filesFrom } from '../../support/memory-files.ts';
import { NO_SHARED_GUESTS, sharedGuests } from '../../support/shared-guests.ts';
import { walkHive } from '../../support/walk-hive.ts';

const guests = sharedGuests ?? '';
const isReady = sharedGuests !== undefined && hasHivex;

/** The hive `name` of the shared guests, with those of its logs that exist. */
async function openShared(name: string, suffixes: readonly string[] = []): Promise<Hive> {
  const paths = ['', ...suffixes].map((suffix) => [`/hive${suffix}`, join(guests, name + suffix)] as const);
  return required(await openHiveAt(filesFrom(Object.fromEntries(paths)), '/hive'));
}

async function openBytes(bytes: Uint8Array): Promise<Hive> {
  return required(await openHiveAt(filesFrom({ '/hive': bytes }), '/hive'));
}

function required(hive: Hive | undefined): Hive {
  if (hive === undefined) throw new Error('there is no hive');
  return hive;
}

const messageOf = (error: Error) => {
  expect(error).toBeInstanceOf(UnreadableError);
  return error.message;
};

/** Compares lists that a test report could not show. */
function expectEqual(ours: readonly DumpedKey[], theirs: readonly DumpedKey[]): void {
  const differing = ours.findIndex((key, index) => JSON.stringify(key) !== JSON.stringify(theirs[index]));
  expect(differing === -1 ? undefined : ours[differing]).toEqual(differing === -1 ? undefined : theirs[differing]);
  expect(ours.length).toBe(theirs.length);
}

describe.skipIf(!isReady)(
  `shared hives${isReady ? '' : ` (skipped: ${hasHivex ? NO_SHARED_GUESTS : NO_HIVEX})`}`,
  () => {
    let folder: string;
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'vhdup-hives-'));
    });
    afterAll(() => rmSync(folder, { recursive: true }));

    it.each([
      'hivex/minimal',
      'hivex/special',
      'regipy/BCD',
      'yarp/BigDataHive',
      'yarp/BogusKeyNamesHive',
      'yarp/CompHive',
      'yarp/DupNameHive',
      'yarp/UnicodeHive',
    ])('%s equals what hivex reads', async (name) => {
      expectEqual(await walkHive(await openShared(name)), dumpWithHivex(join(guests, name)));
    });

    it('a dirty hive with new logs equals what Windows 10 recovered', async () => {
      const hive = await openShared('yarp/NewDirtyHive1/NewDirtyHive', ['.LOG1', '.LOG2']);
      const recovered = join(guests, 'yarp/NewDirtyHive1/RecoveredHive_Windows10');
      const keys = await walkHive(hive);
      expectEqual(keys, dumpWithHivex(recovered));
      expect(keys.map(({ path }) => path.join('\\'))).toContain('Key3\\Key3_1');
    });

    it.each(['OldDirtyHive/OldDirtyHive', 'BadBaseBlockHive/BadBaseBlockHive'])(
      'a dirty hive with an old log equals what Windows 7 recovered: %s',
      async (name) => {
        const hive = await openShared(`yarp/${name}`, ['.LOG1', '.LOG2']);
        expectEqual(await walkHive(hive), dumpWithHivex(join(guests, 'yarp/OldDirtyHive/RecoveredHive_Windows7')));
        expect((await hive.key('key_with_many_subkeys\\5000\\FIND_me_in_log'))?.name).toBe('find_me_in_log');
        const values = await hive.value('key_with_many_subkeys\\4500', 'v');
        expect(values).toEqual({ kind: 'texts', texts: ['a', 'bb', 'ccc'] });
      },
    );

    it.each<[string, readonly string[], string]>([
      ['regipy/SYSTEM_WIN_10_1709', [], 'it was not closed, and none of its 0 transaction logs can be applied'],
      ['regipy/SYSTEM_B', [], 'it was not closed, and none of its 0 transaction logs can be applied'],
      [
        'yarp/BadLogHive1/BadLogHive',
        ['.LOG1', '.LOG2'],
        'it was not closed, and none of its 2 transaction logs can be',
      ],
      [
        'yarp/BadLogHive2/BadLogHive',
        ['.LOG1', '.LOG2'],
        'it was not closed, and none of its 2 transaction logs can be',
      ],
      ['yarp/TruncatedDirtyHive', [], 'it was not closed, and none of its 0 transaction logs can be applied'],
      ['yarp/TruncatedHiveBin', [], 'its base block is damaged, and none of its 0 transaction logs can be applied'],
    ])('%s is refused with the reason', async (name, logs, message) => {
      const opened = openShared(name, logs).then(
        () => 'opened',
        (error: Error) => messageOf(error),
      );
      expect(await opened).toContain(`/hive: ${message}`);
    });

    it.each([
      ['BadListHive', 'has the parent 896, but is listed by the key at 744'],
      ['BadSubkeyHive', 'has the parent 896, but is listed by the key at 744'],
      ['TruncatedNameHive', 'has 92 bytes, but 98 are needed'],
      ['TruncatedHive', 'the file was cut'],
    ])('%s opens, and its damaged part is refused with the reason', async (name, message) => {
      const hive = await openShared(`yarp/${name}`);
      const walked = walkHive(hive).then(
        () => 'walked',
        (error: Error) => messageOf(error),
      );
      expect(await walked).toContain(message);
    });

    it('hives that hivex made are equal', async () => {
      const start = readFileSync(join(guests, 'hivex/minimal'));
      const sizes = [0, 1, 4, 5, 100, 16_344, 16_345, 50_000];
      const values = sizes.map((size, type) => ({ name: `v${size}`, type, data: 'a5'.repeat(size) }));
      const names = Array.from({ length: 300 }, (_, index) => ({ path: ['SOFTWARE', `key ${index}`], values: [] }));
      const keys: DumpedKey[] = [...names, { path: ['SOFTWARE', 'key 7', 'Ünïcode', 'тест'], values }];
      const path = join(folder, 'made');
      buildWithHivex(path, start, keys);
      const ours = await walkHive(await openBytes(readFileSync(path)));
      expectEqual(ours, dumpWithHivex(path));
      expect(ours.length).toBe(304);
      const hive = await openBytes(readFileSync(path));
      expect((await hive.key('software\\KEY 299'))?.name).toBe('key 299');
    });

    it('few pages of a SYSTEM hive are needed for a key', async () => {
      const bytes = closed(readFileSync(join(guests, 'regipy/SYSTEM_WIN_10_1709')));
      let pages = 0;
      const files = filesFrom({ '/hive': bytes });
      const counting = {
        ...files,
        read: (path: string, offset: number, length: number) => {
          pages += length / 4096;
          return files.read(path, offset, length);
        },
      };
      const hive = required(await openHiveAt(counting, '/hive'));
      expect(await hive.integer('Select', 'Current')).toBe(1);
      expect(await hive.integer('ControlSet001\\Services\\vmbus', 'Start')).toBe(0);
      expect(await hive.text('ControlSet001\\Control\\Session Manager\\Environment', 'TEMP')).toBe(
        '%SystemRoot%\\TEMP',
      );
      expect(pages).toBeLessThan(40);
    });
  },
);

/** A dirty hive as if its last write had ended. */
function closed(hive: Buffer): Buffer {
  hive.writeUInt32LE(hive.readUInt32LE(4), 8);
  return withChecksum(hive);
}
