// NTFS volumes that mkntfs and ntfs-3g made, read as their mount shows them.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openerOf } from '../../../../src/volume/file-systems/open-file-system.ts';
import { type OpenedFileSystem, UnreadableError } from '../../../../src/volume/file-systems/opened-file-system.ts';
import { writeSampleFiles } from '../../../support/ntfs-files.ts';
import {
  listMounted,
  listRead,
  makeNtfsVolume,
  NO_NTFS_TOOLS,
  setReparsePoint,
  volumeOfImage,
  withMount,
} from '../../../support/ntfs-volume.ts';

const folder = mkdtempSync(join(tmpdir(), 'vhdup-ntfs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function opened(image: string): Promise<OpenedFileSystem> {
  const open = openerOf('ntfs');
  if (open === undefined) throw new RangeError('NTFS is not in the table.');
  return open(volumeOfImage(image));
}

describe.skipIf(NO_NTFS_TOOLS !== undefined)(`an NTFS volume ${NO_NTFS_TOOLS ?? ''}`, () => {
  it.each([
    ['with clusters of 512 bytes', ['-c', '512']],
    ['with clusters of 4 KiB', ['-c', '4096']],
    ['with clusters of 64 KiB', ['-c', '65536']],
    ['with sectors of 4 KiB', ['-s', '4096', '-c', '4096']],
    ['with compressed files', ['-c', '4096', '-C']],
  ])('%s is read as its mount shows it', async (_, mkntfs) => {
    const fill = (mountPoint: string) => writeSampleFiles(mountPoint, 1, 60);
    const image = makeNtfsVolume({ folder, size: 64, mkntfs, fill });
    const files = await opened(image);
    expect(files.unclean).toBeUndefined();
    expect(await listRead(files)).toEqual(withMount(image, 'ro', listMounted));
  });

  it('with clusters of 2 MiB is read as ntfscat reads it', async () => {
    const image = join(folder, 'large-clusters');
    writeFileSync(image, '');
    execFileSync('truncate', ['-s', '1G', image]);
    execFileSync('mkntfs', ['-F', '-Q', '-q', '-c', String(2 * 1024 * 1024), image], { stdio: 'ignore' });
    const files = await opened(image);
    expect(files.unclean).toBeUndefined();
    const table = await files.read('/$UpCase', 0, 131_072);
    expect(Buffer.from(table)).toEqual(execFileSync('ntfscat', ['-f', image, '$UpCase']));
    expect(await files.readdir('/')).toEqual([]);
  });

  describe('with names, streams and links', () => {
    let image: string;
    let files: OpenedFileSystem;
    beforeAll(async () => {
      image = makeNtfsVolume({ folder, size: 16, fill: writeNamedFiles });
      markEncrypted(image, 'encrypted');
      files = await opened(image);
    });

    it('compares names without case, and prefers the same case', async () => {
      expect(await textOf(files, '/FOLDER/größe.TXT')).toBe('Größe');
      expect(await textOf(files, '/folder/Größe.txt')).toBe('Größe');
      expect(await textOf(files, '/Case')).toBe('upper');
      expect(await textOf(files, '/case')).toBe('lower');
      expect(await files.stat('/cas')).toBeUndefined();
      expect(await files.stat('/folder/größe.txt/x')).toBeUndefined();
    });

    it('has named streams', async () => {
      expect(await textOf(files, '/folder/Größe.txt:Extra')).toBe('a named stream');
      expect(await textOf(files, '/folder/Größe.txt:extra')).toBe('a named stream');
      expect(await files.stat('/folder/Größe.txt:Extra')).toEqual({ kind: 'file', size: 14 });
      expect(await files.stat('/folder/Größe.txt:other')).toBeUndefined();
    });

    it('has symbolic links and junctions, with their targets as stored', async () => {
      expect(await files.stat('/symlink')).toEqual({ kind: 'link', size: 0 });
      expect(await files.readlink('/symlink')).toBe('folder\\target');
      expect(await files.stat('/junction')).toEqual({ kind: 'link', size: 0 });
      expect(await files.readlink('/junction')).toBe('\\??\\C:\\Users');
      expect(await files.stat('/junction/x')).toBeUndefined();
    });

    it('gives the reason for what cannot be read', async () => {
      await expect(files.read('/deduplicated', 0, 9)).rejects.toThrow(/deduplicated/);
      await expect(files.read('/encrypted', 0, 9)).rejects.toThrow(/encrypted \(EFS\)/);
      await expect(files.read('/cloud', 0, 9)).rejects.toThrow(/reparse tag 0x9000001a/);
      await expect(files.read('/folder', 0, 9)).rejects.toThrow(UnreadableError);
      await expect(files.read('/absent', 0, 9)).rejects.toThrow(/does not exist/);
      await expect(files.readdir('/case')).rejects.toThrow(/not a folder/);
      await expect(files.readlink('/case')).rejects.toThrow(/not a symbolic link/);
    });

    it('reads any part of a file', async () => {
      expect(Buffer.from(await files.read('/numbers', 3, 5)).toString()).toBe('34567');
      expect(await files.read('/numbers', 8, 5)).toHaveLength(2);
      expect(await files.read('/numbers', 10, 5)).toHaveLength(0);
    });
  });
});

async function textOf(files: OpenedFileSystem, path: string): Promise<string> {
  return Buffer.from(await files.read(path, 0, 100)).toString();
}

/** Sets the flag of EFS in the data of a file, because ntfs-3g writes no encrypted files. */
function markEncrypted(image: string, name: string): void {
  const bytes = readFileSync(image);
  const record = bytes.lastIndexOf('FILE', bytes.indexOf(Buffer.from(name, 'utf16le')));
  let at = record + bytes.readUInt16LE(record + 20);
  while (bytes.readUInt32LE(at) < 0x80) at += bytes.readUInt32LE(at + 4);
  bytes.writeUInt16LE(0x4000, at + 12);
  writeFileSync(image, bytes);
}

function writeNamedFiles(mountPoint: string): void {
  const at = (name: string) => join(mountPoint, name);
  mkdirSync(at('folder'));
  writeFileSync(at('folder/Größe.txt'), 'Größe');
  writeFileSync(at('folder/Größe.txt:Extra'), 'a named stream');
  writeFileSync(at('Case'), 'upper');
  writeFileSync(at('case'), 'lower');
  writeFileSync(at('numbers'), '0123456789');
  for (const name of ['symlink', 'deduplicated', 'cloud', 'encrypted']) writeFileSync(at(name), name);
  mkdirSync(at('junction'));
  setReparsePoint(at('symlink'), 0xa000000c, linkData('folder\\target', Buffer.from([1, 0, 0, 0])));
  setReparsePoint(at('junction'), 0xa0000003, linkData('\\??\\C:\\Users', Buffer.alloc(0)));
  setReparsePoint(at('deduplicated'), 0x80000013, Buffer.alloc(16));
  setReparsePoint(at('cloud'), 0x9000001a, Buffer.alloc(16));
}

/** @param flags Only symbolic links have them. */
function linkData(target: string, flags: Buffer): Buffer {
  const name = Buffer.from(target, 'utf16le');
  const lengths = Buffer.alloc(8);
  lengths.writeUInt16LE(name.length, 2);
  lengths.writeUInt16LE(name.length + 2, 4);
  return Buffer.concat([lengths, flags, name, Buffer.alloc(4)]);
}
