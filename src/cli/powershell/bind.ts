// Binds the words of a command line to the parameters of a cmdlet, by the rules of PowerShell.
// Source: about_Parameters, about_Parameter_Sets, and the binder of PowerShell.
import { UsageError } from '../../errors.ts';
import { nearest } from '../nearest.ts';
import { CMDLETS } from './cmdlets.ts';
import { COMMON_PARAMETERS } from './common-parameters.ts';
import { type Cmdlet, isIn, isSwitch, type Parameter, type ParameterSet } from './parameter.ts';
import { type Word, wordsOf } from './words.ts';

export interface Bound {
  readonly parameter: Parameter;
  /** As the user wrote it, or the full name if the value had none: "-lf". */
  readonly typed: string;
  /** Checked; in the spelling of `choices` if there are any. A switch has `true` or `false`. */
  readonly value: string;
}

export interface Invocation {
  readonly cmdlet: Cmdlet;
  readonly set: ParameterSet;
  /** In the order of the command line. */
  readonly bound: readonly Bound[];
  /** Options of `vhdup upload` with their values. */
  readonly options: readonly string[];
}

/** Which options of `vhdup upload` take the next word as their value. Undefined if there is no such option. */
export type TakesValue = (option: string) => boolean | undefined;

/** A parameter by name, before its value is checked. */
interface Named {
  readonly parameter: Parameter;
  readonly typed: string;
  readonly text: string | undefined;
}

/** @throws {UsageError} PowerShell could not bind the words either. */
export function bind(cmdlet: Cmdlet, args: readonly string[], takesValue: TakesValue): Invocation {
  const { named, values, options } = sortWords(cmdlet, wordsOf(args), takesValue);
  const set = chooseSet(cmdlet, named);
  // Sets may give the same name different meanings.
  const inSet = named.map((one) => ({ ...one, parameter: ofSet(cmdlet, one.parameter, set) }));
  const all = [...inSet, ...byPosition(cmdlet, set, inSet, values)];
  const bound = all.map(({ parameter, typed, text }) => ({
    parameter,
    typed,
    value: checkedValue(parameter, typed, text),
  }));
  return { cmdlet, set, bound, options };
}

/** Throws if a parameter that the set needs is missing. */
export function assertComplete({ cmdlet, set, bound }: Invocation): void {
  const missing = cmdlet.parameters.filter(
    (parameter) => parameter.requiredIn?.includes(set.name) && !bound.some((one) => one.parameter === parameter),
  );
  if (missing.length === 0) return;
  const names = missing.map(({ name }) => `-${name}`).join(' and ');
  const work = cmdlet.command === 'download' ? 'download' : 'upload';
  throw new UsageError(
    `${names} ${missing.length === 1 ? 'is' : 'are'} missing: ${cmdlet.name} needs ${missing.length === 1 ? 'it' : 'them'} to ${work} to ${set.target}.`,
  );
}

interface SortedWords {
  readonly named: readonly Named[];
  readonly values: readonly string[];
  readonly options: readonly string[];
}

function sortWords(cmdlet: Cmdlet, words: readonly Word[], takesValue: TakesValue): SortedWords {
  const named: Named[] = [];
  const values: string[] = [];
  const options: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at];
    const next = words[at + 1];
    const following = next?.is === 'value' ? next.text : undefined;
    if (word?.is === 'option') {
      options.push(word.text);
      const hasValue = !word.text.includes('=') && takesValue(word.text) === true && following !== undefined;
      if (hasValue) options.push(following);
      if (hasValue) at += 1;
    } else if (word?.is === 'parameter') {
      const parameter = find(cmdlet, word.name, word.typed, takesValue);
      if (named.some((one) => one.parameter.name === parameter.name)) {
        throw new UsageError(`-${parameter.name} was given more than once.`);
      }
      const takesNext = word.value === undefined && following !== undefined && takesFollowing(parameter, following);
      named.push({ parameter, typed: word.typed, text: takesNext ? following : word.value });
      if (takesNext) at += 1;
    } else if (word !== undefined) {
      values.push(word.text);
    }
  }
  return { named, values, options };
}

