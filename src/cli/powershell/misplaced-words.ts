// Recognises parameters of the cmdlets after a command of vhdup, as in `vhdup upload -LocalFilePath a.vhd -Destination URL`.
import { UsageError } from '../../errors.ts';
import { ADD_AZ_VHD, ADD_AZURE_VHD } from './cmdlets.ts';
import type { Parameter } from './parameter.ts';
import { WITHOUT_SAS, withoutSas } from './upload-words.ts';
import { quoted, type Word, wordsOf } from './words.ts';

/** Shorter beginnings of names may be options of vhdup, such as -l or -th. */
const MIN_LETTERS = 4;
const ALIASES = ['dst', 'lf'];

/** The commands that take an image, or an image and a destination. */
const ARGUMENTS: Readonly<Record<string, readonly ('LocalFilePath' | 'Destination')[]>> = {
  verify: ['LocalFilePath', 'Destination'],
  check: ['LocalFilePath'],
  inspect: ['LocalFilePath'],
  convert: ['LocalFilePath'],
};

/**
 * @param args - A whole command line of vhdup, not of a cmdlet.
 * @returns the error that names the right command; undefined if there is no parameter of a cmdlet.
 */
export function misplacedWords(args: readonly string[]): UsageError | undefined {
  const [first = ''] = args;
  const isCommand = /^[a-z]/i.test(first);
  const words = wordsOf(isCommand ? args.slice(1) : args);
  const found = words.find((word) => word.is === 'parameter' && parameterOf(word.name) !== undefined);
  if (found?.is !== 'parameter') return undefined;
  const right = rightCommand(first, words);
  const isShownWhole = args.every((text) => withoutSas(text) === text);
  return new UsageError(
    `${found.typed} is a parameter of PowerShell's cmdlets, which vhdup ${isCommand ? `${first} ` : ''}does not take. Run: ${right}${isShownWhole ? '' : WITHOUT_SAS}`,
  );
}

function rightCommand(command: string, words: readonly Word[]): string {
  const given = (name: string) => valueAfter(words, name);
  const wanted = ARGUMENTS[command];
  if (wanted !== undefined) {
    return [
      'vhdup',
      command,
      ...wanted.map((name) => quoted(given(name) ?? (name === 'Destination' ? 'URL' : 'IMAGE'))),
    ].join(' ');
  }
  const names = words.flatMap((word) => (word.is === 'parameter' ? (parameterOf(word.name)?.name ?? []) : []));
  const isNew = names.some((name) => !ADD_AZURE_VHD.parameters.some((one) => one.name === name));
  const { name } = isNew ? ADD_AZ_VHD : ADD_AZURE_VHD;
  return `vhdup ${[name, ...textsOf(words, names)].join(' ')}`;
}

/** The words of the user without a SAS. Values without a name were the image and the destination, in this order. */
function textsOf(words: readonly Word[], names: readonly string[]): string[] {
  const open = ['LocalFilePath', 'Destination'].filter((name) => !names.includes(name));
  return words.map((word, index) => {
    if (word.is === 'option') return withoutSas(word.text);
    if (word.is === 'parameter') return word.value === undefined ? word.typed : `${word.typed}:${shown(word.value)}`;
    const before = words[index - 1];
    const isValue = before?.is === 'parameter' && before.value === undefined && takesValue(before.name);
    const name = isValue || before?.is === 'option' ? undefined : open.shift();
    return name === undefined ? shown(word.text) : `-${name} ${shown(word.text)}`;
  });
}

function shown(value: string): string {
  return quoted(withoutSas(value));
}

function valueAfter(words: readonly Word[], name: string): string | undefined {
  const at = words.findIndex((word) => word.is === 'parameter' && parameterOf(word.name)?.name === name);
  const [word, next] = [words[at], words[at + 1]];
  const value = word?.is === 'parameter' ? (word.value ?? (next?.is === 'value' ? next.text : undefined)) : undefined;
  return value === undefined ? undefined : withoutSas(value);
}

function takesValue(name: string): boolean {
  return parameterOf(name)?.kind !== 'SwitchParameter';
}

/** The parameter of the cmdlets with this name, an unmistakable alias, or a long beginning of the name. */
function parameterOf(typed: string): Parameter | undefined {
  const name = typed.toLowerCase();
  return [...ADD_AZ_VHD.parameters, ...ADD_AZURE_VHD.parameters].find(
    (parameter) =>
      (name.length >= MIN_LETTERS && parameter.name.toLowerCase().startsWith(name)) ||
      (ALIASES.includes(name) && parameter.aliases?.includes(name) === true),
  );
}
