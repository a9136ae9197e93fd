// vhdup upload <image> <destination>
import type { Argv, CommandModule } from 'yargs';
import { CredentialError, EXIT_CODES, UsageError, VhdupError } from '../../errors.ts';
import { planUpload, type UploadPlan } from '../../plan-upload.ts';
import { CHECKSUM_ALGORITHMS } from '../../target.ts';
import { type UploadResult, uploadImage } from '../../upload.ts';
import { readEnvironment } from '../environment.ts';
import { logged } from '../log-file.ts';
import { runVerb } from '../run-verb.ts';
import { formatBytes, formatRate, formatSeconds } from '../units.ts';
import { checkSasOptions, SAS_OPTIONS, sasOptions } from './sas-options.ts';
import {
  durationMs,
  IMAGE_OPTIONS,
  imageOptions,
  OUTPUT_OPTIONS,
  rateOf,
  refuseRepeated,
  THREADS_OPTION,
  threadsOf,
  wholeNumber,
} from './shared-options.ts';

function build(yargs: Argv) {
  const built = yargs
    .positional('image', {
      type: 'string',
      demandOption: true,
      describe: 'The disk image: a fixed, dynamic or differencing VHD',
    })
    .positional('destination', {
      type: 'string',
      describe: 'URL of the blob, with or without a SAS; or container/blob of the account that the environment names',
    })
    .options({
      threads: THREADS_OPTION,
      overwrite: { type: 'boolean', default: false, describe: 'Replace a page blob that is there already' },
      restart: { type: 'boolean', default: false, describe: 'Forget an earlier run of this upload, and begin again' },
      checkpoint: {
        type: 'string',
        requiresArg: true,
        describe: 'File that keeps the state between runs  [<image>.vhdup.json]',
      },
      'dry-run': {
        type: 'boolean',
        default: false,
        describe: 'Say what would be sent and what not, and write nothing',
      },
      checksum: {
        choices: CHECKSUM_ALGORITHMS,
        default: 'crc64' as const,
        describe: 'What the service checks each request with',
      },
      'create-container': { type: 'boolean', default: false, describe: 'Create the container if there is none' },
      'skip-checks': {
        type: 'boolean',
        default: false,
        describe: 'Send the disk even if Azure would surely refuse it',
      },
      metadata: {
        alias: 'm',
        type: 'string',
        array: true,
        nargs: 1,
        requiresArg: true,
        default: [] as string[],
        describe: 'Metadata of the blob, as name=value; may be given again',
      },
      retries: {
        type: 'string',
        requiresArg: true,
        describe: 'Tries after the first for one request  [no limit but --give-up-after]',
      },
      'give-up-after': {
        type: 'string',
        requiresArg: true,
        default: '12h',
        describe: 'Give up when nothing was acknowledged for so long',
      },
      'max-rate': { type: 'string', requiresArg: true, describe: 'Send at most so much, as in 20MiB/s' },
      timeout: {
        type: 'string',
        requiresArg: true,
        default: '60s',
        describe: 'Give up a connection that moves no byte for so long, and try again',
      },
      ...SAS_OPTIONS,
      'log-file': {
        type: 'string',
        requiresArg: true,
        describe: 'Append every request and event, as JSON, to this file',
      },
      ...IMAGE_OPTIONS,
      ...OUTPUT_OPTIONS,
    })
    .example('$0 upload disk.vhdx "https://ACCOUNT.blob.core.windows.net/vhds/disk.vhd?SAS"', '')
    .epilog('Run the same command again after a stop of any kind: it goes on where it was.');
  return refuseRepeated(built) as typeof built;
}

type UploadArguments = Awaited<ReturnType<typeof build>['argv']>;

export function uploadCommand(
  environment: NodeJS.ProcessEnv,
  finish: (exitCode: number) => void,
): CommandModule<object, UploadArguments> {
  return {
    command: 'upload <image> [destination]',
    describe: 'Upload a disk image as a fixed VHD into a page blob',
    builder: build as CommandModule<object, UploadArguments>['builder'] & object,
    handler: async (args) => finish(args.dryRun ? await dryRun(args) : await upload(args, environment)),
  };
}

