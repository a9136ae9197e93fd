// vhdup verify <image> <destination>
import { EXIT_CODES } from '../../errors.ts';
import { describeDifference } from '../../verify/differences.ts';
import type { VerifyResult } from '../../verify/verify.ts';
import { defineCommand } from '../define-command.ts';
import { urlFrom } from '../environment.ts';
import { freeSpaceRows } from '../screens/free-space-text.ts';
import { exact, table } from '../screens/result-text.ts';
import { formatSeconds } from '../screens/units.ts';
import { ARM_OPTIONS, armOptions } from './arm-options.ts';
import { executeRemote, REMOTE_OPTIONS } from './remote-options.ts';
import {
  DESTINATION,
  IMAGE,
  SKIP_FREE_OPTION,
  SLEEP_OPTION,
  skipFreeOptions,
  THREADS_OPTION,
} from './shared-options.ts';

export const verifyCommand = defineCommand({
  name: 'verify',
  describe: 'Compare a page blob or a managed disk with the disk image it was uploaded from',
  positionals: { image: IMAGE, destination: DESTINATION },
  options: {
    full: { type: 'boolean', default: false, describe: 'Read every page of the blob back and compare it' },
    manifest: {
      type: 'string',
      requiresArg: true,
      describe: 'Manifest of the upload; also compare the image with the checksums that were sent',
    },
    ...SKIP_FREE_OPTION,
    threads: THREADS_OPTION,
    restart: { type: 'boolean', default: false, describe: 'Discard the progress of an earlier run with --full' },
    checkpoint: {
      type: 'string',
      requiresArg: true,
      describe: 'File for the progress of --full  [<image>.vhdup-verify.json]',
    },
    disk: {
      type: 'string',
      requiresArg: true,
      describe: 'Compare this managed disk, instead of a blob: its name, or its resource id',
    },
    ...SLEEP_OPTION,
    ...ARM_OPTIONS,
    ...REMOTE_OPTIONS,
  },
  examples: [
    'verify disk.vhd "https://NAME.blob.core.windows.net/vhds/disk.vhd?SAS"',
    'verify disk.vhdx vhds/disk.vhd --full',
    'verify disk.vhdx --disk web01-os -g migration --full',
  ],
  epilog: 'Exits with 0 if the blob matches the image, 10 if it does not.',
  run: (args, context) => {
    const { disk, full } = args;
    const ofDisk = disk === undefined ? {} : { disk, ...armOptions(args, context.environment) };
    const destination =
      args.destination ?? (disk === undefined ? urlFrom(context.environment, 'VHDUP_DESTINATION') : undefined);
    return executeRemote(args, destination, context, {
      command: 'verify',
      file: args.image,
      run: async (options) => {
        const { verifyBlob } = await import('../../verify/verify.ts');
        return await verifyBlob({ ...options, ...ofDisk, ...skipFreeOptions(args), full });
      },
      describe: describeResult,
      staysAwake: !args.allowSleep,
      exitCode: ({ matches }) => (matches ? EXIT_CODES.ok : EXIT_CODES.verification),
    });
  },
});

function describeResult(result: VerifyResult): string {
  const { count, bytes, first } = result.differences;
  const title = `${result.url} ${result.matches ? 'matches the image' : 'does not match the image'}`;
  const before = result.readBackBefore === 0 ? '' : `, and ${exact(result.readBackBefore)} before`;
  const isFull = result.method === 'full';
  return table(title, [
    ['compared', isFull ? 'every page, read back' : 'the page list and the footer; page contents only with --full'],
    ['differences', count === 0 ? 'none' : `${count}, of ${exact(bytes)}`],
    ...first.map((difference) => ['', describeDifference(difference)] as const),
    ...(count > first.length ? [['', `and ${count - first.length} more`] as const] : []),
    ['read', exact(result.read)],
    ...(isFull ? [['read back', `${exact(result.readBack)}${before}`] as const] : []),
    ...(result.notCompared === 0 ? [] : [['not compared', `${exact(result.notCompared)}: see --full`] as const]),
    ['requests', `${result.requests}, retries ${result.retries === 0 ? 'none' : result.retries}`],
    ['time', formatSeconds(result.durationMs / 1000)],
    ...freeSpaceRows(result.freeSpace),
  ]);
}
