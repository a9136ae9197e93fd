// The command line: arguments in, exit code out.
import yargs from 'yargs';
import { VERSION } from '../base/version.ts';
import { EXIT_CODES } from '../errors.ts';
import { COMMANDS, TOP_LEVEL } from './commands.ts';
import { completionLines } from './completion/complete.ts';
import { COMPLETION_FLAG } from './completion/complete-flag.ts';
import type { ProgramContext } from './define-command.ts';
import { startGuided } from './guided/start-guided.ts';
import { JsonLines } from './json-lines.ts';
import { assertKnownVariables, isOn } from './option-variables.ts';
import { withOptionalValues, withoutEndOfOptions } from './optional-values.ts';
import { CMDLETS, cmdletNamed } from './powershell/cmdlets.ts';
import { misplacedFunction } from './powershell/misplaced-functions.ts';
import { misplacedWords } from './powershell/misplaced-words.ts';
import { runCmdlet } from './powershell/run-cmdlet.ts';
import { reportFailure } from './run-command.ts';
import { tidyHelp } from './screens/tidy-help.ts';
import { usageError } from './usage-error.ts';

/** These do not need the variables of options to be right. */
const ASKS_FOR_HELP: ReadonlySet<string> = new Set(['--help', '-h', '--version']);

/**
 * @param args - Without the paths of node and of the script.
 * @returns the exit code; src/errors.ts lists them.
 */
export async function main(
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  program: Omit<ProgramContext, 'environment'> = {},
): Promise<number> {
  // If a reader exits or a window is closed, the work continues without output. By default, Node would end the process.
  for (const stream of [process.stdout, process.stderr]) stream.off('error', ignore).on('error', ignore);
  const asked = args.indexOf(COMPLETION_FLAG);
  if (asked !== -1 && asked < 2) {
    // As bytes: the filter of the output would escape the tabs, and the words are our own.
    process.stdout.write(Buffer.from(completionLines(args.slice(asked + 1))));
    return EXIT_CODES.ok;
  }
  const [first = '', ...rest] = args;
  if (first === 'help' && rest.length > 0) return await main([...rest, '--help'], environment, program);
  const cmdlet = cmdletNamed(first);
  try {
    if (cmdlet === undefined) {
      const fail = (error: unknown) => reportFailure(error, { json: jsonOf(args, environment) });
      const guided = await startGuided(args, { ...program, environment }, { run, fail });
      if (guided !== undefined) return guided;
      const misplaced = misplacedFunction(args) ?? misplacedWords(args);
      if (misplaced !== undefined) throw misplaced;
      return await run(args, { ...program, environment });
    }
    return await runCmdlet(cmdlet, rest, (words, presentation) =>
      run(words, { ...program, environment, presentation }),
    );
  } catch (error) {
    return reportFailure(error, cmdlet === undefined ? { json: jsonOf(args, environment) } : {});
  }
}

/** For a failure before the command starts: programs that asked for JSON get an object then, too. */
function jsonOf(args: readonly string[], environment: NodeJS.ProcessEnv): JsonLines | undefined {
  const end = args.indexOf('--');
  const options = end === -1 ? args : args.slice(0, end);
  const isWanted = options.includes('--json') || (isOn(environment['VHDUP_JSON']) && !options.includes('--no-json'));
  return isWanted ? new JsonLines(process.stdout) : undefined;
}

/** Runs a command of vhdup. @returns its exit code. */
async function run(args: readonly string[], context: ProgramContext): Promise<number> {
  let exitCode: number = EXIT_CODES.ok;
  const finish = (code: number) => {
    exitCode = code;
  };
  const cli = yargs()
    .scriptName('vhdup')
    .usage('$0 <command>\n\nUploads local VHD and VHDX disk images to Azure page blobs.')
    .demandCommand(1, 'A command is missing. vhdup --help lists the commands.')
    .strict()
    .version(VERSION)
    .help()
    .alias('h', 'help')
    .epilog(
      'vhdup disk.vhdx asks for everything else. Environment variables set options too: VHDUP_THREADS=8 stands for --threads 8.',
    )
    .wrap(Math.min(110, process.stdout.columns || 80))
    // Numbers stay strings: an account or a container may be named 007.
    .parserConfiguration({ 'parse-numbers': false, 'parse-positional-numbers': false })
    .exitProcess(false)
    .fail((message, error) => {
      throw error === undefined || error.name === 'YError' ? usageError(message ?? error?.message, args) : error;
    });
  const optionNames = COMMANDS.flatMap(({ options, positionals }) =>
    Object.keys(options).filter((name) => !positionals.includes(name)),
  );
  for (const command of TOP_LEVEL) command.addTo(cli, context, finish);
  // For the help only: their own parser reads their words.
  for (const { name, describe } of CMDLETS) cli.command(name, describe);
  try {
    if (!args.some((word) => ASKS_FOR_HELP.has(word))) assertKnownVariables(optionNames, context.environment);
    await cli.parseAsync(withoutEndOfOptions(withOptionalValues(args)), {}, (_error, _argv, output) => {
      if (output !== '') process.stdout.write(`${tidyHelp(output)}\n`);
    });
    return exitCode;
  } catch (error) {
    const { presentation } = context;
    return reportFailure(error, {
      presentation,
      json: presentation === undefined ? jsonOf(args, context.environment) : undefined,
    });
  }
}

function ignore(): void {
  // The exit code reports the outcome.
}
