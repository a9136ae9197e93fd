// Recognises functions of the PowerShell module, and their parameters, in a command line of vhdup.
import { UsageError } from '../../errors.ts';
import { CMDLETS } from './cmdlets.ts';
import { MODULE_FUNCTIONS, type ModuleFunction } from './module/functions.ts';
import type { ModuleParameter } from './module/parameters.ts';
import { isMeant } from './parameter.ts';
import { type Word, wordsOf } from './words.ts';

/** Shorter words after one dash may be options of one letter. */
const MIN_LETTERS = 4;

/** Options for a managed disk: the cmdlets need their own parameters for it, or have none. */
const FOR_DISKS = /^--(?:disk|resource-group|location)(?:=|$)/;

/**
 * @param args - A whole command line of vhdup.
 * @returns the error that says what to write; undefined if there is nothing of the module.
 */
export function misplacedFunction(args: readonly string[]): UsageError | undefined {
  const [first = '', ...rest] = args;
  const named = MODULE_FUNCTIONS.find(({ name }) => name.toLowerCase() === first.toLowerCase());
  if (named !== undefined) {
    return new UsageError(
      `${named.name} is a function of PowerShell. Define it there: vhdup powershell | Out-String | Invoke-Expression. Its command in other shells is vhdup ${named.command.name}.`,
    );
  }
  const one = MODULE_FUNCTIONS.find(({ command }) => command.name === first);
  if (one === undefined) return undefined;
  const words = wordsOf(rest);
  const optionFor = onlyVhdupTakes(words, one) ? anyOption : ownOption;
  const found = words.find((word) => word.is === 'parameter' && optionFor(one, word.name) !== undefined);
  if (found?.is !== 'parameter') return undefined;
  return new UsageError(
    `${found.typed} is a parameter of the function ${one.name} of PowerShell. Write ${optionFor(one, found.name)} after vhdup ${first}.`,
  );
}

/** Whether the words contain options that no cmdlet takes, so that the rest has to be written as options, too. */
function onlyVhdupTakes(words: readonly Word[], { command }: ModuleFunction): boolean {
  const letters = Object.values(command.options).flatMap(({ alias = [] }) => alias);
  return words.some((word) => {
    if (word.is === 'option') return FOR_DISKS.test(word.text);
    return word.is === 'parameter' && letters.includes(word.name);
  });
}

/** The option that a parameter stands for. None if the cmdlets have it too: `misplacedWords` names the cmdlet then. */
function ownOption(one: ModuleFunction, typed: string): string | undefined {
  const cmdlets = CMDLETS.filter((cmdlet) => (cmdlet.command ?? 'upload') === one.command.name);
  const isOfCmdlet = cmdlets.some((cmdlet) =>
    cmdlet.parameters.some(({ name }) => name.toLowerCase() === typed.toLowerCase()),
  );
  if (typed.length < MIN_LETTERS || isOfCmdlet) return undefined;
  return optionOf(one.parameters.find(({ name }) => name.toLowerCase() === typed.toLowerCase()));
}

/** The option that a parameter stands for, whether the cmdlets have it or not. */
function anyOption({ parameters }: ModuleFunction, typed: string): string | undefined {
  const exact = parameters.find(({ name }) => name.toLowerCase() === typed.toLowerCase());
  return optionOf(exact ?? parameters.find((parameter) => isMeant(parameter, typed)));
}

function optionOf(parameter: ModuleParameter | undefined): string | undefined {
  const use = parameter?.use;
  return use?.is === 'option' || use?.is === 'switch' ? use.option : undefined;
}
