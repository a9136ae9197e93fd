// The command line: arguments in, exit code out.
import yargs from 'yargs';
import { printable } from '../base/printable.ts';
import { VERSION } from '../base/version.ts';
import { EXIT_CODES, UsageError } from '../errors.ts';
import { COMMANDS, TOP_LEVEL } from './commands.ts';
import type { ProgramContext } from './define-command.ts';
import { reportFailure } from './run-command.ts';
import { tidyHelp } from './screens/tidy-help.ts';

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
  for (const command of TOP_LEVEL) command.addTo(cli, { ...program, environment }, finish);
  try {
    await cli.parseAsync([...args], {}, (_error, _argv, output) => {
      if (output !== '') process.stdout.write(`${tidyHelp(output)}\n`);
    });
    return exitCode;
  } catch (error) {
    return reportFailure(error);
  }
}

function ignore(): void {
  // The exit code reports the outcome.
}

function usageError(text: string, args: readonly string[]): UsageError {
  const command = COMMANDS.find(({ name }) => args.join(' ').startsWith(name));
  const message = text.replace(/^Not enough non-option arguments: got (\d+), need at least (\d+)$/, (_, got, needed) =>
    needed === '1'
      ? `The ${command?.argument ?? 'argument'} is missing.`
      : `The command takes ${needed} arguments, but got ${got}.`,
  );
  // File names that a shell expanded may contain control characters.
  const sentence = message.split('\n').map(printable).join('\n').replace(/\.?$/, '.');
  return new UsageError(sentence.includes('--help') ? sentence : `${sentence} Run vhdup --help for help.`);
}
