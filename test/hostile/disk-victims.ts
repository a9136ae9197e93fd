// Disks with volume groups of LVM2 and with swap, damaged in their text and headers. Most damage gets a valid checksum again.
import {
  AREA,
  EXTENT,
  FIRST_EXTENT,
  groupText,
  linear,
  logical,
  physicalVolume,
  SECTOR,
  sealArea,
  sealLabel,
  segment,
  writeText,
} from '../support/lvm-builder.ts';
import { writeMbr } from '../support/partition-table-builder.ts';
import { attackDisk } from './disk-attack.ts';
import { Picker } from './random.ts';
import type { Victim } from './victim.ts';

const MIB = 1024 * 1024;
const LVM = 0x8e;
const SWAP = 0x82;

type Damage = (parts: readonly Buffer[], pick: Picker) => void;

/** @param contents Of the partitions, each at a multiple of 1 MiB. */
function diskVictim(name: string, type: number, contents: readonly Buffer[], damage: Damage): Victim {
  const bytes = Buffer.alloc((contents.length + 1) * MIB);
  const parts = contents.map((part, index) => {
    const offset = (index + 1) * MIB;
    part.copy(bytes, offset);
    return bytes.subarray(offset, offset + part.length);
  });
  const partitions = contents.map((part, index) => ({
    slot: index + 1,
    type,
    first: ((index + 1) * MIB) / SECTOR,
    count: part.length / SECTOR,
  }));
  writeMbr(bytes, partitions);
  const original = Buffer.from(bytes);
  return {
    name,
    image: name,
    damage: (seed) => damage(parts, new Picker(seed)),
    restore: () => void original.copy(bytes),
    attack: async () => await attackDisk(bytes),
  };
}

const HIDDEN = '"READ", "WRITE"';

/** The logical volumes of each group, on pv0 and pv1. The swap of every group can be left out. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  linear: [
    logical('root', [linear(0, 10, 'pv0', 3), linear(10, 20, 'pv1', 44), linear(30, 2, 'pv0', 20)]),
    logical('swap', [linear(0, 16, 'pv1', 20)]),
  ],
  striped: [
    logical('data', [
      segment(0, 12, 'type = "striped"', 'stripe_count = 2', 'stripe_size = 4', 'stripes = ["pv0", 0, "pv1", 8]'),
    ]),
    logical('swap', [linear(0, 16, 'pv1', 20)]),
  ],
  snapshots: [
    logical('root', [linear(0, 10, 'pv0', 0)]),
    logical('swap', [linear(0, 16, 'pv1', 20)]),
    logical('cow', [linear(0, 4, 'pv1', 0)], HIDDEN),
    logical('snapshot0', [
      segment(0, 10, 'type = "snapshot"', 'chunk_size = 8', 'origin = "root"', 'cow_store = "cow"'),
    ]),
  ],
  pools: [
    logical('pool', [
      segment(0, 8, 'type = "thin-pool"', 'metadata = "pool_tmeta"', 'pool = "pool_tdata"', 'chunk_size = 128'),
    ]),
    logical('swap', [linear(0, 16, 'pv1', 20)]),
    logical('pool_tdata', [linear(0, 8, 'pv0', 4)], HIDDEN),
    logical('pool_tmeta', [linear(0, 2, 'pv1', 0)], HIDDEN),
    logical('thin', [segment(0, 20, 'type = "thin"', 'thin_pool = "pool"', 'device_id = 1')]),
  ],
};

/** Volume groups over two partitions. */
export function lvmVictims(): Victim[] {
  return Object.entries(GROUPS).map(([name, volumes], index) => {
    const text = groupText([1, 2], volumes);
    // In every second one the text continues at the beginning of its area, and only one volume has it.
    const isRing = index % 2 === 1;
    const textOffset = isRing ? AREA.length - 1024 : SECTOR;
    const parts = [
      physicalVolume(1, text, textOffset),
      physicalVolume(2, isRing ? undefined : text, textOffset),
    ] as const;
    writeSwap(parts[1].bytes.subarray(FIRST_EXTENT + 20 * EXTENT, FIRST_EXTENT + 36 * EXTENT), 4096);
    const areas = isRing ? 1 : 2;
    return diskVictim(
      name,
      LVM,
      parts.map(({ bytes }) => bytes),
      (damaged, pick) => {
        if (pick.chance(0.75)) {
          let changed = text;
          for (let count = pick.between(1, 3); count > 0; count--) changed = changedText(changed, pick);
          // The copies rarely differ.
          const copies = pick.chance(0.9) ? areas : 1;
          for (const part of damaged.slice(0, copies)) writeText(part, changed, textOffset);
        }
        if (pick.chance(0.3)) changeHeader(pick.of(damaged), pick);
      },
    );
  });
}

