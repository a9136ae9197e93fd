// diskStatus: the state of a managed disk, and of its upload.
import type { ManagedDisk } from '../azure/arm/managed-disks.ts';
import { idOf, nameOf, type ResourceId } from '../azure/arm/resource-id.ts';
import { present } from '../base/present.ts';
import { shellWord } from '../base/shell-word.ts';
import { DestinationError } from '../errors.ts';
import { shielded } from '../events.ts';
import type { ArmOptions } from '../options.ts';
import { connectArm } from '../remote/arm-session.ts';
import { UPLOAD_TAG } from '../remote/owned-disk.ts';
import { billingOf, meaningOf, nextStepsOf } from './disk-states.ts';

export interface DiskStatusOptions extends ArmOptions {
  /** Name or resource id. */
  readonly disk: string;
}

/** Fields that the service does not report are absent. */
export interface DiskStatus {
  readonly id: string;
  readonly name: string;
  readonly location: string;
  readonly sku?: string;
  /** ReadyToUpload, ActiveUpload, Unattached, Attached, Reserved, ActiveSAS, ... Absent while the disk is created. */
  readonly state?: string;
  /** The state in words. */
  readonly description: string;
  readonly provisioningState?: string;
  /** Of the fixed VHD with its footer. */
  readonly uploadSizeBytes?: number;
  /** Absent before the upload is finished. */
  readonly diskSizeBytes?: number;
  /** Absent for a data disk. */
  readonly osType?: string;
  readonly generation?: 1 | 2;
  readonly architecture?: string;
  readonly securityType?: string;
  /** ISO 8601. */
  readonly created?: string;
  /** The id of the virtual machine that uses the disk. */
  readonly managedBy?: string;
  /** Absent if vhdup did not create the disk. */
  readonly uploadId?: string;
  /** What the disk is billed as, in words. */
  readonly billing: string;
  /** What to do next, with commands. May be empty. */
  readonly nextSteps: readonly string[];
}

const DISK = { type: 'Microsoft.Compute/disks', option: 'NAME' } as const;

/**
 * Sends only GETs.
 * @throws {DestinationError} the disk or its resource group does not exist. @throws as `connectArm` and `ArmClient` do.
 */
export async function diskStatus(options: DiskStatusOptions): Promise<DiskStatus> {
  const { signal = new AbortController().signal } = options;
  signal.throwIfAborted();
  const session = await connectArm(options, shielded(options.onEvent), { ...DISK, text: options.disk });
  try {
    const disk = session.resource(options.disk, DISK.type, DISK.option);
    const found = await session.disks.get(disk, signal);
    if (found === undefined) throw diskMissing(disk);
    return statusOf(found, disk, options);
  } finally {
    session.close();
  }
}

/** The error for a disk that does not exist. */
export function diskMissing(disk: ResourceId): DestinationError {
  const group = shellWord(disk.resourceGroup);
  return new DestinationError(
    `The disk ${nameOf(disk)} does not exist in the resource group ${disk.resourceGroup} of the subscription ${disk.subscriptionId}. It was never created, or it was deleted. List the disks with: az disk list --resource-group ${group} --subscription ${disk.subscriptionId} --output table.`,
    { reason: 'ResourceNotFound' },
  );
}

export function statusOf(found: ManagedDisk, disk: ResourceId, options: DiskStatusOptions): DiskStatus {
  const { name, location, sku, diskState, provisioningState, uploadSizeBytes, diskSizeBytes } = found;
  const { osType, hyperVGeneration, architecture, securityType, timeCreated, managedBy, tags } = found;
  return {
    ...{ id: idOf(disk), name, location },
    ...present({ sku, state: diskState }),
    description: meaningOf(found),
    ...present({ provisioningState, uploadSizeBytes, diskSizeBytes, osType }),
    ...present({ generation: generationOf(hyperVGeneration), architecture, securityType, created: timeCreated }),
    ...present({ managedBy, uploadId: tags[UPLOAD_TAG] }),
    billing: billingOf(found),
    nextSteps: nextStepsOf(found, disk, options),
  };
}

/** Undefined if it is not reported. */
export function generationOf(hyperVGeneration: string | undefined): 1 | 2 | undefined {
  if (hyperVGeneration === undefined) return undefined;
  return hyperVGeneration.toUpperCase() === 'V2' ? 2 : 1;
}
