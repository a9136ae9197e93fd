import { execFileSync } from 'node:child_process';
import { appendFile, mkdir, open, rename, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { CorruptImageError, ImageAccessError, ImageChangedError, UsageError } from '../../src/errors.ts';
import { ImageFile, type ImageFileOptions, type ImageWarning } from '../../src/image/image-file.ts';
import { HAS_SYMBOLIC_LINKS } from '../support/links.ts';
import { patternOf } from '../support/vhd-builder.ts';
import { failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';

const bytes = patternOf(1, 10_000);

async function openFile(options: ImageFileOptions = {}): Promise<{ path: string; file: ImageFile }> {
  const path = join(await temporaryFolder(), 'disk.vhd');
  await writeFile(path, bytes);
  const file = await ImageFile.open(path, options);
  onTestFinished(async () => await file.close());
  return { path, file };
}

describe('ImageFile.read', () => {
  it('fills the buffer from an offset', async () => {
    const { file } = await openFile();
    const into = new Uint8Array(1000);
    await file.read(5000, into);
    expect(Buffer.compare(into, bytes.subarray(5000, 6000))).toBe(0);
  });

  it('fills several buffers with consecutive bytes', async () => {
    const { file } = await openFile();
    const parts = [new Uint8Array(7), new Uint8Array(0), new Uint8Array(500), new Uint8Array(1)] as const;
    await file.read(100, ...parts);
    expect(Buffer.compare(Buffer.concat(parts), bytes.subarray(100, 608))).toBe(0);
  });

  it('reports where the file ends when it is too short', async () => {
    const { file } = await openFile();
    const error = await failureOf(file.read(9000, new Uint8Array(600), new Uint8Array(600)));
    expect(error).toBeInstanceOf(CorruptImageError);
    expect(error.message).toMatch(/Cannot read 1200 bytes at 9000 of .*disk\.vhd: the file ends at 10000\./);
  });

  it('reads nothing for an empty buffer, at any offset', async () => {
    const { file } = await openFile();
    await expect(file.read(20_000, new Uint8Array(0))).resolves.toBeUndefined();
  });
});

describe('ImageFile.open', () => {
  it('reports that the file does not exist', async () => {
    const error = await failureOf(ImageFile.open('/nowhere/disk.vhd'));
    expect(error).toBeInstanceOf(ImageAccessError);
    expect(error.message).toBe('Cannot open /nowhere/disk.vhd: there is no such file.');
  });

  it('refuses a folder', async () => {
    const path = join(await temporaryFolder(), 'folder');
    await mkdir(path);
    expect((await failureOf(ImageFile.open(path))).message).toContain('it is not a regular file');
  });

  it.skipIf(process.platform === 'win32')('refuses a pipe without waiting for a writer', async () => {
    const path = join(await temporaryFolder(), 'pipe');
    execFileSync('mkfifo', [path]);
    expect((await failureOf(ImageFile.open(path))).message).toContain('it is not a regular file');
  });

  it.skipIf(!HAS_SYMBOLIC_LINKS)('gives two paths to the same file the same id', async () => {
    const { path, file } = await openFile();
    await symlink(path, `${path}.link`);
    const other = await ImageFile.open(`${path}.link`);
    await other.close();
    expect(other.fileId).toBe(file.fileId);
  });

  it('refuses an empty path with a full sentence', async () => {
    const error = await failureOf(ImageFile.open(''));
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toBe('The path of the image is empty. Give the path of an image file.');
  });

  it('escapes control characters in the path', async () => {
    expect((await failureOf(ImageFile.open('/nowhere/\x1b[2J.vhd'))).message).toContain('/nowhere/\\u{1b}[2J.vhd');
  });
});

describe('ImageFile.assertUnchanged', () => {
  it('accepts an unchanged file', async () => {
    const { file } = await openFile();
    await expect(file.assertUnchanged()).resolves.toBeUndefined();
  });

  it.each([
    ['grew', (path: string) => appendFile(path, 'x'), /its size changed from 10000 to 10001 bytes/],
    ['shrank', (path: string) => truncate(path, 512), /its size changed from 10000 to 512 bytes/],
    ['was written to', (path: string) => utimes(path, 1, 1), /it was written to at 1970-01-01T00:00:01/],
  ])('detects that the file %s', async (_name, change, message) => {
    const { path, file } = await openFile();
    await change(path);
    const error = await failureOf(file.assertUnchanged());
    expect(error).toBeInstanceOf(ImageChangedError);
    expect(error.message).toMatch(message);
  });

  it.each([
    ['was renamed', (path: string) => rename(path, `${path}.old`), /was renamed, moved or deleted/],
    ['was deleted', (path: string) => rm(path), /was renamed, moved or deleted/],
    [
      'was replaced',
      async (path: string) => {
        await rename(path, `${path}.old`);
        await writeFile(path, bytes);
      },
      /was replaced by another file/,
    ],
  ])('warns once that the file %s, and keeps reading', async (_name, change, message) => {
    const warnings: ImageWarning[] = [];
    const { path, file } = await openFile({ onWarning: (warning) => warnings.push(warning) });
    await change(path);
    for (let look = 0; look < 3; look++) await file.assertUnchanged();
    expect(warnings).toEqual([{ code: 'image-moved', message: expect.stringMatching(message) }]);
    await file.read(0, new Uint8Array(512));
  });

  it('detects a change of a renamed file', async () => {
    const { path, file } = await openFile();
    await rename(path, `${path}.old`);
    await appendFile(`${path}.old`, 'x');
    expect(await failureOf(file.assertUnchanged())).toBeInstanceOf(ImageChangedError);
  });

  it('retries when the system cannot read the state of the file, as on an unreachable share', async () => {
    const { path, file } = await openFile();
    const handle = await open(path);
    const stats = vi.spyOn(Object.getPrototypeOf(handle), 'stat');
    await handle.close();
    onTestFinished(() => stats.mockRestore());
    stats.mockRejectedValueOnce(Object.assign(new Error('EIO'), { code: 'EIO' }));
    await file.assertUnchanged();
    expect(stats).toHaveBeenCalledTimes(2);
    stats.mockRejectedValue(Object.assign(new Error('EIO'), { code: 'EIO' }));
    expect(await failureOf(file.assertUnchanged())).toBeInstanceOf(ImageAccessError);
  });
});

describe('ImageFile.modifiedMs', () => {
  it.each([
    ['a whole second', 1_700_000_000, 1_700_000_000_000],
    ['within a second', 1_700_000_000.25, 1_700_000_000_250],
    // Otherwise it would equal all times within two seconds when an upload is resumed.
    ['a second by chance', 1_700_000_000.0004, 1_700_000_000_001],
  ])('of %s', async (_, seconds, expected) => {
    const { path } = await openFile();
    await utimes(path, seconds, seconds);
    const file = await ImageFile.open(path);
    onTestFinished(async () => await file.close());
    expect(file.modifiedMs).toBe(expected);
  });
});
