// Everything that is found out and checked before an image is created: what it becomes, and the body of the request.
import type { JsonObject } from '../azure/arm/arm-error.ts';
import { regionOf } from '../azure/arm/disk-body.ts';
import { imageBody, imageVersionBody } from '../azure/arm/image-body.ts';
import type { ExistingImage } from '../azure/arm/images.ts';
import { locationOfGroup } from '../azure/arm/resource-groups.ts';
import { idOf } from '../azure/arm/resource-id.ts';
import { present } from '../base/present.ts';
import { printable } from '../base/printable.ts';
import { shellWord } from '../base/shell-word.ts';
import { DestinationError, UsageError } from '../errors.ts';
import type { ArmSession } from '../remote/arm-session.ts';
import { fittingDefinition } from './image-definition.ts';
import { type CreateImageOptions, type ImageTarget, targetOf } from './image-options.ts';
import { accountOfBlob, type SourceFacts, sourceFacts } from './image-source.ts';

/** What an image is made of and for. */
export interface ImagePlan {
  readonly target: ImageTarget;
  /** The image, if it exists and was made of the same source. */
  readonly existing: ExistingImage | undefined;
  readonly source: SourceFacts;
  readonly location: string;
  /** Windows or Linux. */
  readonly osType: string;
  readonly osState: 'Generalized' | 'Specialized';
  readonly generation: 1 | 2 | undefined;
  /** What the PUT sends. */
  readonly body: JsonObject;
}

/**
 * Sends only GETs.
 * @throws {UsageError} options are missing, or contradict the source or the image definition.
 * @throws {DestinationError | InUseError} the disk, the image definition or the name of the image cannot be used.
 */
export async function planOf(
  options: CreateImageOptions,
  session: ArmSession,
  signal: AbortSignal,
): Promise<ImagePlan> {
  const target = targetOf(options, session);
  const source = await sourceFacts(options, session, signal);
  const plan =
    target.kind === 'image'
      ? await planOfImage(options, target, source, session, signal)
      : await planOfVersion(options, target, source, session, signal);
  const existing = await (target.kind === 'image'
    ? session.images.find(target.resource, signal)
    : session.images.findVersion(target.resource, signal));
  if (existing !== undefined) assertSame(existing, { ...plan, target, source });
  return { ...plan, target, source, existing };
}

type Planned = Omit<ImagePlan, 'target' | 'source' | 'existing'>;

async function planOfImage(
  options: CreateImageOptions,
  target: ImageTarget,
  source: SourceFacts,
  session: ArmSession,
  signal: AbortSignal,
): Promise<Planned> {
  const { osType, generation } = source;
  if (osType === undefined) {
    throw new UsageError(`--os-type windows or --os-type linux is needed: ${source.title} does not show it.`);
  }
  const location = locationOf(options, source) ?? (await locationOfGroup(session.client, target.resource, signal));
  const { tags = {} } = options;
  const body = imageBody({ location, source: source.source, osType, tags, ...present({ generation }) });
  return { location, osType, osState: 'Generalized', generation, body };
}

async function planOfVersion(
  options: CreateImageOptions,
  { resource }: ImageTarget,
  source: SourceFacts,
  session: ArmSession,
  signal: AbortSignal,
): Promise<Planned> {
  const definition = await fittingDefinition(options, resource, source, session, signal);
  const location = locationOf(options, source) ?? definition.location;
  const { regions, replicas, tags = {} } = options;
  const { source: from } = source;
  const storageAccount =
    'disk' in from
      ? undefined
      : await session.images.storageAccount(session.subscriptionId, accountOfBlob(from.blobUrl), signal);
  const body = imageVersionBody({ location, source: from, tags, ...present({ storageAccount, regions, replicas }) });
  return { ...definition, location, body };
}

/** Undefined if neither the option nor the source determines it. @throws {UsageError} they differ. */
function locationOf({ location }: CreateImageOptions, source: SourceFacts): string | undefined {
  const given = location === undefined ? undefined : regionOf(location);
  if (source.location === undefined) return given;
  const known = regionOf(source.location);
  if (given === undefined || given === known) return known;
  throw new UsageError(
    `--location is ${given}, but ${source.title} is in ${known}, and an image is created where its disk is. Leave out --location. A version in a gallery can be copied to other regions with --regions.`,
  );
}

/** @throws {DestinationError} the image exists, and was made of something else. */
function assertSame(existing: ExistingImage, plan: Omit<ImagePlan, 'existing'>): void {
  const { target, source } = plan;
  // The names of blobs have upper and lower case, ids of resources do not.
  const key = (text: string | undefined) => ('disk' in source.source ? text?.toLowerCase() : text);
  const isSame =
    key(existing.source) === key(source.id) &&
    (existing.osType === undefined || existing.osType.toLowerCase() === plan.osType.toLowerCase());
  if (isSame) return;
  const name = target.resource.names.at(-1) ?? '';
  const next =
    target.kind === 'version'
      ? `Choose another --version, such as ${following(name)}.`
      : `Choose another name, or delete that image if nothing needs it: az image delete --ids ${shellWord(idOf(target.resource))}.`;
  throw new DestinationError(
    `The ${target.title} exists already and was made of ${printable(existing.source ?? 'something else')}${existing.osType === undefined ? '' : ` for ${printable(existing.osType)}`}, not of ${source.id} for ${plan.osType}. ${next}`,
    { reason: 'ImageExists' },
  );
}

/** "1.0.9" → "1.0.10" */
function following(version: string): string {
  return version.replace(/\d+$/, (digits) => String(Number(digits) + 1));
}
