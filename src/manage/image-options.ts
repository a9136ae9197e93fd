// The options of an image: which resource it becomes, and what it is made of.
import { type ResourceId, resourceId } from '../azure/arm/resource-id.ts';
import { UsageError } from '../errors.ts';
import type { ArmOptions } from '../options.ts';
import type { ArmSession, MainResource } from '../remote/arm-session.ts';

/** A managed image, or with `gallery`, `definition` and `version` a version in a gallery. */
export interface ImageName {
  /** Name or resource id of a managed image. With `gallery`, the name of the image definition. */
  readonly image?: string;
  /** Name of the gallery. @default none: a managed image */
  readonly gallery?: string;
  /** Name of the image definition. @default `image` */
  readonly definition?: string;
  /** Three integers: "1.0.0". */
  readonly version?: string;
}

export interface CreateImageOptions extends ArmOptions, ImageName {
  /** Name or resource id of a managed disk whose upload is finished. Either this or `blob`. */
  readonly disk?: string;
  /** URL of a page blob with a fixed VHD, without a SAS. */
  readonly blob?: string;
  /** @default the region of the disk, of the image definition, or of the resource group */
  readonly location?: string;
  /** @default that of the disk or of the image definition */
  readonly osType?: 'windows' | 'linux';
  /** Checked against the image definition. Managed images are always generalized. @default that of the image definition */
  readonly osState?: 'generalized' | 'specialized';
  /** Required for a managed image of a blob. @default that of the disk or of the image definition */
  readonly generation?: 1 | 2;
  /** Regions that also get a copy of the version. @default none */
  readonly regions?: readonly string[];
  /** Copies of the version in each region. @default 1 */
  readonly replicas?: number;
  readonly tags?: Readonly<Record<string, string>>;
}

/** The resource of an image. */
export interface ImageTarget {
  readonly kind: 'image' | 'version';
  readonly resource: ResourceId;
  /** For messages: "image web01", "image version g/web01/1.0.0". */
  readonly title: string;
}

const IMAGE = { type: 'Microsoft.Compute/images', option: 'NAME' } as const;

/** The resource that determines the subscription and the resource group; undefined if only options do. */
export function mainOf({ image, gallery }: ImageName): MainResource | undefined {
  return image === undefined || gallery !== undefined ? undefined : { ...IMAGE, text: image };
}

/** @throws {UsageError} a name is missing or not valid. */
export function targetOf({ image, gallery, definition = image, version }: ImageName, session: ArmSession): ImageTarget {
  if (gallery === undefined) {
    if (image === undefined) throw new UsageError('The name of the image is missing. Or give --gallery.');
    const resource = session.resource(image, IMAGE.type, IMAGE.option);
    return { kind: 'image', resource, title: `image ${resource.names.join()}` };
  }
  if (definition === undefined || version === undefined) {
    throw new UsageError('--gallery needs --definition DEFINITION and --version VERSION, such as 1.0.0.');
  }
  const names = [gallery, definition, version];
  const place = session.place(`the gallery ${gallery}`);
  const resource = resourceId('Microsoft.Compute/galleries/images/versions', place, ...names);
  return { kind: 'version', resource, title: `image version ${names.join('/')}` };
}

/** Checks what does not need a request. @throws {UsageError} options are missing, or exclude each other. */
export function checkImageOptions(options: CreateImageOptions): void {
  const { gallery, definition, version, regions, replicas, disk, blob, osState } = options;
  checkImageName(options);
  assertOneOf('--os-type', options.osType, ['windows', 'linux']);
  assertOneOf('--os-state', osState, ['generalized', 'specialized']);
  assertOneOf('--generation', options.generation, [1, 2]);
  if ((disk === undefined) === (blob === undefined)) {
    throw new UsageError('Give what the image is made of: either --disk NAME or --blob URL.');
  }
  const ofVersion = { definition, version, regions, replicas };
  const alone = Object.entries(ofVersion).find(([, value]) => value !== undefined);
  if (gallery === undefined && alone !== undefined) {
    throw new UsageError(`--${alone[0]} is an option of a version in a gallery. Add --gallery, or leave it out.`);
  }
  if (gallery === undefined && osState === 'specialized') {
    throw new UsageError(
      'A managed image is always generalized. Create a version in a gallery instead (--gallery), or a virtual machine of the disk itself: az vm create --attach-os-disk.',
    );
  }
}

/** @throws {UsageError} the name of the image is missing. */
export function checkImageName({ image, gallery, definition, version }: ImageName): void {
  if (gallery !== undefined || image !== undefined) return;
  const isVersion = definition !== undefined || version !== undefined;
  throw new UsageError(
    isVersion ? '--gallery is missing: the gallery of the image.' : 'The name of the image is missing.',
  );
}

function assertOneOf<T>(option: string, given: T | undefined, allowed: readonly T[]): void {
  if (given === undefined || allowed.includes(given)) return;
  throw new UsageError(`${option} must be ${allowed.join(' or ')}, but is ${given}.`);
}
