// What upload and verify share: access to the blob, the log, and the hint how to resume.
import { shownPath } from '../../base/printable.ts';
import { redact } from '../../base/redact.ts';
import {
  CredentialError,
  DestinationError,
  InUseError,
  ServiceError,
  UsageError,
  VerificationError,
  VhdupError,
} from '../../errors.ts';
import type { EventListener } from '../../events.ts';
import type { ImageTransferOptions, ServiceOptions } from '../../options.ts';
import type { CommandContext } from '../define-command.ts';
import { readEnvironment } from '../environment.ts';
import { logged } from '../log-file.ts';
import { prepareNetwork } from '../network/prepare-network.ts';
import { recordedOptions } from '../recorded-options.ts';
import { reported } from '../reported.ts';
import { ResumeHint } from '../resume-hint.ts';
import type { CommonArguments, Task } from '../run-command.ts';
import { checkSasOptions, givesSas, SAS_OPTIONS, type SasArguments, sasOptions } from './sas-options.ts';
import {
  CLOUD_OPTION,
  IMAGE_OPTIONS,
  type ImageArguments,
  imageOptions,
  LOG_OPTION,
  REPORT_OPTION,
  SERVICE_OPTIONS,
  type ServiceArguments,
  serviceOptions,
  threadsOf,
} from './shared-options.ts';

export const REMOTE_OPTIONS = {
  ...SAS_OPTIONS,
  ...CLOUD_OPTION,
  ...LOG_OPTION,
  ...REPORT_OPTION,
  ...SERVICE_OPTIONS,
  ...IMAGE_OPTIONS,
} as const;

/** Of every command that accesses a blob or a disk and can be resumed. */
export interface BlobArguments extends CommonArguments, ServiceArguments, SasArguments {
  readonly restart: boolean;
  readonly checkpoint: string | undefined;
  readonly logFile: string | undefined;
  readonly report: string | undefined;
  readonly manifest: string | undefined;
  readonly cloud: string | undefined;
}

export interface RemoteArguments extends BlobArguments, ImageArguments {
  readonly threads: string;
}

/** The options of the library for access to a blob or a disk. */
export type BlobOptions = Omit<ServiceOptions, 'destination'> & {
  readonly destination?: string;
  readonly checkpoint?: string;
  readonly signal: AbortSignal;
  readonly onEvent: EventListener;
};

/** The options of the library that the commands share which read an image. */
export type RemoteOptions = BlobOptions &
  ImageTransferOptions & {
    readonly restart: boolean;
    readonly manifest?: string;
  };

export interface BlobTask<Result extends object, Options = BlobOptions> extends Omit<Task<Result>, 'run'> {
  readonly run: (options: Options) => Promise<Result>;
  /** The blob is only read, so it may be a public one. @default false */
  readonly mayBePublic?: boolean;
  /** The error to report for one that arose before `run`. @default the same */
  readonly explain?: (error: unknown) => unknown;
  /** A sentence after the next step of a failure. @default none */
  readonly afterword?: (error: unknown) => string | undefined;
  /** The name of the command, for the log and the report. */
  readonly command: string;
  /** The local file that it reads or writes. */
  readonly file: string;
}

export type RemoteTask<Result extends object> = BlobTask<Result, RemoteOptions>;

/** Runs a task that reads an image and accesses a blob or a disk, as `executeWithBlob` does. */
export function executeRemote<Result extends object>(
  args: RemoteArguments,
  destination: string | undefined,
  context: CommandContext,
  task: RemoteTask<Result>,
): Promise<number> {
  const own = {
    ...imageOptions(args),
    threads: threadsOf(args.threads),
    restart: args.restart,
    ...(args.manifest === undefined ? {} : { manifest: args.manifest }),
  };
  return executeWithBlob(args, destination, context, {
    ...task,
    run: (options) => task.run({ ...options, ...own }),
  });
}

