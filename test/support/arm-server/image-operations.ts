// Managed images: from a disk after its upload, or from a page blob.

import { locationOf } from './disk-operations.ts';
import {
  badRequest,
  internalExecutionError,
  invalidParameter,
  invalidResourceLocation,
  operationNotAllowed,
  propertyChangeNotAllowed,
  resourceNotFound,
} from './errors.ts';
import { flag, integer, list, object, oneOf, tags as tagMap, text } from './schema.ts';
import {
  type ArmContext,
  type ArmState,
  findDisk,
  type Handled,
  idOf,
  ok,
  resourceJson,
  type StoredResource,
} from './state.ts';

const DISK_SOURCE = {
  managedDisk: object({ id: text() }, {}),
  snapshot: object({ id: text() }, {}),
  blobUri: text(),
  caching: oneOf('None', 'ReadOnly', 'ReadWrite'),
  storageAccountType: oneOf('Standard_LRS', 'Premium_LRS', 'StandardSSD_LRS'),
};

const OS_DISK = object(
  { osType: oneOf('Windows', 'Linux'), osState: oneOf('Generalized', 'Specialized') },
  DISK_SOURCE,
);

const IMAGE = object(
  {
    location: text(),
    properties: object(
      {
        storageProfile: object(
          { osDisk: OS_DISK },
          { dataDisks: list(object({ lun: integer(0, 63) }, DISK_SOURCE)), zoneResilient: flag() },
        ),
      },
      { hyperVGeneration: oneOf('V1', 'V2') },
    ),
  },
  { tags: tagMap() },
);

type OsDisk = ReturnType<typeof OS_DISK>;

/** The resource of a request. @throws ArmError 404. */
export function resourceOf({ request, state }: ArmContext): StoredResource {
  const resource = state.resources.get(request.path.toLowerCase());
  if (resource === undefined) throw resourceNotFound(request.path.split('/providers/')[1] ?? '', request.resourceGroup);
  return resource;
}

export function getResource(context: ArmContext): Handled {
  return ok(resourceJson(resourceOf(context)));
}

export function deleteResource(context: ArmContext): Handled {
  const { request, state } = context;
  const resource = state.resources.get(request.path.toLowerCase());
  if (resource === undefined) return { kind: 'answer', status: 204 };
  resource.provisioningState = 'Deleting';
  return {
    kind: 'operation',
    target: resource,
    location: resource.location,
    path: 'Operations',
    accepted: { status: 202 },
    complete: () => {
      state.resources.delete(request.path.toLowerCase());
      return undefined;
    },
  };
}

/** What a PUT gives a resource. */
export type GivenResource = Pick<StoredResource, 'type' | 'location' | 'tags' | 'properties' | 'fixed'>;

/** Creates or updates a resource. @param complete - Returns the final properties. @throws ArmError the operation fails. */
export function putResource(
  { request, state }: ArmContext,
  given: GivenResource,
  path: 'Operations' | 'capsOperations',
  complete: () => Readonly<Record<string, unknown>>,
): Handled {
  const key = request.path.toLowerCase();
  const existing = state.resources.get(key);
  if (existing !== undefined) checkFixed(existing, given);
  const name = request.names.at(-1) ?? '';
  const id = idOf(request.subscription, request.resourceGroup, request.path.split('/providers/')[1] ?? '');
  const resource: StoredResource = existing ?? {
    ...given,
    id,
    name,
    provisioningState: 'Creating',
    running: undefined,
  };
  resource.provisioningState = existing === undefined ? 'Creating' : 'Updating';
  resource.tags = given.tags;
  resource.properties = given.properties;
  state.resources.set(key, resource);
  return {
    kind: 'operation',
    target: resource,
    location: resource.location,
    path,
    accepted: { status: existing === undefined ? 201 : 200, json: resourceJson(resource) },
    complete: () => {
      resource.properties = complete();
      resource.provisioningState = 'Succeeded';
      return resourceJson(resource);
    },
    fail: () => {
      resource.provisioningState = 'Failed';
    },
  };
}

function checkFixed(existing: StoredResource, given: GivenResource): void {
  if (existing.location !== given.location) {
    throw invalidResourceLocation(existing.name, existing.location, given.location);
  }
  for (const [name, value] of Object.entries(given.fixed)) {
    if (JSON.stringify(existing.fixed[name]) !== JSON.stringify(value)) throw propertyChangeNotAllowed(name);
  }
}

