// Registry hives made by Windows, found beside the project or in the folder that VHDUP_TEST_GUESTS names.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** `../shared/guests`, or the folder that VHDUP_TEST_GUESTS names. It contains the unpacked files or unpack.sh. */
function findGuests(): string | undefined {
  const folder = process.env['VHDUP_TEST_GUESTS'] ?? join(import.meta.dirname, '../../../shared/guests');
  if (existsSync(join(folder, 'yarp'))) return folder;
  const unpack = join(folder, 'unpack.sh');
  return existsSync(unpack) ? execFileSync(unpack, { encoding: 'utf8' }).trim() : undefined;
}

/** The folder with the unpacked files; undefined if there is none. */
export const sharedGuests = findGuests();

export const NO_SHARED_GUESTS = 'the shared parts of guests are absent: set VHDUP_TEST_GUESTS to their folder';
