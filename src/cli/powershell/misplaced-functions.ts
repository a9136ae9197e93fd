// Recognises functions of the PowerShell module, and their parameters, in a command line of vhdup.
import { UsageError } from '../../errors.ts';
import { CMDLETS } from './cmdlets.ts';
import { MODULE_FUNCTIONS, type ModuleFunction } from './module/functions.ts';
import { wordsOf } from './words.ts';

/** Shorter words after one dash may be options of one letter. */
const MIN_LETTERS = 4;

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
  const found = one && wordsOf(rest).find((word) => word.is === 'parameter' && optionFor(one, word.name) !== undefined);
  if (one === undefined || found?.is !== 'parameter') return undefined;
  return new UsageError(
    `${found.typed} is a parameter of the function ${one.name} of PowerShell. Write ${optionFor(one, found.name)} after vhdup ${first}.`,
  );
}

/** The option that a parameter stands for. None if the cmdlets have it too: `misplacedWords` names the cmdlet then. */
function optionFor({ parameters, command }: ModuleFunction, typed: string): string | undefined {
  const cmdlets = CMDLETS.filter((cmdlet) => (cmdlet.command ?? 'upload') === command.name);
  const isOfCmdlet = cmdlets.some((cmdlet) =>
    cmdlet.parameters.some(({ name }) => name.toLowerCase() === typed.toLowerCase()),
  );
  if (typed.length < MIN_LETTERS || isOfCmdlet) return undefined;
  const use = parameters.find(({ name }) => name.toLowerCase() === typed.toLowerCase())?.use;
  return use?.is === 'option' || use?.is === 'switch' ? use.option : undefined;
}
