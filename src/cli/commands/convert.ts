// vhdup convert <image> <file>
import { printable } from '../../base/printable.ts';
import type { ConvertResult } from '../../convert/convert.ts';
import { UsageError } from '../../errors.ts';
import { shellWord } from '../../image/foreign/foreign-format.ts';
import { formatOfName, LOCAL_IMAGE_FORMATS, type LocalImageFormat } from '../../target/local-image.ts';
import { defineCommand } from '../define-command.ts';
import { freeSpaceText } from '../screens/free-space-text.ts';
import { sparseText } from '../screens/sparse-text.ts';
import { formatBytes, formatSeconds } from '../screens/units.ts';
import {
  IMAGE,
  IMAGE_OPTIONS,
  imageOptions,
  SKIP_FREE_OPTION,
  SLEEP_OPTION,
  skipFreeOptions,
  THREADS_OPTION,
  threadsOf,
} from './shared-options.ts';

/** Here --format is the format of the file, so the format of the image has another name. */
const { format: imageFormat, ...imageOptionSet } = IMAGE_OPTIONS;

export const convertCommand = defineCommand({
  name: 'convert',
  describe: 'Write a disk image to a local file, as a VHD, a VHDX or a raw disk',
  usage: 'vhdup convert <image> <file>\n\nWrite a disk image to a local file, as a VHD, a VHDX or a raw disk',
  positionals: {
    image: IMAGE,
    file: { type: 'string', describe: 'File to write' },
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
    ...SKIP_FREE_OPTION,
    threads: { ...THREADS_OPTION, describe: 'Windows of 4 MiB at once, 1 to 64 (at most 51 in memory); auto is 8' },
    'image-format': imageFormat,
    ...imageOptionSet,
    ...SLEEP_OPTION,
  },
  examples: [
    'convert disk.avhdx disk.vhd',
    'convert --format vhdx disk.vhd disk.vhdx',
    'convert --format raw disk.vhdx disk.img',
  ],
  run: (args, { execute }) => {
    const { format, raw, overwrite, imageFormat } = args;
    const output = args.file ?? missingFile(args.image, raw ? 'raw' : format);
    const options = {
      ...imageOptions({ ...args, format: undefined }),
      ...{ output, raw, overwrite, threads: threadsOf(args.threads) },
      ...(format === undefined ? {} : { format }),
      ...(imageFormat === undefined ? {} : { imageFormat }),
      ...(args.sparse === undefined ? {} : { sparse: args.sparse }),
      ...skipFreeOptions(args),
    };
    return execute({
      run: async (signal, onEvent) => {
        const { convertImage } = await import('../../convert/convert.ts');
        return await convertImage({ ...options, signal, onEvent });
      },
      describe: describeResult,
      staysAwake: !args.allowSleep,
    });
  },
});

const ENDINGS: Readonly<Record<LocalImageFormat, string>> = {
  vhd: '.vhd',
  'vhd-dynamic': '.vhd',
  vhdx: '.vhdx',
  raw: '.img',
};

/** A name is proposed but never chosen: conversions write many gigabytes. @throws {UsageError} always */
function missingFile(image: string, format: LocalImageFormat | undefined): never {
  const ending = ENDINGS[format ?? 'vhd'];
  const base = image.replace(/\.[^./\\]*$/, '');
  const proposed = `${base}${`${base}${ending}` === image ? '-converted' : ''}${ending}`;
  const option = format === undefined || formatOfName(proposed) === format ? '' : ` --format ${format}`;
  throw new UsageError(
    `The name of the file to write is missing. For example: vhdup convert ${shellWord(image)} ${shellWord(proposed)}${option}`,
  );
}

export function describeResult(
  { output, size, written, sparse, durationMs, freeSpace }: ConvertResult,
  platform: NodeJS.Platform = process.platform,
): string {
  const amount = `${formatBytes(size)} (${size} bytes), of which ${formatBytes(written)} are data`;
  const wrote = `Wrote ${printable(output)}: ${amount}, in ${formatSeconds(durationMs / 1000)}.`;
  return `${wrote}${sparseText(sparse, platform)}${freeSpaceText(freeSpace)}`;
}
