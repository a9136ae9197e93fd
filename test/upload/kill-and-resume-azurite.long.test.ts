// The same as `kill-and-resume`, with Azurite instead of our own server.
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Azurite, startAzurite } from '../support/azurite.ts';
import { runProgram } from '../support/command-line.ts';
import { KILLS, runAndKill } from '../support/kills.ts';
import { seededRandom } from '../support/page-blob-server/faults.ts';
import { makeKilledImage, wasComplete } from '../support/upload-kills.ts';
import { expectSameBytes } from '../support/vhd-fixtures.ts';

const CONTAINER = 'vhds';

/** Of one that is not killed, on this machine as it is now. */
async function durationOfUpload(azurite: Azurite): Promise<number> {
  const { path } = await makeKilledImage(8999);
  const startMs = performance.now();
  const destination = azurite.sasUrl({ container: CONTAINER, blob: 'whole.vhd', permissions: 'rw' });
  expect(await runProgram(['upload', path, destination, '--threads', '4'])).toMatchObject({ exitCode: 0 });
  return performance.now() - startMs;
}

describe('Azurite', () => {
  let azurite: Azurite;

  beforeAll(async () => {
    azurite = await startAzurite();
    await azurite.createContainer(CONTAINER);
  });

  afterAll(() => azurite.close());

  it(`ends with the right bytes after ${KILLS} kills`, { timeout: 900_000 }, async () => {
    const random = seededRandom(7);
    const uploadMs = await durationOfUpload(azurite);
    let kills = 0;
    for (let upload = 0; kills < KILLS; upload++) {
      const { path, disk, checkpoint } = await makeKilledImage(9000 + upload);
      const destination = azurite.sasUrl({ container: CONTAINER, blob: `${upload}.vhd`, permissions: 'rw' });
      for (;;) {
        await checkpoint.load();
        // Only the moment is random. Whatever the kill hits, the upload must end with the right bytes.
        const { isComplete } = await runAndKill(
          ['upload', path, destination, '--threads', '4'],
          random,
          (signal) => delay(random() * 1.3 * uploadMs, undefined, { signal }).catch(() => undefined),
          { isComplete: wasComplete },
        );
        if (isComplete) break;
        kills += 1;
      }
      const url = azurite.sasUrl({ container: CONTAINER, blob: `${upload}.vhd`, permissions: 'r' });
      const body = Buffer.from(await (await fetch(url)).arrayBuffer());
      expectSameBytes(body.subarray(0, disk.length), disk);
    }
    expect(kills).toBeGreaterThanOrEqual(KILLS);
  });
});
