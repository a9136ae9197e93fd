// Compute galleries: galleries, image definitions and versions.

import { locationOf } from './disk-operations.ts';
import {
  badRequest,
  internalExecutionError,
  invalidParameter,
  operationNotAllowed,
  parentResourceNotFound,
} from './errors.ts';
import { checkBlobUri, diskNotFound, putResource } from './image-operations.ts';
import { armTime } from './managed-disk.ts';
import { flag, integer, list, object, oneOf, type Schema, tags, text } from './schema.ts';
import { type ArmContext, findDisk, type Handled, type StoredResource } from './state.ts';

const GALLERY = object(
  { location: text() },
  { tags: tags(), properties: object({}, { description: text(), identifier: object({}, {}) }) },
);

const IDENTIFIER_PART = text(/^[A-Za-z0-9_.-]{1,128}$/);
const DEFINITION = object(
  {
    location: text(),
    properties: object(
      {
        osType: oneOf('Windows', 'Linux'),
        osState: oneOf('Generalized', 'Specialized'),
        identifier: object({ publisher: IDENTIFIER_PART, offer: IDENTIFIER_PART, sku: IDENTIFIER_PART }, {}),
      },
      {
        hyperVGeneration: oneOf('V1', 'V2'),
        architecture: oneOf('x64', 'Arm64'),
        description: text(),
        features: list(
          object(
            {
              name: oneOf(
                'SecurityType',
                'IsAcceleratedNetworkSupported',
                'DiskControllerTypes',
                'IsHibernateSupported',
              ),
              value: text(),
            },
            {},
          ),
        ),
      },
    ),
  },
  { tags: tags() },
);

const BLOB_OR_RESOURCE = object({}, { id: text(), uri: text(), storageAccountId: text() });
const CACHING = oneOf('None', 'ReadOnly', 'ReadWrite');
const ACCOUNT_TYPE = oneOf('Standard_LRS', 'Standard_ZRS', 'Premium_LRS', 'PremiumV2_LRS');
const VERSION = object(
  {
    location: text(),
    properties: object(
      {
        storageProfile: object(
          {},
          {
            source: object({ id: text() }, {}),
            osDiskImage: object({ source: BLOB_OR_RESOURCE }, { hostCaching: CACHING }),
            dataDiskImages: list(object({ lun: integer(0, 63), source: BLOB_OR_RESOURCE }, { hostCaching: CACHING })),
          },
        ),
      },
      {
        publishingProfile: object(
          {},
          {
            targetRegions: list(
              object(
                { name: text() },
                { regionalReplicaCount: integer(1, 100), storageAccountType: ACCOUNT_TYPE, excludeFromLatest: flag() },
              ),
            ),
            replicaCount: integer(1, 100),
            excludeFromLatest: flag(),
            endOfLifeDate: text(),
            storageAccountType: ACCOUNT_TYPE,
            replicationMode: oneOf('Full', 'Shallow'),
          },
        ),
        safetyProfile: object({}, { allowDeletionOfReplicatedLocations: flag() }),
      },
    ),
  },
  { tags: tags() },
);

type ResultOf<S> = S extends Schema<infer T> ? T : never;
type StorageProfile = ResultOf<typeof VERSION>['properties']['storageProfile'];

export function putGallery(context: ArmContext): Handled {
  const { state, request } = context;
  checkName(request.names[0], /^[A-Za-z0-9]([A-Za-z0-9_.]{0,78}[A-Za-z0-9])?$/, 'gallery.name');
  const body = GALLERY(context.body, '');
  const location = locationOf(body.location, state, 'galleries');
  const { tags: labels = {}, properties = {} } = body;
  const given = { type: 'Microsoft.Compute/galleries', location, tags: labels, properties, fixed: {} };
  return putResource(context, given, 'capsOperations', () => given.properties);
}

export function putGalleryImage(context: ArmContext): Handled {
  const { state, request } = context;
  checkName(request.names[1], /^[A-Za-z0-9]([A-Za-z0-9_.-]{0,78}[A-Za-z0-9])?$/, 'galleryImage.name');
  const body = DEFINITION(context.body, '');
  parentOf(context, '/images/');
  const location = locationOf(body.location, state, 'galleries/images');
  const properties = { hyperVGeneration: 'V1', architecture: 'x64', ...body.properties };
  const { osType, osState, hyperVGeneration, architecture, identifier } = properties;
  const fixed = { osType, osState, hyperVGeneration, architecture, identifier };
  const given = { type: 'Microsoft.Compute/galleries/images', location, tags: body.tags ?? {}, properties, fixed };
  return putResource(context, given, 'capsOperations', () => properties);
}

