import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UnreadableError, type VolumeBytes } from '../../../src/volume/file-systems/opened-file-system.ts';
import { parseMetadata } from '../../../src/volume/lvm/metadata-text.ts';
import { openLvm } from '../../../src/volume/lvm/open-lvm.ts';
import { describeGroup } from '../../../src/volume/lvm/volume-group.ts';
import {
  AREA,
  type BuiltVolume,
  EXTENT,
  EXTENTS,
  FIRST_EXTENT,
  groupText,
  linear,
  logical,
  lvmId,
  physicalVolume,
  SECTOR,
  sealArea,
  sealLabel,
  segment,
  writeText,
} from '../../support/lvm-builder.ts';
import { volumeOfBytes } from '../../support/memory-volume.ts';

async function contents(volume: VolumeBytes | undefined, offset = 0, length = volume?.size ?? 0): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  await volume?.read({ offset, length }, bytes);
  return bytes;
}

/** The bytes of successive extents. */
function extents(physical: BuiltVolume, first: number, count: number): Buffer {
  const start = FIRST_EXTENT + first * EXTENT;
  return physical.bytes.subarray(start, start + count * EXTENT);
}

async function onlyVolume(text: string, ...others: BuiltVolume[]) {
  const { groups, problems } = await openLvm([physicalVolume(1, text), ...others]);
  expect([...problems.values()]).toEqual([]);
  return groups[0]?.volumes[0];
}

