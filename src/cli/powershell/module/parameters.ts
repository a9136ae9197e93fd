// The parameters of the functions in the PowerShell module: those of a cmdlet, and one for each other option of the command.
import type { Options } from 'yargs';
import type { Command } from '../../define-command.ts';
import { type Cmdlet, isSwitch, type Parameter } from '../parameter.ts';

export type ParameterType = 'string' | 'string[]' | 'int' | 'uri' | 'switch' | 'object';

export interface ModuleParameter {
  /** Without the dash. */
  readonly name: string;
  readonly aliases: readonly string[];
  readonly type: ParameterType;
  readonly describe: string;
  readonly position?: number;
  /** The names of its parameter sets. @default all */
  readonly sets?: readonly string[];
  /** PowerShell asks for a value that is missing. @default false */
  readonly isMandatory?: boolean;
  /** Takes the property of this name from objects in the pipeline, or also whole strings. @default nothing */
  readonly fromPipeline?: 'property' | 'value';
  /** Takes the words that are left over. @default false */
  readonly takesRest?: boolean;
  readonly choices?: readonly string[];
  readonly range?: readonly [number, number];
  /** Not listed in the help: it only explains what to do instead. @default false */
  readonly isHidden?: boolean;
  readonly use: Use;
}

/** What the module does with a value. */
export type Use =
  | {
      readonly is: 'option';
      readonly option: string;
      /** The value of the option for each choice. */
      readonly values?: Readonly<Record<string, string>>;
      readonly isPath?: boolean;
      /** The sets in which the option is passed. In others the parameter has no effect, for this reason. */
      readonly onlyIn?: { readonly sets: readonly string[]; readonly why: string };
    }
  /** `impliedIn`: the sets in which it is on unless it is turned off. */
  | { readonly is: 'switch'; readonly option: string; readonly impliedIn: readonly string[] }
  /** Accepted without effect. */
  | { readonly is: 'note'; readonly why: string }
  | { readonly is: 'refused'; readonly why: string }
  /** The code of the module uses it. */
  | { readonly is: 'own' };

/** The module handles these itself: streams, progress, the dry run. */
const NEVER = ['json', 'quiet', 'verbose', 'progress', 'dry-run'];

/** The values of these options name files or folders. */
export const PATH_OPTIONS: readonly string[] = [
  'checkpoint',
  'manifest',
  'base-manifest',
  'log-file',
  'sas-file',
  'parent-path',
  'report',
];

/** Where the text of the command line would be wrong: a function has no standard input for its user, and -SkipFree needs a value. */
const OWN_TEXTS: Readonly<Record<string, string>> = {
  'sas-file': 'File with a SAS; read again when the SAS has expired. Keeps it out of the process list',
  'skip-free':
    'Leave out what clean file systems do not need: free for their free space, all also for what page and swap files hold',
};

/** "content-md5" → "ContentMd5" */
export function parameterName(option: string): string {
  return option.replace(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/**
 * One parameter for each option of the command that has none yet.
 * @param taken - Options that parameters of other names stand for.
 * @param implied - Words that the cmdlet implies, by parameter set.
 */
export function optionParameters(
  { options, positionals }: Command,
  taken: readonly string[],
  implied: ReadonlyMap<string, readonly string[]> = new Map(),
): ModuleParameter[] {
  const left = Object.entries(options).filter(
    ([name]) => !positionals.includes(name) && !NEVER.includes(name) && !taken.includes(`--${name}`),
  );
  return left.map(([name, option]) => {
    const words = `--${name}`;
    const impliedIn = [...implied].filter(([, all]) => all.includes(words)).map(([set]) => set);
    const choices = option.choices?.map(String);
    const use: Use =
      option.type === 'boolean'
        ? { is: 'switch', option: words, impliedIn }
        : {
            is: 'option',
            option: words,
            isPath: PATH_OPTIONS.includes(name),
            ...(choices === undefined ? {} : { values: Object.fromEntries(choices.map((choice) => [choice, choice])) }),
          };
    return {
      name: parameterName(name),
      aliases: [],
      type: typeOf(option),
      describe: OWN_TEXTS[name] ?? describeOf(option, impliedIn.length > 0),
      ...(choices === undefined ? {} : { choices }),
      use,
    };
  });
}

function typeOf({ type, array }: Options): ParameterType {
  if (type === 'boolean') return 'switch';
  if (array === true) return 'string[]';
  return type === 'number' ? 'int' : 'string';
}

/** The default in brackets becomes a sentence. */
function describeOf({ describe = '', array }: Options, isImplied: boolean): string {
  const [text = '', standard] = describe.split(/ {2}\[([^\]]*)\]$/);
  const several = array === true ? text.replace('; can be repeated', ', or several') : text;
  const note = isImplied ? ' On by default for a blob, as in the cmdlet' : undefined;
  return [
    several,
    ...(standard === undefined ? [] : [` Default: ${standard}`]),
    ...(note === undefined ? [] : [note]),
  ].join('.');
}

/** The parameters of a cmdlet. Several of the same name become one. */
export function cmdletParameters(cmdlet: Cmdlet): ModuleParameter[] {
  const names = [...new Set(cmdlet.parameters.map(({ name }) => name))];
  return names.map((name) => {
    const all = cmdlet.parameters.filter((parameter) => parameter.name === name);
    const acting = all.find(({ meaning }) => meaning.is === 'option') ?? all[0];
    if (acting === undefined) throw new Error(`${cmdlet.name} has no parameter ${name}.`);
    const idle = all.find(({ meaning }) => meaning.is === 'ignored');
    return {
      name,
      aliases: acting.aliases ?? [],
      type: typeOfKind(acting),
      describe: [...new Set(all.map(({ describe }) => describe))].join('. '),
      ...(all.length > 1 || acting.sets === undefined ? {} : { sets: acting.sets }),
      ...(acting.choices === undefined ? {} : { choices: acting.choices }),
      ...(acting.range === undefined ? {} : { range: acting.range }),
      ...(acting.meaning.is === 'refused' ? { isHidden: true } : { fromPipeline: 'property' as const }),
      use: useOf(acting, idle),
    };
  });
}

function typeOfKind({ kind, meaning }: Parameter): ParameterType {
  if (meaning.is === 'refused' && kind !== 'SwitchParameter') return 'object';
  const types = {
    String: 'string',
    ActionPreference: 'string',
    Uri: 'uri',
    FileInfo: 'string',
    Int32: 'int',
    SwitchParameter: 'switch',
  } as const;
  return types[kind];
}

function useOf(parameter: Parameter, idle: Parameter | undefined): Use {
  const { meaning, choices, sets } = parameter;
  switch (meaning.is) {
    case 'option': {
      if (isSwitch(parameter)) return { is: 'switch', option: meaning.option, impliedIn: [] };
      const value = (choice: string) => meaning.translate?.(choice) ?? choice;
      return {
        is: 'option',
        option: meaning.option,
        ...(choices === undefined ? {} : { values: Object.fromEntries(choices.map((one) => [one, value(one)])) }),
        ...(idle?.meaning.is === 'ignored' && sets !== undefined ? { onlyIn: { sets, why: idle.meaning.why } } : {}),
      };
    }
    case 'ignored':
      return { is: 'note', why: meaning.why };
    case 'refused':
      return { is: 'refused', why: meaning.why('') };
    default:
      return { is: 'own' };
  }
}
