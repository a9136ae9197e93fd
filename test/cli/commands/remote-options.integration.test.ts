import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runHere } from '../../support/command-line.ts';
import { serverBusy } from '../../support/page-blob-server/faults.ts';
import { blobUrl, server, useServer } from '../../support/target-server.ts';
import { buildVhd, patternOf } from '../../support/vhd-builder.ts';
import { temporaryFolder } from '../../support/vhd-fixtures.ts';

const HINT = 'To record every request and its ids for a support case, add --log-file PATH.';

useServer();

it('a failure after an answer of the service names the log if there is none, and other failures do not', async () => {
  const folder = await temporaryFolder();
  const image = join(folder, 'disk.vhd');
  await buildVhd(image, { type: 'dynamic', size: 8 << 20, contents: [{ offset: 0, bytes: patternOf(1, 4096) }] });
  const busy = server.faults.add({ operation: 'PutPage' }, serverBusy());
  const args = ['upload', image, blobUrl(), '--retries', '0'];
  const failed = await runHere(args);
  expect(failed).toMatchObject({ exitCode: 9, stderr: expect.stringContaining(HINT) });
  expect(failed.stderr).toContain('Run the same command again to resume');
  const logged = await runHere(args, { VHDUP_LOG_FILE: join(folder, 'vhdup.log') });
  expect(logged).toMatchObject({ exitCode: 9, stderr: expect.not.stringContaining('--log-file') });
  busy.remove();
  expect(await runHere(args)).toMatchObject({ exitCode: 0, stderr: expect.not.stringContaining('--log-file') });
  expect(await runHere(args)).toMatchObject({ exitCode: 6, stderr: expect.stringContaining(HINT) });
  const other = ['upload', join(folder, 'other.vhd'), blobUrl()];
  expect(await runHere(other)).toMatchObject({ exitCode: 3, stderr: expect.not.stringContaining('--log-file') });
});

it('a timetable limits an upload and a download, and a rate in it that is too small is refused', async () => {
  const folder = await temporaryFolder();
  const image = join(folder, 'disk.vhd');
  await buildVhd(image, { type: 'dynamic', size: 8 << 20, contents: [{ offset: 0, bytes: patternOf(1, 4096) }] });
  const timetable = ['--max-rate', 'Mon-Fri-08:00,64MiB/s 18:00,off'];
  const uploaded = await runHere(['upload', image, blobUrl(), ...timetable]);
  expect(uploaded.exitCode, uploaded.stderr).toBe(0);
  const downloaded = await runHere(['download', blobUrl('r'), join(folder, 'copy.vhd'), ...timetable]);
  expect(downloaded.exitCode, downloaded.stderr).toBe(0);
  const slow = await runHere(['upload', image, blobUrl(), '--overwrite', '--max-rate', '08:00,1 18:00,off']);
  expect(slow).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('at least 1024 bytes per second') });
});
