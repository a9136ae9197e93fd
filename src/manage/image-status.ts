// imageStatus: the state of a managed image, or of a version in a gallery.
import type { ExistingImage } from '../azure/arm/images.ts';
import { idOf } from '../azure/arm/resource-id.ts';
import { present } from '../base/present.ts';
import { DestinationError } from '../errors.ts';
import { shielded } from '../events.ts';
import type { ArmOptions } from '../options.ts';
import { connectArm } from '../remote/arm-session.ts';
import { generationOf } from './disk-status.ts';
import { checkImageName, type ImageName, type ImageTarget, mainOf, targetOf } from './image-options.ts';

export interface ImageStatusOptions extends ArmOptions, ImageName {}

/** Fields that the service does not report are absent. */
export interface ImageStatus {
  readonly kind: 'image' | 'version';
  readonly id: string;
  /** Of a version: "gallery/definition/1.0.0". */
  readonly name: string;
  readonly location?: string;
  /** Succeeded, Creating, Updating, Failed, ... */
  readonly state?: string;
  /** The id of a disk, snapshot, image or virtual machine, or the URL of a blob. */
  readonly source?: string;
  /** Of a managed image. */
  readonly osType?: string;
  readonly generation?: 1 | 2;
  /** The copies of a version. */
  readonly regions: readonly {
    readonly name: string;
    /** Completed, Replicating, Failed, ... */
    readonly state?: string;
    /** In percent. */
    readonly progress?: number;
    readonly details?: string;
  }[];
}

/**
 * Sends one GET.
 * @throws {UsageError} a name is missing. @throws {DestinationError} the image does not exist.
 * @throws as `connectArm` and `ArmClient` do.
 */
export async function imageStatus(options: ImageStatusOptions): Promise<ImageStatus> {
  const { signal = new AbortController().signal } = options;
  signal.throwIfAborted();
  checkImageName(options);
  const session = await connectArm(options, shielded(options.onEvent), mainOf(options));
  try {
    const target = targetOf(options, session);
    const { images } = session;
    const { resource } = target;
    const found = await (target.kind === 'image'
      ? images.find(resource, signal)
      : images.findVersion(resource, signal));
    if (found === undefined) throw missing(target);
    return statusOf(target, found);
  } finally {
    session.close();
  }
}

function missing({ title, resource }: ImageTarget): DestinationError {
  return new DestinationError(
    `The ${title} does not exist in the resource group ${resource.resourceGroup} of the subscription ${resource.subscriptionId}. It was never created, or it was deleted. Create it with: vhdup image create.`,
    { reason: 'ResourceNotFound' },
  );
}

function statusOf({ kind, resource }: ImageTarget, found: ExistingImage): ImageStatus {
  const { location, provisioningState, source, osType, hyperVGeneration } = found;
  return {
    kind,
    id: idOf(resource),
    name: resource.names.join('/'),
    ...present({ location, state: provisioningState, source, osType, generation: generationOf(hyperVGeneration) }),
    regions: found.regions.map(({ name, state, progress, details }) => ({
      name,
      ...present({ state, progress, details }),
    })),
  };
}
