// The operations on disks, and the state machine of a disk in upload:
// ReadyToUpload → beginGetAccess(Write) → ActiveUpload → endGetAccess → Unattached.

import type { AccessLevel } from '../disk-server/disk-blob.ts';
import { FOOTER_LENGTH, footerProblem } from '../disk-server/vhd-footer.ts';
import { checkNetwork, checkUploadDisk, DISK_BODY, DISK_PATCH, type DiskBody } from './disk-body.ts';
import {
  badRequest,
  conflict,
  invalidContent,
  invalidParameter,
  invalidResourceLocation,
  operationNotAllowed,
  propertyChangeNotAllowed,
  skuNotAvailable,
} from './errors.ts';
import { ManagedDisk } from './managed-disk.ts';
import { flag, integer, object, oneOf } from './schema.ts';
import { type ArmContext, type ArmState, diskOf, findDisk, type Handled, idOf, ok } from './state.ts';

/** 60 days, since 2025-02-15. */
const MAX_DURATION_SECONDS = 5_184_000;

export function getDisk(context: ArmContext): Handled {
  return ok(diskOf(context).toJson());
}

/** Creates a disk, or updates the one with this name: there is no If-None-Match. */
export function putDisk(context: ArmContext): Handled {
  const { request, state, now } = context;
  const [name = ''] = request.names;
  if (!/^[A-Za-z0-9_-]{1,80}$/.test(name)) {
    throw invalidParameter(
      'disk.name',
      `The entity name 'disk.name' is invalid according to its validation rule: ${name}`,
    );
  }
  const parsed = DISK_BODY(context.body, '');
  const body = { ...parsed, location: locationOf(parsed.location, state, 'disks') };
  checkUploadDisk(body);
  const sku = body.sku?.name ?? 'Standard_LRS';
  if (state.unavailableSkus.has(sku)) throw skuNotAvailable(sku, body.location);
  const id = idOf(request.subscription, request.resourceGroup, `Microsoft.Compute/disks/${name}`);
  const existing = findDisk(state, id);
  if (existing !== undefined) checkChange(existing, body);
  const disk = existing ?? new ManagedDisk(id, name, request.resourceGroup, body, now);
  disk.body = body;
  state.disks.set(id.toLowerCase(), disk);
  return change(disk, 'Updating', { status: 202, json: disk.accepted() }, () => disk.toJson());
}

/** The name of a location, also from its display name, such as `West Europe`. @throws ArmError 400. */
export function locationOf(location: string, { locations }: ArmState, type: string): string {
  const name = location.toLowerCase().replaceAll(' ', '');
  if (locations.has(name)) return name;
  throw badRequest(
    'LocationNotAvailableForResourceType',
    `The provided location '${location}' is not available for resource type 'Microsoft.Compute/${type}'. List of available regions for the resource type is '${[...locations].join(',')}'.`,
  );
}

/** Only tags, SKU, network and the like may change. */
function checkChange(disk: ManagedDisk, body: DiskBody): void {
  if (disk.location !== body.location) throw invalidResourceLocation(disk.name, disk.location, body.location);
  const [before, after] = [disk.body, body].map(({ properties, zones }) => ({
    creationData: properties.creationData,
    hyperVGeneration: properties.hyperVGeneration,
    osType: properties.osType,
    securityProfile: properties.securityProfile,
    zones,
  }));
  for (const [name, value] of Object.entries(after ?? {})) {
    const old = Object.entries(before ?? {}).find(([key]) => key === name)?.[1];
    if (JSON.stringify(old) !== JSON.stringify(value)) throw propertyChangeNotAllowed(name);
  }
}

/** PATCH: tags as a whole, and the network. */
export function patchDisk(context: ArmContext): Handled {
  const disk = diskOf(context);
  const { tags, properties } = DISK_PATCH(context.body, '');
  if (disk.state === 'ActiveUpload' && context.behaviour.patchDuringUpload === 'conflict') throw conflict(disk.name);
  const merged = { ...disk.body.properties, ...properties };
  checkNetwork(merged);
  const updated = { ...disk.body, ...(tags !== undefined && { tags }), properties: merged };
  disk.body = updated;
  return change(disk, 'Updating', { status: 202, json: disk.accepted() }, () => disk.toJson());
}

