// What a shell can put for the word at the cursor. The scripts in shell-scripts.ts ask for it.
import { posix, win32 } from 'node:path';
import type { Options } from 'yargs';
import { COMMANDS, TOP_LEVEL } from '../commands.ts';
import type { Command } from '../define-command.ts';
import { CMDLETS, cmdletNamed } from '../powershell/cmdlets.ts';
import { COMMON_PARAMETERS } from '../powershell/common-parameters.ts';
import { type Cmdlet, isSwitch, type Parameter } from '../powershell/parameter.ts';

export interface Candidate {
  readonly value: string;
  readonly description: string;
}

/**
 * @param words - Those of the line up to the cursor, the program first. The last one is to be completed.
 * @returns a line for each candidate: the word, a tab and its description. Nothing means files.
 */
export function completionLines(words: readonly string[]): string {
  return candidatesFor(words)
    .map(({ value, description }) => `${value}\t${firstClause(description)}\n`)
    .join('');
}

/** @param words - As for `completionLines`. */
export function candidatesFor(words: readonly string[]): Candidate[] {
  // bash cuts --name=value into three words.
  const [program = '', ...line] = words.filter((word) => word !== '=');
  if (words.at(-1) === '=') line.push('');
  const typed = line.pop() ?? '';
  // PowerShell 5 does not pass empty words to programs.
  const current = typed === "''" || typed === '""' ? '' : typed;
  const cmdlet = cmdletNamed(nameOf(program)) ?? cmdletNamed(line[0] ?? '');
  if (cmdlet !== undefined) return starting(current, ofCmdlet(cmdlet, line.at(-1) ?? ''));
  const [first = '', second = ''] = line;
  const command = COMMANDS.find(({ name }) => name === first || name === `${first} ${second}`);
  if (command !== undefined) return ofCommand(command, line.slice(command.name.split(' ').length), current);
  const group = COMMANDS.filter(({ name }) => name.startsWith(`${first} `));
  if (line.length === 1) return starting(current, group.map(asCandidate).map(lastWord));
  if (line.length > 1) return [];
  return starting(current, [...TOP_LEVEL.map(asCandidate), ...CMDLETS.map(asCandidate), ...HELP]);
}

const HELP: readonly Candidate[] = [
  { value: '--help', description: 'Show help' },
  { value: '--version', description: 'Show version number' },
];

function ofCommand(command: Command, before: readonly string[], current: string): Candidate[] {
  if (before.includes('--')) return [];
  const { options, positionals } = command;
  const named = Object.entries(options).filter(([name]) => !positionals.includes(name));
  const [, assigned, part = ''] = /^--([\w-]+)=(.*)$/.exec(current) ?? [];
  if (assigned !== undefined) {
    const values = choicesOf(options[assigned]).filter(({ value }) => value.startsWith(part));
    return values.map(({ value, description }) => ({ value: `--${assigned}=${value}`, description }));
  }
  const previous = named.find((option) => spellingsOf(option).includes(before.at(-1) ?? ''));
  if (previous !== undefined && takesValue(previous[1])) return starting(current, choicesOf(previous[1]));
  if (current.startsWith('-')) {
    const open = named.filter(
      (option) => option[1].array === true || !before.some((word) => spellingsOf(option).includes(word)),
    );
    return starting(current, [...open.map(optionCandidate), ...HELP.slice(0, 1)]);
  }
  const positional = positionals[countOfPositionals(before, named)];
  return positional === undefined ? [] : starting(current, choicesOf(options[positional]));
}

type NamedOption = readonly [name: string, option: Options];

/** A switch that is on can only be turned off. */
function optionCandidate([name, { default: value, describe }]: NamedOption): Candidate {
  return { value: value === true ? `--no-${name}` : `--${name}`, description: describe ?? '' };
}

function spellingsOf([name, { alias = [] }]: NamedOption): string[] {
  return [`--${name}`, `--no-${name}`, ...[alias].flat().map((letter) => `-${letter}`)];
}

function takesValue({ type }: Options): boolean {
  return type !== 'boolean';
}

function choicesOf(option: Options | undefined): Candidate[] {
  return (option?.choices ?? []).map((choice) => ({ value: String(choice), description: option?.describe ?? '' }));
}

function countOfPositionals(words: readonly string[], named: readonly NamedOption[]): number {
  return words.filter((word, index) => {
    const owner = named.find((option) => spellingsOf(option).includes(words[index - 1] ?? ''));
    return !word.startsWith('-') && !(owner !== undefined && takesValue(owner[1]));
  }).length;
}

function ofCmdlet({ parameters }: Cmdlet, previous: string): Candidate[] {
  const all = [...parameters, ...COMMON_PARAMETERS];
  const named = (parameter: Parameter) =>
    [parameter.name, ...(parameter.aliases ?? [])].some((name) => `-${name}`.toLowerCase() === previous.toLowerCase());
  const parameter = all.find(named);
  if (parameter !== undefined && !isSwitch(parameter)) {
    return (parameter.choices ?? []).map((value) => ({ value, description: parameter.describe }));
  }
  return all.map(({ name, describe }) => ({ value: `-${name}`, description: describe }));
}

/** PowerShell ignores the case of parameters. A word without a dash may be a file. */
function starting(current: string, candidates: readonly Candidate[]): Candidate[] {
  const unique = candidates.filter(
    ({ value }, index) => candidates.findIndex((other) => other.value === value) === index,
  );
  return unique.filter(({ value }) => {
    if (current === '' && value.startsWith('-')) return false;
    return value.toLowerCase().startsWith(current.toLowerCase());
  });
}

function asCandidate({ name, describe }: { readonly name: string; readonly describe: string }): Candidate {
  return { value: name, description: describe };
}

function lastWord({ value, description }: Candidate): Candidate {
  return { value: value.replace(/^.* /, ''), description };
}

function nameOf(program: string): string {
  return win32.basename(posix.basename(program)).replace(/\.(?:exe|cmd|js|ps1)$/i, '');
}

/** Without the default value in brackets. */
function firstClause(description: string): string {
  return description.replace(/ {2}\[.*$/s, '').replace(/\s+/g, ' ');
}
