// Options by environment variables: VHDUP_THREADS=8 stands for --threads 8. The command line takes precedence.
import type { Options } from 'yargs';
import { printable } from '../base/printable.ts';
import { UsageError } from '../errors.ts';
import { nearest } from './nearest.ts';

type OptionSet = Readonly<Record<string, Options>>;

/** Each command has these. A variable of this name belongs to packages and containers. */
const NEVER = ['help', 'version'];
/** Variables of this program that are not options, and those of its tests, measurements and examples. */
const OTHERS = /^VHDUP_(?:SYSTEM_CA|RECENT|VERSION|AZCOPY|EXE|SOURCE|STOP_WITH_STDIN|(?:TEST|TRY|BENCH)_\w+)$/;

const TRUTH: ReadonlyMap<string, boolean> = new Map([
  ...['1', 'true', 'yes', 'on'].map((text) => [text, true] as const),
  ...['0', 'false', 'no', 'off'].map((text) => [text, false] as const),
]);

export interface OptionVariables {
  /** The values by option, as yargs expects them from a configuration. */
  readonly values: Readonly<Record<string, unknown>>;
  /** The variable of each option that has one. */
  readonly sources: ReadonlyMap<string, string>;
}

/** Whether the value of a switch turns it on. */
export function isOn(text: string | undefined): boolean {
  return TRUTH.get((text ?? '').trim().toLowerCase()) === true;
}

/** Whether it turns it off. Without a value it does neither. */
export function isOff(text: string | undefined): boolean {
  return TRUTH.get((text ?? '').trim().toLowerCase()) === false;
}

/** "dry-run" → "VHDUP_DRY_RUN" */
export function variableOf(option: string): string {
  return `VHDUP_${option.toUpperCase().replaceAll('-', '_')}`;
}

/**
 * The values for the options of a command. Variables of options that only other commands have do not matter here, and empty ones are
 * not set.
 * @throws {UsageError} a value cannot be one of the option. Values of other options than choices and switches are never quoted.
 */
export function optionVariables(options: OptionSet, environment: NodeJS.ProcessEnv): OptionVariables {
  const given = variablesIn(environment);
  const found = Object.entries(options).flatMap(([name, option]) => {
    const variable = variableOf(name);
    const text = given.get(variable);
    return text === undefined || NEVER.includes(name)
      ? []
      : [{ name, variable, value: checkedValue(variable, option, text) }];
  });
  return {
    values: Object.fromEntries(found.map(({ name, value }) => [name, value])),
    sources: new Map(found.map(({ name, variable }) => [name, variable])),
  };
}

/**
 * @param names - The options of all commands.
 * @throws {UsageError} a variable stands for none of them.
 */
export function assertKnownVariables(names: Iterable<string>, environment: NodeJS.ProcessEnv): void {
  const known = [...names].filter((name) => !NEVER.includes(name)).map(variableOf);
  for (const variable of variablesIn(environment).keys()) {
    if (known.includes(variable) || OTHERS.test(variable)) continue;
    const similar = nearest(variable, known);
    const meant = similar === undefined ? '' : ` Did you mean ${similar}?`;
    throw new UsageError(
      `The environment variable ${printable(variable)} stands for no option of vhdup.${meant} Correct its name, or remove it.`,
    );
  }
}

/** Adds the variable to an error about the value of an option that came from it. */
export function withSource(error: unknown, sources: OptionVariables['sources']): unknown {
  if (!(error instanceof UsageError)) return error;
  const source = [...sources].find(([name]) => new RegExp(`--${name}(?![\\w-])`).test(error.message));
  if (source === undefined) return error;
  return new UsageError(`${error.message} The value comes from the environment variable ${source[1]}.`);
}

function variablesIn(environment: NodeJS.ProcessEnv): ReadonlyMap<string, string> {
  const set = Object.entries(environment).flatMap(([name, value]) => {
    // Windows ignores the case of names.
    const variable = process.platform === 'win32' ? name.toUpperCase() : name;
    return variable.startsWith('VHDUP_') && value ? [[variable, value] as const] : [];
  });
  return new Map(set);
}

function checkedValue(variable: string, { type, choices, array }: Options, text: string): unknown {
  if (type === 'boolean') {
    const truth = TRUTH.get(text.trim().toLowerCase());
    if (truth !== undefined) return truth;
    throw new UsageError(
      `The environment variable ${variable} stands for a switch: it must be 1 or 0, but is "${printable(text)}".`,
    );
  }
  // `map` is the older name of a choice, which its option still accepts.
  if (choices !== undefined && !choices.includes(text) && text !== 'map') {
    throw new UsageError(
      `The environment variable ${variable} must be one of ${choices.join(', ')}, but is "${printable(text)}".`,
    );
  }
  return array === true ? [text] : text;
}
