// The command line as users run it: in its own process, with real signals and exit codes.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { internalError } from '../support/page-blob-server/faults.ts';
import { type PageBlobServer, startPageBlobServer } from '../support/page-blob-server/server.ts';
import { SIGNATURE, sasWith } from '../support/sas-samples.ts';
import { buildVhd, diskOf, patternOf, uniqueIdOf } from '../support/vhd-builder.ts';
import { expectSameBytes, temporaryFolder } from '../support/vhd-fixtures.ts';

const ROOT = join(import.meta.dirname, '../..');
const MIB = 1024 * 1024;
const CONTAINER = 'vhds';
const BLOB = 'disk.vhd';

let server: PageBlobServer;

beforeEach(async () => {
  await server?.close();
  server = await startPageBlobServer();
  server.createContainer(CONTAINER);
});

afterAll(() => server.close());

interface Run {
  readonly child: ChildProcess;
  /** Its output so far. */
  readonly output: { stdout: string; stderr: string };
  readonly ended: Promise<{ exitCode: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string }>;
}

function start(args: readonly string[], env: NodeJS.ProcessEnv = {}): Run {
  const child = spawn(process.execPath, [join(ROOT, 'bin/vhdup.js'), ...args], {
    env: { PATH: process.env['PATH'], ...env },
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (data) => {
    output.stdout += data;
  });
  child.stderr.on('data', (data) => {
    output.stderr += data;
  });
  const ended = new Promise<Awaited<Run['ended']>>((resolve) => {
    child.once('close', (exitCode, signal) => resolve({ exitCode, signal, ...output }));
  });
  return { child, output, ended };
}

function vhdup(args: readonly string[], env: NodeJS.ProcessEnv = {}): Run['ended'] {
  return start(args, env).ended;
}

async function makeImage(size = 40 * MIB) {
  const contents = [{ offset: 0, bytes: patternOf(1, size) }];
  const path = join(await temporaryFolder(), 'disk with blanks ü.vhd');
  await buildVhd(path, { type: 'dynamic', size, contents, uniqueId: uniqueIdOf(5) });
  return { path, disk: diskOf(size, contents) };
}

function sas(): string {
  return server.sasUrl({ container: CONTAINER, blob: BLOB, permissions: 'rw' });
}

describe('vhdup upload', () => {
  it('prints the result and no secret', async () => {
    const { path, disk } = await makeImage();
    const { exitCode, stdout, stderr } = await vhdup(['upload', path, sas()]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toContain(`Uploaded to ${server.urlOf(CONTAINER, BLOB)}\n`);
    expect(stdout).not.toContain('sig=');
    expectSameBytes(server.blob(CONTAINER, BLOB).read(0, disk.length), disk);
  });

  it('prints nothing with --quiet', async () => {
    const { path } = await makeImage();
    expect(await vhdup(['upload', path, sas(), '--quiet'])).toMatchObject({ exitCode: 0, stdout: '', stderr: '' });
  });

  it('prints one JSON object per line with --json: events, then the result', async () => {
    const { path } = await makeImage();
    const { exitCode, stdout, stderr } = await vhdup(['upload', path, sas(), '--json']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines[0]).toMatchObject({ type: 'start', threads: 'auto' });
    expect(lines.at(-1)).toMatchObject({ type: 'result', sent: 40 * MIB + 512, verified: 'ranges' });
  });

  it('completes the upload when the reader of its output exits', async () => {
    const { path, disk } = await makeImage();
    const run = start(['upload', path, sas(), '--json']);
    run.child.stdout?.destroy();
    run.child.stderr?.destroy();
    expect(await run.ended).toMatchObject({ exitCode: 0 });
    expectSameBytes(server.blob(CONTAINER, BLOB).read(0, disk.length), disk);
  });

  it('takes the account from the environment', async () => {
    const { path } = await makeImage();
    const env = { AZURE_STORAGE_CONNECTION_STRING: server.connectionString };
    expect(await vhdup(['upload', path, `${CONTAINER}/sub/${BLOB}`], env)).toMatchObject({ exitCode: 0, stderr: '' });
    expect(server.hasBlob(CONTAINER, `sub/${BLOB}`)).toBe(true);
    const key = {
      AZURE_STORAGE_ACCOUNT: server.account,
      AZURE_STORAGE_KEY: server.key,
      AZURE_STORAGE_SERVICE_ENDPOINT: server.url,
    };
    expect(await vhdup(['upload', path, `${CONTAINER}/2.vhd`], key)).toMatchObject({ exitCode: 0 });
    const token = { AZURE_STORAGE_SAS_TOKEN: `?${server.accountSas('rw')}` };
    expect(await vhdup(['upload', path, server.urlOf(CONTAINER, '3.vhd')], token)).toMatchObject({ exitCode: 0 });
  });

  it('sends a credential from the environment to no other account, and needs none if the URL has a SAS', async () => {
    const { path } = await makeImage();
    const foreign = { AZURE_STORAGE_ACCOUNT: 'another', AZURE_STORAGE_KEY: server.key };
    const { exitCode, stdout } = await vhdup(['upload', path, server.urlOf(CONTAINER, BLOB), '--json'], foreign);
    expect(exitCode).toBe(8);
    expect(JSON.parse(stdout)).toMatchObject({ type: 'error', code: 'CREDENTIALS', exitCode: 8 });
    expect(server.counters.requests).toBe(0);
    const malformed = { AZURE_STORAGE_CONNECTION_STRING: 'nonsense', AZURE_STORAGE_ACCOUNT: 'no account' };
    expect(await vhdup(['upload', path, sas()], malformed)).toMatchObject({ exitCode: 0 });
    expect(await vhdup(['verify', path, sas()], malformed)).toMatchObject({ exitCode: 0 });
  });

  it('reports with --dry-run what it would do, and sends nothing', async () => {
    const { path } = await makeImage();
    const { exitCode, stdout } = await vhdup(['upload', path, sas(), '--dry-run']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`${40 * MIB + 512} bytes) in 11 requests`);
    expect(server.counters.requests).toBe(0);
    expect(existsSync(`${path}.vhdup.json`)).toBe(false);
  });

  // Windows has no signals between processes: kill ends the other process at once.
  it.skipIf(process.platform === 'win32').each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('stops cleanly on %s, prints how to resume, and resumes', async (signal, code) => {
    const { path, disk } = await makeImage();
    // The upload is slow enough that it does not end before the signal.
    server.faults.add({ operation: 'PutPage', nth: 4 }, { kind: 'stall-answer' });
    const run = start(['upload', path, sas(), '--threads', '1']);
    await server.when(() => server.counters.bytesCommitted >= 16 * MIB);
    run.child.kill(signal);
    const { exitCode, stderr } = await run.ended;
    expect(exitCode).toBe(code);
    expect(stderr).toContain('Run the same command again');
    const committed = server.counters.bytesCommitted;
    const { exitCode: second, stderr: said } = await vhdup(['upload', path, sas()]);
    expect(second).toBe(0);
    expect(said).toContain('Resuming the upload started at');
    expect(server.counters.bytesCommitted - committed).toBeLessThanOrEqual(40 * MIB + 512 - 8 * MIB);
    expectSameBytes(server.blob(CONTAINER, BLOB).read(0, disk.length), disk);
  });

  it.skipIf(process.platform === 'win32')('names the option to omit in order to resume', async () => {
    const { path } = await makeImage();
    server.faults.add({ operation: 'PutPage', nth: 4 }, { kind: 'stall-answer' });
    const run = start(['upload', path, sas(), '--threads', '1', '--restart']);
    await server.when(() => server.counters.bytesCommitted >= 16 * MIB);
    run.child.kill('SIGINT');
    expect((await run.ended).stderr).toContain('Run the same command again without --restart to resume.');
    expect((await vhdup(['upload', path, sas()])).stderr).toContain('Resuming the upload started at');
  });

  it.each([
    ['written to', (path: string) => utimes(path, new Date(), new Date()), 'it was written to at'],
    ['cut', (path: string) => truncate(path, 4 * MIB), 'its size changed from'],
  ])('reports an image that is %s meanwhile, and the next step', async (_, change, what) => {
    const { path } = await makeImage();
    const rule = server.faults.add(
      { operation: 'PutPage', range: { offset: 16 * MIB, length: 64 * MIB } },
      internalError(),
    );
    const run = start(['upload', path, sas(), '--threads', '1']);
    await server.when(() => rule.hits > 0);
    await change(path);
    rule.remove();
    const { exitCode, stderr } = await run.ended;
    expect(exitCode, stderr).toBe(5);
    expect(stderr).toContain(what);
    expect(stderr).toContain('run the same command with --restart');
  });

  it('resumes after kill -9 at any moment', async () => {
    const { path, disk } = await makeImage();
    server.model.latencyMs = 5;
    for (let kill = 1; kill <= 12; kill++) {
      const run = start(['upload', path, sas(), '--threads', '2']);
      const target = server.counters.requests + kill;
      await Promise.race([server.when(() => server.counters.requests >= target), run.ended]);
      run.child.kill('SIGKILL');
      const { exitCode } = await run.ended;
      expect([0, null]).toContain(exitCode);
    }
    const last = await vhdup(['upload', path, sas(), '--overwrite']);
    expect(last.exitCode, last.stderr).toBe(0);
    expectSameBytes(server.blob(CONTAINER, BLOB).read(0, disk.length), disk);
    expect(existsSync(`${path}.vhdup.json`)).toBe(false);
  });
});

describe('vhdup verify', () => {
  it('reports a match, and exits with 10 and the differences otherwise', async () => {
    const { path } = await makeImage();
    const manifest = `${path}.jsonl`;
    const options = ['--manifest', manifest, '--content-md5', '--verify', 'full', '--no-progress'];
    const uploaded = await vhdup(['upload', path, sas(), ...options]);
    expect(uploaded).toMatchObject({ exitCode: 0, stderr: '' });
    expect(uploaded.stdout).toContain('every page of the blob was read back');
    expect(uploaded.stdout).toContain(server.blob(CONTAINER, BLOB).contentMd5 ?? 'no MD5');

    const right = await vhdup(['verify', path, sas(), '--full', '--manifest', manifest, '--no-progress']);
    expect(right).toMatchObject({ exitCode: 0, stderr: '' });
    expect(right.stdout).toContain('matches the image');
    expect(right.stdout).not.toContain('sig=');

    server.blob(CONTAINER, BLOB).clearPages({ offset: 5 * MIB, length: 512 });
    const wrong = await vhdup(['verify', path, sas(), '--no-progress']);
    expect(wrong).toMatchObject({ exitCode: 10, stderr: '' });
    expect(wrong.stdout).toContain('does not match the image');
    expect(wrong.stdout).toContain(`missing at ${5 * MIB}, 512 bytes`);
    expect(await vhdup(['verify', path, sas(), '--quiet'])).toMatchObject({ exitCode: 10, stdout: '' });

    const json = await vhdup(['verify', path, sas(), '--json']);
    const lines = json.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(json.exitCode).toBe(10);
    expect(lines[0]).toMatchObject({ type: 'start-verify', method: 'ranges' });
    expect(lines.at(-1)).toMatchObject({
      type: 'result',
      matches: false,
      differences: { count: 1, bytes: 512, first: [{ kind: 'missing', offset: 5 * MIB, length: 512 }] },
    });
  });

  it.skipIf(process.platform === 'win32')('stops on Ctrl-C, prints how to resume, and resumes', async () => {
    const { path } = await makeImage();
    await vhdup(['upload', path, sas()]);
    server.model.latencyMs = 50;
    const reads = () => server.counters.byOperation.get('GetBlob') ?? 0;
    const run = start(['verify', path, sas(), '--full', '--threads', '1']);
    await server.when(() => reads() >= 4);
    run.child.kill('SIGINT');
    const stopped = await run.ended;
    expect(stopped.exitCode).toBe(130);
    expect(stopped.stderr).toContain('vhdup-verify.json. Run the same command again');
    const before = reads();
    const second = await vhdup(['verify', path, sas(), '--full']);
    expect(second.exitCode, second.stderr).toBe(0);
    expect(second.stderr).toContain('Resuming the verification started at');
    expect(reads() - before).toBeLessThanOrEqual(8);
  });

  it('resumes after kill -9', async () => {
    const { path } = await makeImage();
    await vhdup(['upload', path, sas()]);
    server.blob(CONTAINER, BLOB).write(39 * MIB, Uint8Array.of(0, 0, 0, 0));
    server.model.latencyMs = 5;
    const reads = () => server.counters.byOperation.get('GetBlob') ?? 0;
    for (let kill = 1; kill <= 5; kill++) {
      const run = start(['verify', path, sas(), '--full', '--threads', '2']);
      const target = reads() + 2 * kill;
      await Promise.race([server.when(() => reads() >= target), run.ended]);
      run.child.kill('SIGKILL');
      await run.ended;
    }
    const last = await vhdup(['verify', path, sas(), '--full']);
    expect(last).toMatchObject({ exitCode: 10 });
    expect(last.stdout).toContain(`content at ${39 * MIB}`);
    expect(existsSync(`${path}.vhdup-verify.json`)).toBe(false);
  });
});

describe('exit codes', () => {
  it.each([
    ['no command', [], 2, 'A command is missing.'],
    ['an unknown option', ['upload', 'x', 'y', '--bogus'], 2, 'bogus'],
    ['a missing argument', ['upload'], 2, 'is missing'],
    [
      'threads that are no number',
      ['upload', 'x', 'https://a.blob.core.windows.net/ccc/b', '--threads', 'many'],
      2,
      'whole number',
    ],
    ['threads out of range', ['upload', 'x', 'https://a.blob.core.windows.net/ccc/b', '--threads', '65'], 2, '1 to 64'],
    ['an image that is not there', ['convert', '/no/such/image.vhd', '/tmp/x'], 3, 'no such file'],
    ['an image of another kind', ['convert', join(ROOT, 'package.json'), '/tmp/x'], 3, 'VHD'],
    ['a folder for an image', ['convert', ROOT, '/tmp/x'], 3, 'not a regular file'],
    ['a destination that is no URL', ['upload', join(ROOT, 'package.json'), 'nowhere'], 2, 'is not a URL'],
    [
      'a SAS without permission',
      ['upload', 'x', `https://a.blob.core.windows.net/ccc/b?${sasWith({ sp: 'r' })}`],
      8,
      'missing w',
    ],
  ])('%s', async (_, args, code, message) => {
    const { exitCode, stdout, stderr } = await vhdup(args);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('This is a bug');
    expect(stderr + stdout).not.toContain(SIGNATURE.slice(4, 12));
    expect(exitCode).toBe(code);
  });

  it('6 for an existing blob', async () => {
    const { path } = await makeImage();
    server.createPageBlob(CONTAINER, BLOB, 512);
    expect(await vhdup(['upload', path, sas()])).toMatchObject({ exitCode: 6 });
  });

  it('7 for a checkpoint that cannot be used or written; no blob is created', async () => {
    const { path } = await makeImage();
    await writeFile(`${path}.vhdup.json`, 'nonsense');
    expect(await vhdup(['upload', path, sas()])).toMatchObject({ exitCode: 7 });
    const missing = join(await temporaryFolder(), 'no', 'folder', 'c.json');
    expect(await vhdup(['upload', path, sas(), '--checkpoint', missing])).toMatchObject({ exitCode: 7 });
    expect(server.hasBlob(CONTAINER, BLOB)).toBe(false);
    expect(await readFile(`${path}.vhdup.json`, 'utf8')).toBe('nonsense');
  });

  it('9 when the retries are used up, as JSON too', async () => {
    const { path } = await makeImage();
    server.faults.add({ operation: 'PutPage' }, { kind: 'reset-before-read' });
    const { exitCode, stdout } = await vhdup(['upload', path, sas(), '--retries', '1', '--json']);
    expect(exitCode).toBe(9);
    expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({
      type: 'error',
      code: 'SERVICE',
      exitCode: 9,
    });
  });

  it('11 for an existing file, and for a missing folder', async () => {
    const { path } = await makeImage();
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'there.vhd'), 'mine');
    expect(await vhdup(['convert', path, join(folder, 'there.vhd')])).toMatchObject({ exitCode: 11 });
    expect(await readFile(join(folder, 'there.vhd'), 'utf8')).toBe('mine');
    expect(await vhdup(['convert', path, join(folder, 'no', 'x.vhd')])).toMatchObject({ exitCode: 11 });
  });
});
