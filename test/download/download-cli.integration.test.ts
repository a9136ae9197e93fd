// vhdup download as a user runs it: arguments, messages, exit codes, secrets, and a full disk.
import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ROOT, runHere, startProgram } from '../support/command-line.ts';
import { LISTED, SIZE, storeDisk } from '../support/downloads.ts';
import { BLOB, blobUrl, CONTAINER, requestsOf, server, storedBlob, useServer } from '../support/target-server.ts';
import { expectSameBytes, temporaryFolder } from '../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;

useServer();

async function newFile(name = 'disk.vhd'): Promise<string> {
  return join(await temporaryFolder(), name);
}

async function expectBlobIn(output: string): Promise<void> {
  expectSameBytes(await readFile(output), storedBlob().read(0, SIZE + 512));
}

function signatureOf(url: string): string {
  return new URL(url).searchParams.get('sig') ?? '';
}

describe('vhdup download', () => {
  it('describes what it did', async () => {
    storeDisk();
    const output = await newFile();
    const { exitCode, stdout } = await runHere(['download', blobUrl('r'), output]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`Downloaded ${server.urlOf(CONTAINER, BLOB)} to ${output}`);
    expect(stdout).toContain(`(${LISTED} bytes)`);
    expect(stdout).toContain('the blob did not change meanwhile; every range has the checksum that the service sent');
    await expectBlobIn(output);
  });

  it('reports events and the result as JSON', async () => {
    storeDisk();
    const output = await newFile();
    const { stdout } = await runHere(['download', blobUrl('r'), output, '--json']);
    const lines: { readonly type: string }[] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ type }) => type)).toEqual(expect.arrayContaining(['start-download', 'progress', 'saved']));
    expect(lines.at(-1)).toMatchObject({ type: 'result', output, received: LISTED, alreadyComplete: false });
  });

  it('reads the account from the environment', async () => {
    storeDisk();
    const output = await newFile();
    const environment = { AZURE_STORAGE_CONNECTION_STRING: server.connectionString };
    expect(await runHere(['download', `${CONTAINER}/${BLOB}`, output], environment)).toMatchObject({ exitCode: 0 });
    await expectBlobIn(output);
  });

  it.each([
    [['download'], 'The source is missing'],
    [['download', 'vhds/disk.vhd'], 'The file is missing'],
    [['download', 'a', 'b', '--disk', 'web01'], 'one source'],
    [['download', '--disk', 'web01', '-g', 'rg'], 'The source is missing'],
    [['download', 'a', 'b', '--max-rate', 'fast'], '--max-rate must be a rate'],
    [['download', 'disk.vhd', 'https://a.blob.core.windows.net/vhds/disk.vhd'], 'The file to write is a URL'],
    [['download', 'disk.vhd', 'copy.vhd'], 'The source "disk.vhd" is not a URL'],
    [['download', '?sv=2024-11-04&sig=c2VjcmV0', 'disk.vhd'], 'A SAS is given where the URL of a blob is expected'],
  ])('refuses %j', async (args, message) => {
    expect(await runHere(args)).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(message) });
  });

  it('says how to resume after Ctrl-C, and does', async () => {
    storeDisk();
    server.model.latencyMs = 30;
    const output = await newFile();
    const { child, ended } = startProgram(['download', blobUrl('r'), output, '--threads', '1']);
    await server.when(() => requestsOf('GetBlob').length >= 4);
    child.kill('SIGINT');
    const { exitCode, stderr } = await ended;
    expect(exitCode).toBe(130);
    expect(stderr).toContain(`Progress is saved in ${output}.vhdup.json. Run the same command again to resume.`);
    expect((await readdir(dirname(output))).length).toBe(2);
    const again = await runHere(['download', blobUrl('r'), output]);
    expect(again.stderr).toContain('Resuming the download started at');
    await expectBlobIn(output);
  });

  it('reads the SAS from a file', async () => {
    storeDisk();
    const output = await newFile();
    const file = join(dirname(output), 'sas.txt');
    await writeFile(file, new URL(blobUrl('r')).search.slice(1));
    const url = server.urlOf(CONTAINER, BLOB);
    expect(await runHere(['download', url, output, '--sas-file', file])).toMatchObject({ exitCode: 0 });
    await expectBlobIn(output);
  });
});

