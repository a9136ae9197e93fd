// vhdup upload <image> <destination>

import { commandFor } from '../../azure/arm/command-text.ts';
import { ImageChangedError, UsageError } from '../../errors.ts';
import type { Phase } from '../../events.ts';
import type { VerifiedLevel, VerifyLevel } from '../../options.ts';
import type { UploadPlan } from '../../upload/dry-run.ts';
import type { UploadResult } from '../../upload/upload.ts';
import { VERIFY_LEVELS } from '../../validate-options.ts';
import { defineCommand } from '../define-command.ts';
import { readEnvironment, urlFrom } from '../environment.ts';
import { rateLimitOf } from '../rate-option.ts';
import { abandonedDiskText, finishedDiskText, plannedDiskText } from '../screens/disk-text.ts';
import { freeSpaceRows, skippableText } from '../screens/free-space-text.ts';
import { exact, table } from '../screens/result-text.ts';
import { formatRate, formatSeconds } from '../screens/units.ts';
import { ARM_OPTIONS, armOptions } from './arm-options.ts';
import { BLOB_OPTIONS, blobOptions } from './blob-options.ts';
import { DISK_OPTIONS, newDiskOf } from './disk-options.ts';
import { executeRemote, REMOTE_OPTIONS } from './remote-options.ts';
import { givesSas } from './sas-options.ts';
import {
  DESTINATION,
  IMAGE,
  imageOptions,
  maxRateOption,
  pairsOf,
  SKIP_FREE_OPTION,
  SLEEP_OPTION,
  skipFreeOptions,
  THREADS_OPTION,
  threadsOf,
} from './shared-options.ts';

