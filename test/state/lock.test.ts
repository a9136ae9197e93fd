import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { link, mkdir, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { CheckpointError, InUseError } from '../../src/errors.ts';
import { beginRun, encodeOwner, endRun, type Owner } from '../../src/state/lease-holder.ts';
import { CheckpointLock } from '../../src/state/lock.ts';
import { failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';

const MINUTE_MS = 60_000;
/** vi.waitFor gives up after a second by default, in which a busy machine may not even open a file. */
const PATIENTLY = { timeout: 30_000 };

afterEach(() => {
  vi.useRealTimers();
});

async function newPath(): Promise<string> {
  return join(await temporaryFolder(), 'disk.vhd.vhdup.json');
}

function take(path: string, owner: Owner = beginRun(), onLost: (error: Error) => void = () => undefined) {
  return CheckpointLock.take(path, owner, onLost);
}

/** A process on this machine that has exited. */
function deadOwner(): Owner {
  const run = beginRun();
  endRun(run);
  return { ...run, pid: spawnSync(process.execPath, ['--version']).pid };
}

const ELSEWHERE: Owner = { id: 'x', host: 'elsewhere.example', pid: 4711, since: '2026-01-02T03:04:05.678Z' };

/** A lock that another process left behind. */
async function leave(path: string, text: string, silentMs = 0): Promise<void> {
  await writeFile(`${path}.lock`, text);
  const beat = new Date(Date.now() - silentMs);
  await utimes(`${path}.lock`, beat, beat);
}

describe('a checkpoint', () => {
  it('is locked by one run at a time, and the second run learns who, where and since when', async () => {
    const path = await newPath();
    const owner = beginRun();
    const lock = await take(path, owner);
    const refused = await failureOf(take(path));
    expect(refused).toBeInstanceOf(InUseError);
    expect(refused).toMatchObject({ code: 'IN_USE', exitCode: 12 });
    for (const detail of [path, `process ${process.pid}`, owner.host, owner.since])
      expect(refused.message).toContain(detail);
    await lock.release();
    expect(await readdir(dirname(path))).toEqual([]);
    await (await take(path)).release();
  });

  it.each([
    ['a process of this machine that has ended, at once', () => encodeOwner(deadOwner()), 0],
    [
      'another machine that has been silent for more than two minutes',
      () => encodeOwner(ELSEWHERE),
      2 * MINUTE_MS + 1000,
    ],
    [
      'a process number that somebody else has now',
      () => encodeOwner({ ...deadOwner(), pid: process.ppid }),
      3 * MINUTE_MS,
    ],
    ['a process that was killed before it could say who it is', () => '', 6000],
    ['damage', () => '\0\0\0', 3 * MINUTE_MS],
  ])('is taken over from %s', async (_, text, silentMs) => {
    const path = await newPath();
    await leave(path, text(), silentMs);
    const lock = await take(path);
    await lock.release();
    expect(await readdir(dirname(path))).toEqual([]);
  });

  it.each([
    ['a live process of this machine', () => encodeOwner({ ...deadOwner(), pid: process.ppid })],
    ['another machine', () => encodeOwner(ELSEWHERE)],
  ])('is not taken over from %s', async (_, text) => {
    const path = await newPath();
    const theirs = text();
    await leave(path, theirs, MINUTE_MS);
    expect(await failureOf(take(path))).toBeInstanceOf(InUseError);
    expect(await readFile(`${path}.lock`, 'utf8')).toBe(theirs);
  });

  it('waits for the text of a lock that was just created', async () => {
    const path = await newPath();
    await leave(path, '');
    const second = failureOf(take(path));
    await writeFile(`${path}.lock`, encodeOwner(ELSEWHERE));
    expect((await second).message).toContain('process 4711 on elsewhere.example');
  });

  it('is taken over even if a process was killed during its takeover', async () => {
    const path = await newPath();
    await leave(path, encodeOwner(deadOwner()));
    const guard = `${path}.lock.takeover`;
    await writeFile(guard, '');
    await utimes(guard, new Date(0), new Date(0));
    await (await take(path)).release();
    expect(await readdir(dirname(path))).toEqual([]);
  });

  it('goes to exactly one of many runs that find it free or dead at the same time', async () => {
    for (const isDead of [false, true]) {
      for (let round = 0; round < 20; round++) {
        const path = await newPath();
        if (isDead) await leave(path, encodeOwner(deadOwner()));
        const results = await Promise.allSettled(Array.from({ length: 8 }, () => take(path)));
        const won = results.filter((result) => result.status === 'fulfilled');
        expect(won).toHaveLength(1);
        for (const result of results) {
          if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(InUseError);
        }
        await won[0]?.value.release();
        expect(existsSync(`${path}.lock`)).toBe(false);
      }
    }
  });

  it('shows that its holder is alive', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const path = await newPath();
    const lock = await take(path);
    const text = await readFile(`${path}.lock`, 'utf8');
    await leave(path, text, 10 * MINUTE_MS);
    vi.advanceTimersByTime(10_000);
    const silentMs = async () => Date.now() - (await stat(`${path}.lock`)).mtimeMs;
    await vi.waitFor(async () => expect(await silentMs()).toBeLessThan(MINUTE_MS), PATIENTLY);
    expect(await failureOf(take(path))).toBeInstanceOf(InUseError);
    await lock.release();
  });

  it('is lost by a holder without updates, which is notified and does not touch the lock', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const path = await newPath();
    const lost: Error[] = [];
    const first = await take(path, beginRun(), (error) => lost.push(error));
    await leave(path, await readFile(`${path}.lock`, 'utf8'), 3 * MINUTE_MS);
    const second = await take(path);
    vi.advanceTimersByTime(10_000);
    await vi.waitFor(() => expect(lost).toHaveLength(1), PATIENTLY);
    expect(lost[0]).toBeInstanceOf(InUseError);
    expect(first.isLost).toBe(true);
    const text = await readFile(`${path}.lock`, 'utf8');
    await first.release();
    expect(await readFile(`${path}.lock`, 'utf8')).toBe(text);
    await second.release();
  });

  it('is locked again when the lock is deleted', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const path = await newPath();
    const lock = await take(path);
    await rm(`${path}.lock`);
    vi.advanceTimersByTime(10_000);
    await vi.waitFor(() => expect(existsSync(`${path}.lock`)).toBe(true), PATIENTLY);
    expect(lock.isLost).toBe(false);
    await lock.release();
  });

  it('that cannot be locked causes a CheckpointError with a next step', async () => {
    const missing = await failureOf(take(join(await temporaryFolder(), 'absent', 'c.json')));
    expect(missing).toBeInstanceOf(CheckpointError);
    expect(missing.message).toContain('there is no such folder (ENOENT)');
    expect(missing.message).toContain('with --checkpoint');
  });

  describe.each(['.lock', '.lock.takeover'])('next to a foreign file named %s', (ending) => {
    /** The lock of a dead process, which needs a takeover, and the obstacle that `make` creates. */
    async function refusal(make: (path: string) => Promise<unknown>): Promise<Error> {
      const path = await newPath();
      await leave(path, encodeOwner(deadOwner()));
      await rm(`${path}${ending}`, { force: true });
      await make(`${path}${ending}`);
      const before = await readdir(dirname(path));
      const error = await failureOf(take(path));
      expect(error).toBeInstanceOf(CheckpointError);
      expect(error).toMatchObject({ isForeign: true });
      expect(error.message).toContain(`${path}${ending}`);
      expect(await readdir(dirname(path))).toEqual(before);
      return error;
    }

    it('refuses an old file that is not a lock, and does not change it', async () => {
      let file = '';
      const error = await refusal(async (path) => {
        file = path;
        await writeFile(path, 'precious');
        await utimes(path, new Date(0), new Date(0));
      });
      expect(error.message).toContain('exists and is not a vhdup lock');
      expect(await readFile(file, 'utf8')).toBe('precious');
    });

    it('refuses a folder', async () => {
      expect((await refusal((path) => mkdir(path))).message).toContain('it is not a regular file');
    });

    it.skipIf(process.platform === 'win32')('refuses links, and leaves what they lead to as it is', async () => {
      for (const [make, why] of [
        [symlink, 'it is a symbolic link'],
        [link, 'it is a hard link to another file'],
      ] as const) {
        for (const content of ['precious', '', encodeOwner(deadOwner())]) {
          const target = join(await temporaryFolder(), 'target');
          await writeFile(target, content);
          await utimes(target, new Date(0), new Date(0));
          expect((await refusal((path) => make(target, path))).message).toContain(why);
          expect(await readFile(target, 'utf8')).toBe(content);
        }
      }
    });

    it.skipIf(process.platform === 'win32')('refuses a FIFO and a device at once', async () => {
      const fifo = (path: string) => Promise.resolve(spawnSync('mkfifo', [path]));
      expect((await refusal(fifo)).message).toContain('it is not a regular file');
      expect((await refusal((path) => symlink('/dev/zero', path))).message).toContain('it is a symbolic link');
    });
  });

  it('is locked even if its name leaves no room for the name of the lock', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'x'.repeat(255));
    const lock = await take(path);
    expect(await failureOf(take(path))).toBeInstanceOf(InUseError);
    await lock.release();
    expect(await readdir(folder)).toEqual([]);
  });
});
