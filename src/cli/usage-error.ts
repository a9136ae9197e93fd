// The error for a command line that yargs does not accept: what is wrong, and what may have been meant.
import { printable } from '../base/printable.ts';
import { UsageError } from '../errors.ts';
import { COMMANDS, TOP_LEVEL_WORDS } from './commands.ts';
import type { Command } from './define-command.ts';
import { nearest } from './nearest.ts';
import { CMDLETS } from './powershell/cmdlets.ts';

/** @param text - The message of yargs. @param args - The whole command line. */
export function usageError(text: string, args: readonly string[]): UsageError {
  const command = commandOf(args);
  const message =
    wrongCommand(text, args, command) ??
    withoutDoubles(text, args).replace(
      /^Not enough non-option arguments: got (\d+), need at least (\d+)$/,
      (_, got, needed) =>
        needed === '1'
          ? `The ${command?.argument ?? 'argument'} is missing.`
          : `The command takes ${needed} arguments, but got ${got}.`,
    );
  // File names that a shell expanded may contain control characters.
  const sentence = message.split('\n').map(printable).join('\n').replace(/\.?$/, '.');
  const meant = /^Unknown (?:argument|command)s?:/.test(text) ? suggestionFor(args, command) : undefined;
  const helpful = meant === undefined ? sentence : `${sentence} Did you mean ${meant}?`;
  return new UsageError(helpful.includes('--help') ? helpful : `${helpful} Run vhdup --help for help.`);
}

/** yargs lists a wrong option in both of its spellings, "log-file, logFile", and "--no-such" as "such". */
function withoutDoubles(text: string, args: readonly string[]): string {
  const [, words] = /^Unknown arguments?: ([\w-]+(?:, [\w-]+)*)$/.exec(text) ?? [];
  if (words === undefined) return text;
  const names = words.split(', ');
  const camelCased = (name: string) => name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
  const given = names.filter((name) => !names.some((other) => other !== name && camelCased(other) === name));
  const typed = given.map((name) => (args.includes(`--no-${name}`) ? `no-${name}` : name));
  return `Unknown argument${given.length === 1 ? '' : 's'}: ${typed.join(', ')}`;
}

/** yargs calls a wrong command an unknown argument. */
function wrongCommand(text: string, args: readonly string[], command: Command | undefined): string | undefined {
  const [first = ''] = args;
  if (command !== undefined || first.startsWith('-') || !text.startsWith('Unknown argument')) return undefined;
  const isGroup = COMMANDS.some(({ name }) => name.startsWith(`${first} `));
  return `There is no command ${isGroup ? args.slice(0, 2).join(' ') : first}`;
}

function commandOf(args: readonly string[]): Command | undefined {
  const line = `${args.join(' ')} `;
  return COMMANDS.find(({ name }) => line.startsWith(`${name} `));
}

/** A command or an option that is similar to the first wrong word. */
function suggestionFor(args: readonly string[], command: Command | undefined): string | undefined {
  if (command === undefined) return similarCommand(args);
  const names = Object.entries(command.options).flatMap(([name, { alias = [] }]) => [name, ...[alias].flat()]);
  for (const word of args) {
    const [, dashes = '', no = '', name = ''] = /^(--?)(no-)?([A-Za-z][\w-]*)/.exec(word) ?? [];
    const isKnown = names.includes(name) || (dashes === '-' && names.includes(name.charAt(0)) && name.length < 3);
    if (dashes === '' || isKnown) continue;
    const similar = nearest(name, names) ?? optionOfCmdlets(name, names);
    if (similar !== undefined) return `--${no}${similar}`;
  }
  return undefined;
}

/** The option for a parameter of the cmdlets: threads for NumberOfUploaderThreads. */
function optionOfCmdlets(typed: string, names: readonly string[]): string | undefined {
  const parameters = CMDLETS.flatMap((cmdlet) => cmdlet.parameters);
  const options = parameters.flatMap(({ name, meaning }) =>
    meaning.is === 'option' && name.toLowerCase() === typed.toLowerCase() ? [meaning.option.replace(/^--/, '')] : [],
  );
  return options.find((option) => names.includes(option));
}

function similarCommand([first = '', second = '']: readonly string[]): string | undefined {
  const inGroup = COMMANDS.filter(({ name }) => name.startsWith(`${first} `)).map(({ name }) => name);
  return inGroup.length > 0 ? nearest(`${first} ${second}`, inGroup) : nearest(first, TOP_LEVEL_WORDS);
}
