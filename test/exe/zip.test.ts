import { execFileSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { zip } from '../../bin/exe/zip.ts';
import { temporaryFolder } from '../support/vhd-fixtures.ts';

const TEXT = Buffer.from('The same line again and again.\n'.repeat(5000));
const FILES = [
  { name: 'vhdup', bytes: TEXT, isProgram: true },
  { name: 'empty.txt', bytes: Buffer.alloc(0) },
  { name: 'folder/text.txt', bytes: TEXT },
];

function hasUnzip(): boolean {
  try {
    execFileSync('unzip', ['-v'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe('zip', () => {
  it('gives the same bytes for the same files, and deflates them', () => {
    const archive = zip(FILES);
    expect(Buffer.compare(archive, zip(FILES))).toBe(0);
    expect(archive.length).toBeLessThan(TEXT.length / 10);
  });

  it.skipIf(!hasUnzip())('is unpacked by Info-ZIP, with the modes of the files (needs unzip)', async () => {
    const folder = await temporaryFolder();
    writeFileSync(join(folder, 'a.zip'), zip(FILES));
    expect(execFileSync('unzip', ['-t', 'a.zip'], { cwd: folder, encoding: 'utf8' })).toContain('No errors');
    execFileSync('unzip', ['-q', 'a.zip'], { cwd: folder });
    expect(readFileSync(join(folder, 'vhdup')).equals(TEXT)).toBe(true);
    expect(readFileSync(join(folder, 'folder/text.txt')).equals(TEXT)).toBe(true);
    expect(statSync(join(folder, 'vhdup')).mode & 0o777).toBe(0o755);
    expect(statSync(join(folder, 'empty.txt')).mode & 0o777).toBe(0o644);
    expect(statSync(join(folder, 'empty.txt')).size).toBe(0);
  });
});
