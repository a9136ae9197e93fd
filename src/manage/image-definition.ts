// The image definition of a version: it must exist, and fit what the version is made of.
import type { ImageDefinition } from '../azure/arm/images.ts';
import { type ResourceId, resourceId } from '../azure/arm/resource-id.ts';
import { printable } from '../base/printable.ts';
import { shellWord } from '../base/shell-word.ts';
import { DestinationError } from '../errors.ts';
import type { ArmSession } from '../remote/arm-session.ts';
import { generationOf } from './disk-status.ts';
import type { CreateImageOptions } from './image-options.ts';
import type { SourceFacts } from './image-source.ts';

/** What all versions of a definition have in common. */
export interface FittingDefinition {
  readonly location: string;
  readonly osType: string;
  readonly osState: 'Generalized' | 'Specialized';
  readonly generation: 1 | 2;
}

/**
 * @param version - The version that is to be created.
 * @throws {DestinationError} the gallery or the definition does not exist, or does not fit.
 */
export async function fittingDefinition(
  options: CreateImageOptions,
  version: ResourceId,
  source: SourceFacts,
  session: ArmSession,
  signal: AbortSignal,
): Promise<FittingDefinition> {
  const [gallery = '', name = ''] = version.names;
  const found = await session.images.definition(
    resourceId('Microsoft.Compute/galleries/images', version, gallery, name),
    signal,
  );
  if (found === undefined) throw await missing(options, version, source, session, signal);
  const { location, osType } = found;
  if (location === undefined || osType === undefined) {
    throw new DestinationError(
      `The image definition ${gallery}/${name} reports no location or operating system, so no version can be checked against it.`,
      { reason: 'UnusableDefinition' },
    );
  }
  assertFits(found, options, version, source);
  const osState = isSpecialized(found) ? 'Specialized' : 'Generalized';
  return { location, osType, osState, generation: generationOf(found.hyperVGeneration) ?? 1 };
}

async function missing(
  options: CreateImageOptions,
  version: ResourceId,
  source: SourceFacts,
  session: ArmSession,
  signal: AbortSignal,
): Promise<DestinationError> {
  const [gallery = '', name = ''] = version.names;
  const group = shellWord(version.resourceGroup);
  if (!(await session.images.hasGallery(resourceId('Microsoft.Compute/galleries', version, gallery), signal))) {
    return new DestinationError(
      `The gallery ${gallery} does not exist in the resource group ${version.resourceGroup}. Create it: az sig create --resource-group ${group} --gallery-name ${gallery}.`,
      { reason: 'GalleryNotFound' },
    );
  }
  return new DestinationError(
    `The gallery ${gallery} has no image definition ${name}. Create it: ${createDefinition(options, version, source)}.`,
    { reason: 'DefinitionNotFound' },
  );
}

/** A command that creates a definition which fits. */
function createDefinition(
  options: CreateImageOptions,
  version: ResourceId,
  source: SourceFacts,
  name?: string,
): string {
  const [gallery = '', given = ''] = version.names;
  const { osType = 'Linux', versionGeneration: generation = 2, architecture = 'x64' } = source;
  const osState = options.osState === 'specialized' ? 'Specialized' : 'Generalized';
  const trusted = generation === 2 ? ' --features SecurityType=TrustedLaunchSupported' : '';
  return [
    `az sig image-definition create --resource-group ${shellWord(version.resourceGroup)} --gallery-name ${gallery}`,
    `--gallery-image-definition ${name ?? given} --publisher PUBLISHER --offer OFFER --sku SKU`,
    `--os-type ${osType} --os-state ${osState} --hyper-v-generation V${generation} --architecture ${architecture}${trusted}`,
  ].join(' ');
}

function assertFits(
  definition: ImageDefinition,
  options: CreateImageOptions,
  version: ResourceId,
  source: SourceFacts,
): void {
  const pairs: readonly (readonly [what: string, definition: string, source: string | undefined])[] = [
    ['operating system', definition.osType ?? '', source.osType],
    ['generation', String(generationOf(definition.hyperVGeneration) ?? 1), source.versionGeneration?.toString()],
    ['architecture', definition.architecture ?? 'x64', source.architecture],
    ['state', definition.osState ?? 'Generalized', options.osState],
  ];
  const differences = pairs.filter(
    ([, wanted, found]) => found !== undefined && found.toLowerCase() !== wanted.toLowerCase(),
  );
  if (differences.length === 0) return;
  const [gallery = '', name = ''] = version.names;
  const texts = differences.map(
    ([what, wanted, found]) => `its ${what} is ${printable(wanted)}, but ${printable(found ?? '')} is needed`,
  );
  throw new DestinationError(
    `The image definition ${gallery}/${name} does not fit ${source.title}: ${texts.join('; ')}. A definition cannot be changed. Choose another --definition, or create one: ${createDefinition(options, version, source, 'NAME')}.`,
    { reason: 'DefinitionDiffers' },
  );
}

function isSpecialized({ osState }: ImageDefinition): boolean {
  return osState?.toLowerCase() === 'specialized';
}
