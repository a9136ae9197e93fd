import { spawnSync } from 'node:child_process';
import { chmod, link, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CheckpointError } from '../../src/errors.ts';
import type { Checkpoint } from '../../src/state/checkpoint.ts';
import { CheckpointFile } from '../../src/state/checkpoint-file.ts';
import { failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';

/** Distinct checkpoints of distinct lengths. */
function checkpointOf(number: number): Checkpoint {
  return {
    uploadId: '5f0c2a52-59b4-4f0f-9d7c-2f6a0a5d7b11',
    startedAt: '2026-03-01T10:00:00.000Z',
    image: [{ name: 'disk.vhd', size: 1024, modifiedMs: 0, diskId: '0'.repeat(32) }],
    diskSize: 512,
    trustUnmarkedSectors: false,
    blobUrl: 'https://account.blob.core.windows.net/vhds/disk.vhd',
    blobSize: 1_049_088,
    done: Array.from({ length: number }, (_, index) => ({ offset: index * 1024, length: 512 })),
    sent: { bytes: 512 * number, pages: '0'.repeat(16) },
    unverified: [],
    lease: { owner: { id: 'run', host: 'here', pid: 1, since: 'now' }, ids: ['run'] },
  };
}

async function temporaryFile(): Promise<CheckpointFile> {
  return new CheckpointFile(join(await temporaryFolder(), 'disk.vhd.vhdup.json'));
}

describe('CheckpointFile', () => {
  it('is empty before the first save', async () => {
    expect(await (await temporaryFile()).load()).toBeUndefined();
  });

  it('returns the last saved checkpoint, in a file that only its owner can access', async () => {
    const file = await temporaryFile();
    await file.save(checkpointOf(3));
    await file.save(checkpointOf(1));
    expect(await new CheckpointFile(file.path).load()).toEqual(checkpointOf(1));
    if (process.platform !== 'win32') expect((await stat(file.path)).mode & 0o777).toBe(0o600);
  });

  it('saves in the order of the calls, even if they overlap', async () => {
    const file = await temporaryFile();
    await Promise.all([5, 4, 3, 2, 9].map((number) => file.save(checkpointOf(number))));
    expect(await file.load()).toEqual(checkpointOf(9));
  });

  it('saves the checkpoint as it was at the time of the call', async () => {
    const file = await temporaryFile();
    const done = [{ offset: 0, length: 512 }];
    const saving = file.save({ ...checkpointOf(0), done });
    done.push({ offset: 1024, length: 512 });
    await saving;
    expect((await file.load())?.done).toEqual([{ offset: 0, length: 512 }]);
  });

  it('is complete at every moment of a replacement', async () => {
    const file = await temporaryFile();
    await file.save(checkpointOf(0));
    let isSaving = true;
    const saves = (async () => {
      for (let number = 1; number <= 60; number++) await file.save(checkpointOf(number * 37));
      isSaving = false;
    })();
    let last = 0;
    while (isSaving) {
      const loaded = await file.load();
      const number = (loaded?.done.length ?? -1) / 37;
      expect(number).toBeGreaterThanOrEqual(last);
      last = number;
    }
    await saves;
    expect((await file.load())?.done).toHaveLength(60 * 37);
  });

  it('stays complete when a save fails, and the next save works', async () => {
    const folder = join(await temporaryFolder(), 'state');
    await mkdir(folder);
    const file = new CheckpointFile(join(folder, 'disk.vhd.vhdup.json'));
    await file.save(checkpointOf(2));
    await rename(folder, `${folder}.away`);
    const failing = file.save(checkpointOf(3));
    const behind = file.save(checkpointOf(4));
    const error = await failureOf(failing);
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error.message).toContain(`Cannot write the checkpoint ${file.path}: there is no such folder (ENOENT)`);
    expect(error.message).toContain('--checkpoint');
    await failureOf(behind);
    await rename(`${folder}.away`, folder);
    expect(await file.load()).toEqual(checkpointOf(2));
    await file.save(checkpointOf(5));
    expect(await file.load()).toEqual(checkpointOf(5));
    expect(await readdir(folder)).toEqual(['disk.vhd.vhdup.json']);
  });

  it.skipIf(process.platform === 'win32' || process.getuid?.() === 0)(
    'says what to do when the folder is read-only',
    async () => {
      const file = await temporaryFile();
      await chmod(join(file.path, '..'), 0o500);
      const error = await failureOf(file.save(checkpointOf(1)));
      expect(error).toBeInstanceOf(CheckpointError);
      expect(error.message).toContain('--checkpoint');
      await chmod(join(file.path, '..'), 0o700);
    },
  );

  it('names the next step if the folder does not exist', async () => {
    const file = new CheckpointFile(join(await temporaryFolder(), 'absent', 'checkpoint.json'));
    expect(await file.load()).toBeUndefined();
    expect(await failureOf(file.save(checkpointOf(1)))).toBeInstanceOf(CheckpointError);
  });

  it('leaves no partial file behind if the path is a folder', async () => {
    const folder = await temporaryFolder();
    const file = new CheckpointFile(join(folder, 'taken'));
    await mkdir(file.path);
    await writeFile(join(file.path, 'something'), '');
    expect(await failureOf(file.save(checkpointOf(1)))).toBeInstanceOf(CheckpointError);
    expect(await failureOf(file.load())).toBeInstanceOf(CheckpointError);
    expect(await readdir(folder)).toEqual(['taken']);
  });

  it('removes the temporary files of killed saves, and no other file', async () => {
    const file = await temporaryFile();
    const folder = dirname(file.path);
    await file.save(checkpointOf(1));
    const others = ['.tmp', '.0123456789ab.partial', '.0123456789abc.tmp', '.notes.tmp', '2.0123456789ab.tmp'];
    for (const ending of ['.0123456789ab.tmp', '.ffffffffffff.tmp', ...others]) {
      await writeFile(file.path + ending, '{ "vhdupCheckp');
    }
    const next = new CheckpointFile(file.path);
    expect(await next.load()).toEqual(checkpointOf(1));
    await next.save(checkpointOf(2));
    expect(await next.load()).toEqual(checkpointOf(2));
    const files = ['disk.vhd.vhdup.json', ...others.map((ending) => `disk.vhd.vhdup.json${ending}`)];
    expect((await readdir(folder)).sort()).toEqual(files.sort());
    await writeFile(`${file.path}.abcdefabcdef.tmp`, '');
    await next.remove();
    expect(await readdir(folder)).not.toContain('disk.vhd.vhdup.json.abcdefabcdef.tmp');
  });

  it.skipIf(process.platform === 'win32')('never writes through links to its own or a temporary name', async () => {
    const file = await temporaryFile();
    const target = join(await temporaryFolder(), 'precious');
    await writeFile(target, 'precious');
    await link(target, `${file.path}.tmp`);
    await file.save(checkpointOf(1));
    await rm(file.path);
    await symlink(target, file.path);
    for (const action of [() => file.load(), () => file.save(checkpointOf(2)), () => file.remove()]) {
      const error = await failureOf(action());
      expect(error).toBeInstanceOf(CheckpointError);
      expect(error.message).toContain('it is a symbolic link');
    }
    expect(await readFile(target, 'utf8')).toBe('precious');
    expect(await readFile(`${file.path}.tmp`, 'utf8')).toBe('precious');
  });

  it('neither replaces nor removes a foreign file at its path', async () => {
    const file = await temporaryFile();
    await file.save(checkpointOf(1));
    await writeFile(file.path, 'precious');
    for (const action of [() => file.save(checkpointOf(2)), () => file.remove()]) {
      const error = await failureOf(action());
      expect(error).toBeInstanceOf(CheckpointError);
      expect(error.message).toContain('it is not a vhdup checkpoint');
    }
    expect(await readFile(file.path, 'utf8')).toBe('precious');
  });

  it('replaces a damaged checkpoint', async () => {
    const file = await temporaryFile();
    await file.save(checkpointOf(1));
    await writeFile(file.path, (await readFile(file.path, 'utf8')).slice(0, -20));
    await failureOf(file.load());
    await file.save(checkpointOf(2));
    expect(await file.load()).toEqual(checkpointOf(2));
  });

  it.skipIf(process.platform === 'win32')('refuses a FIFO and a device at once, to be read or replaced', async () => {
    const file = await temporaryFile();
    spawnSync('mkfifo', [file.path]);
    for (const { path } of [file, { path: '/dev/zero' }]) {
      const error = await failureOf(new CheckpointFile(path).load());
      expect(error).toBeInstanceOf(CheckpointError);
      expect(error.message).toContain(`${path}: it is not a regular file`);
      expect((await failureOf(new CheckpointFile(path).save(checkpointOf(1)))).message).toContain('not a regular file');
    }
  });

  it('does not exist after a removal, even if a save was running', async () => {
    const file = await temporaryFile();
    const saving = file.save(checkpointOf(1));
    await file.remove();
    await saving;
    expect(await file.load()).toBeUndefined();
    expect(await readdir(join(file.path, '..'))).toEqual([]);
    await file.remove();
  });

  it('can be saved again after a removal', async () => {
    const file = await temporaryFile();
    await file.save(checkpointOf(1));
    await file.remove();
    await file.save(checkpointOf(2));
    expect(await file.load()).toEqual(checkpointOf(2));
  });

  it('reports that it cannot be removed', async () => {
    const file = new CheckpointFile(join(await temporaryFolder(), 'taken'));
    await mkdir(file.path);
    const error = await failureOf(file.remove());
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error.message).toContain(`Cannot remove the checkpoint ${file.path}`);
  });

  it('refuses a foreign file, and names it', async () => {
    const file = await temporaryFile();
    await writeFile(file.path, 'not a checkpoint');
    const error = await failureOf(file.load());
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error.message).toContain(file.path);
  });
});
