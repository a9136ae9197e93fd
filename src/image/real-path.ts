// The path of a file without links and in its own case, as far as the operating system knows it.
import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';

/**
 * The absolute path where there is no better one: Windows does not resolve paths on volumes that its mount manager does not
 * know, which are shadow copies and many RAM and encrypted disks.
 */
export async function realPathOf(path: string): Promise<string> {
  return await realpath(path).catch(() => resolve(path));
}
