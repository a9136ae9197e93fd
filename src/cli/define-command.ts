// The only way to declare a command: its arguments, its work and its help.
import type { ArgumentsCamelCase, Argv, InferredOptionTypes, Options } from 'yargs';
import { UsageError } from '../errors.ts';
import { OUTPUT_OPTIONS } from './commands/shared-options.ts';
import type { GuidedArguments } from './guided/context.ts';
import { type OptionVariables, optionVariables, withSource } from './option-variables.ts';
import type { Presentation } from './presentation.ts';
import { runCommand, type Task } from './run-command.ts';

/** What the program passes to each command. */
export interface ProgramContext {
  readonly environment: NodeJS.ProcessEnv;
  /** Collects recent garbage. @default nothing */
  readonly collectGarbage?: () => void;
  /** Of the command that the user gave, if this one runs for it. */
  readonly presentation?: Presentation;
  /** Asks for the destination of an upload, and runs it. @returns the exit code. */
  readonly guide?: (args: GuidedArguments) => Promise<number>;
}

/** What a command gets in addition to its arguments. */
export interface CommandContext extends ProgramContext {
  /** Runs the work of the command and reports its outcome. @returns the exit code. */
  readonly execute: <Result extends object>(task: Task<Result>) => Promise<number>;
}

type OptionSet = Readonly<Record<string, Options>>;
type Declared<P extends OptionSet, O extends OptionSet> = P & O & typeof OUTPUT_OPTIONS;

/** The types that `Argv.options` infers from the declarations. */
type Parsed<P extends OptionSet, O extends OptionSet> = Omit<object, keyof Declared<P, O>> &
  InferredOptionTypes<Declared<P, O>>;

export interface CommandDefinition<P extends OptionSet, O extends OptionSet> {
  /** One word, or the word of its group and its own: "disk status". */
  readonly name: string;
  /** One line for the list of commands. */
  readonly describe: string;
  /** In order. Arguments with `demandOption` are required. */
  readonly positionals: P;
  /** Without the output options, which every command takes. */
  readonly options: O;
  /** Command lines, without the name of the program. */
  readonly examples: readonly string[];
  readonly epilog?: string;
  /** Replaces the first line of the help. */
  readonly usage?: string;
  /** Options that no environment variable sets, because they mean something else here than in other commands. @default none */
  readonly withoutVariables?: readonly (keyof O & string)[];
  /** @returns the exit code of `execute`. @throws {UsageError} if an argument is not valid. */
  readonly run: (args: ArgumentsCamelCase<Parsed<P, O>>, context: CommandContext) => Promise<number>;
}

/** A command that can be added to the program. */
export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly describe: string;
  /** The name of its first argument. */
  readonly argument: string | undefined;
  /** All options and arguments in its help, by name. */
  readonly options: OptionSet;
  /** The names of its arguments, in order. */
  readonly positionals: readonly string[];
  /** @param finish - Called with the exit code. */
  readonly addTo: (program: Argv, context: ProgramContext, finish: (exitCode: number) => void) => Argv;
}

/** Several commands under one word. */
export interface CommandGroup extends Pick<Command, 'addTo'> {
  readonly commands: readonly Command[];
  /** The word. */
  readonly name: string;
  readonly describe: string;
}

/** @param definition - The declared options determine its types. */
export function defineCommand<const P extends OptionSet, const O extends OptionSet>(
  definition: CommandDefinition<P, O>,
): Command {
  const { name, describe, positionals, examples, epilog, usage, withoutVariables = [], run } = definition;
  const options: Declared<P, O> = { ...positionals, ...definition.options, ...OUTPUT_OPTIONS };
  const build = (yargs: Argv<object>): Argv<Parsed<P, O>> => {
    // Otherwise --version prints the version of the program.
    if ('version' in definition.options) yargs.version(false);
    const built = yargs.options(options);
    // Moves the positionals into their own group of the help. The options above have set their types.
    for (const positional of Object.keys(positionals)) built.positional(positional, {});
    for (const example of examples) built.example(`$0 ${example}`, '');
    if (epilog !== undefined) built.epilog(epilog);
    if (usage !== undefined) built.usage(usage);
    return refuseRepeated(built, options);
  };
  const named = Object.fromEntries(
    Object.entries(options).filter(
      ([option]) => !(option in positionals) && !withoutVariables.some((one) => one === option),
    ),
  );
  return {
    name,
    describe,
    argument: Object.keys(positionals)[0],
    options,
    positionals: Object.keys(positionals),
    addTo: (program, context, finish) => {
      let built: Argv<Parsed<P, O>> | undefined;
      let variables: OptionVariables = { values: {}, sources: new Map() };
      return program.command({
        command: [name.replace(/^.* /, ''), ...Object.entries(positionals).map(placeholder)].join(' '),
        describe,
        builder: (yargs: Argv<object>, isHelp?: boolean) => {
          if (isHelp !== true) {
            variables = optionVariables(named, context.environment);
            // Before the options are declared, so that it does not change their types. The command line takes precedence.
            yargs.config(variables.values);
          }
          built = build(yargs);
          return built;
        },
        handler: async (args: ArgumentsCamelCase<Parsed<P, O>>) => {
          // yargs renders the help of the command that runs, which would delay it by a tenth of its start. It leaves hidden options out.
          for (const option of Object.keys(options)) built?.hide(option);
          const notes = [...variables.sources].map(([option, variable]) => `${variable} sets --${option}.`);
          const execute = <Result extends object>(task: Task<Result>) => runCommand(args, { ...context, notes }, task);
          try {
            finish(await run(args, { ...context, execute }));
          } catch (error) {
            throw withSource(error, variables.sources);
          }
        },
      });
    },
  };
}

/**
 * Commands under one word, as in "disk status" and "disk abort".
 * @param describe - One line for the list of commands.
 */
export function groupCommands(word: string, describe: string, commands: readonly Command[]): CommandGroup {
  return {
    commands,
    name: word,
    describe,
    addTo: (program, context, finish) =>
      program.command({
        command: word,
        describe,
        builder: (yargs: Argv) => {
          for (const command of commands) command.addTo(yargs, context, finish);
          const names = commands.map(({ name }) => `vhdup ${name}`).join(', ');
          return yargs.demandCommand(1, `vhdup ${word} needs a command: ${names}.`);
        },
        // yargs runs one of the commands above, or fails.
        handler: () => undefined,
      }),
  };
}

function placeholder([name, { demandOption }]: [string, Options]): string {
  return demandOption ? `<${name}>` : `[${name}]`;
}

/** Refuses an option that is repeated but takes one value: yargs makes a list of it. */
function refuseRepeated<T>(yargs: Argv<T>, options: OptionSet): Argv<T> {
  return yargs.check((args) => {
    for (const [name, { array }] of Object.entries(options)) {
      if (!array && Array.isArray(args[name])) throw new UsageError(`--${name} was given more than once.`);
    }
    return true;
  });
}