export const uploadCommand = defineCommand({
  name: 'upload',
  describe: 'Upload a disk image to a page blob or a managed disk, as a fixed VHD',
  positionals: { image: IMAGE, destination: DESTINATION },
  options: {
    threads: THREADS_OPTION,
    overwrite: { type: 'boolean', default: false, describe: 'Replace an existing page blob' },
    'delete-snapshots': {
      type: 'boolean',
      default: false,
      describe: 'Delete the snapshots of the blob that --overwrite replaces',
    },
    restart: {
      type: 'boolean',
      default: false,
      describe: 'Discard the progress of an earlier run of this upload, and start over',
    },
    'resume-from-blob': {
      type: 'boolean',
      default: false,
      describe: 'Resume without a checkpoint; data that the blob already contains is not sent again',
    },
    base: {
      type: 'string',
      requiresArg: true,
      describe: 'URL of the uploaded ancestor of a differencing image: copied in Azure, and only changes are sent',
    },
    'base-manifest': {
      type: 'string',
      requiresArg: true,
      describe: 'Manifest of the upload of the base: if the base is unchanged, its copy is not read back at the end',
    },
    'trust-base': {
      type: 'boolean',
      default: false,
      describe: 'Skip the comparison of the base with the ancestor before it is copied',
    },
    'break-lease': {
      type: 'boolean',
      default: false,
      describe: 'Break the lease that another program holds on the blob',
    },
    checkpoint: {
      type: 'string',
      requiresArg: true,
      describe: 'File for the progress of the upload  [<image>.vhdup.json]',
    },
    'dry-run': {
      alias: 'n',
      type: 'boolean',
      default: false,
      describe: 'Show what would be sent and what would be skipped; write nothing',
    },
    ...SKIP_FREE_OPTION,
    manifest: {
      type: 'string',
      requiresArg: true,
      describe: 'File for the checksums of all data that is sent, for vhdup verify',
    },
    'content-md5': {
      type: 'boolean',
      default: false,
      describe: 'Compute the MD5 of the whole VHD and set it as the Content-MD5 of the blob',
    },
    verify: {
      choices: VERIFY_LEVELS,
      // `map` is the older name of `ranges`.
      coerce: (level?: VerifyLevel | 'map') => (level === 'map' ? 'ranges' : level),
      defaultDescription: 'ranges',
      describe: 'Compare after the upload: nothing, the page list, or every page, read back',
    },
    'create-container': { type: 'boolean', default: false, describe: 'Create the container if it does not exist' },
    ...BLOB_OPTIONS,
    'skip-checks': {
      type: 'boolean',
      default: false,
      describe: 'Upload even if Azure would reject the disk',
    },
    metadata: {
      alias: 'm',
      type: 'string',
      array: true,
      nargs: 1,
      requiresArg: true,
      default: [] as string[],
      describe: 'Metadata of the blob, as name=value; can be repeated',
    },
    ...maxRateOption('upload'),
    ...SLEEP_OPTION,
    ...DISK_OPTIONS,
    ...ARM_OPTIONS,
    ...REMOTE_OPTIONS,
  },
  examples: [
    'upload disk.vhd "https://NAME.blob.core.windows.net/vhds/disk.vhd?SAS"',
    'upload disk.vhdx --disk web01-os -g migration -l westeurope',
    'upload child.vhd vhds/child.vhd --base vhds/parent.vhd',
    'upload disk.vhdx vhds/disk.vhd --manifest disk.manifest --report disk.html',
    'upload disk.vhdx vhds/disk.vhd --dry-run',
  ],
  epilog: 'To resume an interrupted upload, run the same command again.',
  run: (args, context) => {
    if (context.guide !== undefined && !args.dryRun) return context.guide(args);
    const disk = newDiskOf(args);
    const destination =
      args.destination ?? (disk === undefined ? urlFrom(context.environment, 'VHDUP_DESTINATION') : undefined);
    const ofBase = {
      ...(args.base === undefined ? {} : { base: args.base }),
      ...(args.baseManifest === undefined ? {} : { baseManifest: args.baseManifest }),
      ...(args.trustBase ? { trustBase: true } : {}),
    };
    const ofDisk = disk === undefined ? {} : { disk, ...armOptions(args, context.environment) };
    if (args.dryRun && args.report !== undefined) {
      throw new UsageError('A dry run writes nothing, and so no report: leave --report or --dry-run out.');
    }
    const { overwrite, deleteSnapshots, resumeFromBlob, breakLease, contentMd5, createContainer, skipChecks } = args;
    const { verify, maxRate } = args;
    const own = {
      ...{ overwrite, deleteSnapshots, resumeFromBlob, breakLease, contentMd5, createContainer, skipChecks },
      ...(verify === undefined ? {} : { verify }),
      metadata: pairsOf('metadata', args.metadata),
      ...blobOptions(args),
      ...ofDisk,
      ...ofBase,
      ...skipFreeOptions(args),
      ...(maxRate === undefined ? {} : { maxRate: rateLimitOf('max-rate', maxRate) }),
    };
    if (args.dryRun && args.base !== undefined) {
      // Only the base is contacted, with the credential of the destination unless its URL has a SAS.
      return executeRemote(args, destination ?? args.base, context, {
        command: 'upload',
        file: args.image,
        run: async ({ destination: connected, ...options }) => {
          const { planUpload } = await import('../../upload/dry-run.ts');
          return await planUpload({
            ...options,
            ...own,
            ...(destination === undefined || connected === undefined ? {} : { destination: connected }),
          });
        },
        describe: describePlan,
      });
    }
    if (args.dryRun) {
      const options = { ...imageOptions(args), threads: threadsOf(args.threads), ...own };
      return context.execute({
        run: async (signal, onEvent) => {
          const { planUpload } = await import('../../upload/dry-run.ts');
          const given = givesSas(args);
          // The SAS of an option is not read: its command may do anything. The URL is checked nevertheless.
          const target =
            destination === undefined ? {} : readEnvironment(context.environment, destination, given, args);
          const checked = destination === undefined || given ? {} : { ...target, destination };
          return await planUpload({ ...options, ...checked, signal, onEvent });
        },
        describe: describePlan,
      });
    }
    if (destination === undefined && disk === undefined) {
      throw new UsageError(
        'The destination is missing: vhdup upload <image> <destination>, or vhdup upload <image> --disk NAME -g GROUP -l REGION.',
      );
    }
    // A failure leaves a disk behind that exists and is not final.
    let phase: Phase | undefined;
    let hasDisk = false;
    return executeRemote(args, destination, context, {
      command: 'upload',
      file: args.image,
      run: async ({ onEvent, ...options }) => {
        const { uploadImage } = await import('../../upload/upload.ts');
        return await uploadImage({
          ...options,
          ...own,
          onEvent: (event) => {
            if (event.type === 'phase') {
              hasDisk = phase !== 'committing' && (hasDisk || event.phase === 'waiting-for-access');
              phase = event.phase;
            }
            onEvent?.(event);
          },
        });
      },
      describe: (result) => describeResult(result, verify),
      staysAwake: !args.allowSleep,
      nextStep: (error) =>
        error instanceof ImageChangedError
          ? 'When nothing writes to the image any more, run the same command with --restart to start over.'
          : undefined,
      afterword: () =>
        hasDisk && disk !== undefined ? abandonedDiskText(commandFor('disk abort', disk.name, ofDisk)) : undefined,
    });
  },
});

