// Options that name an image: a managed image, or a version in a gallery.
import type { Options } from 'yargs';
import { present } from '../../base/present.ts';

export const IMAGE_NAME = {
  type: 'string',
  describe: 'Name or id of the managed image; with --gallery, the name of the image definition',
} as const satisfies Options;

export const IMAGE_NAME_OPTIONS = {
  gallery: {
    type: 'string',
    requiresArg: true,
    describe: 'Name of an Azure Compute Gallery: the image is a version in it',
  },
  definition: { type: 'string', requiresArg: true, describe: 'Image definition in the gallery  [NAME]' },
  version: { type: 'string', requiresArg: true, describe: 'Version in the gallery, such as 1.0.0' },
} as const satisfies Record<string, Options>;

export interface ImageNameArguments {
  readonly name: string | undefined;
  readonly gallery: string | undefined;
  readonly definition: string | undefined;
  readonly version: string | undefined;
}

/** The options of the library. */
export function imageName({ name: image, gallery, definition, version }: ImageNameArguments) {
  return present({ image, gallery, definition, version });
}
