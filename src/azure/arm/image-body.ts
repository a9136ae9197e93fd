// The requests that create images: managed images and versions in a gallery. Pure: checks every option and sends nothing.
// Sources: REST, Images, Create Or Update; Gallery Image Versions, Create Or Update; recordings of both.
import { printable } from '../../base/printable.ts';
import { UsageError } from '../../errors.ts';
import type { JsonObject } from './arm-error.ts';
import { regionOf, tagsOf } from './disk-body.ts';
import { idOf, type ResourceId } from './resource-id.ts';

/** A managed disk whose upload is finished, or the URL of a page blob without a SAS. */
export type ImageSource = { readonly disk: ResourceId } | { readonly blobUrl: string };

export interface ImageOptions {
  readonly location: string;
  readonly source: ImageSource;
  readonly osType: 'Windows' | 'Linux';
  /** Required for a blob. @default that of the disk */
  readonly generation?: 1 | 2;
  readonly tags?: Readonly<Record<string, string>>;
}

export interface ImageVersionOptions {
  /** The region of the gallery. */
  readonly location: string;
  readonly source: ImageSource;
  /** The account of the blob. Required for a blob. */
  readonly storageAccount?: ResourceId;
  /** Regions that receive a copy, in addition to `location`. @default none */
  readonly regions?: readonly string[];
  /** Copies in each region. @default 1 */
  readonly replicas?: number;
  readonly tags?: Readonly<Record<string, string>>;
}

/** Of one version in one region. Source: learn.microsoft.com, "Azure Compute Gallery", Limits. */
const MAX_REPLICAS = 100;

/**
 * The body of a managed image. Managed images are always generalized.
 * @throws {UsageError} an option is not valid, or the generation of a blob is missing.
 */
export function imageBody({ location, source, osType, generation, tags = {} }: ImageOptions): JsonObject {
  if (osType !== 'Windows' && osType !== 'Linux') {
    throw new UsageError(`--os-type must be Windows or Linux, but is "${printable(osType)}".`);
  }
  if ('blobUrl' in source && generation === undefined) {
    throw new UsageError('An image of a blob needs --generation 1 or --generation 2: the blob does not show it.');
  }
  const from = 'disk' in source ? { managedDisk: { id: idOf(source.disk) } } : { blobUri: blobUri(source.blobUrl) };
  return {
    location: regionOf(location),
    tags: tagsOf(tags),
    properties: {
      ...(generation === undefined ? {} : { hyperVGeneration: `V${generation}` }),
      storageProfile: { osDisk: { osType, osState: 'Generalized', ...from }, zoneResilient: false },
    },
  };
}

/**
 * The body of an image version in a gallery. The operating system and the generation are those of the image definition.
 * @throws {UsageError} an option is not valid, or the storage account of a blob is missing.
 */
export function imageVersionBody(options: ImageVersionOptions): JsonObject {
  const { source, storageAccount, replicas = 1 } = options;
  if (!Number.isSafeInteger(replicas) || replicas < 1 || replicas > MAX_REPLICAS) {
    throw new UsageError(`--replicas must be 1 to ${MAX_REPLICAS}, but is ${replicas}.`);
  }
  const location = regionOf(options.location);
  // The gallery's own region is always one of the targets.
  const regions = new Set([location, ...(options.regions ?? []).map((region) => regionOf(region, '--regions'))]);
  return {
    location,
    tags: tagsOf(options.tags ?? {}),
    properties: {
      publishingProfile: {
        targetRegions: [...regions].map((name) => ({ name, regionalReplicaCount: replicas })),
        replicaCount: replicas,
      },
      storageProfile: { osDiskImage: { hostCaching: 'ReadWrite', source: versionSource(source, storageAccount) } },
    },
  };
}

function versionSource(source: ImageSource, storageAccount: ResourceId | undefined): JsonObject {
  if ('disk' in source) return { id: idOf(source.disk) };
  if (storageAccount === undefined) {
    throw new UsageError('An image version of a blob needs the resource id of its storage account.');
  }
  return { uri: blobUri(source.blobUrl), storageAccountId: idOf(storageAccount) };
}

/** The service reads the blob with its own credential, and stores the URL: it must not contain a SAS. */
export function blobUri(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.pathname.split('/').length < 3) {
    throw new UsageError(
      '--blob must be the URL of a page blob, as in https://ACCOUNT.blob.core.windows.net/vhds/disk.vhd.',
    );
  }
  if (url.search !== '' || url.username !== '' || url.password !== '') {
    throw new UsageError(
      `--blob must be a URL without a SAS: Azure reads the blob with its own rights. Use ${url.origin}${url.pathname}.`,
    );
  }
  return url.origin + url.pathname;
}
