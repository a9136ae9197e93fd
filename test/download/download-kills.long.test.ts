// Kills downloads at random moments and runs the same command again, until the file is complete.
import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { alignDown, WINDOW_SIZE } from '../../src/base/byte-range.ts';
import { RangeSet } from '../../src/base/range-set.ts';
import { encodeFixedFooter } from '../../src/image/vhd/footer.ts';
import { StateFile } from '../../src/state/checkpoint-file.ts';
import { type DownloadCheckpoint, decodeDownload, encodeDownload } from '../../src/state/download-checkpoint.ts';
import { writeTo } from '../support/downloads.ts';
import { KILLS, runAndKill } from '../support/kills.ts';
import { seededRandom } from '../support/page-blob-server/faults.ts';
import { type PageBlobServer, startPageBlobServer } from '../support/page-blob-server/server.ts';
import { PIECE } from '../support/spread-disk.ts';
import { diskOf, patternOf, uniqueIdOf } from '../support/vhd-builder.ts';
import { expectSameBytes, openWatched, readDisk, temporaryFolder } from '../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;
const CONTAINER = 'vhds';
const SIZE = 64 * MIB;
const FORMATS = ['vhd', 'vhd-dynamic', 'vhdx', 'raw'] as const;
/** Of one download from its start to its end, and a few more. */
const REQUESTS = 22;

function contentsOf(seed: number) {
  // Data in fourteen of sixteen windows; some full, most short, which cost less.
  return [
    { offset: 0, bytes: patternOf(seed, 8 * MIB) },
    ...[8, 12, 16, 20, 24, 28, 38, 40, 44, 48].map((at) => ({ offset: at * MIB, bytes: patternOf(seed + at, PIECE) })),
    { offset: 52 * MIB, bytes: patternOf(seed + 1, 3 * MIB + 512) },
    { offset: SIZE - 512, bytes: patternOf(seed + 2, 512) },
  ];
}

describe.each(FORMATS.map((format, index) => [format, index + 1] as const))('downloads as %s', (format, seed) => {
  let server: PageBlobServer;

  beforeAll(async () => {
    server = await startPageBlobServer({ model: { latencyMs: 5 } });
    server.createContainer(CONTAINER);
  });

  afterAll(() => server.close());

  it(`end with the right bytes after ${KILLS} kills, and receive nothing again that a checkpoint had recorded`, {
    timeout: 900_000,
  }, async () => {
    const random = seededRandom(seed);
    let kills = 0;
    for (let round = 0; kills < KILLS; round++) {
      const contents = contentsOf(seed * 1000 + round);
      const name = `${round}.vhd`;
      const blob = server.createPageBlob(CONTAINER, name, SIZE + 512);
      for (const { offset, bytes } of contents) writeTo(blob, offset, bytes);
      writeTo(blob, SIZE, encodeFixedFooter({ size: SIZE, uniqueId: uniqueIdOf(seed), timestamp: round }));
      const source = server.sasUrl({ container: CONTAINER, blob: name, permissions: 'r' });
      const output = join(await temporaryFolder(), 'disk');
      const file = new StateFile<DownloadCheckpoint>(`${output}.vhdup.json`, {
        encode: encodeDownload,
        decode: decodeDownload,
      });
      for (;;) {
        // Loading a half-written checkpoint would throw.
        const done = new RangeSet((await file.load())?.done);
        const from = server.log.length;
        const target = server.counters.requests + 1 + Math.floor(random() * REQUESTS);
        const { isComplete } = await runAndKill(
          ['download', source, output, '--format', format, '--threads', '3'],
          random,
          () => server.when(() => server.counters.requests >= target),
        );
        const again = server.log.slice(from).filter(({ operation, range }) => {
          if (operation !== 'GetBlob' || range === undefined || range.offset >= SIZE) return false;
          return done.includes({ offset: alignDown(range.offset, WINDOW_SIZE), length: WINDOW_SIZE });
        });
        expect(again).toEqual([]);
        if (isComplete) break;
        kills += 1;
      }
      const { image } = await openWatched(output, format === 'raw' ? { format: 'raw' } : {});
      expectSameBytes(await readDisk(image), diskOf(SIZE, contents));
      if (format === 'vhd') expectSameBytes(await readFile(output), blob.read(0, SIZE + 512));
      expect(await readdir(dirname(output))).toEqual([basename(output)]);
    }
  });
});
