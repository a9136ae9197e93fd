// Small XFS volumes, and damage to their metadata. Most damaged structures of version 5 get a valid checksum again.
import { rmSync } from 'node:fs';
import { Crc32c } from '../../src/base/crc32c.ts';
import { MIB, makeXfs, makeXfsFrom, plainTree, populate } from '../support/xfs-volumes.ts';
import type { Picker } from './random.ts';
import { changeValue, type Structure, structureVictim, takeBytes } from './structure-victim.ts';
import type { Victim } from './victim.ts';

/** Small, because all victims are in memory. */
const SIZE = 20 * MIB;

/** Where the checksum is in a structure, by its first characters; undefined for those of version 4. */
const CHECKSUMS: ReadonlyMap<string, number | undefined> = new Map([
  ['XFSB', 224],
  ['XAGF', 216],
  ['AB3B', 52],
  ['AB3C', 52],
  ['BMA3', 64],
  ['XDB3', 4],
  ['XDD3', 4],
  ['XSLM', 12],
  ['ABTB', undefined],
  ['ABTC', undefined],
  ['BMAP', undefined],
  ['XD2B', undefined],
  ['XD2D', undefined],
]);
const INODE_CHECKSUM = 100;

interface XfsStructure extends Structure {
  /** Where its checksum is; undefined if it has none. */
  readonly checksum: number | undefined;
}

/** Variants of both versions. mkfs.xfs fills them, so that a process that is ended leaves nothing mounted. */
const FILLED = [
  '-m crc=0 -b size=512 -i size=256',
  '-m crc=0 -n size=8192',
  '-b size=1024',
  '-m rmapbt=1 -i nrext64=1,size=1024',
];
const MOUNTED = ['-b size=1024', '-m rmapbt=1 -i nrext64=1,size=1024'];

/** Volumes that mkfs.xfs filled. */
export async function xfsVictims(): Promise<Victim[]> {
  const crc32c = await Crc32c.create();
  const tree = plainTree(40, 157);
  try {
    return FILLED.map((options) =>
      victimOf(options, takeBytes(makeXfsFrom(tree, [...options.split(' '), '-d', 'agcount=1'], SIZE)), crc32c),
    );
  } finally {
    rmSync(tree, { recursive: true });
  }
}

/** Volumes that the kernel filled, with trees of extents and shared blocks. Needs root. */
export async function mountedXfsVictims(): Promise<Victim[]> {
  const crc32c = await Crc32c.create();
  return MOUNTED.map((options) => {
    const made = makeXfs([...options.split(' '), '-d', 'agcount=2'], 3 * SIZE);
    made.mounted('', (root) => populate(root, { scale: 0.02, hasReflinks: true }));
    return victimOf(options, takeBytes(made), crc32c);
  });
}

function victimOf(name: string, bytes: Buffer, crc32c: Crc32c): Victim {
  const structures = structuresIn(bytes);
  // The first structures are of the file system itself, and each step uses them.
  const first = structures.slice(0, 24);
  return structureVictim(name, bytes, {
    type: 'xfs',
    choose: (pick) => pick.of(pick.chance(0.3) ? first : structures),
    change: (structure, pick) => damageStructure(bytes, structure, structures, pick),
    seal: ({ offset, length, checksum }) => {
      if (checksum === undefined) return;
      const structure = bytes.subarray(offset, offset + length);
      structure.writeUInt32LE(crc32c.of(structure, checksum), checksum);
    },
  });
}

/** All structures that begin with a known word at their unit of the volume. Some are remains of deleted ones. */
function structuresIn(bytes: Buffer): XfsStructure[] {
  const blockSize = bytes.readUInt32BE(4);
  const sectorSize = bytes.readUInt16BE(102);
  const inodeSize = bytes.readUInt16BE(104);
  const folderSize = blockSize * 2 ** bytes.readUInt8(192);
  const lengths: Readonly<Record<string, number>> = {
    XFSB: sectorSize,
    XAGF: sectorSize,
    XDB3: folderSize,
    XDD3: folderSize,
  };
  const found: XfsStructure[] = [];
  for (let offset = 0; offset < bytes.length; offset += 256) {
    const magic = bytes.toString('latin1', offset, offset + 4);
    const version = bytes.readUInt8(offset + 4);
    if (magic.startsWith('IN') && version >= 2 && version <= 3) {
      found.push({ offset, length: inodeSize, checksum: version === 3 ? INODE_CHECKSUM : undefined });
    } else if (CHECKSUMS.has(magic)) {
      const hasChecksum = magic !== 'XFSB' && magic !== 'XAGF' ? true : (bytes.readUInt16BE(100) & 0xf) === 5;
      found.push({
        offset,
        length: lengths[magic] ?? blockSize,
        checksum: hasChecksum ? CHECKSUMS.get(magic) : undefined,
      });
    }
  }
  return found;
}

/** Values at the limits of fields, big-endian. */
const VALUES = [
  '00',
  'ff',
  '01',
  '0000',
  'ffff',
  '00000000',
  'ffffffff',
  '00000001',
  '7fffffff',
  '80000000',
  'ffffffffffffffff',
];

/** Changes 1 to 6 places, or copies a part of another structure. */
function damageStructure(bytes: Buffer, structure: Structure, others: readonly Structure[], pick: Picker): void {
  const { offset, length } = structure;
  for (let change = pick.between(1, 6); change > 0; change--) {
    const at = pick.chance(0.6) ? pick.below(Math.min(length, 260)) : pick.below(length);
    if (pick.chance(0.9)) changeValue(bytes, structure, at, VALUES, pick);
    else {
      const from = pick.of(others).offset + at;
      bytes.copy(bytes, offset + at, from, Math.min(from + pick.of([4, 8, 16, 200]), from + length - at));
    }
  }
}