/** A switch takes only a truth value that PowerShell has separated from its colon: `-OverWrite: True`. */
function takesFollowing(parameter: Parameter, following: string): boolean {
  return !isSwitch(parameter) || TRUTH.has(following.toLowerCase());
}

/** The parameter of a name, an alias, or the beginning of one that no other parameter shares. */
function find(cmdlet: Cmdlet, name: string, typed: string, takesValue: TakesValue): Parameter {
  const wanted = name.toLowerCase();
  const all = [...cmdlet.parameters, ...COMMON_PARAMETERS];
  const exact = all.find((parameter) => namesOf(parameter).includes(wanted));
  if (exact !== undefined) return exact;
  const begins = (parameter: Parameter) => namesOf(parameter).some((one) => one.startsWith(wanted));
  // PowerShell prefers the cmdlet's own parameters to those that all cmdlets have.
  const own = distinct(cmdlet.parameters.filter((parameter) => parameter.isExtra !== true && begins(parameter)));
  const found = own.length === 1 ? own : distinct(all.filter(begins));
  const [first] = found;
  if (first !== undefined && found.length === 1) return first;
  if (found.length > 1) {
    throw new UsageError(
      `${typed} can be ${found.map((one) => `-${one.name}`).join(', ')}: write more letters of the name.`,
    );
  }
  const foreign = otherCmdletAdvice(cmdlet, wanted);
  if (foreign !== undefined) throw new UsageError(`${cmdlet.name} has no parameter ${typed}${foreign}`);
  if (takesValue(`--${wanted}`) !== undefined) {
    throw new UsageError(
      `${cmdlet.name} has no parameter ${typed}. Options of vhdup ${cmdlet.command ?? 'upload'} have two dashes: -${typed.toLowerCase()}.`,
    );
  }
  const similar = nearest(
    name,
    distinct(all).map((one) => one.name),
  );
  throw new UsageError(
    `${cmdlet.name} has no parameter ${typed}.${similar === undefined ? '' : ` Did you mean -${similar}?`}`,
  );
}

/** What to do about a parameter that only another cmdlet has: "-ResourceGroupName" of Add-AzVhd. */
function otherCmdletAdvice(cmdlet: Cmdlet, wanted: string): string | undefined {
  const isIt = (parameter: Parameter) => namesOf(parameter).includes(wanted);
  // One that does the same work first.
  const others = CMDLETS.filter((one) => one !== cmdlet && one.parameters.some(isIt)).sort(
    (a, b) => Number(a.command !== cmdlet.command) - Number(b.command !== cmdlet.command),
  );
  const [other] = others;
  const parameter = other?.parameters.find(isIt);
  if (other === undefined || parameter === undefined) return undefined;
  const { meaning, sets } = parameter;
  if (meaning.is === 'refused') return `. ${meaning.why('')}`;
  if (meaning.is === 'ignored') return `, but ${other.name} does. Leave it out: ${meaning.why}`;
  const set = sets === undefined ? undefined : other.sets.find((one) => isIn(parameter, one));
  return `, but ${other.name} does${set === undefined ? '' : `, for ${set.target}`}.`;
}

function namesOf({ name, aliases = [] }: Parameter): string[] {
  return [name, ...aliases].map((one) => one.toLowerCase());
}

/** One parameter for each name. */
function distinct(parameters: readonly Parameter[]): Parameter[] {
  return parameters.filter(({ name }, index) => parameters.findIndex((one) => one.name === name) === index);
}

