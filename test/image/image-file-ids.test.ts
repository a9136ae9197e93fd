// File ids that are unusual on most systems. A replaced `stat` makes them testable everywhere.
import type { BigIntStats, StatOptions } from 'node:fs';
import { copyFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { ImageFile } from '../../src/image/image-file.ts';
import { temporaryFolder } from '../support/vhd-fixtures.ts';

/** What to change in `stat` of a path and in `stat` of an open file. */
const edits = vi.hoisted(() => ({ ofPath: {}, ofHandle: {} }) as Record<'ofPath' | 'ofHandle', Partial<BigIntStats>>);

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  return {
    ...real,
    stat: async (path: string, options: StatOptions) => Object.assign(await real.stat(path, options), edits.ofPath),
    open: async (...args: Parameters<typeof real.open>) => {
      const handle = await real.open(...args);
      const stat = handle.stat.bind(handle);
      return Object.assign(handle, {
        stat: async (options: StatOptions) => Object.assign(await stat(options), edits.ofHandle),
      });
    },
  };
});

beforeEach(() => {
  edits.ofPath = {};
  edits.ofHandle = {};
});

async function openFile(path: string, onWarning?: (warning: { code: string }) => void): Promise<ImageFile> {
  const file = await ImageFile.open(path, onWarning === undefined ? {} : { onWarning });
  onTestFinished(async () => await file.close());
  return file;
}

async function makeFile(): Promise<string> {
  const path = join(await temporaryFolder(), 'disk.vhd');
  await writeFile(path, 'disk');
  return path;
}

it('recognises a file, and its replacement, when path and handle report different devices', async () => {
  edits.ofPath = { dev: 0n };
  const path = await makeFile();
  const codes: string[] = [];
  const file = await openFile(path, ({ code }) => codes.push(code));
  await file.assertUnchanged();
  expect(codes).toEqual([]);
  await copyFile(path, `${path}.new`);
  await rename(`${path}.new`, path);
  await file.assertUnchanged();
  expect(codes).toEqual(['image-moved']);
});

it('distinguishes two files when the file system has no file ids', async () => {
  edits.ofPath = { ino: 0n };
  edits.ofHandle = { ino: 0n };
  const path = await makeFile();
  await copyFile(path, `${path}.parent`);
  const file = await openFile(path);
  expect(file.fileId).not.toBe((await openFile(`${path}.parent`)).fileId);
  expect(file.fileId).toBe((await openFile(path)).fileId);
  await expect(file.assertUnchanged()).resolves.toBeUndefined();
});