describe('secrets', () => {
  it.each([
    ['a success', () => undefined, 0],
    ['a blob that is no disk', () => void storedBlob().write(SIZE, new Uint8Array(512)), 6],
    ['a missing blob', () => server.deleteBlob(CONTAINER, BLOB), 6],
    ['a wrong Content-MD5', () => storeMd5('other'), 10],
    [
      'a refused credential',
      () => server.faults.add({ operation: 'GetBlob' }, { kind: 'status', status: 403, code: 'AuthenticationFailed' }),
      8,
    ],
  ])('are nowhere after %s', async (_, arrange, expected) => {
    storeDisk();
    arrange();
    const output = await newFile();
    const source = blobUrl('r');
    const log = join(dirname(output), 'log.jsonl');
    const { exitCode, stdout, stderr } = await runHere(['download', source, output, '--log-file', log, '--json', '-v']);
    expect(exitCode, stderr).toBe(expected);
    const names = (await readdir(dirname(output))).filter(
      (name) => !name.startsWith('disk.vhd') || name.endsWith('.json'),
    );
    const files = await Promise.all(names.map((name) => readFile(join(dirname(output), name), 'utf8')));
    const signature = signatureOf(source);
    for (const text of [stdout, stderr, ...files]) {
      expect(text).not.toContain(signature);
      expect(text).not.toContain(encodeURIComponent(signature));
    }
  });

  function storeMd5(text: string): void {
    storedBlob().headers = new Map([['content-md5', createHash('md5').update(text).digest('base64')]]);
  }
});

/** Whether a test may mount a file system of its own, which vanishes with its process. */
const canMount =
  process.platform === 'linux' && spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 't', '/mnt']).status === 0;

describe.skipIf(!canMount)('a full disk (needs user namespaces)', () => {
  it('stops a download, which resumes when there is space', async () => {
    storeDisk();
    const folder = await temporaryFolder();
    const mounted = join(folder, 'disk');
    await mkdir(mounted);
    const script = `
      mount -t tmpfs -o size=4m t "$1" && cd "$1" || exit 99
      "$2" "$3" download "$4" disk.vhd; echo "first: $?" >&2
      mount -o remount,size=64m "$1"
      "$2" "$3" download "$4" disk.vhd --json; echo "second: $?" >&2
      cp disk.vhd "$5"; ls >&2`;
    const copy = join(folder, 'copy.vhd');
    const args = [
      '-rm',
      'sh',
      '-c',
      script,
      'sh',
      mounted,
      process.execPath,
      join(ROOT, 'bin/vhdup.js'),
      blobUrl('r'),
      copy,
    ];
    const { stdout, stderr } = await runOther('unshare', args);
    expect(stderr).toContain('first: 11');
    expect(stderr).toContain('the disk is full (ENOSPC)');
    expect(stderr).toContain('run the same command again to resume');
    expect(stderr).toContain('are needed. If the disk becomes full');
    expect(stderr).toContain('second: 0\ndisk.vhd\n');
    expect(stdout).toContain('"resumedFrom"');
    await expectBlobIn(copy);
  });

  it('without room for a checkpoint refuses the download, and keeps nothing that no run would find', async () => {
    storeDisk();
    const folder = await temporaryFolder();
    const script = `
      mount -t tmpfs -o size=4m t "$1" && cd "$1" || exit 99
      dd if=/dev/zero of=fill bs=4k 2>/dev/null; truncate -s -4096 fill # room for the lock
      "$2" "$3" download "$4" disk.vhd; echo "ended: $?" >&2; ls >&2`;
    const program = [process.execPath, join(ROOT, 'bin/vhdup.js')];
    const { stderr } = await runOther('unshare', ['-rm', 'sh', '-c', script, 'sh', folder, ...program, blobUrl('r')]);
    expect(stderr).toContain('Cannot write the checkpoint disk.vhd.vhdup.json: the disk is full');
    expect(stderr).not.toContain('Progress is saved');
    expect(stderr).toMatch(/ended: 7\nfill\n$/);
    expect(requestsOf('GetPageRanges')).toEqual([]);
  });
});

/** Runs a program to its end. */
async function runOther(program: string, args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  return await promisify(execFile)(program, [...args], { maxBuffer: 16 * MIB });
}
