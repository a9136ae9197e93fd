// Small VHDXs of each type, one with a log to replay, and damage to each of their structures.
import { truncateSync } from 'node:fs';
import { join } from 'node:path';
import {
  buildVhdx,
  HEADER_1,
  HEADER_2,
  KIB,
  MIB,
  nextGuid,
  patchFile,
  pattern,
  REGION_TABLE_1,
  REGION_TABLE_2,
  readBytes,
  seal,
  type VhdxLayout,
  type VhdxSpec,
} from '../support/vhdx-builder.ts';
import { writeLog } from '../support/vhdx-log-builder.ts';
import { Picker } from './random.ts';
import type { Victim } from './victim.ts';

const SIZE = 3 * MIB;

/** A part of a file to damage. If it is sealed, its checksum is at offset 4. */
interface Target {
  readonly offset: number;
  /** Offset of its other copy, which gets the same damage. */
  readonly copy?: number;
  readonly length: number;
  readonly isSealed: boolean;
}

const blocks = [
  { index: 2, pieces: [{ at: 0, bytes: pattern(1, 8192) }] },
  { index: 0, pieces: [{ at: 4096, bytes: pattern(2, 8192) }] },
];
const childBlocks = [
  { index: 0, state: 7, present: [[3, 9]], pieces: [{ at: 0, bytes: pattern(3, 8192) }] },
  { index: 1, state: 7, present: [[0, 2048]], pieces: [{ at: 0, bytes: pattern(4, 8192) }] },
] as const;

/** Builds the victims in an empty folder. */
export function vhdxVictims(folder: string): Victim[] {
  const build = (name: string, spec: Omit<VhdxSpec, 'size'>) => buildVhdx(join(folder, name), { size: SIZE, ...spec });
  const child = (name: string, parent: string, parentGuid: string, guid?: string) =>
    build(name, {
      parent: { parent_linkage: `{${parentGuid}}`, relative_path: `.\\${parent}` },
      blocks: childBlocks,
      ...(guid === undefined ? {} : { dataWriteGuid: guid }),
    });
  const dynamic = build('dynamic.vhdx', { blocks });
  const fixed = build('fixed.vhdx', { blocks: [...blocks, { index: 1 }], leaveBlocksAllocated: true });
  const parent = build('parent.vhdx', { blocks });
  const differencing = child('child.vhdx', 'parent.vhdx', parent.dataWriteGuid);
  const base = build('base.vhdx', { blocks });
  const top = child('top.vhdx', 'base.vhdx', base.dataWriteGuid);
  const [loopGuid, poolGuid] = [nextGuid(), nextGuid()];
  const loop = child('loop.vhdx', 'pool.vhdx', poolGuid, loopGuid);
  child('pool.vhdx', 'loop.vhdx', loopGuid, poolGuid);
  const dirty = build('dirty.vhdx', { blocks });
  return [
    victimOf('dynamic', dynamic, structuresOf(dynamic)),
    victimOf('fixed', fixed, structuresOf(fixed)),
    victimOf('differencing', differencing, structuresOf(differencing)),
    victimOf('parent', base, structuresOf(base), top.path),
    victimOf('dirty', dirty, withLog(dirty)),
    victimOf('loop', loop, structuresOf(loop)),
  ];
}

/** Adds three log entries that change the BAT and data. */
function withLog(layout: VhdxLayout): Target[] {
  const page = (offset: number) => ({ page: offset, bytes: readBytes(layout.path, offset, 4096) });
  const block = layout.blocks.get(0) ?? 0;
  const { offsets } = writeLog(layout, {
    logGuid: nextGuid(),
    entries: [
      { sequence: 1n, descriptors: [page(layout.bat.offset), { zero: block + 4096, length: 4096 }] },
      { sequence: 2n, descriptors: [page(REGION_TABLE_1), page(block + 8192)] },
      { sequence: 3n },
    ],
  });
  const lengths = [2, 3, 1].map((sectors) => sectors * 4096);
  const entries = offsets.map((offset, index) => ({
    offset: layout.log.offset + offset,
    length: lengths[index] ?? 4096,
    isSealed: true,
  }));
  return [...entries, ...entries, ...structuresOf(layout)];
}

