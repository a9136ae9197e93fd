import { spawnSync } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LocalFileError } from '../../src/errors.ts';
import { checkReportPath, writeReport } from '../../src/report/report-file.ts';
import { pageOf } from '../support/report-facts.ts';
import { failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';

const isRoot = process.getuid?.() === 0;

async function refusal(path: string): Promise<string> {
  const early = await failureOf(checkReportPath(path, '--report'));
  const late = await failureOf(writeReport(path, pageOf(), '--report'));
  expect(early).toBeInstanceOf(LocalFileError);
  expect(late.message).toBe(early.message);
  return early.message;
}

describe('the file of a report', () => {
  it('is created, and replaced by the next report', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'disk.html');
    await checkReportPath(path);
    expect(await readdir(folder)).toEqual([]);
    await writeReport(path, pageOf());
    await writeReport(path, pageOf({ notes: ['second'] }));
    expect(await readFile(path, 'utf8')).toContain('second');
    expect(await readdir(folder)).toEqual(['disk.html']);
  });

  it('is created in place of an empty file', async () => {
    const path = join(await temporaryFolder(), 'disk.html');
    await writeFile(path, '');
    await writeReport(path, pageOf());
    expect(await readFile(path, 'utf8')).toBe(pageOf());
  });

  it.each(['conectix: an image', '<!DOCTYPE html>\n<html lang="en">\n<p>A page of somebody', '<'])(
    'is never something else: %j',
    async (content) => {
      const path = join(await temporaryFolder(), 'disk.html');
      await writeFile(path, content);
      expect(await refusal(path)).toContain('the file exists and is not a vhdup report');
      expect(await readFile(path, 'utf8')).toBe(content);
    },
  );

  it('is neither a folder, a file in a missing folder, nor in something that is not a folder', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'disk.html'));
    await writeFile(join(folder, 'file'), '');
    expect(await refusal(join(folder, 'disk.html'))).toContain('not a regular file');
    expect(await refusal(join(folder, 'none', 'disk.html'))).toContain('there is no such folder');
    expect(await refusal(join(folder, 'file', 'disk.html'))).toContain('a part of its path is not a folder');
  });

  it.skipIf(process.platform === 'win32')(
    'is neither a link, a FIFO nor a device, and only the user can read it',
    async () => {
      const folder = await temporaryFolder();
      const path = join(folder, 'disk.html');
      await writeReport(path, pageOf());
      expect((await stat(path)).mode & 0o077).toBe(0);
      await symlink(path, join(folder, 'link.html'));
      spawnSync('mkfifo', [join(folder, 'fifo')]);
      expect(await refusal(join(folder, 'link.html'))).toContain('symbolic link');
      expect(await refusal(join(folder, 'fifo'))).toContain('not a regular file');
      expect(await refusal('/dev/null')).toContain('not a regular file');
    },
  );

  it.skipIf(process.platform === 'win32' || isRoot)('is not in a folder that cannot be written to', async () => {
    const folder = await temporaryFolder();
    await chmod(folder, 0o500);
    expect(await refusal(join(folder, 'disk.html'))).toContain('permission denied');
  });
});
