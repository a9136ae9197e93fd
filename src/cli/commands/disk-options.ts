// Options of the managed disk that an upload creates.
import type { Options } from 'yargs';
import { DISK_SKUS, type DiskSku } from '../../azure/arm/disk-body.ts';
import { UsageError } from '../../errors.ts';
import type { NewDisk } from '../../options.ts';
import { LOCATION_OPTION, TAGS_OPTION } from './arm-options.ts';
import { pairsOf } from './shared-options.ts';

export const DISK_OPTIONS = {
  disk: {
    type: 'string',
    requiresArg: true,
    describe: 'Create this managed disk and upload to it, instead of a blob: its name, or its resource id',
  },
  location: { ...LOCATION_OPTION, describe: 'Region of the disk, such as westeurope  [that of the resource group]' },
  'os-type': {
    choices: ['windows', 'linux', 'none'],
    describe: 'Operating system on the disk; none for a data disk  [what the image shows]',
  },
  generation: { choices: ['1', '2'], describe: 'Generation of the virtual machine  [what the image shows]' },
  sku: { choices: DISK_SKUS, defaultDescription: 'Standard_LRS', describe: 'Kind of the disk' },
  zone: { type: 'string', requiresArg: true, describe: 'Availability zone of the disk: 1, 2 or 3  [none]' },
  'security-type': {
    type: 'string',
    requiresArg: true,
    describe: 'Security of the virtual machine: standard or trusted-launch  [standard]',
  },
  architecture: { choices: ['x64', 'Arm64'], describe: 'Processor of the virtual machine  [that of the service]' },
  'disk-access': { type: 'string', requiresArg: true, describe: 'Id of a disk access: only its private endpoints' },
  'network-access': {
    choices: ['AllowAll', 'AllowPrivate', 'DenyAll'],
    describe: 'Networks that may read and write the disk  [that of the service]',
  },
  'data-access-auth-mode': {
    choices: ['AzureActiveDirectory', 'None'],
    describe: 'Whether its content also needs Microsoft Entra  [that of the service]',
  },
  'disk-encryption-set': { type: 'string', requiresArg: true, describe: 'Id of the disk encryption set' },
  'logical-sector-size': { type: 'number', requiresArg: true, describe: 'Only 512, the sector size of every VHD' },
  tags: { ...TAGS_OPTION, describe: 'Tag of the disk, as name=value; can be repeated' },
} as const satisfies Record<string, Options>;

export interface DiskArguments {
  readonly disk: string | undefined;
  readonly location: string | undefined;
  readonly osType: 'windows' | 'linux' | 'none' | undefined;
  readonly generation: '1' | '2' | undefined;
  readonly sku: DiskSku | undefined;
  readonly zone: string | undefined;
  readonly securityType: string | undefined;
  readonly architecture: 'x64' | 'Arm64' | undefined;
  readonly diskAccess: string | undefined;
  readonly networkAccess: NewDisk['networkAccess'] | undefined;
  readonly dataAccessAuthMode: NewDisk['dataAccessAuthMode'] | undefined;
  readonly diskEncryptionSet: string | undefined;
  readonly logicalSectorSize: number | undefined;
  readonly tags: readonly string[];
}

/**
 * Undefined if the upload goes to a blob.
 * @throws {UsageError} options of a disk without --disk, or a tag without a value.
 */
export function newDiskOf(args: DiskArguments): NewDisk | undefined {
  const { disk, tags } = args;
  if (disk !== undefined) {
    return { name: disk, ...settingsOf(args), ...(tags.length === 0 ? {} : { tags: pairsOf('tags', tags) }) };
  }
  const [first] = diskOptionsIn(args);
  if (first === undefined) return undefined;
  throw new UsageError(`--${first} is an option of a managed disk. Name the disk with --disk, or leave it out.`);
}

/** Names of the given options that only a managed disk has, apart from its own name. */
export function diskOptionsIn(args: DiskArguments): string[] {
  const names = [...Object.keys(settingsOf(args)), ...(args.tags.length === 0 ? [] : ['tags'])];
  return names.map((name) => name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`));
}

/** Those that are given. */
function settingsOf({
  disk: _,
  generation,
  tags: __,
  ...rest
}: DiskArguments): Partial<Omit<NewDisk, 'name' | 'tags'>> {
  const { location, osType, sku, zone, securityType, architecture, ...others } = rest;
  const { diskAccess, networkAccess, dataAccessAuthMode, diskEncryptionSet, logicalSectorSize } = others;
  const given = {
    ...{ location, osType, sku, zone, securityType, architecture },
    ...{ diskAccess, networkAccess, dataAccessAuthMode, diskEncryptionSet, logicalSectorSize },
    generation: generation === undefined ? undefined : ({ 1: 1, 2: 2 } as const)[generation],
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
