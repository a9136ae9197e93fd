// vhdup image status [name]
import type { ImageStatus } from '../../manage/image-status.ts';
import { defineCommand } from '../define-command.ts';
import { table } from '../screens/result-text.ts';
import { ARM_COMMAND_OPTIONS, executeArm } from './execute-arm.ts';
import { IMAGE_NAME, IMAGE_NAME_OPTIONS, imageName } from './image-options.ts';

export const imageStatusCommand = defineCommand({
  name: 'image status',
  describe: 'Show the state of a managed image or of a gallery version and its copies',
  positionals: { name: IMAGE_NAME },
  options: { ...IMAGE_NAME_OPTIONS, ...ARM_COMMAND_OPTIONS },
  examples: ['image status web01 -g migration', 'image status web -g images --gallery g --version 1.0.0'],
  run: (args, context) =>
    executeArm(args, context, {
      run: async (options) => {
        const { imageStatus } = await import('../../manage/image-status.ts');
        return await imageStatus({ ...options, ...imageName(args) });
      },
      describe: describeImage,
    }),
});

function describeImage(image: ImageStatus): string {
  const { kind, name, state = 'unknown', id, source = 'unknown', location, osType, generation } = image;
  const system = [osType, generation === undefined ? undefined : `generation ${generation}`];
  const known = system.filter((one) => one !== undefined).join(', ');
  return table(`${kind === 'image' ? 'Image' : 'Image version'} ${name}`, [
    ['state', state],
    ['id', id],
    ['made of', source],
    ...(location === undefined ? [] : [['location', location] as const]),
    ...(known === '' ? [] : [['system', known] as const]),
    ...image.regions.map((region) => [`copy in ${region.name}`, describeRegion(region)] as const),
  ]);
}

function describeRegion({ state = 'unknown', progress, details }: ImageStatus['regions'][number]): string {
  return `${state}${progress === undefined ? '' : `, ${progress}%`}${details === undefined ? '' : `: ${details}`}`;
}
