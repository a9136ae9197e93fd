// vhdup upload <image> <destination>
import type { Argv, CommandModule } from 'yargs';
import { CredentialError, ImageChangedError, UsageError } from '../../errors.ts';
import { VERIFY_LEVELS, type VerifiedLevel, type VerifyLevel } from '../../options.ts';
import { planUpload, type UploadPlan } from '../../upload/dry-run.ts';
import { type UploadResult, uploadImage } from '../../upload/upload.ts';
import { readEnvironment } from '../environment.ts';
import { logged } from '../log-file.ts';
import { KeptState } from '../resume-hint.ts';
import { canGoOn, runVerb } from '../run-command.ts';
import { exact, table } from '../screens/result-text.ts';
import { formatRate, formatSeconds } from '../screens/units.ts';
import { checkSasOptions, givesSas, SAS_OPTIONS, sasOptions } from './sas-options.ts';
import {
  IMAGE_OPTIONS,
  imageOptions,
  LOG_OPTION,
  OUTPUT_OPTIONS,
  rateOf,
  refuseRepeated,
  SERVICE_OPTIONS,
  serviceOptions,
  THREADS_OPTION,
  threadsOf,
} from './shared-options.ts';

function build(yargs: Argv) {
  const built = yargs
    .positional('image', {
      type: 'string',
      demandOption: true,
      describe: 'The disk image: VHD, VHDX or raw',
    })
    .positional('destination', {
      type: 'string',
      describe: 'URL of the blob, with or without a SAS; or container/blob of the account that the environment names',
    })
    .options({
      threads: THREADS_OPTION,
      overwrite: { type: 'boolean', default: false, describe: 'Replace a page blob that is there already' },
      restart: { type: 'boolean', default: false, describe: 'Forget an earlier run of this upload, and begin again' },
      'resume-from-blob': {
        type: 'boolean',
        default: false,
        describe: 'Go on although the checkpoint is lost: what is in the blob is not sent again',
      },
      'break-lease': {
        type: 'boolean',
        default: false,
        describe: 'Take the blob from a program that holds a lease on it',
      },
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
      manifest: {
        type: 'string',
        requiresArg: true,
        describe: 'File that gets the checksum of everything that is sent, for vhdup verify',
      },
      'content-md5': {
        type: 'boolean',
        default: false,
        describe: 'Compute the MD5 of the whole VHD, and make it the Content-MD5 of the blob',
      },
      verify: {
        choices: VERIFY_LEVELS,
        // An older name.
        coerce: (level?: VerifyLevel | 'map') => (level === 'map' ? 'ranges' : level),
        defaultDescription: 'ranges',
        describe: 'What to compare at the end: nothing, the list of pages, or every page, read back',
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
      'max-rate': { type: 'string', requiresArg: true, describe: 'Send at most so much, as in 20MiB/s' },
      ...SAS_OPTIONS,
      ...LOG_OPTION,
      ...SERVICE_OPTIONS,
      ...IMAGE_OPTIONS,
      ...OUTPUT_OPTIONS,
    })
    .example('$0 upload disk.vhd "https://NAME.blob.core.windows.net/vhds/disk.vhd?SAS"', '')
    .example('$0 upload disk.vhdx vhds/disk.vhd --dry-run', '')
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
    handler: async (args) => finish(args.dryRun ? await dryRun(args, environment) : await upload(args, environment)),
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
    image: args.image,
    destination,
    threads: threadsOf(args.threads),
    overwrite: args.overwrite,
    restart: args.restart,
    resumeFromBlob: args.resumeFromBlob,
    breakLease: args.breakLease,
    ...(args.checkpoint === undefined ? {} : { checkpoint: args.checkpoint }),
    ...serviceOptions(args),
    ...(args.manifest === undefined ? {} : { manifest: args.manifest }),
    contentMd5: args.contentMd5,
    ...(args.verify === undefined ? {} : { verify: args.verify }),
    createContainer: args.createContainer,
    skipChecks: args.skipChecks,
    metadata: parseMetadata(args.metadata),
    ...(args.maxRate === undefined ? {} : { maxRate: rateOf('max-rate', args.maxRate) }),
  };
  const state = new KeptState();
  return runVerb(args, environment, {
    run: (signal, onEvent) =>
      logged(args.logFile, onEvent, async (toBoth) => {
        const say = (message: string) => toBoth({ type: 'credential', state: 'wanted', message });
        return await uploadImage({
          ...options,
          ...readEnvironment(environment, destination, givesSas(args)),
          ...(await sasOptions(args, destination, signal, say)),
          signal,
          onEvent: (event) => {
            state.onEvent(event);
            toBoth(event);
          },
        });
      }),
    describe: describeResult,
    wayOn: (error) => (state.isThere ? describeWayOn(error, state, args) : undefined),
  });
}

/** @param args - What the same command should leave out is said. */
function describeWayOn(error: unknown, state: KeptState, { restart }: UploadArguments): string | undefined {
  if (error instanceof ImageChangedError) {
    return 'When nothing writes to the image any more, give --restart to upload it from the beginning.';
  }
  if (!canGoOn(error)) return undefined;
  const kept = state.describe('What was sent');
  const again = restart ? 'again without --restart' : 'again';
  return error instanceof CredentialError && error.isExpired
    ? `${kept} Run the same command ${again}, with a new SAS, to go on. With --sas-file or --sas-command an upload goes on by itself.`
    : `${kept} Run the same command ${again} to go on.`;
}

function dryRun(args: UploadArguments, environment: NodeJS.ProcessEnv): Promise<number> {
  const options = { ...imageOptions(args), image: args.image, threads: threadsOf(args.threads) };
  return runVerb(args, environment, {
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

const VERIFIED: Readonly<Record<VerifiedLevel, string>> = {
  none: 'skipped (--verify none)',
  ranges: 'the page ranges of the blob are those that were sent',
  unverified: 'the page ranges are those that were sent, and unverified data was read back and matches the image',
  full: 'every page of the blob was read back and matches the image',
};

function describeResult(result: UploadResult): string {
  if (result.alreadyComplete) {
    return `${result.url} is already complete: an earlier run of this upload finished it. The checkpoint was removed.`;
  }
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
    ...(result.contentMd5 === undefined ? [] : [['content MD5', result.contentMd5] as const]),
    ['verified', VERIFIED[result.verified]],
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