const NUMBERS = [
  '0',
  '1',
  '-1',
  '63',
  '64',
  '65',
  '4294967296',
  '9007199254740991',
  '9007199254740993',
  '1'.repeat(20),
];
const WORDS = ['striped', 'snapshot', 'thin', 'mirror', 'raid1', 'VISIBLE', 'PVMOVE', 'pv0', 'pv1', 'root', '', '\\'];

/** Changes a number or a string, or removes, repeats or replaces characters. */
function changedText(text: string, pick: Picker): string {
  const replaced = (at: number, length: number, by: string) => text.slice(0, at) + by + text.slice(at + length);
  const kind = pick.random();
  if (kind < 0.88) {
    const isNumber = kind < 0.6;
    const places = [...text.matchAll(isNumber ? /\d+/g : /"[^"]*"/g)];
    if (places.length > 0) {
      const place = pick.of(places);
      return replaced(place.index, place[0].length, isNumber ? pick.of(NUMBERS) : `"${pick.of(WORDS)}"`);
    }
  }
  const at = pick.below(text.length);
  if (kind < 0.92) return replaced(at, pick.between(1, 40), '');
  if (kind < 0.96) {
    const from = pick.below(text.length);
    return replaced(at, 0, text.slice(from, from + pick.below(200)));
  }
  return replaced(at, 1, pick.of([...'{["}]=#\n\0']));
}

const VALUES = ['00', 'ff', '01', '0000', 'ffff', '00000000', 'ffffffff', '01000000', '00000080', 'f'.repeat(16)].map(
  (value) => Buffer.from(value, 'hex'),
);

/** Changes the label with the header of the volume, or the header of its metadata area. */
function changeHeader(part: Buffer, pick: Picker): void {
  const isLabel = pick.chance(0.5);
  const start = isLabel ? SECTOR : AREA.offset;
  for (let count = pick.between(1, 3); count > 0; count--) part.set(pick.of(VALUES), start + pick.below(160));
  if (!pick.chance(0.9)) return;
  if (isLabel) sealLabel(part);
  else sealArea(part);
}

function writeSwap(area: Buffer, page: number): void {
  area.fill(0, 0, page);
  area.writeUInt32LE(1, 1024);
  area.writeUInt32LE(area.length / page - 1, 1028);
  area.write('SWAPSPACE2', page - 10, 'latin1');
}

/** Swap areas with each size of pages. */
export function swapVictims(): Victim[] {
  return [4096, 8192, 16_384, 65_536].map((page) => {
    const area = Buffer.alloc(512 * 1024, `pages of ${page} `);
    writeSwap(area, page);
    return diskVictim(`pages of ${page} bytes`, SWAP, [area], ([part], pick) => {
      if (part === undefined) return;
      for (let count = pick.between(1, 4); count > 0; count--) {
        const ends = [4096, 8192, 16_384, 65_536].map((end) => end - 10);
        const at = pick.chance(0.5) ? 1024 + pick.below(16) : pick.of(ends) + pick.below(10);
        if (pick.chance(0.3)) part.write(pick.of(['SWAPSPACE2', 'S1SUSPEND', 'LINHIB0001']), pick.of(ends), 'latin1');
        else part.set(pick.of(VALUES), at);
      }
    });
  });
}
