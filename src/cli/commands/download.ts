// vhdup download <source> <file>
import { isUrl } from '../../azure/given-text.ts';
import { printable } from '../../base/printable.ts';
import { codeOf } from '../../base/thrown.ts';
import { type DownloadResult, PROOF_TEXTS } from '../../download/download-result.ts';
import { nameSource } from '../../download/name-source.ts';
import { LocalFileError, UsageError } from '../../errors.ts';
import { LOCAL_IMAGE_FORMATS } from '../../target/local-image.ts';
import { defineCommand } from '../define-command.ts';
import { urlFrom } from '../environment.ts';
import { rateLimitOf } from '../rate-option.ts';
import { freeSpaceRows } from '../screens/free-space-text.ts';
import { exact, table } from '../screens/result-text.ts';
import { sparseText } from '../screens/sparse-text.ts';
import { formatRate, formatSeconds } from '../screens/units.ts';
import { ARM_OPTIONS, armOptions } from './arm-options.ts';
import { executeWithBlob } from './remote-options.ts';
import { SAS_OPTIONS } from './sas-options.ts';
import {
  LOG_OPTION,
  maxRateOption,
  REPORT_OPTION,
  SERVICE_OPTIONS,
  SKIP_FREE_OPTION,
  SLEEP_OPTION,
  skipFreeOptions,
  THREADS_OPTION,
  threadsOf,
} from './shared-options.ts';

export const downloadCommand = defineCommand({
  name: 'download',
  describe: 'Write the disk of a page blob or a managed disk to a local file',
  usage:
    'vhdup download <source> <file>\nvhdup download <file> --disk NAME -g GROUP\n\nWrite the disk of a page blob or a managed disk to a local file',
  positionals: {
    source: {
      type: 'string',
      describe:
        'URL of the blob or of a snapshot of it, with or without a SAS; or container/blob in the account that the environment names',
    },
    file: { type: 'string', describe: 'File to write' },
  },
  options: {
    format: {
      choices: LOCAL_IMAGE_FORMATS,
      requiresArg: true,
      describe:
        'Format of the file: fixed VHD, dynamic VHD, dynamic VHDX, or only the disk  [vhdx for a file named .vhdx, otherwise vhd]',
    },
    threads: THREADS_OPTION,
    overwrite: { type: 'boolean', default: false, describe: 'Replace an existing file' },
    sparse: {
      type: 'boolean',
      describe:
        'Windows only: leave holes where the disk is zero. Hyper-V does not mount sparse files  [always on elsewhere]',
    },
    restart: { type: 'boolean', default: false, describe: 'Discard the progress of an earlier run, and start over' },
    checkpoint: {
      type: 'string',
      requiresArg: true,
      describe: 'File for the progress of the download  [<file>.vhdup.json]',
    },
    verify: {
      choices: ['none', 'content'] as const,
      defaultDescription: 'content',
      describe: 'Compare the file with the Content-MD5 of the blob, if it has one, or do not',
    },
    manifest: {
      type: 'string',
      requiresArg: true,
      describe: 'Manifest of the upload; compare what arrives with the checksums that were sent',
    },
    ...SKIP_FREE_OPTION,
    ...maxRateOption('download'),
    ...SLEEP_OPTION,
    disk: {
      type: 'string',
      requiresArg: true,
      describe: 'Download this managed disk, instead of a blob: its name, or its resource id',
    },
    ...ARM_OPTIONS,
    ...SAS_OPTIONS,
    ...LOG_OPTION,
    ...REPORT_OPTION,
    ...SERVICE_OPTIONS,
  },
  examples: [
    'download "https://NAME.blob.core.windows.net/vhds/disk.vhd?SAS" disk.vhd',
    'download vhds/disk.vhd disk.vhdx',
    'download web01.vhd --disk web01-os -g migration',
  ],
  epilog: 'To resume an interrupted download, run the same command again.',
  run: (args, context) => {
    const { disk, format, verify, manifest, maxRate, overwrite, restart, sparse } = args;
    const { source, output } = placesOf(args, urlFrom(context.environment, 'VHDUP_SOURCE'));
    const own = {
      ...{ output, overwrite, restart, threads: threadsOf(args.threads) },
      ...(format === undefined ? {} : { format }),
      ...(verify === undefined ? {} : { verify }),
      ...(manifest === undefined ? {} : { manifest }),
      ...(sparse === undefined ? {} : { sparse }),
      ...(maxRate === undefined ? {} : { maxRate: rateLimitOf('max-rate', maxRate) }),
      ...(disk === undefined ? {} : { disk, ...armOptions(args, context.environment) }),
      ...skipFreeOptions(args),
    };
    return executeWithBlob(args, source, context, {
      command: 'download',
      file: output,
      mayBePublic: true,
      explain: nameSource,
      run: async ({ destination, ...options }) => {
        const { downloadImage } = await import('../../download/download.ts');
        return await downloadImage({
          ...options,
          ...own,
          ...(destination === undefined ? {} : { source: destination }),
        });
      },
      describe: describeResult,
      staysAwake: !args.allowSleep,
      nextStep: (error) =>
        isFull(error) ? 'Progress is saved. Free some space and run the same command again to resume.' : undefined,
    });
  },
});

