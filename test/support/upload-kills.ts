// Uploads that are killed at random moments, in several files, because a file runs its tests one after another.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RangeSet } from '../../src/base/range-set.ts';
import { CheckpointFile } from '../../src/state/checkpoint-file.ts';
import type { Outcome } from './command-line.ts';
import { KILLS, runAndKill } from './kills.ts';
import { seededRandom } from './page-blob-server/faults.ts';
import { type PageBlobServer, startPageBlobServer } from './page-blob-server/server.ts';
import { PIECE } from './spread-disk.ts';
import { buildVhd, diskOf, patternOf, uniqueIdOf } from './vhd-builder.ts';
import { expectSameBytes, temporaryFolder } from './vhd-fixtures.ts';

const MIB = 1024 * 1024;
const CONTAINER = 'vhds';

export async function makeKilledImage(seed: number) {
  const size = 48 * MIB;
  // Data in ten of twelve windows; some full, most short, which cost less.
  const contents = [
    { offset: 0, bytes: patternOf(seed, 8 * MIB) },
    ...[8, 12, 16, 20, 30, 32].map((at) => ({ offset: at * MIB, bytes: patternOf(seed + at, PIECE) })),
    { offset: 36 * MIB, bytes: patternOf(seed + 1, 3 * MIB + 512) },
    { offset: size - 512, bytes: patternOf(seed + 2, 512) },
  ];
  const path = join(await temporaryFolder(), 'disk.vhd');
  await buildVhd(path, { type: 'dynamic', size, contents, uniqueId: uniqueIdOf(seed) });
  return { path, disk: diskOf(size, contents), checkpoint: new CheckpointFile(`${path}.vhdup.json`) };
}

/** The previous kill may have come after the end of the upload and before the end of the process. */
export function wasComplete({ stderr }: Outcome): boolean {
  return stderr.includes('is a complete upload by vhdup');
}

interface KilledUploads {
  readonly seed: number;
  readonly leases: 'with' | 'without';
}

/**
 * Of one run that is not killed, and a few more: if less, hardly a run comes to an end, and hundreds are killed before one does.
 * Without leases, a run reads back what it resumes.
 */
const REQUESTS = { with: 22, without: 32 };

/** Defines a test. */
export function describeKilledUploads({ seed, leases }: KilledUploads): void {
  describe(`the strict server, seed ${seed}, ${leases} leases`, () => {
    let server: PageBlobServer;

    beforeAll(async () => {
      server = await startPageBlobServer({ model: { latencyMs: 4 } });
      server.createContainer(CONTAINER);
      if (leases === 'with') return;
      const refusal = { kind: 'status', status: 403, code: 'AuthorizationFailure' } as const;
      server.faults.add({ operation: ['AcquireLease', 'RenewLease'] }, refusal);
    });

    afterAll(() => server.close());

    it(`ends with the right bytes after ${KILLS} kills, and resends nothing that a checkpoint had recorded`, {
      timeout: 900_000,
    }, async () => {
      const random = seededRandom(seed);
      let kills = 0;
      for (let upload = 0; kills < KILLS; upload++) {
        const { path, disk, checkpoint } = await makeKilledImage(seed * 1000 + upload);
        const destination = server.sasUrl({ container: CONTAINER, blob: `${upload}.vhd`, permissions: 'rw' });
        for (;;) {
          // Loading a half-written checkpoint would throw.
          const done = new RangeSet((await checkpoint.load())?.done);
          const from = server.log.length;
          const target = server.counters.requests + 1 + Math.floor(random() * REQUESTS[leases]);
          const { isComplete } = await runAndKill(
            ['upload', path, destination, '--threads', '4'],
            random,
            () => server.when(() => server.counters.requests >= target),
            { isComplete: wasComplete },
          );
          const again = server.log
            .slice(from)
            .filter(({ operation, range }) => operation === 'PutPage' && range !== undefined && done.includes(range));
          expect(again).toEqual([]);
          if (isComplete) break;
          kills += 1;
        }
        expectSameBytes(server.blob(CONTAINER, `${upload}.vhd`).read(0, disk.length), disk);
        expect(existsSync(checkpoint.path)).toBe(false);
      }
    });
  });
}
