// A chain of three images, a base and two differencing images over it, as VHD or VHDX, for uploads onto a base.
import { join } from 'node:path';
import { buildVhd, diskOf, patternOf, uniqueIdOf, type VhdContent } from './vhd-builder.ts';
import { temporaryFolder } from './vhd-fixtures.ts';
import { buildVhdx, guidBytes, nextGuid } from './vhdx-builder.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

/** Of the disk, in bytes: six windows. */
export const CHAIN_SIZE = 24 * MIB;

/** What each image of the chain writes, the base first. The last one also writes zeros over data of both others. */
const LAYERS: readonly (readonly VhdContent[])[] = [
  [
    { offset: 0, bytes: patternOf(1, 256 * KIB) },
    { offset: 4 * MIB, bytes: patternOf(2, MIB) },
    { offset: 8 * MIB - 64 * KIB, bytes: patternOf(3, 128 * KIB) },
    { offset: 12 * MIB, bytes: patternOf(4, 512 * KIB) },
  ],
  [
    { offset: 4 * MIB + 256 * KIB, bytes: patternOf(5, 4 * KIB) },
    { offset: 16 * MIB, bytes: patternOf(6, 64 * KIB) },
  ],
  [
    { offset: 4 * MIB + 768 * KIB, bytes: patternOf(7, 512) },
    { offset: 12 * MIB, bytes: new Uint8Array(256 * KIB) },
    { offset: 16 * MIB, bytes: new Uint8Array(64 * KIB) },
    { offset: 20 * MIB, bytes: patternOf(8, 8 * KIB) },
  ],
];

/** Bytes of data that an image changes over its ancestors. */
export const CHANGED_BY_CHILD = 512 + 8 * KIB;
export const CHANGED_BY_MIDDLE = 4 * KIB;

export interface ImageChain {
  /** Path of each image, the base first. */
  readonly paths: readonly [string, string, string];
  /** The disk of the last image. */
  readonly disk: Uint8Array;
  /** Unique id of each fixed VHD, in hexadecimal. */
  readonly ids: readonly [string, string, string];
}

/** The disk of an image of the chain. @param level - 0 for the base. */
export function diskAt(level: number): Uint8Array {
  return LAYERS.slice(0, level + 1).reduce<Uint8Array>(
    (disk, layer) => diskOf(CHAIN_SIZE, layer, disk),
    new Uint8Array(),
  );
}

/** @param format - In `vhdx` all images have the same unique id, as Hyper-V makes them. */
export async function buildChain(format: 'vhd' | 'vhdx'): Promise<ImageChain> {
  const folder = await temporaryFolder();
  const names = [`base.${format}`, `middle.${format}`, `child.${format}`] as const;
  const paths = [join(folder, names[0]), join(folder, names[1]), join(folder, names[2])] as const;
  const ids = format === 'vhd' ? await buildVhds(paths, names) : buildVhdxs(paths, names);
  return {
    paths,
    ids,
    disk: diskAt(2),
  };
}

async function buildVhds(paths: ImageChain['paths'], names: ImageChain['paths']): Promise<ImageChain['ids']> {
  for (const [level, path] of paths.entries()) {
    await buildVhd(path, {
      type: level === 0 ? 'dynamic' : 'differencing',
      size: CHAIN_SIZE,
      contents: LAYERS[level] ?? [],
      uniqueId: uniqueIdOf(level + 1),
      ...(level === 0 ? {} : { parent: { uniqueId: uniqueIdOf(level), name: names[level - 1] ?? '' } }),
    });
  }
  return [hex(uniqueIdOf(1)), hex(uniqueIdOf(2)), hex(uniqueIdOf(3))];
}

function buildVhdxs(paths: ImageChain['paths'], names: ImageChain['paths']): ImageChain['ids'] {
  const page83 = nextGuid();
  let parent: { linkage: string; name: string } | undefined;
  for (const [level, path] of paths.entries()) {
    const { dataWriteGuid } = buildVhdx(path, {
      size: CHAIN_SIZE,
      page83,
      blocks: blocksOf(LAYERS[level] ?? [], level > 0),
      ...(parent === undefined
        ? {}
        : { parent: { parent_linkage: `{${parent.linkage}}`, relative_path: `.\\${parent.name}` } }),
    });
    parent = { linkage: dataWriteGuid, name: names[level] ?? '' };
  }
  const id = hex(guidBytes(page83));
  return [id, id, id];
}

/** The contents by block of 1 MiB. A block of a differencing image has only the sectors of its contents. */
function blocksOf(contents: readonly VhdContent[], isDifferencing: boolean) {
  const blocks = new Map<number, { at: number; bytes: Uint8Array }[]>();
  for (const { offset, bytes } of contents) {
    for (let done = 0; done < bytes.length; ) {
      const index = Math.floor((offset + done) / MIB);
      const at = (offset + done) % MIB;
      const part = bytes.subarray(done, done + Math.min(MIB - at, bytes.length - done));
      blocks.set(index, [...(blocks.get(index) ?? []), { at, bytes: part }]);
      done += part.length;
    }
  }
  return [...blocks].map(([index, pieces]) => ({
    index,
    pieces,
    ...(isDifferencing
      ? { state: 7, present: pieces.map(({ at, bytes }) => [at / 512, bytes.length / 512] as const) }
      : {}),
  }));
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
