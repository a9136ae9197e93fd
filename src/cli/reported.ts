// --report: records a run, and writes its report when it ends, however it ends.
import { lstat, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { messageOf } from '../base/thrown.ts';
import { VERSION } from '../base/version.ts';
import { UsageError } from '../errors.ts';
import type { EventListener } from '../events.ts';
import type { LoggedOptions, RunDescription } from './log-file.ts';
import { failureOf } from './run-command.ts';

const OPTION = '--report';

export interface ReportArguments {
  readonly report: string | undefined;
  readonly logFile: string | undefined;
  readonly manifest?: string | undefined;
  readonly checkpoint: string | undefined;
}

export interface ReportedOptions extends LoggedOptions {
  readonly description: RunDescription;
  /** Called once the report is written. */
  readonly onWritten: (path: string) => void;
}

/**
 * Runs `work` and passes its events to `onEvent`. A report that cannot be written is a warning: it changes neither the result nor the
 * failure of the work.
 * @param others - Other files that the work writes.
 * @throws {UsageError | LocalFileError} before the work: no report can be written to this path.
 */
export async function reported<Result extends object>(
  args: ReportArguments,
  others: readonly (string | undefined)[],
  onEvent: EventListener,
  work: (onEvent: EventListener) => Promise<Result>,
  { description, nextStep, onWritten }: ReportedOptions,
): Promise<Result> {
  const { report: path, logFile, manifest } = args;
  if (path === undefined) return await work(onEvent);
  assertOwnFile(path, [logFile, manifest, args.checkpoint, ...others]);
  const { RunRecorder } = await import('../report/run-recorder.ts');
  const { checkReportPath, writeReport } = await import('../report/report-file.ts');
  await checkReportPath(path, OPTION);
  // Earlier runs are in the log before this length.
  const log = logFile === undefined ? {} : { log: { path: logFile, end: await lengthOf(logFile) } };
  const program = { version: VERSION, node: process.version, platform: `${process.platform} ${process.arch}` };
  const recorder = new RunRecorder({ ...program, ...description });
  recorder.add({ type: 'log' }, Date.now());
  const write = async () => {
    const { facts: run } = recorder;
    try {
      if (run.start['type'] === undefined && (await exists(path))) {
        onEvent({
          type: 'warning',
          code: 'report-kept',
          message: `The report ${path} of an earlier run was kept: this run failed before it began.`,
        });
        return;
      }
      // A run that failed early has none.
      const written = manifest !== undefined && (await exists(manifest)) ? { manifest } : {};
      const { createLiveReport } = await import('../report/create-report.ts');
      await writeReport(path, await createLiveReport({ run, ...log, ...written }), OPTION);
      onWritten(path);
    } catch (error) {
      onEvent({ type: 'warning', code: 'report', message: messageOf(error) });
    }
  };
  try {
    const result = await work((event) => {
      recorder.add(event, Date.now());
      onEvent(event);
    });
    recorder.succeed(result);
    await write();
    return result;
  } catch (error) {
    // Nothing was done that a report could show.
    if (error instanceof UsageError) throw error;
    recorder.fail({ ...failureOf(error), nextStep: nextStep?.(error) });
    await write();
    throw error;
  }
}

function assertOwnFile(path: string, others: readonly (string | undefined)[]): void {
  if (path === '-') {
    throw new UsageError('--report needs the name of a file: the result of the command is on stdout.');
  }
  if (others.some((other) => other !== undefined && resolve(other) === resolve(path))) {
    throw new UsageError(`--report ${path} names a file that the command uses for something else. Name another file.`);
  }
}

async function lengthOf(path: string): Promise<number> {
  return await stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

async function exists(path: string): Promise<boolean> {
  return await lstat(path).then(
    ({ size }) => size > 0,
    () => false,
  );
}
