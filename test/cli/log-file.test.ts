import { spawnSync } from 'node:child_process';
import { createWriteStream, existsSync } from 'node:fs';
import { mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LogFile, logged } from '../../src/cli/log-file.ts';
import { LocalFileError, ServiceError } from '../../src/errors.ts';
import type { EventListener, UploadEvent } from '../../src/events.ts';
import { totalsOf } from '../support/transfer-totals.ts';
import { failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';

const REQUEST = {
  type: 'request',
  what: 'Put Page 0+512',
  status: 201,
  requestId: 'r-1',
  clientRequestId: 'c-1',
  durationMs: 12,
} as const;

async function linesOf(path: string): Promise<Record<string, unknown>[]> {
  const text = await readFile(path, 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

async function logPath(): Promise<string> {
  return join(await temporaryFolder(), 'upload.log');
}

function unexpected(message: string): void {
  throw new Error(`It has a problem: ${message}`);
}

describe('logged', () => {
  it('writes every event except progress with its time, and the result at the end', async () => {
    const path = await logPath();
    const seen: UploadEvent[] = [];
    const result = await logged(
      path,
      (event) => seen.push(event),
      (onEvent) => {
        onEvent(REQUEST);
        onEvent({ type: 'progress', ...totalsOf({}) });
        onEvent({ type: 'warning', code: 'a', message: 'https://a.b/c?sig=c2VjcmV0&se=1' });
        return Promise.resolve({ sent: 7 });
      },
    );
    expect(result).toEqual({ sent: 7 });
    expect(seen.map(({ type }) => type)).toEqual(['request', 'progress', 'warning']);
    const lines = await linesOf(path);
    expect(lines).toEqual([
      expect.objectContaining({ type: 'log', node: process.version }),
      { time: expect.any(String), run: lines[0]?.['run'], ...REQUEST },
      {
        time: expect.any(String),
        run: lines[0]?.['run'],
        type: 'warning',
        code: 'a',
        message: 'https://a.b/c?sig=REDACTED&se=1',
      },
      { time: expect.any(String), run: lines[0]?.['run'], type: 'result', sent: 7 },
    ]);
    for (const { time } of lines) expect(new Date(String(time)).toISOString()).toBe(time);
  });

  it('appends to the log of an earlier run and ends with the failure', async () => {
    const path = await logPath();
    await logged(path, unexpectedEvent, () => Promise.resolve({}));
    const error = new ServiceError('Gave up.', { reason: 'ServerBusy', transient: false });
    expect(await failureOf(logged(path, unexpectedEvent, () => Promise.reject(error)))).toBe(error);
    expect((await linesOf(path)).map(({ type }) => type)).toEqual(['log', 'result', 'log', 'error']);
    expect((await linesOf(path)).at(-1)).toMatchObject({ code: 'SERVICE', exitCode: 9, message: 'Gave up.' });
  });

  it('describes the run, and ends a failure with the last progress and the next step', async () => {
    const path = await logPath();
    const description = { command: 'upload', options: { checksum: 'md5' } };
    const failing = (onEvent: EventListener) => {
      onEvent({ type: 'progress', ...totalsOf({ done: 1 }) });
      onEvent({ type: 'progress', ...totalsOf({ done: 2 }) });
      return Promise.reject(new ServiceError('Gave up.', { reason: 'ServerBusy', transient: false }));
    };
    await failureOf(logged(path, () => undefined, failing, { description, nextStep: () => 'Wait.' }));
    await failureOf(logged(path, () => undefined, failing));
    const lines = await linesOf(path);
    expect(lines.map(({ type }) => type)).toEqual(['log', 'progress', 'error', 'log', 'progress', 'error']);
    expect(lines[0]).toMatchObject(description);
    expect(lines[1]).toMatchObject({ done: 2 });
    expect(lines[2]).toMatchObject({ code: 'SERVICE', nextStep: 'Wait.' });
    expect(lines[5]).not.toHaveProperty('nextStep');
    // One log may have the lines of several runs at once.
    const runs = lines.map(({ run }) => run);
    expect(new Set(runs).size).toBe(2);
    expect(runs.slice(0, 3)).toEqual([runs[0], runs[0], runs[0]]);
  });

  it('writes nothing without a path', async () => {
    expect(await logged(undefined, unexpectedEvent, () => Promise.resolve({ sent: 1 }))).toEqual({ sent: 1 });
  });
});

function unexpectedEvent(event: UploadEvent): void {
  throw new Error(`There is an event: ${event.type}`);
}

describe('LogFile', () => {
  it('refuses a file that is not a log and does not change it', async () => {
    const path = await logPath();
    await writeFile(path, 'connectix: a disk image, say');
    const error = await failureOf(LogFile.open(path, unexpected));
    expect(error).toBeInstanceOf(LocalFileError);
    expect(error.message).toContain('exists and is not a vhdup log');
    expect(await readFile(path, 'utf8')).toBe('connectix: a disk image, say');
  });

  it.skipIf(process.platform === 'win32')(
    'never writes through a symbolic link, and never waits for a FIFO',
    async () => {
      const path = await logPath();
      await writeFile(`${path}.target`, '{"time":"');
      await symlink(`${path}.target`, path);
      expect((await failureOf(LogFile.open(path, unexpected))).message).toContain('it is a symbolic link');
      expect(await readFile(`${path}.target`, 'utf8')).toBe('{"time":"');
      spawnSync('mkfifo', [`${path}.fifo`]);
      expect((await failureOf(LogFile.open(`${path}.fifo`, unexpected))).message).toContain('not a regular file');
    },
  );

  it('refuses a folder, and a path in a missing folder', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'upload.log'));
    expect(await failureOf(LogFile.open(join(folder, 'upload.log'), unexpected))).toBeInstanceOf(LocalFileError);
    expect(await failureOf(LogFile.open(join(folder, 'no', 'x.log'), unexpected))).toBeInstanceOf(LocalFileError);
  });

  it.skipIf(process.platform === 'win32')('can be read only by the user', async () => {
    const path = await logPath();
    const log = await LogFile.open(path, unexpected);
    await log.close();
    expect((await stat(path)).mode & 0o077).toBe(0);
  });

  it.skipIf(!existsSync('/dev/full'))('reports once that the disk is full, and continues without a log', async () => {
    const problems: string[] = [];
    const log = LogFile.writingTo(createWriteStream('/dev/full'), 'upload.log', (message) => problems.push(message));
    for (let line = 0; line < 100; line++) log.onEvent(REQUEST);
    await log.close();
    log.onEvent(REQUEST);
    expect(problems).toEqual([expect.stringContaining('ENOSPC')]);
  });

  it('leaves lines out instead of keeping them all in memory, and reports how many', async () => {
    const path = await logPath();
    const log = await LogFile.open(path, unexpected);
    const message = 'x'.repeat(64 * 1024);
    // Nothing is written before the next turn of the event loop.
    for (let line = 0; line < 1000; line++) log.write({ type: 'debug', message });
    while (log.waiting > 0) await new Promise((resolve) => setImmediate(resolve));
    log.write({ type: 'debug', message: 'after' });
    await log.close();
    const lines = await linesOf(path);
    expect(lines.length).toBeLessThan(200);
    expect(lines.at(-2)).toMatchObject({ type: 'left-out', lines: 1000 - (lines.length - 3) });
    expect(lines.at(-1)).toMatchObject({ message: 'after' });
  });
});
