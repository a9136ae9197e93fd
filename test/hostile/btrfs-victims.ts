// Small btrfs volumes, and damage to their superblock and tree blocks. Most damaged structures get a valid checksum again.
import { rmSync } from 'node:fs';
import { BtrfsChecksum } from '../../src/volume/file-systems/btrfs/checksums.ts';
import { compressible, makeBtrfs, subvolumes } from '../support/btrfs-volumes.ts';
import { MIB, plainTree, populate } from '../support/xfs-volumes.ts';
import type { Picker } from './random.ts';
import { changeValue, type Structure, structureVictim, takeBytes } from './structure-victim.ts';
import type { Victim } from './victim.ts';

const SUPERBLOCK = 64 * 1024;

/** Arguments of mkfs.btrfs. All victims are in memory, so these are the smallest that it makes. */
const FILLED = [
  '-M -n 4096 -m single -d single -R ^free-space-tree -O ^no-holes',
  '-M -n 4096 -m single -d single --csum sha256',
];
/** With an option of mount each. */
const MOUNTED = [
  ['-M -n 4096 -m dup -d dup', 'compress-force=lzo'],
  ['-m single -d single -n 16384', 'compress-force=zlib'],
] as const;

/** Volumes that mkfs.btrfs filled. */
export async function btrfsVictims(): Promise<Victim[]> {
  const tree = plainTree(500, 700);
  try {
    const victims: Victim[] = [];
    for (const options of FILLED) {
      const made = makeBtrfs([...options.split(' '), '--rootdir', tree], 24 * MIB);
      victims.push(await victimOf(options, takeBytes(made)));
    }
    return victims;
  } finally {
    rmSync(tree, { recursive: true });
  }
}

/** Volumes that the kernel filled, with subvolumes and compressed files. Needs root. */
export async function mountedBtrfsVictims(): Promise<Victim[]> {
  const victims: Victim[] = [];
  for (const [mkfs, options] of MOUNTED) {
    const made = makeBtrfs(mkfs.split(' '), 256 * MIB);
    made.mounted(options, (root) => {
      populate(root, { scale: 0.02, hasReflinks: true });
      compressible(root);
      subvolumes(root);
    });
    victims.push(await victimOf(`${mkfs} ${options}`, takeBytes(made)));
  }
  return victims;
}

async function victimOf(name: string, bytes: Buffer): Promise<Victim> {
  const checksum = await BtrfsChecksum.create(bytes.readUInt16LE(SUPERBLOCK + 196));
  const structures = structuresIn(bytes, checksum);
  return structureVictim(name, bytes, {
    type: 'btrfs',
    choose: (pick) => (pick.chance(0.1) ? { offset: SUPERBLOCK, length: 4096 } : pick.of(structures)),
    change: (structure, pick) => damageStructure(bytes, structure, structures, pick),
    seal: ({ offset, length }) => bytes.set(checksum.of(bytes.subarray(offset + 32, offset + length)), offset),
  });
}

/** Tree blocks of this file system with right checksums. Some are older than the last transaction. */
function structuresIn(bytes: Buffer, checksum: BtrfsChecksum): Structure[] {
  const nodeSize = bytes.readUInt32LE(SUPERBLOCK + 148);
  const uuid = bytes.subarray(SUPERBLOCK + 32, SUPERBLOCK + 48);
  const generation = bytes.readBigUInt64LE(SUPERBLOCK + 72);
  const found: Structure[] = [];
  for (let offset = 0; offset + nodeSize <= bytes.length; offset += 4096) {
    const block = bytes.subarray(offset, offset + nodeSize);
    if (!block.subarray(32, 48).equals(uuid) || block.toString('latin1', 64, 72) === '_BHRfS_M') continue;
    if (!checksum.isRight(block, block.subarray(32)) || block.readBigUInt64LE(80) > generation) continue;
    found.push({ offset, length: nodeSize });
  }
  return found;
}

/** Values at the limits of fields, little-endian. */
const VALUES = [
  '00',
  'ff',
  '01',
  '0000',
  'ffff',
  '00000000',
  'ffffffff',
  '01000000',
  'ffffff7f',
  '00000080',
  'ffffffffffffffff',
  'ffffffffffff1f00',
];

/** Changes 1 to 6 places, or copies a part of another structure. Most are in the header and the first items or the last data. */
function damageStructure(bytes: Buffer, structure: Structure, others: readonly Structure[], pick: Picker): void {
  const { offset, length } = structure;
  for (let change = pick.between(1, 6); change > 0; change--) {
    const near = pick.below(Math.min(length, 800));
    const at = pick.chance(0.5) ? near : pick.chance(0.5) ? length - 1 - near : pick.below(length);
    if (pick.chance(0.9)) changeValue(bytes, structure, at, VALUES, pick);
    else {
      const from = pick.of(others).offset + at;
      const count = Math.min(pick.of([8, 17, 33, 200]), length - at, bytes.length - from);
      bytes.copy(bytes, offset + at, from, from + count);
    }
  }
}
