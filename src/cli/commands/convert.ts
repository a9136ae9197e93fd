// vhdup convert <image> <file>
import type { Argv, CommandModule } from 'yargs';
import { printable } from '../../base/printable.ts';
import { type ConvertResult, convertImage } from '../../convert/convert.ts';
import { runVerb } from '../run-command.ts';
import { formatBytes, formatSeconds } from '../screens/units.ts';
import {
  IMAGE_OPTIONS,
  imageOptions,
  OUTPUT_OPTIONS,
  refuseRepeated,
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
    .positional('file', { type: 'string', demandOption: true, describe: 'The file to write' })
    .options({
      raw: { type: 'boolean', default: false, describe: 'Write the disk alone, without rounding up and footer' },
      overwrite: { type: 'boolean', default: false, describe: 'Replace an existing file' },
      sparse: {
        type: 'boolean',
        describe: 'Leave holes where the disk is zero; Hyper-V does not mount such files  [yes, but not on Windows]',
      },
      threads: { ...THREADS_OPTION, describe: 'Windows of 4 MiB at a time, 1 to 64, or as many as pay' },
      ...IMAGE_OPTIONS,
      ...OUTPUT_OPTIONS,
    })
    .example('$0 convert disk.avhdx disk.vhd', '')
    .example('$0 convert --raw disk.vhdx disk.img', '');
  return refuseRepeated(built) as typeof built;
}

type ConvertArguments = Awaited<ReturnType<typeof build>['argv']>;

export function convertCommand(
  environment: NodeJS.ProcessEnv,
  finish: (exitCode: number) => void,
): CommandModule<object, ConvertArguments> {
  return {
    command: 'convert <image> <file>',
    describe: 'Write a disk image as a fixed VHD, or a raw disk, into a local file',
    builder: build as CommandModule<object, ConvertArguments>['builder'] & object,
    handler: async (args) => finish(await convert(args, environment)),
  };
}

function convert(args: ConvertArguments, environment: NodeJS.ProcessEnv): Promise<number> {
  const options = {
    ...imageOptions(args),
    image: args.image,
    output: args.file,
    raw: args.raw,
    overwrite: args.overwrite,
    ...(args.sparse === undefined ? {} : { sparse: args.sparse }),
    threads: threadsOf(args.threads),
  };
  return runVerb(args, environment, {
    run: (signal, onEvent) => convertImage({ ...options, signal, onEvent }),
    describe: (result) => describeResult(result),
  });
}

export function describeResult(
  { output, size, written, sparse, durationMs }: ConvertResult,
  platform: NodeJS.Platform = process.platform,
): string {
  const amount = `${formatBytes(size)} (${size} bytes), of which ${formatBytes(written)} are data`;
  const wrote = `Wrote ${printable(output)}: ${amount}, in ${formatSeconds(durationMs / 1000)}.`;
  if (platform !== 'win32') return wrote;
  return sparse
    ? `${wrote}\nThe file is sparse. Hyper-V does not mount sparse files: leave --sparse out for one that it mounts.`
    : `${wrote}\nThe file is not sparse, so that Hyper-V can mount it. To save disk space instead, give --sparse.`;
}
