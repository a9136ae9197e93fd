// vhdup image create [name]
import { present } from '../../base/present.ts';
import { UsageError } from '../../errors.ts';
import type { CreateImageOptions, CreateImageResult, ImageSummary, PlannedImage } from '../../manage/create-image.ts';
import { defineCommand } from '../define-command.ts';
import { table } from '../screens/result-text.ts';
import { LOCATION_OPTION, TAGS_OPTION } from './arm-options.ts';
import { ARM_COMMAND_OPTIONS, executeArm } from './execute-arm.ts';
import { IMAGE_NAME, IMAGE_NAME_OPTIONS, type ImageNameArguments, imageName } from './image-options.ts';
import { pairsOf, wholeNumber } from './shared-options.ts';

export const imageCreateCommand = defineCommand({
  name: 'image create',
  describe: 'Create a managed image or a gallery version of a managed disk or a page blob',
  positionals: { name: IMAGE_NAME },
  options: {
    disk: { type: 'string', requiresArg: true, describe: 'Name or id of a managed disk whose upload is finished' },
    blob: { type: 'string', requiresArg: true, describe: 'URL of a page blob with a fixed VHD, without a SAS' },
    location: {
      ...LOCATION_OPTION,
      describe: 'Region of the image  [that of the disk, the image definition or the resource group]',
    },
    'os-type': { choices: ['windows', 'linux'] as const, describe: 'Operating system  [that of the disk]' },
    generation: { choices: ['1', '2'] as const, describe: 'Generation of the virtual machine  [that of the disk]' },
    ...IMAGE_NAME_OPTIONS,
    'os-state': {
      choices: ['generalized', 'specialized'] as const,
      describe: 'Refuse an image definition of the other state',
    },
    regions: {
      type: 'string',
      requiresArg: true,
      describe: 'Regions that also get a copy of the version, separated by commas',
    },
    replicas: { type: 'string', requiresArg: true, describe: 'Copies of the version in each region  [1]' },
    tags: { ...TAGS_OPTION, describe: 'Tag of the image, as name=value; can be repeated' },
    'dry-run': {
      alias: 'n',
      type: 'boolean',
      default: false,
      describe: 'Check everything and print the request; create nothing',
    },
    ...ARM_COMMAND_OPTIONS,
  },
  examples: [
    'image create web01 -g migration --disk web01-os',
    'image create -g images --gallery g --definition web --version 1.0.0 --disk web01-os',
  ],
  epilog: 'The system on the disk must be generalized, unless the image definition is specialized.',
  run: (args, context) => {
    const own = ownOptions(args);
    if (args.dryRun) {
      return executeArm(args, context, {
        run: async (options) => (await commands()).planImage({ ...options, ...own }),
        describe: describePlan,
      });
    }
    return executeArm(args, context, {
      run: async (options) => (await commands()).createImage({ ...options, ...own }),
      describe: describeImage,
    });
  },
});

function commands() {
  return import('../../manage/create-image.ts');
}

interface OwnArguments extends ImageNameArguments {
  readonly disk: string | undefined;
  readonly blob: string | undefined;
  readonly location: string | undefined;
  readonly osType: 'windows' | 'linux' | undefined;
  readonly osState: 'generalized' | 'specialized' | undefined;
  readonly generation: '1' | '2' | undefined;
  readonly regions: string | undefined;
  readonly replicas: string | undefined;
  readonly tags: readonly string[];
}

/** @throws {UsageError} a number, a list or a tag is not valid. */
function ownOptions(args: OwnArguments): CreateImageOptions {
  const { disk, blob, location, osType, osState, generation, regions, replicas, tags } = args;
  return {
    ...imageName(args),
    ...present({ disk, blob, location, osType, osState }),
    ...present({ generation: generation === undefined ? undefined : ({ 1: 1, 2: 2 } as const)[generation] }),
    ...present({ regions: regions === undefined ? undefined : listOf(regions) }),
    ...present({ replicas: replicas === undefined ? undefined : wholeNumber('replicas', replicas) }),
    ...(tags.length === 0 ? {} : { tags: pairsOf('tags', tags) }),
  };
}

function listOf(text: string): string[] {
  const regions = text.split(',').map((region) => region.trim());
  if (!regions.includes('')) return regions;
  throw new UsageError(
    `--regions must be names separated by commas, such as westeurope,northeurope, but is "${text}".`,
  );
}

function describeImage(image: CreateImageResult): string {
  const what = image.kind === 'image' ? 'Image' : 'Image version';
  const title = image.exists
    ? `${what} ${image.name} exists, made of the same source`
    : `${what} ${image.name} created`;
  return `${table(title, rowsOf(image))}\nTo create a virtual machine of it: ${image.nextStep}`;
}

function describePlan({ body, ...image }: PlannedImage): string {
  const what = image.kind === 'image' ? 'image' : 'image version';
  const title = image.exists
    ? `Dry run: the ${what} ${image.name} exists already`
    : `Dry run: nothing was created. The ${what} ${image.name}`;
  return `${table(title, rowsOf(image))}\nThe body of the request:\n${JSON.stringify(body, undefined, 2)}`;
}

function rowsOf({ id, location, source, osType, osState, generation }: ImageSummary) {
  const system = [osType, osState.toLowerCase(), ...(generation === undefined ? [] : [`generation ${generation}`])];
  return [
    ['id', id],
    ['made of', source],
    ['location', location],
    ['system', system.join(', ')],
  ] as const;
}
