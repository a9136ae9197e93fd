// Small VHDs of each type, and damage to their footers, headers, BATs, locators, bitmaps and lengths.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildVhd, patternOf, seal, uniqueIdOf, type VhdDescription } from '../support/vhd-builder.ts';
import { Picker } from './random.ts';
import type { Victim } from './victim.ts';

const SIZE = 65_536;
const BLOCK_SIZE = 4096;

const base: VhdDescription = {
  type: 'dynamic',
  size: SIZE,
  blockSize: BLOCK_SIZE,
  contents: [
    { offset: 512, bytes: patternOf(1, 1024) },
    { offset: 20 * 1024, bytes: patternOf(2, 8192) },
  ],
  uniqueId: uniqueIdOf(1),
};

function childOf(parent: string, parentId: Uint8Array, seed: number): VhdDescription {
  return {
    ...base,
    type: 'differencing',
    uniqueId: uniqueIdOf(seed),
    parent: {
      uniqueId: parentId,
      name: parent,
      locators: [
        { code: 'W2ru', text: `.\\${parent}` },
        { code: 'MacX', text: `file://./${parent}` },
      ],
    },
  };
}

/** Builds the victims in an empty folder. */
export async function vhdVictims(folder: string): Promise<Victim[]> {
  const build = async (name: string, description: VhdDescription) =>
    (await buildVhd(join(folder, name), description)).path;
  const fixed = await build('fixed.vhd', {
    ...base,
    type: 'fixed',
    size: 8192,
    contents: [{ offset: 0, bytes: patternOf(3, 4096) }],
  });
  const dynamic = await build('dynamic.vhd', { ...base, uniqueId: uniqueIdOf(2), bitmaps: 'written' });
  await build('parent.vhd', base);
  const differencing = await build('child.vhd', childOf('parent.vhd', uniqueIdOf(1), 3));
  const parent = await build('base.vhd', { ...base, uniqueId: uniqueIdOf(4) });
  const top = await build('top.vhd', childOf('base.vhd', uniqueIdOf(4), 5));
  const loop = await build('loop.vhd', childOf('pool.vhd', uniqueIdOf(7), 6));
  await build('pool.vhd', childOf('loop.vhd', uniqueIdOf(6), 7));
  return [
    victimOf('fixed', fixed),
    victimOf('dynamic', dynamic),
    victimOf('differencing', differencing),
    victimOf('parent', parent, top),
    victimOf('loop', loop),
  ];
}

function victimOf(name: string, damaged: string, image = damaged): Victim {
  const original = readFileSync(damaged);
  return {
    name,
    image,
    damage: (seed) => writeFileSync(damaged, damagedCopy(original, new Picker(seed))),
    restore: () => writeFileSync(damaged, original),
  };
}

type Place = { readonly from: 'head' | 'end'; readonly first: number; readonly last: number };

/** Ranges where a change matters. Repeated ranges are chosen more often. Offsets from the end count backwards. */
const PLACES: readonly Place[] = [
  ...Array<Place>(3).fill({ from: 'head', first: 0, last: 90 }),
  ...Array<Place>(3).fill({ from: 'end', first: 420, last: 512 }),
  ...Array<Place>(3).fill({ from: 'head', first: 512, last: 580 }),
  // Parent locators.
  ...Array<Place>(2).fill({ from: 'head', first: 1088, last: 1280 }),
  // What the locators point at, the BAT, and the first bitmaps.
  ...Array<Place>(3).fill({ from: 'head', first: 1536, last: 4096 }),
  { from: 'head', first: 0, last: 100_000 },
];

const VALUES = ['00', 'ff', '00000000', 'ffffffff', '00000001', '7fffffff', '80000000', 'fffffffe', '00000200'];

function damagedCopy(original: Buffer, pick: Picker): Buffer {
  const bytes = Buffer.from(original);
  const hasHead = bytes.toString('latin1', 0, 8) === 'conectix';
  for (let change = pick.between(1, 3); change > 0; change--) {
    const { from, first, last } = pick.of(PLACES);
    const offset = pick.between(first, last);
    const at = from === 'head' ? offset : bytes.length - offset;
    const value = newBytes(original, pick);
    bytes.set(value.subarray(0, Math.max(0, bytes.length - at)), Math.min(at, bytes.length));
  }
  const tail = bytes.subarray(-512);
  // Both copies of the footer get the same change. Otherwise most runs end when the copies are compared.
  if (pick.chance(0.5) && hasHead) tail.copy(bytes);
  // Without valid checksums, most changes are refused at the first check.
  if (pick.chance(0.5)) {
    seal(tail, 64);
    if (hasHead) {
      seal(bytes.subarray(0, 512), 64);
      seal(bytes.subarray(512, 1536), 36);
    }
  }
  return pick.chance(1 / 8) ? bytes.subarray(0, pick.below(bytes.length)) : bytes;
}

/** Random bytes, boundary values, or bytes copied from elsewhere in the file (for example the same block twice). */
function newBytes(original: Buffer, pick: Picker): Uint8Array {
  const kind = pick.random();
  if (kind < 0.45) return Uint8Array.from({ length: pick.between(1, 8) }, () => pick.below(256));
  if (kind < 0.85) return Buffer.from(pick.of(VALUES), 'hex');
  const at = pick.below(Math.min(4096, original.length) / 4) * 4;
  return original.subarray(at, at + 4);
}
