// Which kinds of destination the options leave open: only those are offered.
import { UsageError } from '../../errors.ts';
import { diskOptionsIn } from '../commands/disk-options.ts';
import { checkSasOptions } from '../commands/sas-options.ts';
import type { DestinationKinds, GuidedArguments } from './context.ts';

/** @throws {UsageError} the options contradict each other. */
export function kindsFor(args: GuidedArguments): DestinationKinds {
  checkSasOptions(args);
  const [ofDisk] = [...(args.disk === undefined ? [] : ['disk']), ...diskOptionsIn(args)];
  const [ofBlob] = blobOptionsIn(args);
  if (ofDisk !== undefined && ofBlob !== undefined) {
    throw new UsageError(`--${ofDisk} is for a managed disk, and --${ofBlob} for a blob. Leave one of them out.`);
  }
  return { blob: ofDisk === undefined, disk: ofBlob === undefined, because: ofDisk ?? ofBlob };
}

/** Names of the given options that a managed disk does not have. */
function blobOptionsIn(args: GuidedArguments): string[] {
  const given = {
    'sas-file': args.sasFile,
    'sas-command': args.sasCommand,
    base: args.base,
    'content-md5': args.contentMd5,
    'create-container': args.createContainer,
    'delete-snapshots': args.deleteSnapshots,
    'content-type': args.contentType,
    'page-blob-tier': args.pageBlobTier,
    'blob-tags': args.blobTags,
    'break-lease': args.breakLease,
    metadata: args.metadata.length > 0,
  };
  return Object.entries(given).flatMap(([name, value]) => (value === undefined || value === false ? [] : [name]));
}
