// Seeded damage of metadata: what is taken for free stays free of live data, or nothing is taken for free.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type ByteRange, endOf, MIB } from '../../../src/base/byte-range.ts';
import type { RangeMap } from '../../../src/base/range-map.ts';
import { readDiskLayout } from '../../../src/volume/disk-layout.ts';
import { readFreeSpace } from '../../../src/volume/free-space/read-free-space.ts';
import { Picker } from '../../hostile/random.ts';
import { diskWith } from '../../support/free-space.ts';
import { runTool, TestVolume, whyNoMounts } from '../../support/loop-volume.ts';
import { MemoryDisk } from '../../support/memory-disk.ts';
import { NO_NTFS_TOOLS } from '../../support/ntfs-volume.ts';

const SEEDS = 500;
const NO_TOOLS = whyNoMounts('mkfs.ext4', 'mkfs.xfs', 'sfdisk') ?? NO_NTFS_TOOLS;
const folder = mkdtempSync(join(tmpdir(), 'vhdup-damage-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A volume with files, some of them deleted. */
function fill(mounted: string): void {
  for (let index = 0; index < 120; index++) {
    writeFileSync(join(mounted, `file ${index}`), Buffer.alloc(1000 + ((index * 7919) % 60_000), index + 1));
  }
  for (let index = 0; index < 120; index += 3) rmSync(join(mounted, `file ${index}`));
}

const OPTIONS = { pageFiles: true, signal: new AbortController().signal };

async function freeOf(bytes: Buffer): Promise<RangeMap> {
  const disk = new MemoryDisk(bytes);
  return (await readFreeSpace(disk, await readDiskLayout(disk), OPTIONS)).map;
}

type Damage = (bytes: Buffer, at: number, picker: Picker) => void;

const DAMAGES: readonly Damage[] = [
  (bytes, at, picker) => bytes.writeUInt8((bytes[at] ?? 0) ^ (1 << picker.below(8)), at),
  (bytes, at, picker) => bytes.writeUInt8(picker.below(256), at),
  (bytes, at, picker) => bytes.fill(0, at, at + picker.between(1, 64)),
  (bytes, at) => bytes.fill(0, at - (at % 512), at - (at % 512) + 512),
  (bytes, at, picker) => {
    const other = 4096 * picker.between(256, 4096);
    bytes.copyWithin(at - (at % 4096), other, other + 4096);
  },
];

/** The pages that are read to find the free space: damage elsewhere changes nothing. */
async function pagesRead(bytes: Buffer): Promise<number[]> {
  const disk = new MemoryDisk(bytes);
  const pages = new Set<number>();
  const recording = {
    size: disk.size,
    read: async (range: ByteRange, into: Uint8Array) => {
      for (let page = range.offset; page < endOf(range); page += 512) pages.add(page);
      await disk.read(range, into);
    },
  };
  await readFreeSpace(recording, await readDiskLayout(recording), OPTIONS);
  return [...pages].sort((one, other) => one - other);
}

describe.skipIf(NO_TOOLS !== undefined)(`a damaged disk ${NO_TOOLS ?? ''}`, () => {
  it.each([
    ['NTFS', 24, ['mkntfs', '-F', '-Q', '-q']],
    ['ext4', 24, ['mkfs.ext4', '-q', '-F', '-b', '1024']],
    ['XFS', 320, ['mkfs.xfs', '-q', '-f']],
  ])('with %s never has more free space than the intact one', async (_, size, mkfs) => {
    const volume = new TestVolume(size * MIB);
    const [program = '', ...args] = mkfs;
    runTool(program, ...args, volume.path);
    volume.mounted('', fill);
    const bytes = readFileSync(await diskWith({ path: volume.path }));
    volume.remove();
    const intact = await freeOf(bytes);
    expect(intact.bytes).toBeGreaterThan((size * MIB) / 4);
    const places = await pagesRead(bytes);
    const endings = { same: 0, used: 0, less: 0 };
    for (let seed = 0; seed < SEEDS; seed++) {
      const picker = new Picker(seed);
      const page = picker.of(places);
      const at = page + picker.below(512);
      const before = Buffer.from(bytes.subarray(at - (at % 4096), at - (at % 4096) + 8192));
      picker.of(DAMAGES)(bytes, at, picker);
      const damaged = await freeOf(bytes);
      before.copy(bytes, at - (at % 4096));
      const more = [...damaged.ranges()].flatMap((range) => [...intact.outside(range)]);
      expect(more, `seed ${seed}, byte ${at}`).toEqual([]);
      endings[damaged.bytes === 0 ? 'used' : damaged.digest() === intact.digest() ? 'same' : 'less'] += 1;
    }
    process.stdout.write(`${mkfs[0]}: ${JSON.stringify(endings)} of ${places.length} pages\n`);
    expect(endings.used).toBeGreaterThan(SEEDS / 25);
    expect((await freeOf(bytes)).digest()).toBe(intact.digest());
  });
});
