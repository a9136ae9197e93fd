// vhdup convert <image> <file>
import { printable } from '../../base/printable.ts';
import { type ConvertResult, convertImage } from '../../convert/convert.ts';
import { LOCAL_IMAGE_FORMATS } from '../../target/local-image.ts';
import { defineCommand } from '../define-command.ts';
import { sparseText } from '../screens/sparse-text.ts';
import { formatBytes, formatSeconds } from '../screens/units.ts';
import { IMAGE, IMAGE_OPTIONS, imageOptions, THREADS_OPTION, threadsOf } from './shared-options.ts';

/** Here --format is the format of the file, so the format of the image has another name. */
const { format: imageFormat, ...imageOptionSet } = IMAGE_OPTIONS;

export const convertCommand = defineCommand({
  name: 'convert',
  describe: 'Write a disk image to a local file, as a VHD, a VHDX or a raw disk',
  positionals: {
    image: IMAGE,
    file: { type: 'string', demandOption: true, describe: 'File to write' },
  },
  options: {
    format: {
      choices: LOCAL_IMAGE_FORMATS,
      requiresArg: true,
      describe:
        'Format of the file: fixed VHD, dynamic VHD, dynamic VHDX, or only the disk  [vhdx for a file named .vhdx, or vhd]',
    },
    raw: { type: 'boolean', default: false, describe: 'Same as --format raw' },
    overwrite: { type: 'boolean', default: false, describe: 'Replace an existing file' },
    sparse: {
      type: 'boolean',
      describe:
        'Windows only: leave holes where the disk is zero. Hyper-V does not mount sparse files  [always on elsewhere]',
    },
    threads: { ...THREADS_OPTION, describe: 'Windows of 4 MiB at once, 1 to 64 (at most 51 in memory); auto is 8' },
    'image-format': imageFormat,
    ...imageOptionSet,
  },
  examples: [
    'convert disk.avhdx disk.vhd',
    'convert --format vhdx disk.vhd disk.vhdx',
    'convert --format raw disk.vhdx disk.img',
  ],
  run: (args, { execute }) => {
    const { file: output, format, raw, overwrite, imageFormat } = args;
    const options = {
      ...imageOptions({ ...args, format: undefined }),
      ...{ output, raw, overwrite, threads: threadsOf(args.threads) },
      ...(format === undefined ? {} : { format }),
      ...(imageFormat === undefined ? {} : { imageFormat }),
      ...(args.sparse === undefined ? {} : { sparse: args.sparse }),
    };
    return execute({
      run: (signal, onEvent) => convertImage({ ...options, signal, onEvent }),
      describe: describeResult,
    });
  },
});

export function describeResult(
  { output, size, written, sparse, durationMs }: ConvertResult,
  platform: NodeJS.Platform = process.platform,
): string {
  const amount = `${formatBytes(size)} (${size} bytes), of which ${formatBytes(written)} are data`;
  const wrote = `Wrote ${printable(output)}: ${amount}, in ${formatSeconds(durationMs / 1000)}.`;
  return `${wrote}${sparseText(sparse, platform)}`;
}
