// Kills uploads onto a base at random moments and runs the same command again, until the upload is complete.
import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { CheckpointFile } from '../../src/state/checkpoint-file.ts';
import { buildChain } from '../support/image-chain.ts';
import { KILLS, runAndKill } from '../support/kills.ts';
import { seededRandom } from '../support/page-blob-server/faults.ts';
import { BASE, expectLikeFull, patchOptions, uploadFull } from '../support/patched-blob.ts';
import { BLOB, CONTAINER, isComplete, restartServer, server, useServer } from '../support/target-server.ts';
import { wasComplete } from '../support/upload-kills.ts';

/** Requests of a whole upload and a few more, so that kills hit every phase. */
const REQUESTS = 34;

useServer();

it.each(['vhd', 'vhdx'] as const)(
  `a %s ends like a full upload after ${KILLS} kills in every phase`,
  {
    timeout: 900_000,
  },
  async (format) => {
    const random = seededRandom(format === 'vhd' ? 1 : 2);
    for (let kills = 0; kills < KILLS; ) {
      await restartServer({ model: { latencyMs: 4 } });
      server.copies.pendingLooks = Math.floor(random() * 4);
      const chain = await buildChain(format);
      await uploadFull(chain.paths[1], BASE, { contentMd5: random() < 0.5 });
      const { destination = '', base = '' } = patchOptions(chain);
      const checkpoint = new CheckpointFile(`${chain.paths[2]}.vhdup.json`);
      for (;;) {
        // Loading a half-written checkpoint would throw.
        await checkpoint.load();
        const target = server.counters.requests + 1 + Math.floor(random() * REQUESTS);
        const { isComplete: hasEnded, stderr } = await runAndKill(
          ['upload', chain.paths[2], destination, '--base', base, '--threads', '2'],
          random,
          () => server.when(() => server.counters.requests >= target),
          // The kill may have come after the end of the upload and before the end of the process.
          { isComplete: (outcome) => isComplete() && wasComplete(outcome) },
        );
        expect(stderr).not.toContain(new URL(base).searchParams.get('sig') ?? 'sig=');
        if (hasEnded) break;
        kills += 1;
      }
      expect(server.blob(CONTAINER, BLOB).lease.state(server.now().getTime())).toBe('available');
      await expectLikeFull(chain);
      expect(existsSync(checkpoint.path)).toBe(false);
    }
  },
);
