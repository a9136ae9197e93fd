// The form of the tables that describe cmdlets. The parser, the help and the documents are made from them.

/** A way to use a cmdlet, with its own parameters. PowerShell calls it a parameter set. */
export interface ParameterSet {
  readonly name: string;
  /** What this set writes to, for messages: "a blob". */
  readonly target: string;
  /** Words for the command of vhdup that the cmdlet implies. */
  readonly implies: readonly string[];
}

/** The type of a value, and the word for it in the help. */
export type ParameterKind = 'String' | 'Uri' | 'FileInfo' | 'Int32' | 'SwitchParameter' | 'ActionPreference';

export interface Parameter {
  /** Without the dash, as the cmdlet spells it. */
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly kind: ParameterKind;
  readonly describe: string;
  /** The place of its value among the words without a name, from 0. */
  readonly position?: number;
  /** The names of the sets that it belongs to. @default all */
  readonly sets?: readonly string[];
  /** The names of the sets that cannot do without it. @default none */
  readonly requiredIn?: readonly string[];
  /** The only values. Case does not matter. */
  readonly choices?: readonly string[];
  /** The smallest and the largest number. */
  readonly range?: readonly [number, number];
  readonly defaultValue?: string;
  /** Not a parameter of the cmdlet: it makes no abbreviation ambiguous. @default false */
  readonly isExtra?: boolean;
  readonly meaning: Meaning;
}

/** What the command of vhdup does with a parameter. */
export type Meaning =
  /** An argument of the command of vhdup. */
  | { readonly is: 'argument'; readonly name: ArgumentName }
  /** An option of the command of vhdup, such as `--overwrite`. A switch stands for the option alone. */
  | { readonly is: 'option'; readonly option: string; readonly translate?: (value: string) => string }
  /** An option that only some of the values ask for; others have no effect. */
  | { readonly is: 'some-values'; readonly option: string; readonly values: readonly string[]; readonly why: string }
  /** Accepted, and without effect. -Verbose prints why. */
  | { readonly is: 'ignored'; readonly why: string }
  /** @param command - The whole command without this parameter. */
  | { readonly is: 'refused'; readonly why: (command: string) => string }
  /** What the command line itself does: it asks, or prints the help. */
  | { readonly is: 'confirm' }
  | { readonly is: 'help' };

/** The arguments of `vhdup upload` and of `vhdup download`. */
export type ArgumentName = 'image' | 'destination' | 'source' | 'file';

export interface Cmdlet {
  /** As a program and as a command of vhdup. */
  readonly name: string;
  /** The cmdlet whose way of writing it takes. */
  readonly cmdlet: string;
  /** The command of vhdup that does its work. @default upload */
  readonly command?: 'upload' | 'download';
  /** One line for the list of commands. */
  readonly describe: string;
  /** The first is the default. */
  readonly sets: readonly [ParameterSet, ...ParameterSet[]];
  readonly parameters: readonly Parameter[];
  /** Complete commands. */
  readonly examples: readonly string[];
  /** How it differs from the cmdlet. */
  readonly notes: readonly string[];
}

export function isSwitch({ kind }: Parameter): boolean {
  return kind === 'SwitchParameter';
}

/** Shorter beginnings of names may be options of vhdup, such as -l or -qv. */
const MIN_LETTERS = 4;
/** Other programs have options of one letter, such as -o for a file to write. */
const MIN_ALIAS_LETTERS = 2;

/** Whether a word after a command of vhdup means the parameter: its name, a long beginning of it, or an alias. */
export function isMeant({ name, aliases = [] }: Pick<Parameter, 'name' | 'aliases'>, typed: string): boolean {
  const wanted = typed.toLowerCase();
  return (
    (wanted.length >= MIN_LETTERS && name.toLowerCase().startsWith(wanted)) ||
    (wanted.length >= MIN_ALIAS_LETTERS && aliases.some((alias) => alias.toLowerCase() === wanted))
  );
}

/** Whether the parameter belongs to the set. */
export function isIn({ sets }: Parameter, set: ParameterSet): boolean {
  return sets === undefined || sets.includes(set.name);
}
