// vhdup upload to the address of a managed disk whose SAS is not in the URL: from a file, standard input, a command or the environment.
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Outcome, ROOT, runHere } from '../../support/command-line.ts';
import { type ManagedDisks, startManagedDisks } from '../../support/managed-disks.ts';
import { buildImage, expectBlobIs, PIECE, spreadDisk } from '../../support/spread-disk.ts';
import { temporaryFolder } from '../../support/vhd-fixtures.ts';

const DISK = spreadDisk(6);
const NAME = 'web01';
const SIZE = DISK.size + 512;

let servers: ManagedDisks;

beforeEach(async () => {
  servers = await startManagedDisks();
});

afterEach(async () => {
  expect(servers.violations).toEqual([]);
  await servers.close();
});

interface Granted {
  /** With the SAS. */
  readonly whole: string;
  /** Without the SAS. */
  readonly url: string;
  readonly sas: string;
  /** The endpoint of the account in the path. */
  readonly endpoint: string;
}

function grant(name = NAME): Granted {
  if (servers.arm.resources.findDisk(name) === undefined)
    servers.arm.resources.createDisk({ name, uploadSizeBytes: SIZE });
  const whole = servers.arm.resources.grantAccess(name, 'Write', 86_400);
  const [url = '', sas = ''] = whole.split('?', 2);
  return { whole, url, sas, endpoint: url.split('/').slice(0, 4).join('/') };
}

async function fileWith(text: string): Promise<string> {
  const path = join(await temporaryFolder(), 'sas.txt');
  await writeFile(path, text);
  return path;
}

async function upload(destination: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}) {
  return await runHere(['upload', await buildImage(DISK), destination, '--threads', '1', ...args], environment);
}

function expectUploaded({ exitCode, stdout, stderr }: Outcome): void {
  expect(exitCode, stdout + stderr).toBe(0);
  expectBlobIs(DISK, servers.arm.resources.disk(NAME).content);
  expectNoSecrets(stdout + stderr);
  expect(stdout).toContain('az disk revoke-access');
  expect(stdout).toContain('VHD size');
  expect(stdout).toContain('the page list of the disk matches what was sent');
  expect(stdout).not.toContain('blob size');
}

function expectNoSecrets(output: string): void {
  for (const secret of servers.secrets) expect(output).not.toContain(secret);
}

describe('a SAS of a managed disk that is not in the URL', () => {
  it.each(['whole', 'sas'] as const)('is read from a file (%s)', async (form) => {
    const granted = grant();
    expectUploaded(await upload(granted.url, ['--sas-file', await fileWith(`${granted[form]}\n`)]));
  });

  it('is read from standard input', async () => {
    const { url, whole } = grant();
    const args = ['upload', await buildImage(DISK), url, '--sas-file', '-'];
    const child = spawn(process.execPath, [join(ROOT, 'bin/vhdup.js'), ...args], {
      env: { PATH: process.env['PATH'] },
    });
    const output = { stdout: '', stderr: '' };
    child.stdout.on('data', (data) => {
      output.stdout += data;
    });
    child.stderr.on('data', (data) => {
      output.stderr += data;
    });
    child.stdin.end(`${whole}\n`);
    const exitCode = await new Promise<number | null>((resolve) => child.once('close', resolve));
    expectUploaded({ exitCode, ...output });
  });

  it('is printed by a command', async () => {
    const { url, sas } = grant();
    expectUploaded(await upload(url, ['--sas-command', `cat ${await fileWith(sas)}`]));
  });

  it('is AZURE_STORAGE_SAS_TOKEN, where that may be sent', async () => {
    const { url, sas, endpoint } = grant();
    expectUploaded(
      await upload(url, [], { AZURE_STORAGE_SAS_TOKEN: `?${sas}`, AZURE_STORAGE_SERVICE_ENDPOINT: endpoint }),
    );
  });

  it('is read again from the file when it has expired, also if the new grant has another address', async () => {
    const { url, whole } = grant();
    const file = await fileWith(whole);
    const replaced = servers.disks
      .when(() => servers.disks.counters.bytesCommitted >= 2 * PIECE)
      .then(async () => {
        servers.disks.expireSas();
        await writeFile(file, grant().whole);
      });
    expectUploaded(await upload(url, ['--sas-file', file]));
    await replaced;
  });
});

describe('the address of a managed disk without its SAS', () => {
  const ADDRESS = 'https://md-impexp-abcdefgh.z12.blob.storage.azure.net/abcdefgh/abcd';
  const KEY = Buffer.alloc(64, 0x5a).toString('base64');

  it.each<[string, NodeJS.ProcessEnv, RegExp]>([
    ['nothing else', {}, /needs the SAS that was granted with it.*az disk grant-access/s],
    ['an account key', { AZURE_STORAGE_KEY: KEY }, /needs the SAS that was granted with it/],
    [
      'the key of an account',
      { AZURE_STORAGE_KEY: KEY, AZURE_STORAGE_ACCOUNT: 'backup' },
      /AZURE_STORAGE_KEY is for the account backup.*It was not sent there.*append a SAS to the URL/s,
    ],
    [
      'a connection string',
      { AZURE_STORAGE_CONNECTION_STRING: `AccountName=backup;AccountKey=${KEY}` },
      /AZURE_STORAGE_CONNECTION_STRING is for the account backup.*It was not sent there.*append a SAS to the URL/s,
    ],
    [
      'the SAS of another account',
      { AZURE_STORAGE_ACCOUNT: 'backup', AZURE_STORAGE_SAS_TOKEN: 'sv=2021-12-02&sr=c&sp=rw&sig=abc' },
      /AZURE_STORAGE_SAS_TOKEN is for the account backup.*It was not sent there/s,
    ],
  ])('is refused with %s, and a sentence that says how to continue', async (_, environment, message) => {
    const { exitCode, stdout, stderr } = await upload(ADDRESS, [], environment);
    expect(exitCode, stdout + stderr).toBe(8);
    expect(stderr).toMatch(message);
    expect(stdout + stderr).not.toContain(KEY.slice(0, 20));
  });

  it('is refused with the SAS of another disk in the file', async () => {
    const { url } = grant();
    const other = grant('other');
    const { exitCode, stderr } = await upload(url, ['--sas-file', await fileWith(other.whole)]);
    expect(exitCode, stderr).toBe(8);
    expect(stderr).toContain(`The SAS belongs to the URL ${other.url}, but the destination is ${url}`);
    expectNoSecrets(stderr);
  });

  it('is refused with an empty file', async () => {
    const { exitCode, stderr } = await upload(grant().url, ['--sas-file', await fileWith('\n')]);
    expect(exitCode, stderr).toBe(8);
    expect(stderr).toContain('The SAS is empty');
  });
});

describe('a SAS for a disk that vhdup gets access to itself', () => {
  it.each(['--sas-file', '--sas-command'])('is refused: %s', async (option) => {
    const args = ['upload', 'disk.vhd', '--disk', NAME, '-g', 'rg', '-l', 'westeurope', option, 'sas.txt'];
    const { exitCode, stderr } = await runHere(args);
    expect(exitCode, stderr).toBe(2);
    expect(stderr).toContain('With --disk, vhdup gets access to the disk itself: leave them out.');
  });
});
