// The command line: in its own process where signals, pipes and kills matter, otherwise in this process.
import { existsSync } from 'node:fs';
import { readFile, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runHere, runProgram, startProgram } from '../support/command-line.ts';
import { internalError } from '../support/page-blob-server/faults.ts';
import { buildImage, expectBlobIs, PIECE, SMALL_DISK, spreadDisk } from '../support/spread-disk.ts';
import {
  BLOB,
  blobUrl,
  CONTAINER,
  hasCommitted,
  requestsOf,
  server,
  storedBlob,
  useServer,
} from '../support/target-server.ts';
import { temporaryFolder } from '../support/vhd-fixtures.ts';

const WINDOW = 4 * 1024 * 1024;
const DISK = spreadDisk(8);
const DATA = 8 * PIECE;
/** Just large enough that no rule warns about it. */
const SMALL = { ...SMALL_DISK, size: 5 * WINDOW };

useServer();

const makeImage = (disk = DISK) => buildImage(disk, { name: 'disk with blanks ü.vhd' });

describe('vhdup upload', () => {
  it('prints the result and no secret', async () => {
    const path = await makeImage();
    const { exitCode, stdout, stderr } = await runProgram(['upload', path, blobUrl()]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toContain(`Uploaded to ${server.urlOf(CONTAINER, BLOB)}\n`);
    expect(stdout).not.toContain('sig=');
    expectBlobIs(DISK, storedBlob());
  });

  it('prints nothing with --quiet', async () => {
    const path = await makeImage(SMALL);
    expect(await runHere(['upload', path, blobUrl(), '--quiet'])).toMatchObject({
      exitCode: 0,
      stdout: '',
      stderr: '',
    });
  });

  it('prints one JSON object per line with --json: events, then the result', async () => {
    const path = await makeImage();
    const { exitCode, stdout, stderr } = await runHere(['upload', path, blobUrl(), '--json']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines[0]).toMatchObject({ type: 'start', threads: 'auto' });
    expect(lines.at(-1)).toMatchObject({ type: 'result', sent: DATA + 512, verified: 'ranges' });
  });

  it('completes the upload when the reader of its output exits', async () => {
    const path = await makeImage(SMALL);
    const run = startProgram(['upload', path, blobUrl(), '--json']);
    run.child.stdout?.destroy();
    run.child.stderr?.destroy();
    expect(await run.ended).toMatchObject({ exitCode: 0 });
    expectBlobIs(SMALL, storedBlob());
  });

  it('takes the account from the environment', async () => {
    const path = await makeImage(SMALL);
    const env = { AZURE_STORAGE_CONNECTION_STRING: server.connectionString };
    expect(await runHere(['upload', path, `${CONTAINER}/sub/${BLOB}`], env)).toMatchObject({ exitCode: 0, stderr: '' });
    expect(server.hasBlob(CONTAINER, `sub/${BLOB}`)).toBe(true);
    const key = {
      AZURE_STORAGE_ACCOUNT: server.account,
      AZURE_STORAGE_KEY: server.key,
      AZURE_STORAGE_SERVICE_ENDPOINT: server.url,
    };
    expect(await runHere(['upload', path, `${CONTAINER}/2.vhd`], key)).toMatchObject({ exitCode: 0 });
    const token = { AZURE_STORAGE_SAS_TOKEN: `?${server.accountSas('rw')}` };
    expect(await runHere(['upload', path, server.urlOf(CONTAINER, '3.vhd')], token)).toMatchObject({ exitCode: 0 });
  });

  it('sends a credential from the environment to no other account, and needs none if the URL has a SAS', async () => {
    const path = await makeImage(SMALL);
    const foreign = { AZURE_STORAGE_ACCOUNT: 'another', AZURE_STORAGE_KEY: server.key };
    const { exitCode, stdout } = await runHere(['upload', path, server.urlOf(CONTAINER, BLOB), '--json'], foreign);
    expect(exitCode).toBe(8);
    expect(JSON.parse(stdout)).toMatchObject({ type: 'error', code: 'CREDENTIALS', exitCode: 8 });
    expect(server.counters.requests).toBe(0);
    const malformed = { AZURE_STORAGE_CONNECTION_STRING: 'nonsense', AZURE_STORAGE_ACCOUNT: 'no account' };
    expect(await runHere(['upload', path, blobUrl()], malformed)).toMatchObject({ exitCode: 0 });
    expect(await runHere(['verify', path, blobUrl()], malformed)).toMatchObject({ exitCode: 0 });
  });

  it('reports with --dry-run what it would do, and sends nothing', async () => {
    const path = await makeImage();
    const { exitCode, stdout } = await runHere(['upload', path, blobUrl(), '--dry-run']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`${DATA + 512} bytes) in 9 requests`);
    expect(server.counters.requests).toBe(0);
    expect(existsSync(`${path}.vhdup.json`)).toBe(false);
  });

  // Windows has no signals between processes: kill ends the other process at once.
  it.skipIf(process.platform === 'win32').each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('stops cleanly on %s, prints how to resume, and resumes', async (signal, code) => {
    const path = await makeImage();
    // The upload is slow enough that it does not end before the signal.
    server.faults.add({ operation: 'PutPage', nth: 4 }, { kind: 'stall-answer' });
    const run = startProgram(['upload', path, blobUrl(), '--threads', '1']);
    await server.when(() => hasCommitted(4 * PIECE));
    run.child.kill(signal);
    const { exitCode, stderr } = await run.ended;
    expect(exitCode).toBe(code);
    expect(stderr).toContain('Run the same command again');
    const committed = server.counters.bytesCommitted;
    const { exitCode: second, stderr: said } = await runHere(['upload', path, blobUrl()]);
    expect(second).toBe(0);
    expect(said).toContain('Resuming the upload started at');
    expect(server.counters.bytesCommitted - committed).toBeLessThanOrEqual(DATA + 512 - 2 * PIECE);
    expectBlobIs(DISK, storedBlob());
  });

  it.skipIf(process.platform === 'win32')('names the option to omit in order to resume', async () => {
    const path = await makeImage();
    server.faults.add({ operation: 'PutPage', nth: 4 }, { kind: 'stall-answer' });
    const run = startProgram(['upload', path, blobUrl(), '--threads', '1', '--restart']);
    await server.when(() => hasCommitted(4 * PIECE));
    run.child.kill('SIGINT');
    expect((await run.ended).stderr).toContain('Run the same command again without --restart to resume.');
    expect((await runHere(['upload', path, blobUrl()])).stderr).toContain('Resuming the upload started at');
  });

  it.each([
    ['written to', (path: string) => utimes(path, new Date(), new Date()), 'it was written to at'],
    ['cut', (path: string) => truncate(path, WINDOW), 'its size changed from'],
  ])('reports an image that is %s meanwhile, and the next step', async (_, change, what) => {
    const path = await makeImage();
    const rule = server.faults.add(
      { operation: 'PutPage', range: { offset: 4 * WINDOW, length: DISK.size } },
      internalError(),
    );
    const running = runHere(['upload', path, blobUrl(), '--threads', '1']);
    await server.when(() => rule.hits > 0);
    await change(path);
    rule.remove();
    const { exitCode, stderr } = await running;
    expect(exitCode, stderr).toBe(5);
    expect(stderr).toContain(what);
    expect(stderr).toContain('run the same command with --restart');
  });

  it('resumes after kill -9', async () => {
    const path = await makeImage();
    server.model.latencyMs = 5;
    // In the first requests, in the middle of the data and near the end.
    for (const requests of [2, 6, 9, 12]) {
      const run = startProgram(['upload', path, blobUrl(), '--threads', '2']);
      const target = server.counters.requests + requests;
      await Promise.race([server.when(() => server.counters.requests >= target), run.ended]);
      run.child.kill('SIGKILL');
      expect([0, null]).toContain((await run.ended).exitCode);
    }
    const last = await runHere(['upload', path, blobUrl(), '--overwrite']);
    expect(last.exitCode, last.stderr).toBe(0);
    expectBlobIs(DISK, storedBlob());
    expect(existsSync(`${path}.vhdup.json`)).toBe(false);
  });
});

describe('vhdup verify', () => {
  it('reports a match, and exits with 10 and the differences otherwise', async () => {
    const path = await makeImage({ ...spreadDisk(2), size: SMALL.size });
    const manifest = `${path}.jsonl`;
    const options = ['--manifest', manifest, '--content-md5', '--verify', 'full', '--no-progress'];
    const uploaded = await runHere(['upload', path, blobUrl(), ...options]);
    expect(uploaded).toMatchObject({ exitCode: 0, stderr: '' });
    expect(uploaded.stdout).toContain('every page of the blob was read back');
    expect(uploaded.stdout).toContain(storedBlob().contentMd5 ?? 'no MD5');

    const right = await runHere(['verify', path, blobUrl(), '--full', '--manifest', manifest, '--no-progress']);
    expect(right).toMatchObject({ exitCode: 0, stderr: '' });
    expect(right.stdout).toContain('matches the image');
    expect(right.stdout).not.toContain('sig=');

    storedBlob().clearPages({ offset: WINDOW, length: 512 });
    const wrong = await runHere(['verify', path, blobUrl(), '--no-progress']);
    expect(wrong).toMatchObject({ exitCode: 10, stderr: '' });
    expect(wrong.stdout).toContain('does not match the image');
    expect(wrong.stdout).toContain(`missing at ${WINDOW}, 512 bytes`);
    expect(await runHere(['verify', path, blobUrl(), '--quiet'])).toMatchObject({ exitCode: 10, stdout: '' });

    const json = await runHere(['verify', path, blobUrl(), '--json']);
    const lines = json.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(json.exitCode).toBe(10);
    expect(lines[0]).toMatchObject({ type: 'start-verify', method: 'ranges' });
    expect(lines.at(-1)).toMatchObject({
      type: 'result',
      matches: false,
      differences: { count: 1, bytes: 512, first: [{ kind: 'missing', offset: WINDOW, length: 512 }] },
    });
  });

  it.skipIf(process.platform === 'win32')('stops on Ctrl-C, prints how to resume, and resumes', async () => {
    const path = await makeImage();
    await runHere(['upload', path, blobUrl()]);
    server.faults.add({ operation: 'GetBlob', nth: 5 }, { kind: 'stall-answer' });
    const reads = () => requestsOf('GetBlob').length;
    const run = startProgram(['verify', path, blobUrl(), '--full', '--threads', '1']);
    await server.when(() => reads() >= 5);
    run.child.kill('SIGINT');
    const stopped = await run.ended;
    expect(stopped.exitCode).toBe(130);
    expect(stopped.stderr).toContain('vhdup-verify.json. Run the same command again');
    const before = reads();
    const second = await runHere(['verify', path, blobUrl(), '--full']);
    expect(second.exitCode, second.stderr).toBe(0);
    expect(second.stderr).toContain('Resuming the verification started at');
    // The footer and eight windows, of which the first run compared at least two.
    expect(reads() - before).toBeLessThanOrEqual(7);
  });

  it('resumes after kill -9', async () => {
    const path = await makeImage();
    await runHere(['upload', path, blobUrl()]);
    storedBlob().write(7 * WINDOW, Uint8Array.of(0, 0, 0, 0));
    server.model.latencyMs = 5;
    const reads = () => requestsOf('GetBlob').length;
    for (const requests of [2, 6]) {
      const run = startProgram(['verify', path, blobUrl(), '--full', '--threads', '2']);
      const target = reads() + requests;
      await Promise.race([server.when(() => reads() >= target), run.ended]);
      run.child.kill('SIGKILL');
      await run.ended;
    }
    const last = await runHere(['verify', path, blobUrl(), '--full']);
    expect(last).toMatchObject({ exitCode: 10 });
    expect(last.stdout).toContain(`content at ${7 * WINDOW}`);
    expect(existsSync(`${path}.vhdup-verify.json`)).toBe(false);
  });
});

describe('exit codes', () => {
  it('2 for a wrong command line, in the shell too', async () => {
    const { exitCode, stdout, stderr } = await runProgram([]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain('A command is missing.');
  });

  it('6 for an existing blob', async () => {
    const path = await makeImage(SMALL);
    server.createPageBlob(CONTAINER, BLOB, 512);
    expect(await runHere(['upload', path, blobUrl()])).toMatchObject({ exitCode: 6 });
  });

  it('7 for a checkpoint that cannot be used or written; no blob is created', async () => {
    const path = await makeImage(SMALL);
    await writeFile(`${path}.vhdup.json`, 'nonsense');
    expect(await runHere(['upload', path, blobUrl()])).toMatchObject({ exitCode: 7 });
    const missing = join(await temporaryFolder(), 'no', 'folder', 'c.json');
    expect(await runHere(['upload', path, blobUrl(), '--checkpoint', missing])).toMatchObject({ exitCode: 7 });
    expect(server.hasBlob(CONTAINER, BLOB)).toBe(false);
    expect(await readFile(`${path}.vhdup.json`, 'utf8')).toBe('nonsense');
  });

  it('9 when the retries are used up, as JSON too', async () => {
    const path = await makeImage(SMALL);
    server.faults.add({ operation: 'PutPage' }, { kind: 'reset-before-read' });
    const { exitCode, stdout } = await runHere(['upload', path, blobUrl(), '--retries', '1', '--json']);
    expect(exitCode).toBe(9);
    expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({
      type: 'error',
      code: 'SERVICE',
      exitCode: 9,
    });
  });

  it('11 for an existing file, and for a missing folder', async () => {
    const path = await makeImage(SMALL);
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'there.vhd'), 'mine');
    expect(await runHere(['convert', path, join(folder, 'there.vhd')])).toMatchObject({ exitCode: 11 });
    expect(await readFile(join(folder, 'there.vhd'), 'utf8')).toBe('mine');
    expect(await runHere(['convert', path, join(folder, 'no', 'x.vhd')])).toMatchObject({ exitCode: 11 });
  });
});
