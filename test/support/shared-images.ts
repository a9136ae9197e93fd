// Disk images made by other tools, found beside the project or in the folder that VHDUP_TEST_IMAGES names.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** `../shared/images`, or the folder that VHDUP_TEST_IMAGES names. It contains the unpacked images or unpack.sh. */
function findImages(): string | undefined {
  const folder = process.env['VHDUP_TEST_IMAGES'] ?? join(import.meta.dirname, '../../../shared/images');
  if (existsSync(join(folder, 'dfvfs'))) return folder;
  const unpack = join(folder, 'unpack.sh');
  return existsSync(unpack) ? execFileSync(unpack, { encoding: 'utf8' }).trim() : undefined;
}

/** The folder with the unpacked images; undefined if there are none. */
export const sharedImages = findImages();

export const NO_SHARED_IMAGES = 'the shared disk images are absent: set VHDUP_TEST_IMAGES to their folder';
