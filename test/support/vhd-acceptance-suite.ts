// The six VHDs of 50 MB of Add-AzureVhd's acceptance suite: its list of names and shapes, with our own contents.
import { join } from 'node:path';
import { buildVhd, diskOf, patternOf, uniqueIdOf, type VhdContent, type VhdDescription } from './vhd-builder.ts';

export interface AcceptanceVhd {
  readonly name: string;
  readonly path: string;
  /** The content of the whole disk, including parents. */
  readonly disk: Uint8Array;
}

const SIZE = 50 * 1024 * 1024;
const MIB = 1024 * 1024;

/** Builds dynamic_50, fixed_50 and two children of each, the second on top of the first, into `folder`. */
export async function buildAcceptanceSuite(folder: string): Promise<AcceptanceVhd[]> {
  return [...(await buildChain(folder, 'dynamic', 100)), ...(await buildChain(folder, 'fixed', 200))];
}

async function buildChain(folder: string, type: 'dynamic' | 'fixed', seed: number): Promise<AcceptanceVhd[]> {
  const built: AcceptanceVhd[] = [];
  for (const [level, name] of [`${type}_50`, `${type}_50_child01`, `${type}_50_child02`].entries()) {
    const contents = contentsOf(level, seed + level);
    const shape: VhdDescription = { type, size: SIZE, contents, uniqueId: uniqueIdOf(seed + level) };
    const parent = built.at(-1);
    const path = join(folder, `${name}.vhd`);
    await buildVhd(path, parent === undefined ? shape : childOf(shape, `${parent.name}.vhd`, seed + level - 1));
    built.push({ name, path, disk: diskOf(SIZE, contents, parent?.disk) });
  }
  return built;
}

/** Locators as Windows writes them: both kinds, with an absolute path that does not exist on another machine. */
function childOf(shape: VhdDescription, parentName: string, parentSeed: number): VhdDescription {
  const absolute = `C:\\vhds\\${parentName}`;
  return {
    ...shape,
    type: 'differencing',
    dataAlignment: 4096,
    parent: {
      uniqueId: uniqueIdOf(parentSeed),
      name: absolute,
      locators: [
        { code: 'W2ku', text: absolute, space: 4096 },
        { code: 'W2ru', text: `.\\${parentName}`, space: 65536 },
      ],
    },
  };
}

/** A boot sector, some files, and a sector of zeros that hides data of the parent. */
function contentsOf(level: number, seed: number): VhdContent[] {
  if (level === 0) {
    return [
      { offset: 0, bytes: patternOf(seed, 64 * 1024) },
      { offset: 3 * MIB, bytes: patternOf(seed + 1000, 5 * MIB) },
      { offset: 20 * MIB + 512, bytes: patternOf(seed + 2000, 1536) },
      { offset: SIZE - 4096, bytes: patternOf(seed + 3000, 4096) },
    ];
  }
  return [
    { offset: level * 8192, bytes: patternOf(seed, 4096) },
    { offset: 4 * MIB + level * 65536, bytes: new Uint8Array(4096) },
    { offset: (29 + level) * MIB, bytes: patternOf(seed + 1000, 3 * MIB + 512) },
  ];
}