describe('openLvm', () => {
  it('reads linear volumes in several segments', async () => {
    const volumes = [
      logical('root', [linear(0, 10, 'pv0', 3), linear(10, 2, 'pv0', 20)]),
      logical('swap', [linear(0, 4, 'pv0', 13)]),
    ];
    const physical = physicalVolume(1, groupText([1], volumes));
    const { groups } = await openLvm([physical]);
    expect(groups.map(({ name, volumes: found }) => [name, found.map((volume) => [volume.name, volume.size])])).toEqual(
      [
        [
          'vg',
          [
            ['root', 12 * EXTENT],
            ['swap', 4 * EXTENT],
          ],
        ],
      ],
    );
    const [root, swap] = groups[0]?.volumes ?? [];
    const expected = Buffer.concat([extents(physical, 3, 10), extents(physical, 20, 2)]);
    expect((await contents(root?.volume)).equals(expected)).toBe(true);
    expect((await contents(swap?.volume)).equals(extents(physical, 13, 4))).toBe(true);
    const across = await contents(root?.volume, 10 * EXTENT - 700, 1500);
    expect(across.equals(expected.subarray(10 * EXTENT - 700, 10 * EXTENT + 800))).toBe(true);
    expect(groups[0]?.usedRanges(physical)).toEqual([
      { offset: 0, length: FIRST_EXTENT },
      { offset: FIRST_EXTENT + 3 * EXTENT, length: 14 * EXTENT },
      { offset: FIRST_EXTENT + 20 * EXTENT, length: 2 * EXTENT },
      { offset: FIRST_EXTENT + EXTENTS * EXTENT, length: 4096 },
    ]);
  });

  it('reads stripes over two physical volumes, of which one has no metadata', async () => {
    const striped = segment(
      0,
      6,
      'type = "striped"',
      'stripe_count = 2',
      'stripe_size = 4',
      'stripes = ["pv0", 5, "pv1", 9]',
    );
    const first = physicalVolume(1, groupText([1, 2], [logical('data', [striped])]));
    const second = physicalVolume(2, undefined);
    const { groups } = await openLvm([second, first]);
    const read = await contents(groups[0]?.volumes[0]?.volume);
    const parts: Buffer[] = [];
    for (let at = 0; at < 3 * EXTENT; at += 4 * SECTOR) {
      parts.push(
        extents(first, 5, 3).subarray(at, at + 4 * SECTOR),
        extents(second, 9, 3).subarray(at, at + 4 * SECTOR),
      );
    }
    expect(read.equals(Buffer.concat(parts))).toBe(true);
    expect(groups[0]?.usedRanges(second)?.[1]).toEqual({ offset: FIRST_EXTENT + 9 * EXTENT, length: 3 * EXTENT });
  });

  it('reads any range as the whole volume has it', async () => {
    const striped = segment(
      3,
      6,
      'type = "striped"',
      'stripe_count = 3',
      'stripe_size = 8',
      'stripes = ["pv0", 9, "pv0", 2, "pv0", 20]',
    );
    const text = groupText([1], [logical('data', [linear(0, 3, 'pv0', 30), striped, linear(9, 1, 'pv0', 0)])]);
    const volume = (await onlyVolume(text))?.volume;
    const whole = await contents(volume);
    const ranges = fc
      .tuple(fc.nat(whole.length), fc.nat(whole.length))
      .map(([one, other]) => [Math.min(one, other), Math.max(one, other)] as const);
    await fc.assert(
      fc.asyncProperty(ranges, async ([from, to]) => {
        expect((await contents(volume, from, to - from)).equals(whole.subarray(from, to))).toBe(true);
      }),
      { numRuns: 300 },
    );
    expect(() => [...(volume?.piecesOf({ offset: whole.length, length: 1 }) ?? [])]).toThrow(RangeError);
  });

  it('reads a text that continues at the beginning of its ring', async () => {
    const text = groupText([1], [logical('root', [linear(0, 1, 'pv0', 0)])]);
    for (const textOffset of [AREA.length - SECTOR, AREA.length - 1, AREA.length - text.length - 1]) {
      const { groups } = await openLvm([physicalVolume(1, text, textOffset)]);
      expect(groups[0]?.volumes.map(({ name }) => name)).toEqual(['root']);
    }
  });

  it('uses the newest metadata', async () => {
    const old = groupText([1, 2], [logical('old', [linear(0, 1, 'pv0', 0)])], 7);
    const current = groupText([1, 2], [logical('current', [linear(0, 1, 'pv1', 0)])], 8);
    for (const texts of [
      [old, current],
      [current, old],
    ] as const) {
      const { groups } = await openLvm([physicalVolume(1, texts[0]), physicalVolume(2, texts[1])]);
      expect(groups.map(({ volumes }) => volumes.map(({ name }) => name))).toEqual([['current']]);
    }
  });

  it('finds the label in each of the first four sectors', async () => {
    const physical = physicalVolume(1, groupText([1], []));
    for (const sector of [0, 2, 3]) {
      const bytes = Buffer.from(physical.bytes);
      bytes.copyWithin(sector * SECTOR, SECTOR, 2 * SECTOR);
      bytes.fill(0, SECTOR, 2 * SECTOR);
      bytes.writeBigUInt64LE(BigInt(sector), sector * SECTOR + 8);
      expect((await openLvm([volumeOfBytes(bytes)])).groups.length).toBe(1);
    }
  });

  it('has no groups on a physical volume that belongs to none', async () => {
    const physical = physicalVolume(1, '');
    physical.bytes.fill(0, AREA.offset + 40, AREA.offset + 64);
    sealArea(physical.bytes);
    expect(await openLvm([physical])).toEqual({ groups: [], problems: new Map() });
  });
});

