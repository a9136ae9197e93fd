// Retries for Windows, where antivirus programs, indexers and backups open new files for a moment.
import { setTimeout as delay } from 'node:timers/promises';
import { codeOf } from './thrown.ts';

/** The errors when a file is renamed, linked or removed while another program has it open without sharing. */
const HELD: ReadonlySet<string> = new Set(['EPERM', 'EACCES', 'EBUSY']);
const TRIES = 10;

/** Whether another program may have the file open. Missing permissions look the same. */
function isHeld(error: unknown): boolean {
  return HELD.has(codeOf(error) ?? '');
}

/** On Windows, retries `action` for about a second while another program holds the file. */
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
