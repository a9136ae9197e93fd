// The command line: arguments in, exit code out.
import yargs from 'yargs';
import { VERSION } from '../base/version.ts';
import { EXIT_CODES } from '../errors.ts';
import { TOP_LEVEL } from './commands.ts';
import type { ProgramContext } from './define-command.ts';
import { JsonLines } from './json-lines.ts';
import { CMDLETS, cmdletNamed } from './powershell/cmdlets.ts';
import { misplacedWords } from './powershell/misplaced-words.ts';
import { runCmdlet } from './powershell/run-cmdlet.ts';
import { reportFailure } from './run-command.ts';
import { tidyHelp } from './screens/tidy-help.ts';
import { usageError } from './usage-error.ts';

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
  const [first = '', ...rest] = args;
  const cmdlet = cmdletNamed(first);
  try {
    if (cmdlet === undefined) {
      const misplaced = misplacedWords(args);
      if (misplaced !== undefined) throw misplaced;
      return await run(args, { ...program, environment });
    }
    return await runCmdlet(cmdlet, rest, (words, presentation) =>
      run(words, { ...program, environment, presentation }),
    );
  } catch (error) {
    return reportFailure(error, cmdlet === undefined ? { json: jsonOf(args) } : {});
  }
}

/** For a failure before the command starts: programs that asked for JSON get an object then, too. */
function jsonOf(args: readonly string[]): JsonLines | undefined {
  const end = args.indexOf('--');
  const options = end === -1 ? args : args.slice(0, end);
  return options.includes('--json') ? new JsonLines(process.stdout) : undefined;
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
    .wrap(Math.min(110, process.stdout.columns || 80))
    // Numbers stay strings: an account or a container may be named 007.
    .parserConfiguration({ 'parse-numbers': false, 'parse-positional-numbers': false })
    .exitProcess(false)
    .fail((message, error) => {
      throw error === undefined || error.name === 'YError' ? usageError(message ?? error?.message, args) : error;
    });
  for (const command of TOP_LEVEL) command.addTo(cli, context, finish);
  // For the help only: their own parser reads their words.
  for (const { name, describe } of CMDLETS) cli.command(name, describe);
  try {
    await cli.parseAsync([...args], {}, (_error, _argv, output) => {
      if (output !== '') process.stdout.write(`${tidyHelp(output)}\n`);
    });
    return exitCode;
  } catch (error) {
    const { presentation } = context;
    return reportFailure(error, { presentation, json: presentation === undefined ? jsonOf(args) : undefined });
  }
}

function ignore(): void {
  // The exit code reports the outcome.
}