describe('a logical volume is not read', () => {
  const type = (name: string) => segment(0, 1, `type = "${name}"`);

  it.each([
    'thin',
    'thin-pool',
    'raid1',
    'raid5_ls',
    'mirror',
    'cache',
    'cache-pool',
    'writecache',
    'integrity',
    'vdo',
    'vdo-pool',
    'zero',
    'error',
    'striped+FLAG',
  ])('with a segment of the type %s', async (name) => {
    const found = await onlyVolume(groupText([1], [logical('lv', [type(name)])]));
    expect(found).toMatchObject({ size: EXTENT, volume: undefined });
    expect(found?.reason).toBe(`it has a segment of the type ${name}, which is not supported`);
  });

  it.each([
    ['moved', logical('lv', [linear(0, 1, 'pv0', 0)], '"VISIBLE", "LOCKED"'), 'it is being moved'],
    [
      'in another volume',
      logical('lv', [linear(0, 1, 'pvmove0', 0)]),
      'it is stored in pvmove0, which is not a physical volume',
    ],
    [
      'outside of its physical volume',
      logical('lv', [linear(0, 2, 'pv0', EXTENTS - 1)]),
      'it has extents outside of pv0',
    ],
    [
      'on another disk',
      logical('lv', [linear(0, 1, 'pv1', 0)]),
      'it is partly on the physical volume pv1, which is not on this disk',
    ],
    [
      'in stripes that do not fill its extents',
      logical('lv', [
        segment(0, 2, 'type = "striped"', 'stripe_count = 2', 'stripe_size = 3', 'stripes = ["pv0", 0, "pv0", 1]'),
      ]),
      'it has stripes of 1536 bytes, which do not fill its extents',
    ],
    [
      'in stripes of different length',
      logical('lv', [
        segment(0, 3, 'type = "striped"', 'stripe_count = 2', 'stripe_size = 8', 'stripes = ["pv0", 0, "pv0", 2]'),
      ]),
      'it has a segment of 3 extents with 2 stripes in 2 places',
    ],
  ])('that is %s', async (_, volume, reason) => {
    expect(await onlyVolume(groupText([1, 2], [volume]))).toMatchObject({ volume: undefined, reason });
  });

  it('that is a snapshot; its origin is read, and its free space is needed', async () => {
    const snapshot = logical(
      'snapshot0',
      [segment(0, 3, 'type = "snapshot"', 'chunk_size = 8', 'origin = "root"', 'cow_store = "snap"')],
      '"READ"',
    );
    const volumes = [logical('root', [linear(0, 3, 'pv0', 0)]), logical('snap', [linear(0, 1, 'pv0', 5)]), snapshot];
    const physical = physicalVolume(1, groupText([1], volumes));
    const { groups } = await openLvm([physical]);
    expect(groups[0]?.volumes).toMatchObject([
      { name: 'root', reason: undefined, hasSnapshots: true },
      { name: 'snap', reason: 'it is a snapshot', hasSnapshots: false },
    ]);
    expect(groups[0]?.usedRanges(physical)).toBeUndefined();
  });

  it('while a snapshot is merged into it', async () => {
    const snapshot = logical(
      'snapshot0',
      [segment(0, 3, 'type = "snapshot"', 'chunk_size = 8', 'origin = "root"', 'merging_store = "snap"')],
      '"READ"',
    );
    const volumes = [logical('root', [linear(0, 3, 'pv0', 0)]), logical('snap', [linear(0, 1, 'pv0', 5)]), snapshot];
    expect((await onlyVolume(groupText([1], volumes)))?.reason).toBe('a snapshot is being merged into it');
  });

  it('after the end of a physical volume that is cut off', async () => {
    const { bytes } = physicalVolume(1, groupText([1], [logical('lv', [linear(0, 2, 'pv0', 60)])]));
    const short = Buffer.from(bytes.subarray(0, FIRST_EXTENT + 61 * EXTENT));
    const { groups } = await openLvm([volumeOfBytes(short)]);
    expect(groups[0]?.volumes[0]?.reason).toBe('it is partly after the end of the physical volume pv0');
  });
});

