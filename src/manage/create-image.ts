// createImage: makes a managed image, or a version in a gallery, of a finished disk or of a page blob.
import type { JsonObject } from '../azure/arm/arm-error.ts';
import type { ExistingImage, Images } from '../azure/arm/images.ts';
import { idOf } from '../azure/arm/resource-id.ts';
import { present } from '../base/present.ts';
import { printable } from '../base/printable.ts';
import { shellWord } from '../base/shell-word.ts';
import { ServiceError } from '../errors.ts';
import { type EventListener, shielded } from '../events.ts';
import { type ArmSession, connectArm } from '../remote/arm-session.ts';
import { type CreateImageOptions, checkImageOptions, type ImageTarget, mainOf } from './image-options.ts';
import { type ImagePlan, planOf } from './image-plan.ts';

export type { CreateImageOptions } from './image-options.ts';

/** What an image is, and what it is made of. */
export interface ImageSummary {
  readonly kind: 'image' | 'version';
  readonly id: string;
  /** Of a version: "gallery/definition/1.0.0". */
  readonly name: string;
  readonly location: string;
  /** The id of the disk, or the URL of the blob. */
  readonly source: string;
  /** Windows or Linux. */
  readonly osType: string;
  readonly osState: 'Generalized' | 'Specialized';
  /** Absent if nothing shows it: the service decides. */
  readonly generation?: 1 | 2;
  /** Whether the image exists already. */
  readonly exists: boolean;
}

export interface PlannedImage extends ImageSummary {
  /** The body of the request that creates the image. */
  readonly body: JsonObject;
}

export interface CreateImageResult extends ImageSummary {
  /** The command that creates a virtual machine of the image. */
  readonly nextStep: string;
}

/** How often, and how long, an image is waited for that somebody else creates. In milliseconds. */
const LOOK_INTERVAL_MS = 2000;
const MAX_WAIT_MS = 12 * 3_600_000;

/** What `createImage` would send, after the same checks. Sends only GETs. Throws as `createImage` does. */
export async function planImage(options: CreateImageOptions): Promise<PlannedImage> {
  return await withPlan(options, (plan) => Promise.resolve({ ...summaryOf(plan), body: plan.body }));
}

/**
 * Repeating it is harmless: an image that was made of the same source is left as it is, and one that is being created is waited for.
 * @throws {UsageError} options are missing, or contradict the source or the image definition.
 * @throws {DestinationError | InUseError} the disk, the image definition or the name of the image cannot be used.
 * @throws as `connectArm` and `ArmClient` do.
 */
export async function createImage(options: CreateImageOptions): Promise<CreateImageResult> {
  return await withPlan(options, async (plan, session, emit, signal) => {
    warnOfTrustedLaunch(plan, emit);
    const existing = await awaitProvisioned(plan, session, emit, signal);
    if (existing === undefined) await create(plan, session.images, signal);
    else warnOfRegions(plan, existing, options, emit);
    return { ...summaryOf(plan), nextStep: createMachine(plan) };
  });
}

