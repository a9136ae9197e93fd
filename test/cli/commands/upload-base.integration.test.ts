// vhdup upload --base on the command line.
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { runHere, runProgram } from '../../support/command-line.ts';
import { buildChain } from '../../support/image-chain.ts';
import { BASE, expectLikeFull, uploadFull, urlOf } from '../../support/patched-blob.ts';
import { BLOB, blobUrl, CONTAINER, server, useServer } from '../../support/target-server.ts';

useServer();

const signatureOf = (url: string) => new URL(url).searchParams.get('sig') ?? '';

it('shows what was copied and cleared, and the SAS of the base nowhere, not even in the log of the SDK', async () => {
  const chain = await buildChain('vhd');
  await uploadFull(chain.paths[1], BASE, { contentMd5: true });
  const base = urlOf(BASE, 'r');
  const log = `${chain.paths[2]}.log`;
  const args = ['upload', chain.paths[2], blobUrl(), '--base', base, '--log-file', log, '--verbose'];
  const { exitCode, stdout, stderr } = await runProgram(args, { AZURE_LOG_LEVEL: 'verbose' });
  expect(exitCode, stderr.slice(-2000)).toBe(0);
  expect(stdout).toMatch(/copied from the base\s+1\.6\d MiB/);
  expect(stdout).toMatch(/cleared\s+320 KiB/);
  expect(stderr).toContain('Comparing the base with the local ancestor.');
  const all = stdout + stderr + (await readFile(log, 'utf8'));
  expect(all).toContain('Copy Blob');
  const signature = signatureOf(base);
  const pieces = signature.split(/[^A-Za-z0-9]/).filter(({ length }) => length >= 8);
  expect(pieces.length).toBeGreaterThan(0);
  for (const piece of pieces) expect(all).not.toContain(piece);
  await expectLikeFull(chain);
});

it('takes both names from the environment, and with --dry-run only reads', async () => {
  const chain = await buildChain('vhd');
  await uploadFull(chain.paths[1], BASE);
  const environment = { AZURE_STORAGE_CONNECTION_STRING: server.connectionString };
  const from = server.log.length;
  const args = ['upload', chain.paths[2], `${CONTAINER}/${BLOB}`, '--base', `${CONTAINER}/${BASE}`];
  const plan = await runHere([...args, '--dry-run'], environment);
  expect(plan.exitCode, plan.stderr).toBe(0);
  expect(plan.stdout).toMatch(/would send\s+9\.00 KiB.* in 3 requests/);
  expect(plan.stdout).toMatch(/would be copied from the base/);
  expect(server.log.slice(from).some(({ committed }) => committed)).toBe(false);
  const { exitCode, stdout } = await runHere([...args, '--json'], environment);
  expect(exitCode).toBe(0);
  const result = JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}');
  expect(result).toMatchObject({ type: 'result', cleared: 320 * 1024, sentBefore: 0 });
});

it.each([
  [['--trust-base'], /--trust-base\) needs base/],
  [['--base', 'vhds/base.vhd', '--disk', 'web01'], /one target|managed disk/],
])('refuses %j', async (more, message) => {
  const { exitCode, stderr } = await runHere([
    'upload',
    'child.vhd',
    'https://a.blob.core.windows.net/vhds/c.vhd',
    ...more,
  ]);
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(message);
});
