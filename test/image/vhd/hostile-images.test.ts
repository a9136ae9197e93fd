// Small valid VHDs with a few bytes changed: each must end in bytes that agree with themselves, or in an error of ours.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { VhdupError } from '../../../src/errors.ts';
import type { DiskImage } from '../../../src/image/disk-image.ts';
import { openDiskImage } from '../../../src/image/open-disk-image.ts';
import { buildVhd, patternOf, seal, uniqueIdOf, type VhdDescription } from '../../support/vhd-builder.ts';
import { expectSameBytes, temporaryFolder } from '../../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;
const MAX_ALLOCATION = 64 * MIB;
const RUNS = 700;

const contents = [
  { offset: 512, bytes: patternOf(1, 1024) },
  { offset: 20 * 1024, bytes: patternOf(2, 8192) },
];
const parent: VhdDescription = { type: 'dynamic', size: 65536, blockSize: 4096, contents, uniqueId: uniqueIdOf(1) };
const templates: Readonly<Record<string, VhdDescription>> = {
  fixed: { ...parent, type: 'fixed', size: 8192, contents: [{ offset: 0, bytes: patternOf(3, 4096) }] },
  dynamic: { ...parent, uniqueId: uniqueIdOf(2), bitmaps: 'written' },
  differencing: {
    ...parent,
    type: 'differencing',
    uniqueId: uniqueIdOf(3),
    parent: {
      uniqueId: uniqueIdOf(1),
      name: 'parent.vhd',
      locators: [
        { code: 'W2ru', text: '.\\parent.vhd' },
        { code: 'MacX', text: 'file://./parent.vhd' },
      ],
    },
  },
};

/** Where a change tells: footers, dynamic header, BAT, the first bitmaps, and anywhere. */
const places = fc.oneof(
  { weight: 3, arbitrary: fc.record({ from: fc.constant('head' as const), offset: fc.nat(90) }) },
  {
    weight: 3,
    arbitrary: fc.record({ from: fc.constant('end' as const), offset: fc.integer({ min: 420, max: 512 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ from: fc.constant('head' as const), offset: fc.integer({ min: 512, max: 580 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ from: fc.constant('head' as const), offset: fc.integer({ min: 1088, max: 1280 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ from: fc.constant('head' as const), offset: fc.integer({ min: 1536, max: 4096 }) }),
  },
  { weight: 1, arbitrary: fc.record({ from: fc.constant('head' as const), offset: fc.nat(100_000) }) },
);
const values = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 8 }),
  fc
    .constantFrom('00', 'ff', '00000000', 'ffffffff', '00000001', '7fffffff', '80000000', 'fffffffe', '00000200')
    .map((digits) => Uint8Array.from(Buffer.from(digits, 'hex'))),
);
const mutations = fc.record({
  changes: fc.array(fc.tuple(places, values), { minLength: 1, maxLength: 3 }),
  /** Without right checksums most changes end at the first check. */
  isSealed: fc.boolean(),
  /** The same change in both copies of the footer: else most end where the copies are compared. */
  isMirrored: fc.boolean(),
  cut: fc.option(fc.nat(100_000), { freq: 8 }),
});
type Mutation = typeof mutations extends fc.Arbitrary<infer T> ? T : never;

function mutate(original: Uint8Array, { changes, isSealed, isMirrored, cut }: Mutation): Uint8Array {
  const bytes = Buffer.from(original);
  const hasHead = bytes.toString('latin1', 0, 8) === 'conectix';
  for (const [{ from, offset }, value] of changes) {
    const at = from === 'head' ? offset : bytes.length - offset;
    bytes.set(value.subarray(0, Math.max(0, bytes.length - at)), Math.min(at, bytes.length));
  }
  const tail = bytes.subarray(-512);
  if (isMirrored && hasHead) tail.copy(bytes);
  if (isSealed) {
    seal(tail, 64);
    if (hasHead) {
      seal(bytes.subarray(0, 512), 64);
      seal(bytes.subarray(512, 1536), 36);
    }
  }
  return cut === null ? bytes : bytes.subarray(0, bytes.length - (cut % bytes.length));
}

/** The largest typed array that is made while `action` runs, in bytes. */
async function largestAllocation(action: () => Promise<void>): Promise<number> {
  let largest = 0;
  for (const name of ['Uint8Array', 'Uint32Array'] as const) {
    vi.stubGlobal(
      name,
      new Proxy(globalThis[name], {
        construct(target, args: [number], newTarget) {
          if (typeof args[0] === 'number') largest = Math.max(largest, args[0] * target.BYTES_PER_ELEMENT);
          return Reflect.construct(target, args, newTarget) as object;
        },
      }),
    );
  }
  try {
    await action();
  } finally {
    vi.unstubAllGlobals();
  }
  return largest;
}

/** Reads what can be read in short time, as a whole and sector by sector, and lists extents. */
async function explore(image: DiskImage): Promise<void> {
  const starts = [0, Math.max(0, image.size - 16384)];
  let end = -1;
  for await (const extent of image.extents()) {
    expect(extent.offset).toBeGreaterThan(end);
    end = extent.offset + extent.length;
    expect(end).toBeLessThanOrEqual(image.size);
    if (starts.length < 20) starts.push(extent.offset);
  }
  for (const offset of starts) {
    const length = Math.min(16384, image.size - offset);
    const whole = new Uint8Array(length).fill(0xee);
    await image.read({ offset, length }, whole);
    const sectors = new Uint8Array(length);
    for (let at = 0; at < length; at += 512) {
      await image.read({ offset: offset + at, length: 512 }, sectors.subarray(at, at + 512));
    }
    expectSameBytes(sectors, whole);
  }
}

async function tryImage(path: string): Promise<'read' | 'refused'> {
  try {
    const image = await openDiskImage(path);
    try {
      await explore(image);
    } finally {
      await image.close();
    }
    return 'read';
  } catch (error) {
    if (error instanceof VhdupError) return 'refused';
    throw error;
  }
}

afterEach(() => vi.unstubAllGlobals());

describe('a damaged VHD', () => {
  it.each(Object.keys(templates))(
    'of type %s is read consistently or refused, in little memory',
    async (type) => {
      const folder = await temporaryFolder();
      const template = templates[type];
      if (template === undefined) throw new RangeError(type);
      await buildVhd(join(folder, 'parent.vhd'), parent);
      const { path } = await buildVhd(join(folder, 'victim.vhd'), template);
      const original = await readFile(path);
      const ends = { read: 0, refused: 0 };
      await fc.assert(
        fc.asyncProperty(mutations, async (mutation) => {
          await writeFile(path, mutate(original, mutation));
          const largest = await largestAllocation(async () => {
            ends[await tryImage(path)]++;
          });
          expect(largest).toBeLessThan(MAX_ALLOCATION);
        }),
        { numRuns: RUNS, seed: 20260101 },
      );
      // Both must happen, or the mutations say nothing.
      expect(ends.read).toBeGreaterThan(RUNS / 20);
      expect(ends.refused).toBeGreaterThan(RUNS / 20);
    },
    120_000,
  );
});
