// Starts the guided upload for a command line that begins with a file, and keeps the window open that Windows opened for it.
import type { ProgramContext } from '../define-command.ts';
import { interruptible } from '../interrupt.ts';
import { screenOf } from '../screens/screen.ts';
import { Dialogue } from './dialogue.ts';
import { filesOf, type GivenFiles, givenFiles, requireClearOptions } from './given-files.ts';
import type { guide } from './guide.ts';
import { consoleSystem, ownsConsole, waitForEnter } from './own-console.ts';

export interface GuidedProgram {
  /** Runs a command line of vhdup. @returns its exit code. */
  readonly run: (words: readonly string[], context: ProgramContext) => Promise<number>;
  /** Shows why something failed. @returns the exit code. */
  readonly fail: (error: unknown) => number;
}

/**
 * @param args - A whole command line.
 * @returns the exit code; undefined if the command line does not begin with a file.
 */
export async function startGuided(
  args: readonly string[],
  context: ProgramContext,
  program: GuidedProgram,
): Promise<number | undefined> {
  const { environment } = context;
  // The executable without arguments was started by a double click, or wrongly.
  const isBare = args.length === 0 && (await ownsConsole(consoleSystem(environment)));
  let exitCode: number;
  try {
    const given = isBare ? await askFile(environment) : await givenFiles(args);
    if (given === undefined && !isBare) return undefined;
    exitCode = given === undefined ? await program.run(['--help'], context) : await runGuided(given, context, program);
  } catch (error) {
    exitCode = program.fail(error);
  }
  if (isBare || (await ownsConsole(consoleSystem(environment)))) await waitForEnter(process.stdin, process.stderr);
  return exitCode;
}

async function runGuided(given: GivenFiles, context: ProgramContext, { run }: GuidedProgram): Promise<number> {
  requireClearOptions(given);
  const [first = ''] = given.files;
  const runUnguided = (words: readonly string[]) => run(words, context);
  const { environment } = context;
  const terminal = { input: process.stdin, output: process.stderr };
  const asking = async (args: Parameters<typeof guide>[0]) =>
    await (await import('./guide.ts')).guide(args, { given, environment, ...terminal, run: runUnguided });
  // The command checks the options before anything is asked.
  return await run(['upload', first, ...given.options], { ...context, guide: asking });
}

async function askFile(environment: NodeJS.ProcessEnv): Promise<GivenFiles | undefined> {
  const output = process.stderr;
  return await interruptible(
    async (signal) => {
      const dialogue = new Dialogue({ input: process.stdin, output, screen: screenOf(environment, output), signal });
      dialogue.say(
        'vhdup uploads disk images to Azure. Drop a VHD, VHDX or raw disk, or its folder, onto this window.',
      );
      return await dialogue.ask('Image', { parse: (word) => filesOf(word) });
    },
    () => output.write('\n'),
  );
}
