// Files that other processes may take away at any moment.
import { existsSync, readFileSync } from 'node:fs';

/** Its bytes, one character each; nothing where there is no such file. */
export function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    if (existsSync(path)) throw error;
    return '';
  }
}
