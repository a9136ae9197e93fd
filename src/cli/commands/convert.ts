// vhdup convert <image> <file>
import { type ConvertResult, convertImage } from '../../convert/convert.ts';
import { defineCommand } from '../define-command.ts';
import { formatBytes, formatSeconds } from '../screens/units.ts';
import { IMAGE, IMAGE_OPTIONS, imageOptions, THREADS_OPTION, threadsOf } from './shared-options.ts';

export const convertCommand = defineCommand({
  name: 'convert',
  describe: 'Write a disk image to a local file, as a fixed VHD or a raw disk',
  positionals: {
    image: IMAGE,
    file: { type: 'string', demandOption: true, describe: 'File to write' },
  },
  options: {
    raw: { type: 'boolean', default: false, describe: 'Write the raw disk: no rounding, no footer' },
    overwrite: { type: 'boolean', default: false, describe: 'Replace an existing file' },
    threads: { ...THREADS_OPTION, describe: 'Windows of 4 MiB at once, 1 to 64 (at most 51 in memory); auto is 8' },
    ...IMAGE_OPTIONS,
  },
  examples: ['convert disk.avhdx disk.vhd', 'convert --raw disk.vhdx disk.img'],
  run: (args, { execute }) => {
    const { file: output, raw, overwrite } = args;
    const options = { ...imageOptions(args), output, raw, overwrite, threads: threadsOf(args.threads) };
    return execute({
      run: (signal, onEvent) => convertImage({ ...options, signal, onEvent }),
      describe: describeResult,
    });
  },
});

function describeResult({ output, size, written, durationMs }: ConvertResult): string {
  return `Wrote ${output}: ${formatBytes(size)} (${size} bytes), of which ${formatBytes(written)} are data, in ${formatSeconds(durationMs / 1000)}.`;
}
