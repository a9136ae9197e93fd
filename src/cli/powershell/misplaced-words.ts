// Recognises parameters of the cmdlets after a command of vhdup, as in `vhdup upload -LocalFilePath a.vhd -Destination URL`.
import { UsageError } from '../../errors.ts';
import { COMMANDS, TOP_LEVEL_WORDS } from '../commands.ts';
import type { Command } from '../define-command.ts';
import { ADD_AZ_VHD, ADD_AZURE_VHD, SAVE_AZ_VHD, SAVE_AZURE_VHD } from './cmdlets.ts';
import { COMMON_PARAMETERS } from './common-parameters.ts';
import { type Cmdlet, isMeant, isSwitch, type Parameter } from './parameter.ts';
import { WITHOUT_SAS, withoutSas } from './upload-words.ts';
import { quoted, type Word, wordsOf } from './words.ts';

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

const OF_UPLOADS = [...ADD_AZ_VHD.parameters, ...ADD_AZURE_VHD.parameters, ...COMMON];
const OF_DOWNLOADS = [...SAVE_AZ_VHD.parameters, ...SAVE_AZURE_VHD.parameters, ...COMMON];

/** What the words of a command line can be. */
interface Vocabulary {
  readonly parameters: readonly Parameter[];
  /** What words without a name stand for, in the order of the command of vhdup. */
  readonly positions: readonly string[];
}

const UPLOAD: Vocabulary = { parameters: OF_UPLOADS, positions: ['LocalFilePath', 'Destination'] };
const DOWNLOAD: Vocabulary = { parameters: OF_DOWNLOADS, positions: ['SourceUri', 'LocalFilePath'] };

/** Without a command of vhdup, the name of the source shows that a download is meant. */
function vocabularyOf(command: string | undefined, words: readonly Word[]): Vocabulary {
  if (command === 'download') return DOWNLOAD;
  if (command === 'upload' || (command !== undefined && Object.hasOwn(ARGUMENTS, command))) return UPLOAD;
  const isSource = (word: Word) => word.is === 'parameter' && parameterOf(word.name, DOWNLOAD)?.name === 'SourceUri';
  return words.some(isSource) ? DOWNLOAD : UPLOAD;
}

/**
 * @param args - A whole command line of vhdup, not of a cmdlet.
 * @returns the error that names the right command; undefined if there is no parameter of a cmdlet.
 */
export function misplacedWords(args: readonly string[]): UsageError | undefined {
  const [first = ''] = args;
  const isCommand = /^[a-z]/i.test(first);
  const words = wordsOf(isCommand ? args.slice(1) : args);
  const vocabulary = vocabularyOf(isCommand ? first : undefined, words);
  // Other commands have options like -Verbose, and say so.
  const isOther = isCommand && first !== 'upload';
  const found = words.find((word) => {
    const parameter = word.is === 'parameter' ? parameterOf(word.name, vocabulary) : undefined;
    return parameter !== undefined && !(isOther && COMMON.includes(parameter));
  });
  if (found?.is !== 'parameter') return undefined;
  if (isCommand && !hasRightCommand(first)) return new UsageError(withoutRightCommand(args, found.typed));
  const right = rightCommand(first, words, vocabulary);
  const hint = args.every((text) => withoutSas(text) === text) ? '' : WITHOUT_SAS;
  return new UsageError(
    `${found.typed} is a parameter of PowerShell's cmdlets, which vhdup ${isCommand ? `${first} ` : ''}does not take. Run: ${right}${hint}`,
  );
}

/** Other commands do what no cmdlet does. A word that is no command may be a mistyped upload. */
function hasRightCommand(first: string): boolean {
  return ['upload', 'download'].includes(first) || Object.hasOwn(ARGUMENTS, first) || !TOP_LEVEL_WORDS.includes(first);
}

function withoutRightCommand(args: readonly string[], typed: string): string {
  const line = `${args.join(' ')} `;
  const command = COMMANDS.find(({ name }) => line.startsWith(`${name} `));
  const name = command?.name ?? args[0];
  const parameter = parameterOf(typed.slice(1), UPLOAD) ?? parameterOf(typed.slice(1), DOWNLOAD);
  const option = parameter && optionOf(command, parameter);
  return `${typed} is a parameter of PowerShell's cmdlets, which vhdup ${name} does not take. ${option === undefined ? `Run vhdup ${name} --help for help.` : `Write ${option}.`}`;
}

/** The option of the command that stands for the parameter. */
function optionOf(command: Command | undefined, { meaning }: Parameter): string | undefined {
  return meaning.is === 'option' && command?.options[meaning.option.slice(2)] !== undefined
    ? meaning.option
    : undefined;
}

