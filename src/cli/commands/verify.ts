// vhdup verify <image> <destination>
import type { Argv, CommandModule } from 'yargs';
import { EXIT_CODES } from '../../errors.ts';
import { describeDifference } from '../../verify/differences.ts';
import { type VerifyResult, verifyBlob } from '../../verify/verify.ts';
import { readEnvironment } from '../environment.ts';
import { logged } from '../log-file.ts';
import { KeptState } from '../resume-hint.ts';
import { canGoOn, runVerb } from '../run-command.ts';
import { exact, table } from '../screens/result-text.ts';
import { formatSeconds } from '../screens/units.ts';
import { checkSasOptions, givesSas, SAS_OPTIONS, sasOptions } from './sas-options.ts';
import {
  IMAGE_OPTIONS,
  imageOptions,
  LOG_OPTION,
  OUTPUT_OPTIONS,
  refuseRepeated,
  SERVICE_OPTIONS,
  serviceOptions,
  THREADS_OPTION,
  threadsOf,
} from './shared-options.ts';

function build(yargs: Argv) {
  const built = yargs
    .positional('image', { type: 'string', demandOption: true, describe: 'The disk image that was uploaded' })
    .positional('destination', {
      type: 'string',
      demandOption: true,
      describe: 'URL of the blob, with or without a SAS; or container/blob of the account that the environment names',
    })
    .options({
      full: { type: 'boolean', default: false, describe: 'Read every page of the blob back' },
      manifest: {
        type: 'string',
        requiresArg: true,
        describe: 'File that upload --manifest wrote: compare the image with the checksums that were sent, too',
      },
      threads: THREADS_OPTION,
      restart: { type: 'boolean', default: false, describe: 'Forget an earlier run with --full, and begin again' },
      checkpoint: {
        type: 'string',
        requiresArg: true,
        describe: 'File that keeps the state of --full between runs  [<image>.vhdup-verify.json]',
      },
      ...SAS_OPTIONS,
      ...LOG_OPTION,
      ...SERVICE_OPTIONS,
      ...IMAGE_OPTIONS,
      ...OUTPUT_OPTIONS,
    })
    .example('$0 verify disk.vhd "https://NAME.blob.core.windows.net/vhds/disk.vhd?SAS"', '')
    .example('$0 verify disk.vhdx vhds/disk.vhd --full', '');
  return refuseRepeated(built) as typeof built;
}

type VerifyArguments = Awaited<ReturnType<typeof build>['argv']>;

export function verifyCommand(
  environment: NodeJS.ProcessEnv,
  finish: (exitCode: number) => void,
): CommandModule<object, VerifyArguments> {
  return {
    command: 'verify <image> <destination>',
    describe: 'Compare a page blob with the disk image that it was made of',
    builder: build as CommandModule<object, VerifyArguments>['builder'] & object,
    handler: async (args) => finish(await verify(args, environment)),
  };
}

function verify(args: VerifyArguments, environment: NodeJS.ProcessEnv): Promise<number> {
  checkSasOptions(args);
  const options = {
    ...imageOptions(args),
    ...serviceOptions(args),
    image: args.image,
    destination: args.destination,
    full: args.full,
    threads: threadsOf(args.threads),
    restart: args.restart,
    ...(args.manifest === undefined ? {} : { manifest: args.manifest }),
    ...(args.checkpoint === undefined ? {} : { checkpoint: args.checkpoint }),
  };
  const state = new KeptState();
  return runVerb(args, environment, {
    run: (signal, onEvent) =>
      logged(args.logFile, onEvent, async (toBoth) => {
        const say = (message: string) => toBoth({ type: 'credential', state: 'wanted', message });
        return await verifyBlob({
          ...options,
          ...readEnvironment(environment, args.destination, givesSas(args)),
          ...(await sasOptions(args, args.destination, signal, say)),
          signal,
          onEvent: (event) => {
            state.onEvent(event);
            toBoth(event);
          },
        });
      }),
    describe: describeResult,
    exitCode: ({ matches }) => (matches ? EXIT_CODES.ok : EXIT_CODES.verification),
    wayOn: (error) =>
      state.isThere && canGoOn(error)
        ? `${state.describe('What was compared')} Run the same command again${args.restart ? ' without --restart' : ''} to go on.`
        : undefined,
  });
}

function describeResult(result: VerifyResult): string {
  const { count, bytes, first } = result.differences;
  const title = result.matches ? `${result.url} is as it should be` : `${result.url} is not as it should be`;
  const before = result.readBackBefore === 0 ? '' : `, and ${exact(result.readBackBefore)} before`;
  const isFull = result.method === 'full';
  return table(title, [
    ['compared', isFull ? 'every page, read back' : 'the list of pages and the footer; their bytes only with --full'],
    ['differences', count === 0 ? 'none' : `${count}, of ${exact(bytes)}`],
    ...first.map((difference) => ['', describeDifference(difference)] as const),
    ...(count > first.length ? [['', `and ${count - first.length} more`] as const] : []),
    ['read', exact(result.read)],
    ...(isFull ? [['read back', `${exact(result.readBack)}${before}`] as const] : []),
    ...(result.notCompared === 0 ? [] : [['not compared', `${exact(result.notCompared)}: see --full`] as const]),
    ['requests', `${result.requests}, retries ${result.retries === 0 ? 'none' : result.retries}`],
    ['time', formatSeconds(result.durationMs / 1000)],
  ]);
}
