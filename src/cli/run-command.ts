// Runs a command's work: signals, progress, output and the exit code.
import { messageOf } from '../base/thrown.ts';
import { EXIT_CODES, VhdupError } from '../errors.ts';
import type { EventListener, UploadEvent } from '../events.ts';
import { outsideSupport } from './environment.ts';
import { safeScreen, safeText, writeSecret } from './guard-output.ts';
import { InterruptedError, interruptible, stopStream } from './interrupt.ts';
import { asciiJson, JsonLines } from './json-lines.ts';
import { type Presentation, propertyList } from './presentation.ts';
import { Reporter } from './progress/reporter.ts';
import { screenOf } from './screens/screen.ts';
import { awakeSystem, stayAwake } from './stay-awake.ts';

/** The options that every command takes. */
export interface CommonArguments {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly progress: boolean;
}

/** The work of one run of a command, and how its outcome is shown. */
export interface Task<Result extends object> {
  readonly run: (signal: AbortSignal, onEvent: EventListener) => Promise<Result>;
  /** The result as text, for stdout. */
  readonly describe: (result: Result) => string;
  /** The user asked for the secret in the result: it is printed as it is, also with --quiet. @default false */
  readonly containsSecret?: boolean;
  /** The next step after a failure or an interruption. */
  readonly nextStep?: (error: unknown) => string | undefined;
  /** The message at the first Ctrl-C. */
  readonly stopping?: string;
  /** The exit code of a result. @default 0 */
  readonly exitCode?: (result: Result) => number;
  /** The computer must not go to sleep while data moves. @default false */
  readonly staysAwake?: boolean;
  /** The failures in a result, as sentences. --quiet prints them on stderr. @default none */
  readonly failures?: (result: Result) => readonly string[];
}

/** The first of these events shows that a command has begun its long work. */
const MOVES_DATA: ReadonlySet<UploadEvent['type']> = new Set([
  'start',
  'start-verify',
  'start-download',
  'phase',
  'progress',
]);

/** How a command runs. */
export interface RunContext {
  readonly environment: NodeJS.ProcessEnv;
  readonly presentation?: Presentation;
  /** Reasons for decisions that were made before, as sentences. --verbose prints them. @default none */
  readonly notes?: readonly string[];
}

/** @returns the exit code. */
export async function runCommand<Result extends object>(
  args: CommonArguments,
  { environment, presentation, notes = [] }: RunContext,
  task: Task<Result>,
): Promise<number> {
  // Instead of events, a command with the parameters of PowerShell prints one object.
  const json = args.json && presentation === undefined ? new JsonLines(process.stdout) : undefined;
  const screen = screenOf(environment, process.stderr);
  const reporter = new Reporter({
    stream: process.stderr,
    screen,
    outside: outsideSupport(environment, process.stderr),
    quiet: args.quiet,
    // JSON on stdout already reports progress. A bar on a terminal is for the user.
    progress: args.progress && (!args.json || presentation !== undefined || screen.redraws),
    verbose: args.verbose,
  });
  // A bar hides the cursor and turns line wrapping off. Both are restored also if the program exits at once.
  const restoreTerminal = () => reporter.stop();
  process.once('exit', restoreTerminal);
  let letSleep: (() => void) | undefined;
  const onEvent = (event: UploadEvent) => {
    if (task.staysAwake === true && MOVES_DATA.has(event.type)) letSleep ??= stayAwake(awakeSystem(environment));
    if ((event.type !== 'debug' && event.type !== 'request') || args.verbose) json?.onEvent(event);
    reporter.onEvent(presentation === undefined ? event : reworded(event, presentation));
  };
  try {
    for (const message of notes) onEvent({ type: 'debug', message });
    const stopping = () =>
      reporter.log(`${task.stopping ?? 'Stopping and saving the progress.'} Press Ctrl-C again to exit immediately.`);
    const result = await interruptible((signal) => task.run(signal, onEvent), stopping, stopStream(environment));
    reporter.stop();
    if (task.containsSecret === true) {
      writeSecret(
        process.stdout,
        args.json
          ? JSON.stringify({ type: 'result', time: new Date().toISOString(), ...result })
          : task.describe(result),
      );
    } else if (json !== undefined) json.end({ type: 'result', ...result });
    else if (presentation !== undefined) present(result, args, task, presentation);
    else if (!args.quiet) process.stdout.write(`${safeScreen(task.describe(result))}\n`);
    if (args.quiet) {
      for (const failure of task.failures?.(result) ?? []) process.stderr.write(`${safeText(`Error: ${failure}`)}\n`);
    }
    return task.exitCode?.(result) ?? EXIT_CODES.ok;
  } catch (error) {
    reporter.stop();
    return reportFailure(error, { json, nextStep: task.nextStep?.(error), presentation });
  } finally {
    letSleep?.();
    process.off('exit', restoreTerminal);
  }
}

/** Prints the result of a command that stands for another one. */
function present<Result extends object>(
  result: Result,
  { json, quiet }: CommonArguments,
  task: Task<Result>,
  { propertiesOf, reword }: Presentation,
): void {
  const properties = propertiesOf(result);
  if (json) process.stdout.write(asciiJson(properties ?? result));
  else if (quiet) return;
  else if (properties === undefined) process.stdout.write(`${safeScreen(reword(task.describe(result)))}\n`);
  else process.stdout.write(`${safeScreen(propertyList(properties))}\n`);
}

function reworded(event: UploadEvent, { reword }: Presentation): UploadEvent {
  return 'message' in event ? { ...event, message: reword(event.message) } : event;
}

interface FailureOutput {
  readonly json?: JsonLines | undefined;
  readonly nextStep?: string | undefined;
  readonly presentation?: Presentation | undefined;
}

/** Prints the failure on stderr; with JSON, also as one object on stdout. */
export function reportFailure(error: unknown, { json, nextStep, presentation }: FailureOutput = {}): number {
  const { exitCode, message } = failureOf(error);
  const known = error instanceof VhdupError;
  const lines = known
    ? [error instanceof InterruptedError ? message : `Error: ${message}`]
    : [`Error: ${message}`, 'This is a bug in vhdup. Please report it with the following lines.', stackOf(error)];
  if (nextStep !== undefined) lines.push(nextStep);
  const text = lines.join('\n');
  process.stderr.write(`${safeText(presentation?.reword(text) ?? text)}\n`);
  json?.end({ ...failureOf(error), ...(nextStep === undefined ? {} : { nextStep }) });
  return exitCode;
}

/** A failure as a JSON object. */
export function failureOf(error: unknown) {
  const known = error instanceof VhdupError;
  return {
    type: 'error',
    code: known ? error.code : 'UNEXPECTED',
    exitCode: known ? error.exitCode : EXIT_CODES.unexpected,
    message: messageOf(error),
  };
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? '') : '';
}
