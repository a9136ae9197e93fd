// A managed disk as the target of an upload, through Azure Resource Manager: created or found, with access granted.

import type { JsonObject } from '../azure/arm/arm-error.ts';
import { type DiskOptions, diskBody } from '../azure/arm/disk-body.ts';
import { locationOfGroup } from '../azure/arm/resource-groups.ts';
import { idOf, parseResource, type ResourceId } from '../azure/arm/resource-id.ts';
import type { DiskImage } from '../image/disk-image.ts';
import type { ArmPlace, NewDisk, UploadOptions } from '../options.ts';
import { type ArmSession, armOptionsOf, connectArm, type MainResource } from '../remote/arm-session.ts';
import { accessOf } from '../remote/connect.ts';
import { type DiskExport, exportDisk, SLOW_LINK } from '../remote/disk-export.ts';
import { UPLOAD_TAG } from '../remote/owned-disk.ts';
import type { Checkpoint } from '../state/checkpoint.ts';
import { readDiskLayout } from '../volume/disk-layout.ts';
import { bootAbilityOf } from '../volume/generation.ts';
import { guessOperatingSystem } from '../volume/operating-system.ts';
import { claimDisk } from './claim-disk.ts';
import { type OpenTargetRequest, openDisk, type UploadTarget } from './target.ts';

/** An earlier run has finished this upload. */
export interface FinishedDisk {
  readonly url: string;
  readonly finished: Checkpoint;
  /** Opens the disk for reading: the earlier run may have left something to be read back. */
  openExport(signal: AbortSignal): Promise<DiskExport>;
  close(): void;
}

/**
 * Creates the disk, or finds the one of the checkpoint, and opens its content.
 * @throws {UsageError} an option of the disk is not valid. @throws as `claimDisk` and `ArmClient` do.
 */
export async function openManagedDisk(
  request: OpenTargetRequest,
  newDisk: NewDisk,
): Promise<UploadTarget | FinishedDisk> {
  const { options, image, source, emit, signal } = request;
  const main = mainOf(newDisk);
  const arm = await connectArm(armOptionsOf(options), emit, main);
  try {
    const id = arm.resource(main.text, main.type, main.option);
    const properties = await diskOptionsOf(newDisk, image, source.size);
    const location = await locationOf(newDisk, properties, id, arm, signal);
    const bodyWith = (tags: Readonly<Record<string, string>>): JsonObject =>
      diskBody(id, { ...properties, location, tags: { ...newDisk.tags, ...tags } });
    const url = `${arm.target.endpoint}${idOf(id)}`;
    const expectedMs = (source.size / SLOW_LINK) * 1000;
    const { disks } = arm;
    const tokens = { credential: arm.credential, scope: arm.target.diskScope };
    const settings = { ...options, maxRate: request.maxRate, ...request.concurrency };
    const openExport = (reading: AbortSignal) =>
      exportDisk({ disks, id, tokens, settings, expectedMs, mayHaveAccess: true, emit }, reading);
    const named = { id, name: newDisk.name, place: options };
    const { disk, finished } = await claimDisk({ ...request, ...named, disks, bodyWith, expectedMs, targetUrl: url });
    if (finished !== undefined) return { url, finished, openExport, close: () => arm.close() };
    const sas = await disk.grant(signal);
    // Somebody may have created the disk once more meanwhile.
    await disk.assertOurs(signal);
    const target = await openDisk(request, accessOf({ ...options, destination: sas.reveal() }, 'rw'), {
      url,
      control: disk,
      tokens,
      renewSas: async ({ signal: waiting }) => {
        await disk.assertOurs(waiting);
        return (await disk.grant(waiting)).reveal();
      },
    });
    disk.watch(request.onLost);
    return {
      ...target,
      openExport,
      close: () => {
        disk.unwatch();
        target.close();
        arm.close();
      },
    };
  } catch (error) {
    arm.close();
    throw error;
  }
}