export function putImage(context: ArmContext): Handled {
  const { request, state } = context;
  const [name = ''] = request.names;
  if (!/^[A-Za-z0-9]([A-Za-z0-9_.-]{0,78}[A-Za-z0-9_])?$/.test(name)) {
    throw invalidParameter(
      'image.name',
      `The entity name 'image.name' is invalid according to its validation rule: ${name}`,
    );
  }
  const body = IMAGE(context.body, '');
  const location = locationOf(body.location, state, 'images');
  const { osDisk } = body.properties.storageProfile;
  if (osDisk.osState !== 'Generalized') {
    throw invalidParameter('osDisk.osState', 'A managed image is made only of a generalized disk. Use Generalized.');
  }
  checkSource(osDisk);
  const generation = generationOf(osDisk, body.properties.hyperVGeneration, location, state);
  const { properties, tags = {} } = body;
  const fixed = { storageProfile: properties.storageProfile };
  const given = { type: 'Microsoft.Compute/images', location, tags, properties, fixed };
  return putResource(context, given, 'Operations', () => {
    const disk = findDisk(state, osDisk.managedDisk?.id ?? '');
    if (disk !== undefined && disk.state !== 'Unattached' && disk.state !== 'Reserved') throw internalExecutionError();
    const size = disk === undefined ? {} : { diskSizeGB: Math.ceil((disk.uploadSizeBytes - 512) / 1024 ** 3) };
    const finalDisk = { caching: 'None', storageAccountType: 'Standard_LRS', ...size, ...osDisk };
    return {
      hyperVGeneration: generation,
      storageProfile: { zoneResilient: false, ...properties.storageProfile, osDisk: finalDisk },
    };
  });
}

/** Throws 400 unless there is exactly one source. */
function checkSource({ managedDisk, snapshot, blobUri }: OsDisk): void {
  if ([managedDisk, snapshot, blobUri].filter((one) => one !== undefined).length === 1) return;
  const message = 'Exactly one of managedDisk, snapshot and blobUri must be set for the OS disk of an image.';
  throw invalidParameter('osDisk', message);
}

/** Must be given for a blob, and is known of a disk. */
function generationOf(osDisk: OsDisk, given: 'V1' | 'V2' | undefined, location: string, state: ArmState): 'V1' | 'V2' {
  const { managedDisk, snapshot, blobUri } = osDisk;
  if (snapshot !== undefined) throw resourceNotFound(snapshot.id.split('/providers/')[1] ?? '', '');
  if (blobUri !== undefined) {
    checkBlobUri(blobUri, state);
    if (given === undefined)
      throw invalidParameter('hyperVGeneration', 'hyperVGeneration must be set for an image of a blob.');
    return given;
  }
  const disk = findDisk(state, managedDisk?.id ?? '');
  if (disk === undefined) throw diskNotFound(managedDisk?.id ?? '');
  if (disk.location !== location) {
    throw operationNotAllowed(
      `Disk ${disk.name} is in ${disk.location}; an image of it cannot be created in ${location}.`,
    );
  }
  const { hyperVGeneration = given ?? 'V1', osType } = disk.body.properties;
  if (given !== undefined && given !== hyperVGeneration) {
    throw badRequest(
      'BadRequest',
      `The disk has the generation ${hyperVGeneration}, but the image has ${given}.`,
      'hyperVGeneration',
    );
  }
  if (osType !== undefined && osType !== osDisk.osType) {
    throw badRequest(
      'BadRequest',
      `The disk has the OS type ${osType}, but the image has ${osDisk.osType}.`,
      'osDisk.osType',
    );
  }
  return hyperVGeneration;
}

/** 404 for a source that does not exist. */
export function diskNotFound(id: string): Error {
  return badRequest('NotFound', `The entity was not found: ${id}`, 'managedDisk');
}

/** Throws 400 unless a URL names a blob of an account in the subscription, without a SAS. Returns the account. */
export function checkBlobUri(uri: string, { storageAccounts }: ArmState): string {
  const url = URL.canParse(uri) ? new URL(uri) : undefined;
  const isLoopback = url?.hostname === '127.0.0.1';
  if (url === undefined || url.search !== '' || (url.protocol !== 'https:' && !isLoopback)) {
    throw invalidParameter(
      'blobUri',
      `'${uri.replace(/\?.*/s, '?…')}' is not the URL of a blob. It must be https, without a SAS.`,
    );
  }
  const segments = url.pathname.split('/').slice(1);
  const account = isLoopback ? segments.shift() : url.hostname.split('.', 1)[0];
  if (segments.length < 2) throw invalidParameter('blobUri', `'${uri}' does not name a container and a blob.`);
  if (account === undefined || !storageAccounts.has(account)) {
    throw badRequest(
      'StorageAccountNotFound',
      `The storage account '${account}' of blob '${uri}' is not in the subscription.`,
      'blobUri',
    );
  }
  return account;
}
