// The readers of XFS and btrfs on volumes of `loop-volume.ts`.
import { expect, onTestFinished } from 'vitest';
import type { OpenFileSystem } from '../../src/volume/file-systems/open-file-system.ts';
import type { OpenedFileSystem } from '../../src/volume/file-systems/opened-file-system.ts';
import { CountingVolume } from './loop-volume.ts';

/** Opens the files of a volume, and closes it with the test. */
export async function openedVolume(
  path: string,
  open: OpenFileSystem,
): Promise<{ readonly files: OpenedFileSystem; readonly volume: CountingVolume }> {
  const volume = new CountingVolume(path);
  onTestFinished(() => volume.close());
  return { files: await open(volume), volume };
}

/** Checks what a reader answers for paths that do not exist and for files of other kinds, in a volume that `populate` has filled. */
export async function expectOtherPathsAnswered(files: OpenedFileSystem): Promise<void> {
  for (const path of ['/none', '/large/x', '/names/none', '/LARGE']) expect(await files.stat(path)).toBeUndefined();
  expect(await files.stat('//names/./Upper')).toMatchObject({ kind: 'file', size: 5 });
  expect(await files.read('/names/Upper', 3, 100)).toEqual(Buffer.from('er'));
  expect(await files.read('/names/Upper', 100, 100)).toHaveLength(0);
  await expect(files.readdir('/large')).rejects.toThrow('/large is not a folder');
  await expect(files.read('/names', 0, 1)).rejects.toThrow('/names is not a file');
  await expect(files.readlink('/large')).rejects.toThrow('/large is not a symbolic link');
  await expect(files.read('/pipe', 0, 1)).rejects.toThrow('/pipe is not a file');
  await expect(files.readdir('/none')).rejects.toThrow('it has no /none');
  await expect(files.read('/huge', 0, 2 ** 40)).resolves.toHaveLength(3 * 10 ** 7);
}