/**
 * Runs a task that accesses a blob or a disk. The task's own `nextStep` takes precedence.
 * @returns the exit code.
 * @throws {UsageError} if an option is not valid.
 */
export function executeWithBlob<Result extends object>(
  args: BlobArguments,
  destination: string | undefined,
  { environment, collectGarbage, presentation, execute }: CommandContext,
  task: BlobTask<Result>,
): Promise<number> {
  checkSasOptions(args);
  if (destination === undefined && givesSas(args)) {
    throw new UsageError(
      '--sas-file and --sas-command give the SAS for a URL. With --disk, vhdup gets access to the disk itself: leave them out.',
    );
  }
  const options = {
    ...serviceOptions(args),
    ...(destination === undefined ? {} : { destination }),
    ...(args.cloud === undefined ? {} : { cloud: args.cloud }),
    ...(args.checkpoint === undefined ? {} : { checkpoint: args.checkpoint }),
    ...(collectGarbage === undefined ? {} : { collectGarbage }),
  };
  let hasAsked = false;
  const hint = new ResumeHint(presentation?.command);
  const more = { ...args, ...(task.mayBePublic === undefined ? {} : { mayBePublic: task.mayBePublic }) };
  const run = async (signal: AbortSignal, onEvent: EventListener) => {
    await prepareNetwork(environment, onEvent);
    const say = (message: string) => onEvent({ type: 'credential', state: 'wanted', message });
    const access = async () =>
      destination === undefined
        ? {}
        : {
            ...readEnvironment(environment, destination, givesSas(args), more),
            ...(await sasOptions(args, destination, signal, say)),
          };
    const given = await access().catch((error: unknown) => {
      throw task.explain?.(error) ?? error;
    });
    return await task.run({
      ...options,
      ...given,
      signal,
      onEvent: (event) => {
        hasAsked ||= event.type === 'request';
        hint.onEvent(event);
        onEvent(event);
      },
    });
  };
  const nextStep = (error: unknown) =>
    joined([task.nextStep?.(error) ?? hint.describe(error, args.restart), task.afterword?.(error)]);
  let report: string | undefined;
  const record = {
    description: {
      command: task.command,
      // Some users swap the file and the URL.
      file: redact(task.file),
      ...(destination === undefined ? {} : { target: withoutQuery(destination) }),
      options: recordedOptions({ ...args }),
    },
    nextStep,
    onWritten: (path: string) => {
      report = path;
    },
  };
  const reportText = () => (report === undefined ? undefined : `The report is in ${shownPath(report)}.`);
  return execute({
    ...task,
    run: (signal, onEvent) =>
      reported(
        args,
        [task.file],
        onEvent,
        (toReport) => logged(args.logFile, toReport, (toAll) => run(signal, toAll), record),
        record,
      ),
    describe: (result) => [task.describe(result), reportText()].filter((part) => part !== undefined).join('\n'),
    nextStep: (error) =>
      joined([nextStep(error), args.logFile === undefined ? logHint(error, hasAsked) : undefined, reportText()]),
  });
}

/** A URL may contain a SAS, behind a question mark in any spelling. */
function withoutQuery(text: string): string {
  return redact(text.replace(/(?:[?#&^`\s]|\\u|%+(?:25)*3f).*/is, ''));
}

function joined(parts: readonly (string | undefined)[]): string | undefined {
  const text = parts.filter((part) => part !== undefined).join(' ');
  return text === '' ? undefined : text;
}

/**
 * What to do for a support case: after failures that come from the service, or that are not known.
 * @param hasAsked - Whether the service was asked anything.
 */
function logHint(error: unknown, hasAsked: boolean): string | undefined {
  const mayBeAnswer = [ServiceError, VerificationError, DestinationError, CredentialError, InUseError].some(
    (kind) => error instanceof kind,
  );
  return error instanceof VhdupError && !(mayBeAnswer && hasAsked)
    ? undefined
    : 'To record every request and its ids for a support case, add --log-file PATH.';
}