export function deleteDisk(context: ArmContext): Handled {
  const { request, state, behaviour, disks } = context;
  const id = idOf(request.subscription, request.resourceGroup, `Microsoft.Compute/disks/${request.names[0]}`);
  const disk = findDisk(state, id);
  if (disk === undefined) return { kind: 'answer', status: 204 };
  if (disk.state === 'Attached' || disk.state === 'Reserved') {
    throw operationNotAllowed(`Disk ${disk.name} is attached to VM ${disk.managedBy ?? ''}.`);
  }
  const isActive =
    disk.state === 'ActiveSAS' || (disk.state === 'ActiveUpload' && behaviour.deleteDuringUpload === 'conflict');
  if (isActive) {
    throw operationNotAllowed(
      `There is an active shared access signature outstanding for disk ${disk.name}. Call EndGetAccess before deleting the disk.`,
    );
  }
  return change(disk, 'Deleting', { status: 202 }, () => {
    state.disks.delete(id.toLowerCase());
    if (disk.pages !== undefined) disks.deleteBlob(disk.pages);
    return undefined;
  });
}

const GRANT = object(
  {
    access: oneOf('Read', 'Write', 'None'),
    durationInSeconds: integer(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
  },
  { getSecureVMGuestStateSAS: flag(), fileFormat: oneOf('VHD', 'VHDX') },
);

export function beginGetAccess(context: ArmContext): Handled {
  const disk = diskOf(context);
  const grant = GRANT(context.body, '');
  const { access, durationInSeconds } = grant;
  if (access === 'None') throw invalidParameter('access', 'Access None cannot be granted.');
  if (durationInSeconds <= 0 || durationInSeconds > MAX_DURATION_SECONDS) {
    throw invalidParameter(
      'durationInSeconds',
      `The value '${durationInSeconds}' of parameter 'durationInSeconds' is out of range. It must be between 1 and ${MAX_DURATION_SECONDS}.`,
    );
  }
  if (grant.getSecureVMGuestStateSAS === true) {
    throw invalidParameter('getSecureVMGuestStateSAS', 'The disk was not created with UploadPreparedSecure.');
  }
  checkGrant(disk, access);
  const isSecond = disk.accesses.some(({ level }) => level === access);
  if (isSecond && context.behaviour.secondGrant === 'conflict') throw conflict(disk.name);
  return change(disk, disk.provisioningState, { status: 202 }, () => ({
    [context.behaviour.sasKey]: grantAccess(context, disk, access, durationInSeconds * 1000),
  }));
}

function checkGrant(disk: ManagedDisk, access: AccessLevel): void {
  if (disk.provisioningState === 'Failed') throw operationNotAllowed(`Disk ${disk.name} failed to be created.`);
  const states = access === 'Write' ? ['ReadyToUpload', 'ActiveUpload'] : ['Unattached', 'Reserved', 'ActiveSAS'];
  if (states.includes(disk.state)) return;
  throw operationNotAllowed(
    `${access} access cannot be granted to disk ${disk.name} in state ${disk.state}. It must be ${states.join(' or ')}.`,
  );
}

/** Takes effect when the operation ends; until then the disk is as before. Returns the URL with its SAS. */
export function grantAccess(
  { disks, behaviour }: Pick<ArmContext, 'disks' | 'behaviour'>,
  disk: ManagedDisk,
  level: AccessLevel,
  durationMs: number,
): string {
  const {
    networkAccessPolicy = 'AllowAll',
    publicNetworkAccess = 'Enabled',
    dataAccessAuthMode,
  } = disk.body.properties;
  disk.pages ??= disks.createBlob(disk.uploadSizeBytes);
  const { pages } = disk;
  pages.needsToken = dataAccessAuthMode === 'AzureActiveDirectory';
  pages.isReachable =
    (networkAccessPolicy === 'AllowAll' && publicNetworkAccess === 'Enabled') ||
    (networkAccessPolicy === 'AllowPrivate' && behaviour.hasPrivateEndpoint);
  const before = disk.accesses.filter((access) => access.level === level);
  disk.state = level === 'Write' ? 'ActiveUpload' : 'ActiveSAS';
  const [first] = before;
  if (first !== undefined && behaviour.secondGrant === 'same-url') {
    first.expiresAt = new Date(disks.now().getTime() + durationMs);
    return disks.sasUrl(pages, first);
  }
  if (behaviour.secondGrant === 'new-url') for (const access of before) access.hasEnded = true;
  return disks.sasUrl(pages, disks.grant(pages, level, durationMs));
}

/** The commit of an upload. It cannot be undone. */
export function endGetAccess(context: ArmContext): Handled {
  const { body, behaviour } = context;
  const disk = diskOf(context);
  if (body !== undefined) throw invalidContent('The request must not have a body.');
  const isActive = disk.state === 'ActiveUpload' || disk.state === 'ActiveSAS';
  if (!isActive && behaviour.endWithoutAccess === 'conflict') {
    throw operationNotAllowed(
      `There is no active shared access signature for disk ${disk.name} in state ${disk.state}.`,
    );
  }
  return change(disk, disk.provisioningState, { status: 202 }, () => endAccess(context, disk));
}

/** Takes effect when the operation ends. @throws ArmError InvalidVhd. */
export function endAccess({ behaviour, disks }: Pick<ArmContext, 'behaviour' | 'disks'>, disk: ManagedDisk): undefined {
  const problem = disk.state === 'ActiveUpload' ? vhdProblem(disk, behaviour.emptyUpload === 'accepted') : undefined;
  const [access] = disk.accesses;
  const url = disk.pages !== undefined && access !== undefined ? disks.urlOf(disk.pages, access) : '';
  if (problem !== undefined && behaviour.stateAfterInvalidVhd === 'ActiveUpload') throw invalidVhd(problem, url);
  for (const one of disk.accesses) one.hasEnded = true;
  if (disk.state === 'ActiveUpload' || disk.state === 'ActiveSAS') disk.state = 'Unattached';
  if (problem !== undefined) throw invalidVhd(problem, url);
  return undefined;
}

function vhdProblem({ pages }: ManagedDisk, acceptsEmpty: boolean): ReturnType<typeof footerProblem> {
  if (pages === undefined) return undefined;
  const { blob } = pages;
  if (acceptsEmpty && blob.written.count === 0) return undefined;
  const size = blob.size - FOOTER_LENGTH;
  return footerProblem(blob.read(size, FOOTER_LENGTH), size);
}

function invalidVhd({ field, expected }: { field: string; expected: string }, url: string): Error {
  const place = new URL(url === '' ? 'https://localhost' : url);
  const shown = `https://${place.hostname}:8443${place.pathname}`;
  return badRequest(
    'InvalidVhd',
    `The specified ${field} value in VHD footer indicates that disk 'abcd' with blob ${shown} is not a supported VHD. Disk is expected to have ${field} value ${expected}.`,
  );
}

/** An operation on a disk. Until it ends, the disk shows `state` as its provisioning state. */
function change(
  disk: ManagedDisk,
  state: ManagedDisk['provisioningState'],
  accepted: { status: number; json?: unknown },
  complete: () => unknown,
): Handled {
  disk.provisioningState = state;
  return {
    kind: 'operation',
    target: disk,
    location: disk.location,
    path: 'DiskOperations',
    accepted,
    complete: () => {
      disk.provisioningState = 'Succeeded';
      return complete();
    },
    fail: () => {
      disk.provisioningState = state === 'Succeeded' ? state : 'Failed';
    },
  };
}