/** The set that all named parameters belong to. */
function chooseSet(cmdlet: Cmdlet, named: readonly Named[]): ParameterSet {
  const [standard] = cmdlet.sets;
  const fits = (set: ParameterSet) => named.every(({ parameter }) => isIn(ofSet(cmdlet, parameter, set), set));
  const set = cmdlet.sets.find(fits);
  if (set !== undefined) return set;
  const other = cmdlet.sets.find((one) => one !== standard) ?? standard;
  const outside = (one: ParameterSet) => named.find(({ parameter }) => !isIn(ofSet(cmdlet, parameter, one), one));
  throw new UsageError(
    `${outside(other)?.typed} is for an upload to ${standard.target}, but ${outside(standard)?.typed} for one to ${other.target}. Give the parameters of one of them: ${cmdlet.name} -? lists both.`,
  );
}

/** The parameter of this name that belongs to the set, if any does. */
function ofSet({ parameters }: Cmdlet, parameter: Parameter, set: ParameterSet): Parameter {
  return parameters.find((one) => one.name === parameter.name && isIn(one, set)) ?? parameter;
}

/** Values without a name go to the parameters that have a position and were not named, in order. */
function byPosition(cmdlet: Cmdlet, set: ParameterSet, named: readonly Named[], values: readonly string[]): Named[] {
  const open = cmdlet.parameters
    .filter((one) => one.position !== undefined && isIn(one, set) && !named.some(({ parameter }) => parameter === one))
    .sort((a, b) => (a.position ?? 0) - (b.position ?? 0));
  return values.map((text, index) => {
    const parameter = open[index];
    if (parameter === undefined) {
      throw new UsageError(`${cmdlet.name} cannot use the word "${text}": no parameter is left for it.`);
    }
    return { parameter, typed: `-${parameter.name}`, text };
  });
}

const TRUTH: ReadonlyMap<string, boolean> = new Map([
  ...['$true', 'true', '1'].map((text) => [text, true] as const),
  ...['$false', 'false', '0'].map((text) => [text, false] as const),
]);

/** @throws {UsageError} the value is missing, or not one that the parameter takes. */
function checkedValue(parameter: Parameter, typed: string, text: string | undefined): string {
  const { choices, kind } = parameter;
  if (isSwitch(parameter)) {
    const truth = text === undefined ? true : TRUTH.get(text.toLowerCase());
    if (truth !== undefined) return String(truth);
    throw new UsageError(`${typed} is a switch: it takes $true or $false, but not "${text}".`);
  }
  if (text === undefined)
    throw new UsageError(`${typed} needs a value${choices === undefined ? '' : `: ${choices.join(', ')}`}.`);
  if (text.trim() === '') throw new UsageError(`The value of ${typed} is empty.`);
  const chosen = kind === 'ActionPreference' ? enumValue(choices, text) : sameChoice(choices, text);
  if (choices !== undefined && chosen === undefined) {
    throw new UsageError(`${typed} must be one of ${choices.join(', ')}, but is "${text}".`);
  }
  return chosen ?? (kind === 'Int32' ? wholeNumber(parameter, typed, text) : text);
}

function sameChoice(choices: readonly string[] | undefined, text: string): string | undefined {
  return choices?.find((choice) => choice.toLowerCase() === text.toLowerCase());
}

/** PowerShell also takes the number of a value, and the beginning of one that no other value shares. */
function enumValue(choices: readonly string[] = [], text: string): string | undefined {
  const beginning = text.trim().toLowerCase();
  if (/^\d+$/.test(beginning)) return choices[Number(beginning)];
  const begun = choices.filter((choice) => choice.toLowerCase().startsWith(beginning));
  return sameChoice(choices, beginning) ?? (begun.length === 1 ? begun[0] : undefined);
}

/** In any spelling of PowerShell: 5, +5, 5.0, 0x5 or 5e0. */
function wholeNumber({ range }: Parameter, typed: string, text: string): string {
  const number = Number(text);
  if (!Number.isInteger(number)) throw new UsageError(`${typed} must be a whole number, but is "${text}".`);
  const [low, high] = range ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  if (number < low || number > high) {
    throw new UsageError(`${typed} must be a number from ${low} to ${high}, but is ${text.trim()}.`);
  }
  return String(number);
}
