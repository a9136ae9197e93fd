// Patience with the programs that open new files on Windows for a moment: virus scanners, indexers, backups.
import { setTimeout as delay } from 'node:timers/promises';
import { codeOf } from './thrown.ts';

/** What renaming, linking or removing a file fails with while another program has it open without sharing it. */
const HELD: ReadonlySet<string> = new Set(['EPERM', 'EACCES', 'EBUSY']);
const TRIES = 10;

/** Whether another program may have the file open. Missing permissions look the same. */
export function isHeld(error: unknown): boolean {
  return HELD.has(codeOf(error) ?? '');
}

/** Tries `action` again on Windows while another program holds the file, for a second in all. */
export async function whileHeld<T>(action: () => Promise<T>, platform: NodeJS.Platform = process.platform): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await action();
    } catch (error) {
      if (platform !== 'win32' || !isHeld(error) || attempt === TRIES) throw error;
      await delay(20 * attempt);
    }
  }
}
