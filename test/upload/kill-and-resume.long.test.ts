// Kills processes at random moments and runs the same command again, until the upload is complete.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RangeSet } from '../../src/base/range-set.ts';
import { CheckpointFile } from '../../src/state/checkpoint-file.ts';
import { type Azurite, startAzurite } from '../support/azurite.ts';
import { seededRandom } from '../support/page-blob-server/faults.ts';
import { type PageBlobServer, startPageBlobServer } from '../support/page-blob-server/server.ts';
import { buildVhd, diskOf, patternOf, uniqueIdOf } from '../support/vhd-builder.ts';
import { expectSameBytes, temporaryFolder } from '../support/vhd-fixtures.ts';

const ROOT = join(import.meta.dirname, '../..');
const MIB = 1024 * 1024;
const CONTAINER = 'vhds';
const SIGNALS = ['SIGKILL', 'SIGKILL', 'SIGINT', 'SIGTERM', 'SIGHUP'] as const;

async function makeImage(seed: number) {
  const size = 48 * MIB;
  const contents = [
    { offset: 0, bytes: patternOf(seed, 22 * MIB) },
    { offset: 30 * MIB, bytes: patternOf(seed + 1, 9 * MIB + 512) },
    { offset: size - 512, bytes: patternOf(seed + 2, 512) },
  ];
  const path = join(await temporaryFolder(), 'disk.vhd');
  await buildVhd(path, { type: 'dynamic', size, contents, uniqueId: uniqueIdOf(seed) });
  return { path, disk: diskOf(size, contents), checkpoint: new CheckpointFile(`${path}.vhdup.json`) };
}

function startUpload(image: string, destination: string) {
  const args = [join(ROOT, 'bin/vhdup.js'), 'upload', image, destination, '--threads', '4'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (data) => {
    stderr += data;
  });
  const ended = new Promise<{ exitCode: number | null; stderr: string }>((resolve) => {
    child.once('close', (exitCode) => resolve({ exitCode, stderr }));
  });
  return { child: child as ChildProcess, ended };
}

describe.each([
  [1, 'with', 50, 14],
  [2, 'with', 50, 14],
  [3, 'with', 50, 14],
  [4, 'with', 50, 14],
  // Each kill may leave everything unverified, and some kills hit the run that reads it back.
  [5, 'without', 20, 40],
] as const)('the strict server, seed %i, %s leases', (seed, leases, rounds, requestsPerRun) => {
  let server: PageBlobServer;

  beforeAll(async () => {
    server = await startPageBlobServer({ model: { latencyMs: 4 } });
    server.createContainer(CONTAINER);
    if (leases === 'with') return;
    const refusal = { kind: 'status', status: 403, code: 'AuthorizationFailure' } as const;
    server.faults.add({ operation: ['AcquireLease', 'RenewLease'] }, refusal);
  });

  afterAll(() => server.close());

  it(`ends with the right bytes after ${rounds} kills, and resends nothing that a checkpoint had recorded`, {
    timeout: 900_000,
  }, async () => {
    const random = seededRandom(seed);
    let kills = 0;
    for (let upload = 0; kills < rounds; upload++) {
      const { path, disk, checkpoint } = await makeImage(seed * 1000 + upload);
      const destination = server.sasUrl({ container: CONTAINER, blob: `${upload}.vhd`, permissions: 'rw' });
      for (;;) {
        // Loading a half-written checkpoint would throw.
        const done = new RangeSet((await checkpoint.load())?.done);
        const from = server.log.length;
        const { child, ended } = startUpload(path, destination);
        const target = server.counters.requests + 1 + Math.floor(random() * requestsPerRun);
        await Promise.race([server.when(() => server.counters.requests >= target), ended]);
        child.kill(SIGNALS[Math.floor(random() * SIGNALS.length)]);
        const { exitCode, stderr } = await ended;
        // The previous kill may have come after the end of the upload and before the end of the process.
        const isComplete = exitCode === 0 || stderr.includes('is a complete upload by vhdup');
        expect([0, null, 130, 143, 129], stderr).toContain(isComplete ? 0 : exitCode);
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

describe('Azurite', () => {
  let azurite: Azurite;

  beforeAll(async () => {
    azurite = await startAzurite();
    await azurite.createContainer(CONTAINER);
  });

  afterAll(() => azurite.close());

  it('ends with the right bytes after 20 kills', { timeout: 900_000 }, async () => {
    const random = seededRandom(7);
    let kills = 0;
    for (let upload = 0; kills < 20; upload++) {
      const { path, disk, checkpoint } = await makeImage(9000 + upload);
      const destination = azurite.sasUrl({ container: CONTAINER, blob: `${upload}.vhd`, permissions: 'rw' });
      for (;;) {
        await checkpoint.load();
        const { child, ended } = startUpload(path, destination);
        // Only the moment is random. Whatever the kill hits, the upload must end with the right bytes.
        const timer = setTimeout(
          () => child.kill(SIGNALS[Math.floor(random() * SIGNALS.length)]),
          200 + random() * 600,
        );
        const { exitCode, stderr } = await ended;
        clearTimeout(timer);
        // The previous kill may have come after the end of the upload and before the end of the process.
        const isComplete = exitCode === 0 || stderr.includes('is a complete upload by vhdup');
        expect([0, null, 130, 143, 129], stderr).toContain(isComplete ? 0 : exitCode);
        if (isComplete) break;
        kills += 1;
      }
      const url = azurite.sasUrl({ container: CONTAINER, blob: `${upload}.vhd`, permissions: 'r' });
      const body = Buffer.from(await (await fetch(url)).arrayBuffer());
      expectSameBytes(body.subarray(0, disk.length), disk);
    }
  });
});
