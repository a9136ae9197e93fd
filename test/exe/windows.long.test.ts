// The Windows executable, run by Wine. docs/install.md names what Wine cannot show.
import { chmodSync, existsSync, linkSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { nodeOf } from '../../bin/exe/target-files.ts';
import { type Target, targetsNamed } from '../../bin/exe/targets.ts';
import { VERSION } from '../../src/base/version.ts';
import { runHere } from '../support/command-line.ts';
import {
  builtExecutable,
  COUNT_THREADS,
  DISK,
  DISK_SIZE,
  expectUploaded,
  killWhileSending,
  NOT_BUILT,
  resultOf,
  type StartOptions,
  writeDisk,
} from '../support/executables.ts';
import {
  BLOB,
  blobUrl,
  CONTAINER,
  isComplete,
  requestsOf,
  restartServer,
  server,
  useServer,
} from '../support/target-server.ts';
import { expectSameBytes, temporaryFolder } from '../support/vhd-fixtures.ts';
import { hasWine, NO_WINE, Wine, windowsPath } from '../support/wine.ts';

const EXECUTABLE = builtExecutable('win-x64');
const MISSING = EXECUTABLE === undefined ? NOT_BUILT : NO_WINE;
const windows = targetsNamed(['win-x64'])[0] as Target;
/** Of libuv: open a file that nobody else may open. */
const UV_FS_O_EXLOCK = 0x10000000;

describe.skipIf(EXECUTABLE === undefined || !hasWine)(`the Windows executable (skipped if ${MISSING})`, () => {
  let wine: Wine;
  useServer();

  beforeAll(() => {
    wine = new Wine();
    for (const name of ['vhdup', 'Add-AzureVhd', 'save-azvhd']) linkOrCopy(`${name}.exe`);
  });

  afterAll(() => wine?.close());

  function linkOrCopy(name: string): void {
    const path = join(wine.driveC, name);
    try {
      linkSync(EXECUTABLE ?? '', path);
    } catch {
      // Another file system.
      writeFileSync(path, readFileSync(EXECUTABLE ?? ''));
    }
  }

  const run = (args: readonly string[], { program = 'vhdup', ...options }: StartOptions & { program?: string } = {}) =>
    wine.start(`C:\\${program}.exe`, args, options).ended;

  async function imageIn(folder: string, name = 'disk.vhd'): Promise<string> {
    const path = join(folder, name);
    await writeDisk(path);
    return path;
  }

  it('is a Windows program with Node and koffi inside', async () => {
    const koffi = JSON.parse(readFileSync('node_modules/koffi/package.json', 'utf8')).version;
    expect(resultOf(await run(['version', '--json']))).toMatchObject({
      version: VERSION,
      executable: true,
      path: 'C:\\vhdup.exe',
      platform: 'win32',
      arch: 'x64',
      koffi,
    });
  });

  it('checks and inspects an image as the npm package does', async () => {
    const image = await imageIn(await temporaryFolder());
    const [here, there] = [
      await runHere(['check', image, '--json']),
      await run(['check', windowsPath(image), '--json']),
    ];
    expect(there.exitCode).toBe(here.exitCode);
    expect(resultOf(there)).toEqual({ ...resultOf(here), image: windowsPath(image) });
    const inspected = resultOf(await run(['inspect', windowsPath(image), '--json']));
    const expected = resultOf(await runHere(['inspect', image, '--json']));
    expect(inspected).toEqual({ ...expected, image: { ...Object(expected['image']), path: windowsPath(image) } });
  });

  it('converts a VHD to a VHDX and back', async () => {
    const folder = await temporaryFolder();
    const image = await imageIn(folder);
    for (const [from, to, format] of [
      ['disk.vhd', 'copy.vhdx', 'vhdx'],
      ['copy.vhdx', 'copy.raw', 'raw'],
    ] as const) {
      const paths = [from, to].map((name) => windowsPath(join(folder, name)));
      expect(await run(['convert', ...paths, '--format', format, '--quiet'])).toMatchObject({
        exitCode: 0,
        stderr: '',
      });
    }
    expectSameBytes(readFileSync(join(folder, 'copy.raw')).subarray(0, DISK_SIZE), DISK);
    expect(image).toBeDefined();
  });

  it('uploads with its threads and verifies every byte', async () => {
    const image = windowsPath(await imageIn(await temporaryFolder()));
    writeFileSync(join(wine.driveC, 'count-threads.cjs'), COUNT_THREADS);
    const env = { NODE_OPTIONS: '--require C:/count-threads.cjs' };
    const uploaded = await run(['upload', image, blobUrl(), '--content-md5', '--json'], { env });
    expect(resultOf(uploaded)).toBeDefined();
    // One reads and computes checksums, the other one computes the MD5.
    expect(uploaded.stderr).toContain('threads 2');
    expectUploaded();
    const verified = await run(['verify', image, blobUrl('r'), '--full', '--json']);
    expect(resultOf(verified)).toMatchObject({ matches: true });
  });

  it('resumes an upload that was killed', async () => {
    await restartServer({ model: { latencyMs: 20 } });
    const image = windowsPath(await imageIn(await temporaryFolder()));
    const args = ['upload', image, blobUrl(), '--threads', '2', '--json'];
    await killWhileSending(wine.start('C:\\vhdup.exe', args));
    expect(isComplete()).toBe(false);
    const sentBefore = requestsOf('PutPage').length;
    const second = await run([...args, '--break-lease']);
    expect(second.stdout).toContain('"resumedFrom"');
    expect(resultOf(second)).toBeDefined();
    expect(requestsOf('PutPage').length).toBeGreaterThan(sentBefore);
    expectUploaded();
  });

  it('takes long paths and Chinese names', async () => {
    const folder = join(
      await temporaryFolder(),
      ...Array.from({ length: 12 }, () => '虚拟机映像-a-folder-with-a-long-name'),
    );
    mkdirSync(folder, { recursive: true });
    const image = windowsPath(await imageIn(folder, '磁盘 (1).vhd'));
    expect(image.length).toBeGreaterThan(260);
    const { exitCode, stdout } = await run(['upload', image, blobUrl(), '--json']);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout.split('\n', 1)[0] ?? '')).toMatchObject({ type: 'start', image });
    expectUploaded();
    // JSON is ASCII; text is not.
    expect((await run(['inspect', image])).stdout).toContain('磁盘 (1).vhd');
  });

  it('takes drives and paths relative to one', async () => {
    const folder = await temporaryFolder();
    await imageIn(folder);
    wine.addDrive('d', folder);
    for (const path of ['D:\\disk.vhd', 'd:/disk.vhd']) {
      const { image } = resultOf(await run(['inspect', path, '--json']));
      expect(image).toMatchObject({ path: expect.stringMatching(/^d:[\\/]disk\.vhd$/i) });
    }
    for (const path of ['disk.vhd', '.\\disk.vhd']) {
      expect((await run(['inspect', path], { cwd: folder })).exitCode).toBe(0);
    }
  });

  it('uploads an image that is read-only', async () => {
    const image = await imageIn(await temporaryFolder());
    chmodSync(image, 0o444);
    expect((await run(['upload', windowsPath(image), blobUrl(), '--quiet'])).exitCode).toBe(0);
    expectUploaded();
  });

  it.each([
    ['shared', 0, 0],
    ['not shared', UV_FS_O_EXLOCK, 3],
  ])('reads an image that another program has open only if it is %s', async (_, flags, expected) => {
    const folder = await temporaryFolder();
    const image = windowsPath(await imageIn(folder));
    const isOpen = join(folder, 'is-open');
    writeFileSync(
      join(folder, 'hold.cjs'),
      `const fs = require('node:fs');
      fs.openSync(${JSON.stringify(image)}, fs.constants.O_RDWR | ${flags});
      fs.writeFileSync(${JSON.stringify(windowsPath(isOpen))}, '');
      setInterval(() => undefined, 1000);`,
    );
    const holder = wine.start(windowsPath(resolve(nodeOf(windows))), [windowsPath(join(folder, 'hold.cjs'))]);
    await vi.waitUntil(() => existsSync(isOpen) || holder.child.exitCode !== null, { timeout: 120_000 });
    const { exitCode, stderr } = await run(['inspect', image]);
    expect(exitCode, stderr).toBe(expected);
    if (expected !== 0) expect(stderr).toMatch(/disk\.vhd: another process holds it open/);
    holder.child.kill('SIGKILL');
    await holder.ended;
  });

  it('is the cmdlet that it is named after, and knows it as a command', async () => {
    const image = windowsPath(await imageIn(await temporaryFolder()));
    const parameters = ['-LocalFilePath', image, '-Destination', blobUrl('rwc')];
    const named = await run(parameters, { program: 'Add-AzureVhd' });
    expect(named).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('DestinationUri') });
    const again = await run(['add-azurevhd', ...parameters, '-OverWrite']);
    expect(again).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('DestinationUri') });
    const output = join(await temporaryFolder(), 'back.vhd');
    const saved = await run(['-SourceUri', blobUrl('r'), '-LocalFilePath', windowsPath(output)], {
      program: 'save-azvhd',
    });
    expect(saved.exitCode).toBe(0);
    expectSameBytes(readFileSync(output).subarray(0, DISK_SIZE), DISK);
    expect(server.hasBlob(CONTAINER, BLOB)).toBe(true);
  });

  it('asks nobody without a terminal', async () => {
    const image = windowsPath(await imageIn(await temporaryFolder()));
    expect(await run([image])).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(`vhdup upload ${image}`) });
  });
});