function upload(args: UploadArguments, environment: NodeJS.ProcessEnv): Promise<number> {
  const { destination } = args;
  if (destination === undefined) {
    throw new UsageError('The destination is missing: vhdup upload <image> <destination>.');
  }
  checkSasOptions(args);
  const options = {
    ...imageOptions(args),
    ...readEnvironment(environment),
    image: args.image,
    destination,
    threads: threadsOf(args.threads),
    overwrite: args.overwrite,
    restart: args.restart,
    ...(args.checkpoint === undefined ? {} : { checkpoint: args.checkpoint }),
    checksum: args.checksum,
    createContainer: args.createContainer,
    skipChecks: args.skipChecks,
    metadata: parseMetadata(args.metadata),
    ...(args.retries === undefined ? {} : { retries: wholeNumber('retries', args.retries) }),
    giveUpAfterMs: durationMs('give-up-after', args.giveUpAfter),
    ...(args.maxRate === undefined ? {} : { maxRate: rateOf('max-rate', args.maxRate) }),
    stallTimeoutMs: durationMs('timeout', args.timeout),
  };
  let checkpoint: string | undefined;
  return runVerb(args, {
    run: (signal, onEvent) =>
      logged(args.logFile, onEvent, async (toBoth) => {
        const say = (message: string) => toBoth({ type: 'credential', state: 'wanted', message });
        return await uploadImage({
          ...options,
          ...(await sasOptions(args, destination, signal, say)),
          signal,
          onEvent: (event) => {
            if (event.type === 'start') checkpoint = event.checkpoint;
            toBoth(event);
          },
        });
      }),
    describe: describeResult,
    wayOn: (error) => (checkpoint !== undefined && canGoOn(error) ? describeWayOn(error, checkpoint) : undefined),
  });
}

function describeWayOn(error: unknown, checkpoint: string): string {
  const kept = `What was sent is kept in ${checkpoint}.`;
  return error instanceof CredentialError && error.isExpired
    ? `${kept} Run the same command with a new SAS to go on. With --sas-file or --sas-command an upload goes on by itself.`
    : `${kept} Run the same command again to go on.`;
}

/** Other failures say in their message what to do. */
function canGoOn(error: unknown): boolean {
  const goesOn: readonly number[] = [
    EXIT_CODES.service,
    EXIT_CODES.credentials,
    EXIT_CODES.interrupted,
    EXIT_CODES.terminated,
    EXIT_CODES.hangup,
  ];
  return error instanceof VhdupError && goesOn.includes(error.exitCode);
}

function dryRun(args: UploadArguments): Promise<number> {
  const options = { ...imageOptions(args), image: args.image, threads: threadsOf(args.threads) };
  return runVerb(args, {
    run: (signal, onEvent) => planUpload({ ...options, signal, onEvent }),
    describe: describePlan,
  });
}

/** @throws {UsageError} not of the form name=value. */
function parseMetadata(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const equals = text.indexOf('=');
      if (equals < 1) throw new UsageError(`--metadata must be of the form name=value, but is "${text}".`);
      return [text.slice(0, equals), text.slice(equals + 1)];
    }),
  );
}

function describeResult(result: UploadResult): string {
  const retries = result.retries === 0 ? 'none' : String(result.retries);
  const mismatches = result.checksumMismatches === 0 ? '' : ` (${result.checksumMismatches} for a wrong checksum)`;
  return table(`Uploaded to ${result.url}`, [
    ['blob size', exact(result.blobSize)],
    ['read', exact(result.read)],
    ['sent', `${exact(result.sent)}${result.sentBefore === 0 ? '' : `, and ${exact(result.sentBefore)} before`}`],
    ['skipped, not allocated', exact(result.unallocated ?? 0)],
    ['skipped, zero', exact(result.zeros)],
    ['requests', `${result.requests}, retries ${retries}${mismatches}`],
    ['time', `${formatSeconds(result.durationMs / 1000)}, ${formatRate(result.bytesPerSecond)}`],
    ['verified', 'the page ranges of the blob are those that were sent'],
  ]);
}

function describePlan(plan: UploadPlan): string {
  return table('Nothing was written. An upload from the beginning', [
    ['would read', exact(plan.allocated)],
    ['would send', `${exact(plan.send)} in ${plan.requests} requests`],
    ['would skip, not allocated', exact(plan.skip.unallocated)],
    ['would skip, zero', exact(plan.skip.zeros)],
    ['would add, up to a whole MiB', exact(plan.skip.padding)],
    ['for a blob of', exact(plan.blobSize)],
  ]);
}

function exact(bytes: number): string {
  return bytes < 1000 ? formatBytes(bytes) : `${formatBytes(bytes)} (${bytes} bytes)`;
}

function table(title: string, rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return [title, ...rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`)].join('\n');
}