function rightCommand(command: string, words: readonly Word[], vocabulary: Vocabulary): string {
  const { named, others } = argumentsIn(words, vocabulary);
  const wanted = ARGUMENTS[command];
  if (wanted !== undefined) {
    const values = wanted.flatMap((name) => {
      const option = AS_OPTIONS[command]?.[name];
      const value = named.get(name);
      if (option === undefined) return [shown(value ?? others.shift() ?? PLACEHOLDERS[name])];
      return value === undefined ? [] : [option, shown(value)];
    });
    return ['vhdup', command, ...values, ...others.map(shown), ...optionsIn(words, command, vocabulary)].join(' ');
  }
  // Values without a name were the arguments of the command, in this order.
  const open = vocabulary.positions.filter((one) => !named.has(one));
  const texts = words.map((word, index) => {
    if (word.is === 'option') return withoutSas(word.text);
    if (word.is === 'parameter') return word.value === undefined ? word.typed : `${word.typed}:${shown(word.value)}`;
    const argument = isTaken(words, index, vocabulary) ? undefined : open.shift();
    return argument === undefined ? shown(word.text) : `-${argument} ${shown(word.text)}`;
  });
  return ['vhdup', cmdletFor(words, vocabulary).name, ...texts].join(' ');
}

function cmdletFor(words: readonly Word[], vocabulary: Vocabulary): Cmdlet {
  if (vocabulary === DOWNLOAD) return SAVE_AZ_VHD;
  const old = [...ADD_AZURE_VHD.parameters, ...COMMON];
  const names = words.flatMap((word) =>
    word.is === 'parameter' ? (parameterOf(word.name, vocabulary)?.name ?? []) : [],
  );
  return names.every((one) => old.some((parameter) => parameter.name === one)) ? ADD_AZURE_VHD : ADD_AZ_VHD;
}

/** The values of the parameters, and those without a name. */
function argumentsIn(
  words: readonly Word[],
  vocabulary: Vocabulary,
): {
  readonly named: ReadonlyMap<string, string>;
  readonly others: string[];
} {
  const named = new Map<string, string>();
  const others: string[] = [];
  for (const [index, word] of words.entries()) {
    const before = words[index - 1];
    const nameOf = (name: string) => parameterOf(name, vocabulary)?.name ?? '';
    if (word.is === 'parameter' && word.value !== undefined) named.set(nameOf(word.name), word.value);
    else if (word.is === 'value' && !isTaken(words, index, vocabulary)) others.push(word.text);
    else if (word.is === 'value' && before?.is === 'parameter') named.set(nameOf(before.name), word.text);
  }
  return { named, others };
}

/** The options of vhdup, each with the value that follows it. Parameters become the options that stand for them. */
function optionsIn(words: readonly Word[], name: string, vocabulary: Vocabulary): string[] {
  const command = COMMANDS.find((one) => one.name === name);
  const optionFor = (word: Word | undefined): string | undefined => {
    if (word?.is === 'option') return withoutSas(word.text);
    const parameter = word?.is === 'parameter' ? parameterOf(word.name, vocabulary) : undefined;
    if (word?.is !== 'parameter' || parameter !== undefined) return parameter && optionOf(command, parameter);
    // An option of one letter, such as -q.
    return word.typed;
  };
  return words.flatMap((word, index) => {
    if (word.is === 'value') {
      const isKept = isTaken(words, index, vocabulary) && optionFor(words[index - 1]) !== undefined;
      return isKept ? [shown(word.text)] : [];
    }
    const option = optionFor(word);
    if (option === undefined) return [];
    if (word.is !== 'parameter' || word.value === undefined) return [option];
    // $true or $false after a switch is not a value that options take.
    const parameter = parameterOf(word.name, vocabulary);
    if (parameter !== undefined && isSwitch(parameter)) return /^\$?false$|^0$/i.test(word.value) ? [] : [option];
    return [`${option}=${shown(word.value)}`];
  });
}

/** Whether the word is the value of the parameter or option before it. */
function isTaken(words: readonly Word[], index: number, vocabulary: Vocabulary): boolean {
  const before = words[index - 1];
  if (before?.is !== 'parameter') return before?.is === 'option';
  const parameter = parameterOf(before.name, vocabulary);
  return before.value === undefined && (parameter === undefined || !isSwitch(parameter));
}

function shown(value: string): string {
  return quoted(withoutSas(value));
}

function parameterOf(typed: string, { parameters }: Vocabulary): Parameter | undefined {
  return parameters.find((parameter) => isMeant(parameter, typed));
}
