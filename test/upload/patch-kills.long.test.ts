// Kills uploads onto a base at random moments and runs the same command again, until the upload is complete.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { CheckpointFile } from '../../src/state/checkpoint-file.ts';
import { buildChain } from '../support/image-chain.ts';
import { seededRandom } from '../support/page-blob-server/faults.ts';
import { BASE, expectLikeFull, patchOptions, uploadFull } from '../support/patched-blob.ts';
import { BLOB, CONTAINER, isComplete, restartServer, server, useServer } from '../support/target-server.ts';

const ROOT = join(import.meta.dirname, '../..');
const KILLS = 20;
const SIGNALS = ['SIGKILL', 'SIGKILL', 'SIGKILL', 'SIGINT', 'SIGTERM'] as const;
/** Requests of a whole upload, so that kills hit every phase. */
const REQUESTS = 45;

useServer();

/** Runs the built program, and kills it after some requests. @returns its exit code, and what it printed. */
async function runAndKill(args: readonly string[], requests: number, signal: NodeJS.Signals) {
  const child = spawn(process.execPath, [join(ROOT, 'bin/vhdup.js'), 'upload', ...args, '--threads', '2'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (data) => {
    stderr += data;
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const target = server.counters.requests + requests;
  await Promise.race([server.when(() => server.counters.requests >= target), ended]);
  child.kill(signal);
  return { exitCode: await ended, stderr };
}

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
        const signal = SIGNALS[Math.floor(random() * SIGNALS.length)] ?? 'SIGKILL';
        const requests = 1 + Math.floor(random() * REQUESTS);
        const { exitCode, stderr } = await runAndKill([chain.paths[2], destination, '--base', base], requests, signal);
        // The kill may have come after the end of the upload and before the end of the process.
        const hasEnded = exitCode === 0 || (isComplete() && stderr.includes('is a complete upload by vhdup'));
        expect([0, null, 130, 143], stderr).toContain(hasEnded ? 0 : exitCode);
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