/** What an upload would create. */
export interface PlannedDisk {
  /** The request that would create it. */
  readonly request: { readonly method: 'PUT'; readonly url: string; readonly body: JsonObject };
  /** The state of the disk if it exists. */
  readonly existing?: string;
}

/** Sends only GET requests. @throws as `openManagedDisk` does. */
export async function planManagedDisk(
  options: Pick<UploadOptions, 'disk' | 'credential' | keyof ArmPlace>,
  newDisk: NewDisk,
  { image, source, emit, signal }: Pick<OpenTargetRequest, 'image' | 'source' | 'emit' | 'signal'>,
): Promise<PlannedDisk> {
  const arm = await connectArm(armOptionsOf(options), emit, mainOf(newDisk));
  try {
    const id = arm.resource(newDisk.name, 'Microsoft.Compute/disks', '--disk');
    const { tags = {} } = newDisk;
    // The id of the upload is drawn when it starts.
    const withTags = { ...tags, [UPLOAD_TAG]: '00000000-0000-0000-0000-000000000000' };
    const properties = await diskOptionsOf(newDisk, image, source.size);
    const location = await locationOf(newDisk, properties, id, arm, signal);
    const body = diskBody(id, { ...properties, location, tags: withTags });
    const found = await arm.disks.get(id, signal);
    return {
      request: { method: 'PUT', url: `${arm.target.endpoint}${idOf(id)}`, body },
      ...(found === undefined ? {} : { existing: found.diskState ?? 'unknown' }),
    };
  } finally {
    arm.close();
  }
}

function mainOf({ name }: NewDisk): MainResource {
  return { text: name, type: 'Microsoft.Compute/disks', option: '--disk' };
}

/** The region that the user chose, or that of the resource group. @throws {UsageError} an option is not valid, before anything is sent. */
async function locationOf(
  { location, tags = {} }: NewDisk,
  properties: Omit<DiskOptions, 'location'>,
  id: ResourceId,
  { client }: ArmSession,
  signal: AbortSignal,
): Promise<string> {
  diskBody(id, { ...properties, location: location ?? 'unknown', tags });
  return location ?? (await locationOfGroup(client, id, signal));
}

/** What the user chose, and what the image shows otherwise. */
async function diskOptionsOf(
  newDisk: NewDisk,
  image: DiskImage,
  uploadSizeBytes: number,
): Promise<Omit<DiskOptions, 'location'>> {
  const {
    location: _location,
    sku = 'Standard_LRS',
    osType,
    generation,
    diskAccess,
    diskEncryptionSet,
    ...same
  } = newDisk;
  const layout = await readDiskLayout(image);
  const { name: _, tags: _tags, ...rest } = same;
  const family = guessOperatingSystem(layout)?.family;
  const found = family === 'windows' ? 'Windows' : family === 'linux' ? 'Linux' : undefined;
  const chosen = osType === 'windows' ? 'Windows' : osType === 'linux' ? 'Linux' : undefined;
  const system = osType === undefined ? found : chosen;
  const { generations } = bootAbilityOf(layout);
  const boots = generations.includes(2) ? 2 : generations.includes(1) ? 1 : undefined;
  const wanted = generation ?? (system === undefined ? undefined : boots);
  return {
    ...rest,
    sku,
    uploadSizeBytes,
    ...(system === undefined ? {} : { osType: system }),
    ...(wanted === undefined ? {} : { generation: wanted }),
    ...(diskAccess === undefined
      ? {}
      : { diskAccess: parseResource(diskAccess, 'Microsoft.Compute/diskAccesses', '--disk-access') }),
    ...(diskEncryptionSet === undefined
      ? {}
      : {
          diskEncryptionSet: parseResource(
            diskEncryptionSet,
            'Microsoft.Compute/diskEncryptionSets',
            '--disk-encryption-set',
          ),
        }),
  };
}