describe('a physical volume has a problem', () => {
  const text = groupText([1], [logical('root', [linear(0, 1, 'pv0', 0)])]);

  async function problemOf(change: (bytes: Buffer) => void, others: VolumeBytes[] = []): Promise<string | undefined> {
    const physical = physicalVolume(1, text);
    change(physical.bytes);
    return (await openLvm([...others, physical])).problems.get(physical);
  }

  it.each<[string, (bytes: Buffer) => void, string]>([
    ['no label', (bytes) => bytes.fill(0, SECTOR, SECTOR + 8), 'it has no label of LVM2'],
    ['a label of another sector', (bytes) => bytes.writeUInt8(2, SECTOR + 8), 'it has no label of LVM2'],
    ['a damaged label', (bytes) => bytes.writeUInt8(1, SECTOR + 400), 'the checksum of its label is wrong'],
    ['an area outside of it', (bytes) => bytes.writeUInt8(9, SECTOR + 110), 'its header names an area outside of it'],
    [
      'a list of areas without an end',
      (bytes) => bytes.fill(1, SECTOR + 72, SECTOR + SECTOR),
      'its header names an area outside of it',
    ],
    [
      'a header outside of the label',
      (bytes) => bytes.writeUInt32LE(500, SECTOR + 20),
      'its header is at 500 of the label',
    ],
    [
      'a damaged area',
      (bytes) => bytes.writeUInt8(1, AREA.offset + 300),
      'the checksum of the header of its metadata area is wrong',
    ],
    ['no area', (bytes) => bytes.fill(0, AREA.offset, AREA.offset + SECTOR), 'its metadata area has no header'],
    [
      'a damaged text',
      (bytes) => bytes.writeUInt8(1, AREA.offset + SECTOR + 30),
      'the checksum of its metadata is wrong',
    ],
    [
      'a text outside of its area',
      (bytes) => bytes.writeBigUInt64LE(2n ** 40n, AREA.offset + 48),
      'the text of its metadata is outside of its area',
    ],
    [
      'the header of another area',
      (bytes) => bytes.writeUInt8(1, AREA.offset + 24),
      'the header of its metadata area is that of another area',
    ],
    ['a text that is damaged', (bytes) => writeText(bytes, 'vg {'), 'its metadata are damaged at character 5'],
    ['a text without a group', (bytes) => writeText(bytes, 'a = 1'), 'its metadata have no volume group'],
  ])('with %s', async (name, change, problem) => {
    const sealed = (bytes: Buffer) => {
      change(bytes);
      if (!name.includes('damaged label')) sealLabel(bytes);
      if (!name.includes('damaged area')) sealArea(bytes);
    };
    expect(await problemOf(sealed)).toBe(problem);
  });

  it('whose id another one has', async () => {
    expect(await problemOf(() => undefined, [physicalVolume(1, text)])).toContain('has the same id');
  });

  it('with two volumes in the same extents', async () => {
    const volumes = [logical('a', [linear(0, 5, 'pv0', 0)]), logical('b', [linear(0, 2, 'pv0', 4)])];
    const physical = physicalVolume(1, groupText([1], volumes));
    const { groups, problems } = await openLvm([physical]);
    expect(groups).toEqual([]);
    expect(problems.get(physical)).toBe('two volumes of its group vg use the extent 4');
  });

  it('with anything: it never fails otherwise', async () => {
    const pieces = fc.array(
      fc.tuple(fc.nat(text.length), fc.constantFrom('9', '-', '{', '}', '"', '[', ']', '=', ' ', '\0', 'x', '0')),
      { maxLength: 6 },
    );
    await fc.assert(
      fc.asyncProperty(pieces, async (changes) => {
        const changed = [...text];
        for (const [at, character] of changes) changed[at] = character;
        const physical = physicalVolume(1, changed.join(''));
        for (const { volumes } of (await openLvm([physical])).groups) {
          for (const { volume } of volumes) await contents(volume, 0, Math.min(volume?.size ?? 0, 10_000));
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('describeGroup', () => {
  it.each([
    ['segments with gaps', [logical('a', [linear(1, 5, 'pv0', 0)])]],
    [
      'segments that are missing',
      [logical('a', [linear(0, 5, 'pv0', 0)]).replace('segment_count = 1', 'segment_count = 2')],
    ],
  ])('refuses %s', (_, volumes) => {
    expect(() => describeGroup(parseMetadata(groupText([1], volumes)))).toThrow(UnreadableError);
  });

  it('refuses extents without a size', () => {
    const text = groupText([1], []).replace(`extent_size = ${EXTENT / SECTOR}`, 'extent_size = 0');
    expect(() => describeGroup(parseMetadata(text))).toThrow('its extents have no valid size');
    expect(lvmId(1).replaceAll('-', '').length).toBe(32);
  });
});