function structuresOf(layout: VhdxLayout): Target[] {
  return [
    { offset: HEADER_2, length: 4096, isSealed: true },
    { offset: HEADER_1, length: 4096, isSealed: true },
    { offset: REGION_TABLE_1, length: 64 * KIB, isSealed: true },
    { offset: REGION_TABLE_2, length: 64 * KIB, isSealed: true },
    // If only one copy is damaged, the reader uses the other one.
    { offset: HEADER_1, copy: HEADER_2, length: 4096, isSealed: true },
    { offset: REGION_TABLE_1, copy: REGION_TABLE_2, length: 64 * KIB, isSealed: true },
    { offset: layout.metadata.offset, length: 64 * KIB, isSealed: false },
    { offset: layout.metadata.offset + 64 * KIB, length: 40, isSealed: false },
    { offset: layout.metadata.offset + 64 * KIB, length: 512, isSealed: false },
    { offset: layout.bat.offset, length: 24, isSealed: false },
    { offset: layout.bat.offset, length: MIB, isSealed: false },
    ...[...layout.bitmaps.values()].map((offset) => ({ offset, length: 4 * KIB, isSealed: false })),
  ];
}

function victimOf(name: string, { path, fileLength }: VhdxLayout, targets: readonly Target[], image = path): Victim {
  const original = readBytes(path, 0, fileLength);
  let restore: () => void = () => undefined;
  return {
    name,
    image,
    damage: (seed) => {
      const pick = new Picker(seed);
      if (pick.chance(0.05)) {
        truncateSync(path, pick.below(fileLength));
        restore = () => patchFile(path, 0, original);
        return;
      }
      const { offset, copy, length, isSealed } = pick.of(targets);
      const bytes = Buffer.from(original.subarray(offset, offset + length));
      damage(bytes, pick);
      if (isSealed && pick.chance(0.8)) seal(bytes);
      const places = copy === undefined ? [offset] : [offset, copy];
      for (const place of places) patchFile(path, place, bytes);
      restore = () => {
        for (const place of places) patchFile(path, place, original.subarray(place, place + length));
      };
    },
    restore: () => restore(),
  };
}

const INTERESTING = [
  0n,
  1n,
  2n,
  7n,
  0x7fn,
  0xffn,
  0x1000n,
  0x10000n,
  0x100000n,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  1n << 40n,
  (1n << 53n) - 1n,
  1n << 53n,
  1n << 63n,
  (1n << 64n) - 1n,
];

/** Changes a few bytes, most of them in fields that are in use. */
function damage(bytes: Buffer, pick: Picker): void {
  const used = Math.max(16, bytes.findLastIndex((byte) => byte !== 0) + 1);
  for (let change = pick.between(1, 3); change > 0; change--) {
    const within = pick.chance(0.9) ? used : bytes.length;
    const width = pick.of([1, 2, 4, 8]);
    const offset = Math.min(Math.floor(pick.below(within) / width) * width, bytes.length - width);
    const kind = pick.random();
    if (kind < 0.3) {
      bytes[offset] = (bytes[offset] ?? 0) ^ (1 << pick.below(8));
    } else if (kind < 0.8) {
      const value = pick.of(INTERESTING);
      for (let index = 0; index < width; index++) bytes[offset + index] = Number((value >> BigInt(8 * index)) & 0xffn);
    } else if (kind < 0.9) {
      const from = pick.below(within);
      bytes.copy(bytes, offset, from, Math.min(bytes.length, from + 32));
    } else {
      bytes.fill(0, offset, Math.min(bytes.length, offset + 32));
    }
  }
}
