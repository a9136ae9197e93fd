import { beforeEach, describe, expect, it } from 'vitest';
import { hasImageName } from '../../src/cli/guided/image-names.ts';
import { bind } from '../../src/cli/powershell/bind.ts';
import { CMDLETS, cmdletNamed } from '../../src/cli/powershell/cmdlets.ts';
import { COMMON_PARAMETERS } from '../../src/cli/powershell/common-parameters.ts';
import type { Cmdlet } from '../../src/cli/powershell/parameter.ts';
import { COMMANDS, type HelpOption, optionsOf } from '../support/command-help.ts';
import {
  codeBlocks,
  codeRows,
  filesEndingWith,
  inlineCode,
  readDocument,
  sectionOf,
  vhdupArguments,
} from '../support/documents.ts';

/** Options that are valid before a command or after every command. */
const GLOBAL = ['--help', '-h', '--version'];
const SHELL_LANGUAGES = ['', 'sh', 'console', 'powershell'];

const known = new Map<string, readonly HelpOption[]>();

beforeEach(async () => {
  if (known.size > 0) return;
  for (const command of COMMANDS) known.set(command, await optionsOf(command));
});

/** The values of options count as words without a name. */
function cmdletProblemOf(cmdlet: Cmdlet, words: readonly string[]): string | undefined {
  try {
    bind(cmdlet, words, () => undefined);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The problem of a command line, or undefined. A word in capitals stands for a command. */
function problemOf([first = '', ...others]: readonly string[]): string | undefined {
  if (GLOBAL.includes(first) || /^[A-Z]+$/.test(first)) return undefined;
  // vhdup disk.vhdx asks for the destination of an upload.
  if (hasImageName(first)) return problemOf(['upload', first, ...others]);
  const cmdlet = cmdletNamed(first);
  if (cmdlet !== undefined) return cmdletProblemOf(cmdlet, others);
  const isGroup = COMMANDS.some((name) => name.startsWith(`${first} `));
  const [command, words] = isGroup ? [`${first} ${others[0] ?? ''}`, others.slice(1)] : [first, others];
  const options = known.get(command);
  if (options === undefined) return `there is no command ${command}`;
  const names = options.flatMap(({ name, alias }) => [
    `--${name}`,
    `--no-${name}`,
    ...(alias === undefined ? [] : [`-${alias}`]),
  ]);
  const given = words.filter((word) => /^-{1,2}[a-z]/.test(word)).map((word) => word.replace(/=.*$/, ''));
  const unknown = given.filter((word) => !names.includes(word));
  return unknown.length === 0 ? undefined : `${command} has no ${unknown.join(', ')}`;
}

/** All command lines in a document, in code blocks and between backticks. */
function commandLinesOf(markdown: string): string[] {
  const blocks = codeBlocks(markdown).filter(({ language }) => SHELL_LANGUAGES.includes(language));
  return [...blocks.flatMap(({ lines }) => lines), ...inlineCode(markdown).filter((text) => text.startsWith('vhdup '))];
}

function problemsOf(lines: readonly string[]): string[] {
  return lines.flatMap((line) => {
    const words = vhdupArguments(line);
    const problem = words === undefined ? undefined : problemOf(words);
    return problem === undefined ? [] : [`${line}: ${problem}`];
  });
}

describe('the command lines in documents', () => {
  it('name commands and options that exist', async () => {
    let count = 0;
    for (const path of await filesEndingWith('.md')) {
      const lines = commandLinesOf(await readDocument(path));
      count += lines.filter((line) => vhdupArguments(line) !== undefined).length;
      expect(problemsOf(lines), path).toEqual([]);
    }
    expect(count).toBeGreaterThan(50);
  });

  it('are also right in the example scripts', async () => {
    const scripts = (await filesEndingWith('.sh', '.ps1')).filter((path) => path.startsWith('examples/'));
    expect(scripts).toHaveLength(3);
    for (const path of scripts) {
      const lines = (await readDocument(path)).split('\n');
      expect(lines.filter((line) => vhdupArguments(line) !== undefined).length).toBeGreaterThanOrEqual(2);
      expect(problemsOf(lines), path).toEqual([]);
    }
  });

  it.each([
    ['vhdup upload disk.vhd vhds/disk.vhd --fast', 'upload has no --fast'],
    ['vhdup disk status d -g rg --checkpoint c', 'disk status has no --checkpoint'],
    ['vhdup disk sink d', 'there is no command disk sink'],
    ['vhdup sideload disk.vhd', 'there is no command sideload'],
    ['vhdup add-azurevhd -dst URL -lf a.vhd -Fast', 'add-azurevhd has no parameter -Fast.'],
    ['HTTPS_PROXY=http://proxy vhdup check disk.vhd -x | cat', 'check has no -x'],
    ['until vhdup verify a b --json; do', undefined],
  ])('are checked: %s', (line, problem) => {
    expect(problemOf(vhdupArguments(line) ?? [])).toBe(problem);
  });
});

describe('the tables of docs/add-azurevhd.md', () => {
  it('list the parameters of the cmdlets, with the names that they also have', async () => {
    const rows = codeRows(await readDocument('docs/add-azurevhd.md'));
    const documented = rows.flatMap(([cell = '']) => [...cell.matchAll(/`-([A-Za-z?]+)`/g)].map(([, name]) => name));
    for (const { name, aliases = [] } of CMDLETS.flatMap(({ parameters }) => parameters)) {
      expect(documented).toContain(name);
      for (const alias of aliases) expect(documented, name).toContain(alias);
    }
    for (const { name } of COMMON_PARAMETERS.filter(({ describe: text }) => !text.includes('Name of a variable'))) {
      expect(documented).toContain(name);
    }
  });
});

describe('the option tables of docs/usage.md', () => {
  it.each(COMMANDS)('list the options of %s as its help does', async (command) => {
    const rows = codeRows(sectionOf(await readDocument('docs/usage.md'), `## ${command}`));
    const options = known.get(command) ?? [];
    const documented = rows.flatMap(([cell = '']) => [...cell.matchAll(/(?<=`)--(?!no-)([a-z0-9-]+)/g)]);
    expect(documented.map(([, name]) => name).sort()).toEqual(options.map(({ name }) => name).sort());
    for (const { name, alias, defaultValue } of options) {
      const row = rows.find(([cell = '']) => new RegExp(`\`--${name}[ \`]`).test(cell));
      if (alias !== undefined) expect(row?.[0], `--${name}`).toContain(`\`-${alias}\``);
      if (defaultValue !== undefined) expect(row?.[2], `--${name}`).toContain(defaultValue);
      expect(row?.[1], `--${name}`).toMatch(/\w/);
    }
  });
});
