// The name of an executable as its command: a copy of or link to vhdup.exe that is named add-azvhd.exe is that command.
import { cmdletNamed } from './powershell/cmdlets.ts';

/**
 * @param args - Without the path of the program.
 * @param programs - Names of the program: as it was typed, and its path. Only the former is that of a symbolic link.
 */
export function namedArguments(args: readonly string[], programs: readonly string[]): readonly string[] {
  const names = programs.map((program) => program.replace(/^.*[/\\]/, '').replace(/\.exe$/i, ''));
  const command = names.find((name) => cmdletNamed(name) !== undefined);
  return command === undefined ? args : [command, ...args];
}
