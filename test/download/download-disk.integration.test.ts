// Downloads of managed disks: by the SAS that somebody granted, and by their name.
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { downloadImage } from '../../src/download/download.ts';
import type { UploadEvent } from '../../src/events.ts';
import { listUnfinished } from '../../src/manage/list-unfinished.ts';
import type { DownloadOptions } from '../../src/options.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import { runHere } from '../support/command-line.ts';
import {
  armOf,
  callsOf,
  diskThere,
  MIB,
  makeImage,
  NAME,
  newDiskOptions,
  SIZE,
  servers,
  useManagedDisks,
} from '../support/disk-upload.ts';
import { expectSameBytes, failureOf, openWatched, readDisk, temporaryFolder } from '../support/vhd-fixtures.ts';

useManagedDisks();

async function uploadedDisk(): Promise<Uint8Array> {
  const { path, disk } = await makeImage();
  await uploadImage(newDiskOptions(path));
  return disk;
}

async function byName(more: Partial<DownloadOptions> = {}): Promise<DownloadOptions> {
  return { disk: NAME, output: join(await temporaryFolder(), 'disk.vhd'), ...armOf(), ...more };
}

async function expectFileHolds(path: string, disk: Uint8Array): Promise<void> {
  const { image } = await openWatched(path);
  expectSameBytes(await readDisk(image), disk);
}

/** Stops a download when it has done one window. */
async function stopped(options: DownloadOptions): Promise<void> {
  const stop = new AbortController();
  const reason = new Error('stopped by the test');
  const onEvent = (event: UploadEvent) => {
    if (event.type === 'progress' && event.done >= 4 * MIB) stop.abort(reason);
  };
  expect(await failureOf(downloadImage({ ...options, signal: stop.signal, onEvent }))).toBe(reason);
}

describe('a download of a managed disk', () => {
  it.each(['vhd', 'vhdx'] as const)('gets read access, and ends it (%s)', async (format) => {
    const disk = await uploadedDisk();
    const options = await byName({ format });
    const result = await downloadImage(options);
    expect(result).toMatchObject({ diskSize: SIZE, blobSize: SIZE + 512 });
    await expectFileHolds(options.output, disk);
    expect(diskThere().state).toBe('Unattached');
    expect(callsOf('arm EndGetAccess'), 'the commit, and the end of the read access').toBe(2);
    expect(servers.violations).toEqual([]);
  });

  it('resumes after a stop, and after a kill that has not ended the access', async () => {
    const disk = await uploadedDisk();
    const options = await byName();
    await stopped(options);
    expect(diskThere().state).toBe('Unattached');
    const { unfinished } = await listUnfinished({ folder: dirname(options.output) });
    expect(unfinished[0]?.resume).toContain(`vhdup download ${options.output} --disk /subscriptions/`);
    servers.arm.resources.grantAccess(NAME, 'Read', 86_400);
    const result = await downloadImage(options);
    expect(result.receivedBefore).toBeGreaterThan(0);
    await expectFileHolds(options.output, disk);
    expect(diskThere().state).toBe('Unattached');
  });

  it('is refused while somebody else exports the disk', async () => {
    await uploadedDisk();
    servers.arm.resources.grantAccess(NAME, 'Read', 86_400);
    const options = await byName();
    expect(await failureOf(downloadImage(options))).toMatchObject({ exitCode: 12 });
    expect(await readdir(dirname(options.output))).toEqual([]);
  });

  it('does not resume with another disk of the same name', async () => {
    const image = await makeImage();
    await uploadImage(newDiskOptions(image.path));
    const options = await byName();
    await stopped(options);
    servers.arm.resources.deleteDisk(NAME);
    await uploadImage(newDiskOptions(image.path));
    expect(await failureOf(downloadImage(options))).toMatchObject({
      exitCode: 7,
      message: expect.stringContaining('another disk'),
    });
  });

  it('needs no Azure Resource Manager with a SAS that can read', async () => {
    const disk = await uploadedDisk();
    const source = servers.arm.resources.grantAccess(NAME, 'Read', 86_400);
    const calls = servers.calls.filter((call) => call.startsWith('arm')).length;
    const output = join(await temporaryFolder(), 'disk.vhd');
    await downloadImage({ source, output });
    await expectFileHolds(output, disk);
    expect(servers.calls.filter((call) => call.startsWith('arm'))).toHaveLength(calls);
    expect(servers.violations).toEqual([]);
  });

  describe.each([
    ['the same address', false],
    ['another address', true],
  ])('by the SAS of another access with %s', (_, isMoved) => {
    function newAccess(): string {
      servers.arm.resources.revokeAccess(NAME);
      if (isMoved) pages().accesses.length = 0;
      return servers.arm.resources.grantAccess(NAME, 'Read', 86_400);
    }

    function pages() {
      const { pages: found } = diskThere();
      if (found === undefined) throw new Error('Nobody had access to the disk.');
      return found;
    }

    it('resumes', async () => {
      const disk = await uploadedDisk();
      const output = join(await temporaryFolder(), 'disk.vhd');
      const first = newAccess();
      await stopped({ source: first, output });
      const second = newAccess();
      expect(second).not.toBe(first);
      expect(second.split('?')[0] === first.split('?')[0]).toBe(!isMoved);
      expect((await downloadImage({ source: second, output })).receivedBefore).toBeGreaterThan(0);
      await expectFileHolds(output, disk);
    });

    it('is refused if the disk was written to in between', async () => {
      await uploadedDisk();
      const output = join(await temporaryFolder(), 'disk.vhd');
      await stopped({ source: newAccess(), output });
      servers.disks.writePages(pages(), 0, new Uint8Array(512).fill(7));
      const failure = await failureOf(downloadImage({ source: newAccess(), output }));
      expect(failure).toMatchObject({ exitCode: isMoved ? 7 : 6 });
      expect(failure.message).toContain('--restart');
    });
  });

  it('reads everything if the disk does not list its pages', async () => {
    const disk = await uploadedDisk();
    servers.disks.behaviour.pageRanges = 'times-out';
    const options = await byName();
    const result = await downloadImage(options);
    expect(result.received).toBe(SIZE);
    await expectFileHolds(options.output, disk);
  });

  it('works from the command line, and leaves no secret anywhere', async () => {
    const disk = await uploadedDisk();
    const folder = await temporaryFolder();
    const output = join(folder, 'disk.vhd');
    const log = join(folder, 'log.jsonl');
    const args = ['download', output, '--disk', NAME, '-g', 'rg', '--arm-endpoint', servers.armEndpoint];
    const { exitCode, stdout, stderr } = await runHere([...args, '--log-file', log, '--json', '-v'], {
      ...servers.environment,
      PATH: process.env['PATH'],
    });
    expect(exitCode, stderr).toBe(0);
    await expectFileHolds(output, disk);
    const texts = stdout + stderr + (await readFile(log, 'utf8'));
    expect(servers.secrets.filter((secret) => texts.includes(secret))).toEqual([]);
  });
});
