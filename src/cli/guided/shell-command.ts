// A command as it can be pasted into the shell of the user.
import { delimiter, dirname, resolve } from 'node:path';
import { isExecutable } from '../../base/embedded.ts';
import { printable } from '../../base/printable.ts';
import { posixWord, powershellWord } from '../../base/shell-word.ts';

/** @param words - Without the program. */
export function shellCommand(words: readonly string[], environment: NodeJS.ProcessEnv): string {
  const quote = process.platform === 'win32' ? powershellWord : posixWord;
  return [program(environment, quote), ...words.map((word) => quote(printable(word)))].join(' ');
}

/** An executable that was started from a folder outside of the PATH is named by its path. */
function program(environment: NodeJS.ProcessEnv, quote: (word: string) => string): string {
  if (!isExecutable()) return 'vhdup';
  const path = process.execPath;
  const folders = (environment['PATH'] ?? environment['Path'] ?? '').split(delimiter);
  if (folders.some((folder) => folder !== '' && resolve(folder) === dirname(path))) return 'vhdup';
  const word = quote(path);
  // PowerShell takes a quoted word at the beginning for a text.
  return process.platform === 'win32' && word !== path ? `& ${word}` : word;
}
