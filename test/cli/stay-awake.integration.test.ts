// The program that holds a Linux computer awake, with a stand-in that keeps a record: systemd-inhibit itself needs a running systemd.
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { runProgram, startProgram } from '../support/command-line.ts';
import { holdFrom } from '../support/contested-blob.ts';
import { blobUrl, useServer } from '../support/target-server.ts';
import { buildVhd, patternOf } from '../support/vhd-builder.ts';
import { temporaryFolder } from '../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;
const PATIENCE = { timeout: 60_000 };

useServer();

/** A folder for PATH whose systemd-inhibit writes its arguments to a file, and its end to another one. */
async function recorder() {
  const folder = await temporaryFolder();
  const [begun, ended] = [join(folder, 'begun'), join(folder, 'ended')];
  const program = join(folder, 'systemd-inhibit');
  // Runs the last word, as the real one does.
  const script = `#!/bin/sh\ntrap 'exit 0' TERM\ntrap "echo over > '${ended}'" EXIT\nprintf '%s\\n' "$@" > '${begun}.part' && mv '${begun}.part' '${begun}'\nfor word; do :; done\n"$word"\n`;
  await writeFile(program, script);
  await chmod(program, 0o755);
  const textOf = (path: string) => readFile(path, 'utf8').catch(() => undefined);
  return {
    environment: { PATH: `${folder}:${process.env['PATH']}` },
    begun: () => textOf(begun),
    hasBegun: () => vi.waitFor(async () => expect(await textOf(begun)).toBeDefined(), PATIENCE),
    ended: () => textOf(ended),
    hasEnded: () => vi.waitFor(async () => expect(await textOf(ended)).toBe('over\n'), PATIENCE),
  };
}

async function makeImage(): Promise<string> {
  const path = join(await temporaryFolder(), 'disk.vhd');
  await buildVhd(path, { type: 'dynamic', size: 32 * MIB, contents: [{ offset: 0, bytes: patternOf(1, 16 * MIB) }] });
  return path;
}

describe.skipIf(process.platform !== 'linux')('an upload on Linux', () => {
  it('holds the computer awake, and lets it sleep when it ends', async () => {
    const { environment, begun, hasBegun, hasEnded } = await recorder();
    const hold = holdFrom(0);
    const { ended } = startProgram(['upload', await makeImage(), blobUrl()], environment);
    await hasBegun();
    hold.release();
    expect((await ended).exitCode).toBe(0);
    expect(await begun()).toMatch(/^--what=idle\n--mode=block\n--who=vhdup\n--why=.+\ncat\n$/);
    await hasEnded();
  });

  it('lets it sleep also when it is killed', async () => {
    const { environment, hasBegun, ended, hasEnded } = await recorder();
    const { child, ended: outcome } = startProgram(
      ['upload', await makeImage(), blobUrl(), '--max-rate', '64KiB/s', '--no-progress'],
      environment,
    );
    await hasBegun();
    expect(await ended()).toBeUndefined();
    child.kill('SIGKILL');
    expect((await outcome).exitCode).toBeNull();
    await hasEnded();
  });

  it('leaves the computer alone with --allow-sleep', async () => {
    const { environment, begun } = await recorder();
    const { exitCode } = await runProgram(['upload', await makeImage(), blobUrl(), '--allow-sleep'], environment);
    expect(exitCode).toBe(0);
    expect(await begun()).toBeUndefined();
  });

  it('is none if nothing moves: a dry run, and a failure before the first byte', async () => {
    const { environment, begun } = await recorder();
    expect((await runProgram(['upload', await makeImage(), '--dry-run'], environment)).exitCode).toBe(0);
    expect((await runProgram(['upload', '/nowhere/disk.vhd', blobUrl()], environment)).exitCode).toBe(3);
    expect(await begun()).toBeUndefined();
  });
});
