// Kills the command line while it uploads to a managed disk, at random requests, and runs the same command again.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Outcome } from '../support/command-line.ts';
import { KILLS, runAndKill } from '../support/kills.ts';
import { type ManagedDisks, startManagedDisks } from '../support/managed-disks.ts';
import { seededRandom } from '../support/page-blob-server/faults.ts';
import { buildVhd, diskOf, patternOf, uniqueIdOf } from '../support/vhd-builder.ts';
import { expectSameBytes, temporaryFolder } from '../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;
const SIZE = 48 * MIB;
const CONTENTS = [0, 4, 8, 12, 16, 24, 28, 40].map((offset, index) => ({
  offset: offset * MIB,
  bytes: patternOf(index, MIB / 4),
}));

/** The previous kill may have come after the end of the upload and before the end of the process. */
function wasComplete({ stderr }: Outcome): boolean {
  return stderr.includes('exists already (state Unattached)');
}

/** Of a whole upload and a few more. */
const REQUESTS = 30;

describe('an upload to a managed disk that is killed again and again', () => {
  let servers: ManagedDisks;

  beforeAll(async () => {
    servers = await startManagedDisks({ model: { latencyMs: 4 } });
  });

  afterAll(() => servers.close());

  it(`ends with the right bytes after ${KILLS} kills, with one disk and one commit for each upload`, {
    timeout: 900_000,
  }, async () => {
    const random = seededRandom(11);
    const place = ['-g', 'rg', '-l', 'westeurope', '--arm-endpoint', servers.armEndpoint];
    let kills = 0;
    for (let upload = 0; kills < KILLS; upload++) {
      const name = `disk-${upload}`;
      const path = join(await temporaryFolder(), 'disk.vhd');
      await buildVhd(path, { type: 'dynamic', size: SIZE, contents: CONTENTS, uniqueId: uniqueIdOf(upload) });
      const from = servers.calls.length;
      for (;;) {
        const target = servers.calls.length + 1 + Math.floor(random() * REQUESTS);
        const { isComplete, stdout, stderr } = await runAndKill(
          ['upload', path, '--disk', name, ...place, '--threads', '2'],
          random,
          () => servers.when(() => servers.calls.length >= target),
          { environment: servers.environment, isComplete: wasComplete },
        );
        for (const secret of servers.secrets) expect(stdout + stderr).not.toContain(secret);
        if (isComplete) break;
        kills += 1;
        expect(servers.calls.slice(from).filter((call) => call === 'arm DeleteDisk')).toEqual([]);
      }
      const disk = servers.arm.resources.disk(name);
      expect(disk.state).toBe('Unattached');
      expectSameBytes(disk.content.read(0, SIZE), diskOf(SIZE, CONTENTS));
      expect(existsSync(`${path}.vhdup.json`)).toBe(false);
      expect(servers.violations).toEqual([]);
    }
  });
});