async function withPlan<Result>(
  options: CreateImageOptions,
  work: (plan: ImagePlan, session: ArmSession, emit: EventListener, signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const { signal = new AbortController().signal } = options;
  signal.throwIfAborted();
  checkImageOptions(options);
  const emit = shielded(options.onEvent);
  const session = await connectArm(options, emit, mainOf(options));
  try {
    return await work(await planOf(options, session, signal), session, emit, signal);
  } finally {
    session.close();
  }
}

async function create({ target, body }: ImagePlan, images: Images, signal: AbortSignal): Promise<void> {
  if (target.kind === 'image') await images.create(target.resource, body, signal);
  else await images.createVersion(target.resource, body, signal);
}

/**
 * Waits for an image that an earlier run, or somebody else, has begun to create.
 * @returns undefined if it must be created: it does not exist, or its creation has failed.
 */
async function awaitProvisioned(
  { target, existing }: ImagePlan,
  { images, client }: ArmSession,
  emit: EventListener,
  signal: AbortSignal,
): Promise<ExistingImage | undefined> {
  const startMs = performance.now();
  const step = `Wait for ${target.title}, which is being created`;
  const report = (state: 'started' | 'waiting' | 'succeeded' | 'failed') =>
    emit({ type: 'arm', step, state, elapsedMs: performance.now() - startMs });
  if (isFinal(existing)) return hasSucceeded(existing) ? existing : undefined;
  report('started');
  let [found, waitedMs] = [existing, 0];
  while (!isFinal(found)) {
    if (waitedMs >= MAX_WAIT_MS) {
      report('failed');
      throw new ServiceError(`The ${target.title} is still being created. Run the same command again later.`, {
        reason: 'OperationTimeout',
        transient: false,
      });
    }
    report('waiting');
    await client.wait(LOOK_INTERVAL_MS, signal);
    waitedMs += LOOK_INTERVAL_MS;
    found = await find(target, images, signal);
  }
  report(hasSucceeded(found) ? 'succeeded' : 'failed');
  return hasSucceeded(found) ? found : undefined;
}

async function find(target: ImageTarget, images: Images, signal: AbortSignal): Promise<ExistingImage | undefined> {
  return await (target.kind === 'image'
    ? images.find(target.resource, signal)
    : images.findVersion(target.resource, signal));
}

/** Whether it does not exist, or its state does not change by itself. */
function isFinal(image: ExistingImage | undefined): boolean {
  return image === undefined || /^(?:succeeded|failed|canceled)$/i.test(image.provisioningState ?? 'Succeeded');
}

function hasSucceeded(image: ExistingImage | undefined): boolean {
  return image !== undefined && /^succeeded$/i.test(image.provisioningState ?? 'Succeeded');
}

/** Source: learn.microsoft.com, "Trusted Launch for Azure virtual machines", Unsupported features. */
function warnOfTrustedLaunch({ target, source }: ImagePlan, emit: EventListener): void {
  if (target.kind !== 'image' || source.securityType === undefined) return;
  emit({
    type: 'warning',
    code: 'managed-image-security',
    message: `${source.title} has the security type ${printable(source.securityType)}, which managed images do not support. To keep it, create a version in a gallery instead: --gallery, --definition and --version.`,
  });
}

/** An existing version is not changed: whoever created it may have chosen its regions. */
function warnOfRegions(
  { target }: ImagePlan,
  { regions }: ExistingImage,
  { regions: wanted = [] }: CreateImageOptions,
  emit: EventListener,
): void {
  const key = (region: string) => region.replaceAll(' ', '').toLowerCase();
  const absent = wanted.filter((region) => !regions.some(({ name }) => key(name) === key(region)));
  if (absent.length === 0) return;
  emit({
    type: 'warning',
    code: 'regions-missing',
    message: `The ${target.title} exists already, without a copy in ${absent.join(', ')}. To add one: az sig image-version update --ids ${shellWord(idOf(target.resource))} --add publishingProfile.targetRegions name=${key(absent[0] ?? '')}.`,
  });
}

function summaryOf({ target, source, existing, location, osType, osState, generation }: ImagePlan): ImageSummary {
  return {
    kind: target.kind,
    id: idOf(target.resource),
    name: target.resource.names.join('/'),
    location,
    source: source.id,
    osType,
    osState,
    ...present({ generation }),
    exists: existing !== undefined,
  };
}

/** A specialized image keeps its users. */
function createMachine({ target, location, osType, osState }: ImagePlan): string {
  const login =
    osState === 'Specialized'
      ? '--specialized'
      : `--admin-username USER${osType.toLowerCase() === 'linux' ? ' --generate-ssh-keys' : ''}`;
  return `az vm create --resource-group ${shellWord(target.resource.resourceGroup)} --name VM --location ${location} --image ${shellWord(idOf(target.resource))} ${login}`;
}
