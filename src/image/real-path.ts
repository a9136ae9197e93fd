// The real path of a file: without links and in its actual case, if the operating system can resolve it.
import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';

/**
 * Falls back to the absolute path: Windows cannot resolve paths on volumes that its mount manager does not know, such as
 * shadow copies and many RAM disks and encrypted disks.
 */
export async function realPathOf(path: string): Promise<string> {
  return await realpath(path).catch(() => resolve(path));
}