/** A version is made of one source, which stays. */
export function putGalleryImageVersion(context: ArmContext): Handled {
  const { state, request, now } = context;
  checkName(request.names[2], /^(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})$/, 'galleryImageVersion.name');
  const body = VERSION(context.body, '');
  const definition = parentOf(context, '/versions/');
  const location = locationOf(body.location, state, 'galleries/images/versions');
  const { storageProfile, publishingProfile = {} } = body.properties;
  checkTargetRegions(publishingProfile.targetRegions, location, context);
  const sizeInGB = sizeOfSource(storageProfile, definition, location, context);
  const published = { ...publishingProfile, publishedDate: armTime(now) };
  const properties = { ...body.properties, publishingProfile: published };
  const type = 'Microsoft.Compute/galleries/images/versions';
  const given = { type, location, tags: body.tags ?? {}, properties, fixed: { storageProfile } };
  return putResource(context, given, 'capsOperations', () => {
    const disk = findDisk(state, storageProfile.osDiskImage?.source.id ?? '');
    if (disk !== undefined && disk.state !== 'Unattached') throw internalExecutionError();
    const osDiskImage = { hostCaching: 'None', ...storageProfile.osDiskImage, sizeInGB };
    return { ...properties, storageProfile: { ...storageProfile, osDiskImage } };
  });
}

function checkName(name: string | undefined, rule: RegExp, path: string): void {
  if (name !== undefined && rule.test(name)) return;
  throw invalidParameter(path, `The entity name '${path}' is invalid according to its validation rule: ${name}`);
}

function parentOf({ request, state }: ArmContext, separator: string): StoredResource {
  const path = request.path.slice(0, request.path.toLowerCase().lastIndexOf(separator));
  const parent = state.resources.get(path.toLowerCase());
  if (parent === undefined) throw parentResourceNotFound(path.split('/providers/')[1] ?? path);
  return parent;
}

function checkTargetRegions(
  regions: readonly { readonly name: string }[] | undefined,
  location: string,
  { state }: ArmContext,
): void {
  const names = regions?.map(({ name }) => locationOf(name, state, 'galleries/images/versions'));
  if (names === undefined || names.includes(location)) return;
  throw invalidParameter(
    'galleryImageVersion.properties.publishingProfile.targetRegions',
    `The target regions must include the location of the version, '${location}'.`,
  );
}

/** The size of the OS disk in GiB. @throws ArmError 400, 404 or 409 if the source does not fit. */
function sizeOfSource(
  { source, osDiskImage }: StorageProfile,
  definition: StoredResource,
  location: string,
  { state }: ArmContext,
): number {
  const given = osDiskImage?.source;
  const places = [source?.id, given?.id, given?.uri].filter((place) => place !== undefined);
  if (places.length !== 1) {
    throw invalidParameter(
      'storageProfile',
      'Exactly one of source.id, osDiskImage.source.id and osDiskImage.source.uri must be set.',
    );
  }
  if (given?.uri !== undefined) {
    const account = state.storageAccounts.get(checkBlobUri(given.uri, state));
    if (given.storageAccountId?.toLowerCase() !== account?.id.toLowerCase()) {
      throw invalidParameter(
        'osDiskImage.source.storageAccountId',
        'It must be the id of the storage account that has the blob.',
      );
    }
    return 1;
  }
  if (given?.storageAccountId !== undefined) {
    throw invalidParameter('osDiskImage.source.storageAccountId', 'It can be set only together with uri.');
  }
  const [id = ''] = places;
  const image = state.resources.get(id.toLowerCase());
  const disk = findDisk(state, id);
  const isWrongKind = given === undefined ? image === undefined : disk === undefined;
  if (isWrongKind) throw diskNotFound(id);
  const found = image ?? disk;
  if (found?.location !== location) {
    throw operationNotAllowed(
      `The source ${id} is in ${found?.location}; a version of it cannot be created in ${location}.`,
    );
  }
  const generation = image?.properties['hyperVGeneration'] ?? disk?.body.properties.hyperVGeneration ?? 'V1';
  const wanted = definition.properties['hyperVGeneration'];
  if (generation !== wanted) {
    throw badRequest(
      'InvalidParameter',
      `The resource with id '${id}' has a different Hyper-V generation ['${String(generation)}'] than the parent gallery image Hyper-V generation ['${String(wanted)}'].`,
      'galleryImageVersion.properties.storageProfile',
    );
  }
  return disk === undefined ? 1 : Math.ceil((disk.uploadSizeBytes - 512) / 1024 ** 3);
}