function verifiedText(level: VerifiedLevel, target: 'blob' | 'disk'): string {
  switch (level) {
    case 'none':
      return 'skipped (--verify none)';
    case 'ranges':
      return `the page list of the ${target} matches what was sent`;
    case 'unverified':
      return 'the page list matches what was sent; unverified data was read back and matches the image';
    case 'full':
      return `every page of the ${target} was read back and matches the image`;
  }
}

/** @param asked - The level that the user asked for. */
function describeResult(result: UploadResult, asked: VerifyLevel | undefined): string {
  if (result.alreadyComplete && result.disk !== undefined) {
    return `An earlier run of this upload finished the disk. The checkpoint was removed.${finishedDiskText(result)}`;
  }
  if (result.alreadyComplete) {
    return `${result.url} is already complete: an earlier run of this upload finished it. The checkpoint was removed.`;
  }
  const retries = result.retries === 0 ? 'none' : String(result.retries);
  const mismatches = result.checksumMismatches === 0 ? '' : ` (${result.checksumMismatches} for a wrong checksum)`;
  const target = result.disk === undefined ? 'blob' : 'disk';
  const text = table(`Uploaded to ${result.url}`, [
    // A VHD: the disk and its footer.
    [target === 'blob' ? 'blob size' : 'VHD size', exact(result.blobSize)],
    ['read', exact(result.read)],
    ['sent', `${exact(result.sent)}${result.sentBefore === 0 ? '' : `, and ${exact(result.sentBefore)} before`}`],
    ...copiedRows(result),
    ['skipped, not allocated', exact((result.unallocated ?? 0) - (result.freeSpace?.leftOut ?? 0))],
    ...(result.freeSpace === undefined ? [] : [['skipped, free space', exact(result.freeSpace.leftOut)] as const]),
    ['skipped, zero', exact(result.zeros)],
    ['requests', `${result.requests}, retries ${retries}${mismatches}`],
    ['time', `${formatSeconds(result.durationMs / 1000)}, ${formatRate(result.bytesPerSecond)}`],
    ...(result.contentMd5 === undefined ? [] : [['content MD5', result.contentMd5] as const]),
    ['verified', result.verified === 'none' && asked !== 'none' ? CANNOT_READ : verifiedText(result.verified, target)],
    ...freeSpaceRows(result.freeSpace),
  ]);
  return `${text}${finishedDiskText(result)}${skippableText(result.skippable, 'would have left out')}`;
}

/** Nothing was compared, although the user did not ask for that. */
const CANNOT_READ = 'not possible: the SAS lacks r (read)';
/** What an upload with a base has besides. */
function copiedRows({ copied, cleared }: Pick<UploadResult, 'copied' | 'cleared'>): (readonly [string, string])[] {
  if (copied === undefined) return [];
  return [
    ['copied from the base', exact(copied)],
    ['cleared', exact(cleared ?? 0)],
  ];
}

function describePlan(plan: UploadPlan): string {
  return `${table('Dry run: nothing was written. An upload from the start', [
    ['would read', exact(plan.allocated)],
    ['would send', `${exact(plan.send)} in ${plan.requests} requests`],
    ...copiedRows(plan).map(([name, text]) => [`would be ${name}`, text] as const),
    ['would skip, not allocated', exact(plan.skip.unallocated)],
    ...(plan.skip.free === undefined ? [] : [['would skip, free space', exact(plan.skip.free)] as const]),
    ['would skip, zero', exact(plan.skip.zeros)],
    ['would add, padding to a whole MiB', exact(plan.skip.padding)],
    [plan.disk === undefined ? 'for a blob of' : 'for a VHD of', exact(plan.blobSize)],
    ...freeSpaceRows(plan.freeSpace),
  ])}${plannedDiskText(plan.disk)}${skippableText(plan.skippable, 'would leave out')}`;
}
