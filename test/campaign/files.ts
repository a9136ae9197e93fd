// Reads files that other processes may remove at any moment.
import { existsSync, readFileSync } from 'node:fs';

/** The bytes of a file, one character each; empty if it does not exist. */
export function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    if (existsSync(path)) throw error;
    return '';
  }
}
