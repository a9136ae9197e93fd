// What all commands share: signals, reporting, and the exit code.

import { EXIT_CODES, VhdupError } from '../errors.ts';
import type { UploadEvent } from '../events.ts';
import { safeScreen, safeText } from './guard-output.ts';
import { InterruptedError, interruptible } from './interrupt.ts';
import { JsonLines } from './json-lines.ts';
import { Reporter } from './progress/reporter.ts';
import { screenOf } from './screens/screen.ts';

/** The options that every command takes. */
export interface CommonArguments {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly progress: boolean;
}

export interface Verb<Result extends object> {
  readonly run: (signal: AbortSignal, onEvent: (event: UploadEvent) => void) => Promise<Result>;
  /** The result in words, for stdout. */
  readonly describe: (result: Result) => string;
  /** What to say after an interruption or a failure: how to go on. */
  readonly wayOn?: (error: unknown) => string | undefined;
  /** What the first Ctrl-C is answered with. */
  readonly stopping?: string;
  /** Where a result can be bad news. @default 0 */
  readonly exitCode?: (result: Result) => number;
  /** The bad news alone, in sentences: what --quiet leaves of the result, on stderr. @default none */
  readonly failures?: (result: Result) => readonly string[];
}

/** @returns the exit code. */
export async function runVerb<Result extends object>(
  args: CommonArguments,
  environment: NodeJS.ProcessEnv,
  verb: Verb<Result>,
): Promise<number> {
  const json = args.json ? new JsonLines(process.stdout) : undefined;
  const screen = screenOf(environment, process.stderr);
  const reporter = new Reporter({
    stream: process.stderr,
    screen,
    quiet: args.quiet,
    // Beside JSON, a log of plain lines would say the same twice; a bar on a terminal does not.
    progress: args.progress && (json === undefined || screen.redraws),
    verbose: args.verbose,
  });
  // However the program ends, also at once: a bar hides the cursor and switches the wrapping of lines off.
  const restoreTerminal = () => reporter.stop();
  process.once('exit', restoreTerminal);
  const onEvent = (event: UploadEvent) => {
    if ((event.type !== 'debug' && event.type !== 'request') || args.verbose) json?.onEvent(event);
    reporter.onEvent(event);
  };
  try {
    const stopping = () =>
      reporter.log(
        `${verb.stopping ?? 'Stopping, and saving what was acknowledged.'} Press Ctrl-C again to end at once.`,
      );
    const result = await interruptible((signal) => verb.run(signal, onEvent), stopping);
    reporter.stop();
    if (json !== undefined) json.write({ type: 'result', ...result });
    else if (!args.quiet) process.stdout.write(`${safeScreen(verb.describe(result))}\n`);
    if (args.quiet) {
      for (const failure of verb.failures?.(result) ?? []) process.stderr.write(`${safeText(`Error: ${failure}`)}\n`);
    }
    return verb.exitCode?.(result) ?? EXIT_CODES.ok;
  } catch (error) {
    reporter.stop();
    return reportFailure(error, json, verb.wayOn?.(error));
  } finally {
    process.off('exit', restoreTerminal);
  }
}

/** One message on stderr, in JSON one object on stdout too. */
export function reportFailure(error: unknown, json?: JsonLines, wayOn?: string): number {
  const { exitCode, message } = failureOf(error);
  const known = error instanceof VhdupError;
  const lines = known
    ? [error instanceof InterruptedError ? message : `Error: ${message}`]
    : [`Error: ${message}`, 'This is a bug of vhdup. Please report it with the following lines.', stackOf(error)];
  if (wayOn !== undefined) lines.push(wayOn);
  process.stderr.write(`${safeText(lines.join('\n'))}\n`);
  json?.write({ ...failureOf(error), ...(wayOn === undefined ? {} : { wayOn }) });
  return exitCode;
}

/** A failure as JSON has it. */
export function failureOf(error: unknown) {
  const known = error instanceof VhdupError;
  return {
    type: 'error',
    code: known ? error.code : 'UNEXPECTED',
    exitCode: known ? error.exitCode : EXIT_CODES.unexpected,
    message: error instanceof Error ? error.message : String(error),
  };
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? '') : '';
}

/** Whether the same command goes on after this failure. Others say in their message what to do. */
export function canGoOn(error: unknown): boolean {
  const goesOn: readonly number[] = [
    EXIT_CODES.service,
    EXIT_CODES.credentials,
    EXIT_CODES.interrupted,
    EXIT_CODES.terminated,
    EXIT_CODES.hangup,
  ];
  return error instanceof VhdupError && goesOn.includes(error.exitCode);
}
