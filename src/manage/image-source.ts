// What an image is made of: a disk that must be finished and unused, or a blob.

import { commandAbout } from '../azure/arm/command-text.ts';
import { blobUri, type ImageSource } from '../azure/arm/image-body.ts';
import type { ManagedDisk } from '../azure/arm/managed-disks.ts';
import { idOf, type ResourceId } from '../azure/arm/resource-id.ts';
import { parseDestination } from '../azure/destination.ts';
import { printable } from '../base/printable.ts';
import { shellWord } from '../base/shell-word.ts';
import { DestinationError, InUseError, UsageError } from '../errors.ts';
import type { ArmSession } from '../remote/arm-session.ts';
import { isInUpload } from '../remote/owned-disk.ts';
import { meaningOf } from './disk-states.ts';
import { diskMissing, generationOf } from './disk-status.ts';
import type { CreateImageOptions } from './image-options.ts';

/** What is known of the source. The options have been compared with it. */
export interface SourceFacts {
  readonly source: ImageSource;
  /** The id of the disk, or the URL of the blob. */
  readonly id: string;
  /** For messages: "the disk web01-os". */
  readonly title: string;
  readonly location: string | undefined;
  readonly osType: 'Windows' | 'Linux' | undefined;
  /** For a managed image. */
  readonly generation: 1 | 2 | undefined;
  /** For a version in a gallery: the option changes nothing for a disk, and a disk that does not report it has generation 1. */
  readonly versionGeneration: 1 | 2 | undefined;
  readonly architecture: string | undefined;
  readonly securityType: string | undefined;
}

/**
 * @throws {DestinationError | InUseError} the disk does not exist, or no image can be made of it now.
 * @throws {UsageError} an option contradicts the disk, or the blob is not given by its URL without a SAS.
 */
export async function sourceFacts(
  options: CreateImageOptions,
  session: ArmSession,
  signal: AbortSignal,
): Promise<SourceFacts> {
  if (options.disk === undefined) return factsOfBlob(options);
  const disk = session.resource(options.disk, 'Microsoft.Compute/disks', '--disk');
  const found = await session.disks.get(disk, signal);
  if (found === undefined) throw diskMissing(disk);
  assertUsable(found, disk, options);
  return factsOfDisk(found, disk, options);
}

function factsOfBlob({ blob = '', osType, generation }: CreateImageOptions): SourceFacts {
  const blobUrl = blobUri(blob);
  return {
    source: { blobUrl },
    id: blobUrl,
    title: `the blob ${blobUrl}`,
    location: undefined,
    osType: osNamed(osType),
    generation,
    versionGeneration: generation,
    architecture: undefined,
    securityType: undefined,
  };
}

/** The name of the blob's account. @throws {UsageError} the host does not show it. */
export function accountOfBlob(blobUrl: string): string {
  const { accountName } = parseDestination(blobUrl).address;
  if (accountName !== undefined) return accountName;
  throw new UsageError(
    `--blob must be the URL of a blob in Azure Storage, as in https://ACCOUNT.blob.core.windows.net/vhds/disk.vhd, but ${new URL(blobUrl).host} does not name the account.`,
  );
}

function factsOfDisk(found: ManagedDisk, disk: ResourceId, options: CreateImageOptions): SourceFacts {
  const { name, location, architecture, securityType } = found;
  const [given, known] = [osNamed(options.osType), osNamed(found.osType)];
  if (given !== undefined && known !== undefined && given !== known) {
    throw new UsageError(`--os-type is ${given}, but the disk ${name} was created for ${known}. Leave out --os-type.`);
  }
  const generation = generationOf(found.hyperVGeneration);
  if (options.generation !== undefined && generation !== undefined && options.generation !== generation) {
    throw new UsageError(
      `--generation is ${options.generation}, but the disk ${name} was created for generation ${generation}. Leave out --generation.`,
    );
  }
  return {
    source: { disk },
    id: idOf(disk),
    title: `the disk ${name}`,
    location,
    osType: known ?? given,
    generation: generation ?? options.generation,
    versionGeneration: generation ?? 1,
    architecture,
    securityType,
  };
}

/** As Azure Resource Manager writes it; undefined for a data disk. */
function osNamed(osType: string | undefined): 'Windows' | 'Linux' | undefined {
  const name = osType?.toLowerCase();
  return name === 'windows' ? 'Windows' : name === 'linux' ? 'Linux' : undefined;
}

/** The service itself reports only an internal error, after some time. */
function assertUsable(found: ManagedDisk, disk: ResourceId, options: CreateImageOptions): void {
  const { name, diskState, provisioningState = 'Succeeded', managedBy } = found;
  const problem = `No image can be made of the disk ${name}: its state is ${meaningOf(found)}.`;
  const about = (command: string) => commandAbout(command, disk, options.disk ?? '', options);
  if (isInUpload(found)) {
    throw new DestinationError(
      `${problem} Finish its upload first: run the same vhdup upload again, or if another program uploads, end its access when it has finished. To look at it: ${about('disk status')}.`,
      { reason: 'UploadNotFinished' },
    );
  }
  if (diskState === undefined || /ing$/i.test(provisioningState)) {
    throw new InUseError(
      `The disk ${name} is being changed (provisioning ${printable(provisioningState)}). Run the same command again in a minute.`,
    );
  }
  if (diskState === 'ActiveSAS') {
    throw new InUseError(
      `${problem} Wait until the download is finished, or end the access: az disk revoke-access --ids ${shellWord(idOf(disk))}.`,
    );
  }
  if (diskState !== 'Unattached') {
    const vm = managedBy === undefined ? 'VM' : shellWord(printable(managedBy.split('/').at(-1) ?? 'VM'));
    throw new InUseError(
      `${problem} Detach the disk first, or make the image of the virtual machine: az image create --resource-group ${shellWord(disk.resourceGroup)} --name NAME --source ${vm}.`,
    );
  }
  if (!/^succeeded$/i.test(provisioningState)) {
    throw new DestinationError(
      `The disk ${name} failed to be provisioned (${printable(provisioningState)}). Look at it with: ${about('disk status')}.`,
      { reason: 'DiskNotProvisioned' },
    );
  }
}
