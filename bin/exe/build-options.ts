// What esbuild replaces in both bundles, that of the npm package and those of the executables.
import { libraryVersions } from './packages.ts';

export const DEFINE = {
  // The SDK asks of each body whether it is a form. None is, and the question alone makes Node load its fetch: 30 ms.
  FormData: 'undefined',
  // The packages that measure text create one when they are loaded, whether they measure anything or not: 3 MiB of memory.
  'Intl.Segmenter': 'SegmenterWhenUsed',
  LIBRARIES_OF_VHDUP: JSON.stringify(libraryVersions()),
};

/** Goes to the start of the bundle. */
export const SEGMENTER =
  'class SegmenterWhenUsed { #given; #real; constructor(...given) { this.#given = given; } segment(text) { this.#real ??= new Intl.Segmenter(...this.#given); return this.#real.segment(text); } }';
