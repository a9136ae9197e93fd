// The Linux executable, in a root that contains nothing but it, the libraries that it links to, the id of a machine, and folders.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { VERSION } from '../../src/base/version.ts';
import {
  builtExecutable,
  COUNT_THREADS,
  expectUploaded,
  killWhileSending,
  NOT_BUILT,
  resultOf,
  startCommand,
  writeDisk,
} from '../support/executables.ts';
import { blobUrl, isComplete, requestsOf, restartServer, useServer } from '../support/target-server.ts';
import { temporaryFolder } from '../support/vhd-fixtures.ts';

const EXECUTABLE = builtExecutable('linux-x64');
const NAMES = ['vhdup', 'add-azurevhd'];

/** The libraries of a program, by the path that it looks for them at. */
function librariesOf(program: string): string[] {
  const list = execFileSync('ldd', [program], { encoding: 'utf8' });
  return [...list.matchAll(/(\/\S+) \(0x/g)].map(([, path = '']) => path);
}

describe.skipIf(EXECUTABLE === undefined || process.platform !== 'linux')(
  `the Linux executable (skipped if ${NOT_BUILT})`,
  () => {
    let root: string;
    useServer();

    async function makeRoot(): Promise<string> {
      const folder = await temporaryFolder();
      for (const path of librariesOf(EXECUTABLE ?? '')) {
        mkdirSync(join(folder, dirname(path)), { recursive: true });
        copyFileSync(path, join(folder, path));
      }
      for (const name of ['tmp', 'images', 'proc', 'etc']) mkdirSync(join(folder, name));
      writeFileSync(join(folder, 'etc/machine-id'), `${'0123456789abcdef'.repeat(2)}\n`);
      for (const name of NAMES) copyFileSync(EXECUTABLE ?? '', join(folder, name));
      return folder;
    }

    const start = (args: readonly string[], { program = 'vhdup', env = {} }: { program?: string; env?: object } = {}) =>
      startCommand('unshare', ['--map-root-user', `--root=${root}`, `/${program}`, ...args], { env: { ...env } });
    const run = (...command: Parameters<typeof start>) => start(...command).ended;
    /** With /proc, as in a container: together with the id of the machine it shows which processes have exited. */
    const startInContainer = (args: readonly string[]) => {
      const script = 'mount --rbind /proc "$0/proc" && exec chroot "$0" /vhdup "$@"';
      const command = ['--map-root-user', '--mount', 'sh', '-c', script, root, ...args];
      return startCommand('unshare', command, { env: { PATH: process.env['PATH'] } });
    };

    async function prepare(): Promise<string> {
      root = await makeRoot();
      await writeDisk(join(root, 'images/disk.vhd'));
      return '/images/disk.vhd';
    }

    it('starts without anything beside it, and leaves nothing behind', async () => {
      await prepare();
      const koffi = JSON.parse(readFileSync('node_modules/koffi/package.json', 'utf8')).version;
      const result = resultOf(await run(['version', '--json']));
      expect(result).toMatchObject({ version: VERSION, executable: true, path: '/vhdup', platform: 'linux', koffi });
      expect(result['libraries']).toMatchObject({ '@azure/identity': expect.stringMatching(/^\d/) });
      expect(readdirSync(join(root, 'tmp'))).toEqual([]);
      expect((await run([])).exitCode).toBe(2);
    });

    it('uploads with an MD5, and verifies every byte', async () => {
      const image = await prepare();
      writeFileSync(join(root, 'count-threads.cjs'), COUNT_THREADS);
      const env = { NODE_OPTIONS: '--require /count-threads.cjs' };
      const uploaded = await run(['upload', image, blobUrl(), '--content-md5', '--json'], { env });
      expect(resultOf(uploaded)).toBeDefined();
      expect(uploaded.stderr).toContain('threads 2');
      expectUploaded();
      expect(resultOf(await run(['verify', image, blobUrl('r'), '--full', '--json']))).toMatchObject({ matches: true });
    });

    it('resumes an upload that was killed', async () => {
      await restartServer({ model: { latencyMs: 20 } });
      const image = await prepare();
      const args = ['upload', image, blobUrl(), '--threads', '2', '--json'];
      await killWhileSending(startInContainer(args));
      expect(isComplete()).toBe(false);
      expect(existsSync(join(root, `${image}.vhdup.json`))).toBe(true);
      const second = await startInContainer(args).ended;
      expect(second.stdout).toContain('"resumedFrom"');
      expect(resultOf(second)).toBeDefined();
      expect(requestsOf('PutPage').length).toBeGreaterThan(0);
      expectUploaded();
    });

    it('is the cmdlet that it is named after', async () => {
      const image = await prepare();
      const outcome = await run(['-LocalFilePath', image, '-Destination', blobUrl('rwc')], { program: 'add-azurevhd' });
      expect(outcome).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(basename(image)) });
      expectUploaded();
    });

    it('has the sign-in of Microsoft Entra inside', async () => {
      const image = await prepare();
      const { exitCode, stderr } = await run(['upload', image, 'https://account.blob.core.windows.net/vhds/disk.vhd']);
      expect(exitCode).toBe(8);
      expect(stderr).toContain('az login');
      expect(stderr).not.toContain('Cannot find');
    });
  },
);
