// Recognises parameters of the cmdlets after a command of vhdup, as in `vhdup upload -LocalFilePath a.vhd -Destination URL`.
import { UsageError } from '../../errors.ts';
import { ADD_AZ_VHD, ADD_AZURE_VHD } from './cmdlets.ts';
import { COMMON_PARAMETERS } from './common-parameters.ts';
import { isSwitch, type Parameter } from './parameter.ts';
import { WITHOUT_SAS, withoutSas } from './upload-words.ts';
import { quoted, type Word, wordsOf } from './words.ts';

/** Shorter beginnings of names may be options of vhdup, such as -l or -th. */
const MIN_LETTERS = 4;
const ALIASES = ['dst', 'lf'];

type Argument = 'LocalFilePath' | 'Destination';

/** What the commands beside `vhdup upload` take, and how their help calls it. */
const ARGUMENTS: Readonly<Record<string, readonly Argument[]>> = {
  verify: ['LocalFilePath', 'Destination'],
  check: ['LocalFilePath', 'Destination'],
  inspect: ['LocalFilePath'],
  convert: ['LocalFilePath'],
  sas: ['Destination'],
};
/** Arguments of the cmdlets that are options of a command. It does without them if they were not given. */
const AS_OPTIONS: Readonly<Record<string, Readonly<Partial<Record<Argument, string>>>>> = {
  check: { Destination: '--destination' },
};
const PLACEHOLDERS: Readonly<Record<Argument, string>> = { LocalFilePath: 'IMAGE', Destination: 'URL' };

/** Only -WhatIf and others that PowerShell adds; the help of vhdup answers -Help. */
const COMMON = COMMON_PARAMETERS.filter(({ meaning }) => meaning.is !== 'help');

/**
 * @param args - A whole command line of vhdup, not of a cmdlet.
 * @returns the error that names the right command; undefined if there is no parameter of a cmdlet.
 */
export function misplacedWords(args: readonly string[]): UsageError | undefined {
  const [first = ''] = args;
  const isCommand = /^[a-z]/i.test(first);
  const words = wordsOf(isCommand ? args.slice(1) : args);
  // Other commands have options like -Verbose, and say so.
  const known = isCommand && first !== 'upload' ? isOfCmdlet : isOfUpload;
  const found = words.find((word) => word.is === 'parameter' && known(word.name));
  if (found?.is !== 'parameter') return undefined;
  const right = rightCommand(first, words);
  const hint = args.every((text) => withoutSas(text) === text) ? '' : WITHOUT_SAS;
  return new UsageError(
    `${found.typed} is a parameter of PowerShell's cmdlets, which vhdup ${isCommand ? `${first} ` : ''}does not take. Run: ${right}${hint}`,
  );
}

function isOfCmdlet(name: string): boolean {
  const parameter = parameterOf(name);
  return parameter !== undefined && !COMMON.includes(parameter);
}

function isOfUpload(name: string): boolean {
  return parameterOf(name) !== undefined;
}

function rightCommand(command: string, words: readonly Word[]): string {
  const { named, others } = argumentsIn(words);
  const wanted = ARGUMENTS[command];
  if (wanted !== undefined) {
    const values = wanted.flatMap((name) => {
      const option = AS_OPTIONS[command]?.[name];
      const value = named.get(name);
      if (option === undefined) return [shown(value ?? others.shift() ?? PLACEHOLDERS[name])];
      return value === undefined ? [] : [option, shown(value)];
    });
    return ['vhdup', command, ...values, ...optionsIn(words)].join(' ');
  }
  const names = words.flatMap((word) => (word.is === 'parameter' ? (parameterOf(word.name)?.name ?? []) : []));
  const old = [...ADD_AZURE_VHD.parameters, ...COMMON];
  const { name } = names.every((one) => old.some((parameter) => parameter.name === one)) ? ADD_AZURE_VHD : ADD_AZ_VHD;
  // Values without a name were the image and the destination, in this order.
  const open = ['LocalFilePath', 'Destination'].filter((one) => !named.has(one));
  const texts = words.map((word, index) => {
    if (word.is === 'option') return withoutSas(word.text);
    if (word.is === 'parameter') return word.value === undefined ? word.typed : `${word.typed}:${shown(word.value)}`;
    const argument = isTaken(words, index) ? undefined : open.shift();
    return argument === undefined ? shown(word.text) : `-${argument} ${shown(word.text)}`;
  });
  return ['vhdup', name, ...texts].join(' ');
}

/** The values of the parameters, and those without a name. */
function argumentsIn(words: readonly Word[]): {
  readonly named: ReadonlyMap<string, string>;
  readonly others: string[];
} {
  const named = new Map<string, string>();
  const others: string[] = [];
  for (const [index, word] of words.entries()) {
    const before = words[index - 1];
    if (word.is === 'parameter' && word.value !== undefined) named.set(parameterOf(word.name)?.name ?? '', word.value);
    else if (word.is === 'value' && !isTaken(words, index)) others.push(word.text);
    else if (word.is === 'value' && before?.is === 'parameter')
      named.set(parameterOf(before.name)?.name ?? '', word.text);
  }
  return { named, others };
}

/** The options of vhdup, each with the value that follows it. */
function optionsIn(words: readonly Word[]): string[] {
  return words.flatMap((word, index) => {
    if (word.is === 'option') return [withoutSas(word.text)];
    return word.is === 'value' && words[index - 1]?.is === 'option' ? [shown(word.text)] : [];
  });
}

/** Whether the word is the value of the parameter or option before it. */
function isTaken(words: readonly Word[], index: number): boolean {
  const before = words[index - 1];
  if (before?.is !== 'parameter') return before?.is === 'option';
  const parameter = parameterOf(before.name);
  return before.value === undefined && (parameter === undefined || !isSwitch(parameter));
}

function shown(value: string): string {
  return quoted(withoutSas(value));
}

/** The parameter with this name, an unmistakable alias, or a long beginning of the name. */
function parameterOf(typed: string): Parameter | undefined {
  const name = typed.toLowerCase();
  return [...ADD_AZ_VHD.parameters, ...ADD_AZURE_VHD.parameters, ...COMMON].find(
    (parameter) =>
      (name.length >= MIN_LETTERS && parameter.name.toLowerCase().startsWith(name)) ||
      (ALIASES.includes(name) && parameter.aliases?.includes(name) === true),
  );
}