interface Places {
  readonly source: string | undefined;
  readonly file: string | undefined;
  readonly disk: string | undefined;
}

/**
 * With --disk, the only argument is the file, and also with a source from the environment.
 * @param given - That source.
 */
function placesOf({ source, file, disk }: Places, given: string | undefined) {
  const isAlone = disk !== undefined || (given !== undefined && file === undefined);
  for (const name of [file, isAlone ? source : undefined]) {
    if (name !== undefined && isUrl(name)) {
      throw new UsageError('The file to write is a URL. The URL comes first: vhdup download <source> <file>.');
    }
  }
  if (disk === undefined && given !== undefined && file === undefined && source !== undefined) {
    return { source: given, output: source };
  }
  if (disk === undefined && source !== undefined && file !== undefined) return { source, output: file };
  if (disk !== undefined && file === undefined && source !== undefined) return { source: undefined, output: source };
  if (disk !== undefined && source !== undefined) {
    throw new UsageError('A download has one source: give the URL of a blob or --disk, not both.');
  }
  throw new UsageError(
    `The ${source === undefined ? 'source' : 'file'} is missing: vhdup download <source> <file>, or vhdup download <file> --disk NAME -g GROUP.`,
  );
}

/** Whether the disk became full. */
function isFull(error: unknown): boolean {
  return error instanceof LocalFileError && ['ENOSPC', 'EDQUOT'].includes(codeOf(error.cause) ?? '');
}

function describeResult(result: DownloadResult): string {
  const { output, url, received, receivedBefore, verified } = result;
  if (result.alreadyComplete) {
    return `${printable(output)} is already complete: an earlier run of this download finished it. The checkpoint was removed.`;
  }
  const mismatches = result.checksumMismatches === 0 ? '' : ` (${result.checksumMismatches} for a wrong checksum)`;
  const text = table(`Downloaded ${url} to ${printable(output)}`, [
    ['file size', exact(result.size)],
    ['disk size', exact(result.diskSize)],
    ['received', `${exact(received)}${receivedBefore === 0 ? '' : `, and ${exact(receivedBefore)} before`}`],
    ['written', `${exact(result.written)}; everything else is zero`],
    ['requests', `${result.requests}, retries ${result.retries === 0 ? 'none' : result.retries}${mismatches}`],
    ['time', `${formatSeconds(result.durationMs / 1000)}, ${formatRate(result.bytesPerSecond)}`],
    ['verified', verified.length === 0 ? 'nothing' : verified.map((proof) => PROOF_TEXTS[proof]).join('; ')],
    ...freeSpaceRows(result.freeSpace),
  ]);
  return `${text}${sparseText(result.sparse, process.platform)}`;
}
