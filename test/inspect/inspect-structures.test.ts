// Structures as they are stored in files, valid and damaged.

import { copyFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { MIB } from '../../src/base/byte-range.ts';
import { VhdupError } from '../../src/errors.ts';
import type { UploadEvent } from '../../src/events.ts';
import { inspectImage } from '../../src/inspect/inspect.ts';
import { inspectStructures } from '../../src/inspect/inspect-structures.ts';
import { STRUCTURE_KINDS, type Structure, type StructureKind } from '../../src/inspect/structure.ts';
import { bigEndian32, buildVhd, patchFile, patternOf, uniqueIdOf } from '../support/vhd-builder.ts';
import { buildTemporary, failureOf } from '../support/vhd-fixtures.ts';
import { buildVhdx, HEADER_1, nextGuid, REGION_TABLE_1, TIB, type VhdxSpec } from '../support/vhdx-builder.ts';
import { writeLog } from '../support/vhdx-log-builder.ts';
import { workspace } from '../support/vhdx-workspace.ts';

const at = workspace();

async function structuresOf(image: string, structure: StructureKind, more: { all?: boolean; block?: number } = {}) {
  return (await inspectStructures({ image, structure, ...more })).structures;
}

function fieldOf(structure: Structure | undefined, name: string) {
  return structure?.fields.find((field) => field.name === name)?.value;
}

function meaningOf(structure: Structure | undefined, name: string) {
  return structure?.fields.find((field) => field.name === name)?.meaning;
}

describe('the footers of a VHD', () => {
  it('are both shown, field by field', async () => {
    const { path, footerOffset } = await buildTemporary({ type: 'dynamic', size: 8 * MIB, uniqueId: uniqueIdOf(9) });
    const [tail, head] = await structuresOf(path, 'footer');
    expect(tail).toMatchObject({ name: 'footer', offset: footerOffset, length: 512, problems: [] });
    expect(head).toMatchObject({ name: 'copy of the footer at the beginning', offset: 0, problems: [] });
    expect(tail?.fields).toEqual(head?.fields);
    expect(tail?.fields).toMatchObject([
      { name: 'Cookie', value: 'conectix' },
      { name: 'Features', value: 2 },
      { name: 'File Format Version', value: 65536, meaning: '1.0' },
      { name: 'Data Offset', value: 512 },
      { name: 'Time Stamp', value: 700_000_000, meaning: '2022-03-07T20:26:40.000Z' },
      { name: 'Creator Application', value: 'win ', meaning: 'Windows or Hyper-V' },
      { name: 'Creator Version', value: 0x000a0000, meaning: '10.0' },
      { name: 'Creator Host OS', value: 'Wi2k', meaning: 'Windows' },
      { name: 'Original Size', value: 8 * MIB },
      { name: 'Current Size', value: 8 * MIB },
      { name: 'Disk Geometry', value: '65535/16/255' },
      { name: 'Disk Type', value: 3, meaning: 'dynamic' },
      { name: 'Checksum', meaning: 'correct' },
      { name: 'Unique Id', value: Buffer.from(uniqueIdOf(9)).toString('hex') },
      { name: 'Saved State', value: 0 },
    ]);
  });

  it('are shown with stored and computed checksums if these differ', async () => {
    const { path, footerOffset } = await buildTemporary({ type: 'dynamic', size: 8 * MIB });
    await patchFile(path, footerOffset + 100, new Uint8Array([7]));
    const [tail, head] = await structuresOf(path, 'footer');
    const [stored, computed] = [
      fieldOf(tail, 'Checksum'),
      /gives? (0x[0-9a-f]{8})/.exec(meaningOf(tail, 'Checksum') ?? '')?.[1],
    ];
    expect(stored).not.toBe(computed);
    expect(tail?.problems).toEqual([`its checksum is ${stored}, but its bytes give ${computed}`]);
    expect(head?.problems).toEqual(['it differs from the footer at the end']);
  });

  it('show 64-bit values exactly, even above 2^53', async () => {
    const { path } = await buildTemporary({ type: 'fixed', size: 4 * MIB });
    const [footer, ...others] = await structuresOf(path, 'footer');
    expect(others).toEqual([]);
    expect(fieldOf(footer, 'Data Offset')).toBe('0xffffffffffffffff');
  });
});

describe('the dynamic header', () => {
  it('is shown with its parent locators', async () => {
    const locators = [
      { code: 'W2ru', text: '.\\base.vhd' },
      { code: 'MacX', text: 'file://./base.vhd', slot: 7 },
      { code: 'Wi2k', text: 'C:\\base.vhd' },
    ];
    const parent = { uniqueId: uniqueIdOf(1), name: 'base.vhd', locators };
    const { path } = await buildTemporary({ type: 'differencing', size: 8 * MIB, parent });
    const [header] = await structuresOf(path, 'header');
    expect(header).toMatchObject({ name: 'dynamic header', offset: 512, length: 1024, problems: [] });
    expect(fieldOf(header, 'Block Size')).toBe(2 * MIB);
    expect(fieldOf(header, 'Parent Unicode Name')).toBe('base.vhd');
    expect(header?.rows).toMatchObject([
      { parentLocator: 0, platformCode: 'W2ru', text: '.\\base.vhd' },
      { parentLocator: 2, platformCode: 'Wi2k', text: 'C:\\base.vhd' },
      { parentLocator: 7, platformCode: 'MacX', text: 'file://./base.vhd' },
    ]);
  });

  it('is shown if it is damaged', async () => {
    const { path, headerOffset } = await buildTemporary({ type: 'dynamic', size: 8 * MIB });
    await patchFile(path, headerOffset, new Uint8Array([0x1b]));
    const [header] = await structuresOf(path, 'header');
    expect(header?.problems).toHaveLength(2);
    expect(fieldOf(header, 'Cookie')).toBe('\u001bxsparse');
  });

  it('is an error if it lies outside of the file', async () => {
    const editFooter = (footer: Buffer) => footer.writeBigUInt64BE(1n << 63n, 16);
    const { path } = await buildTemporary({ type: 'dynamic', size: 8 * MIB, editFooter });
    for (const kind of ['header', 'bat', 'bitmap'] as const) {
      expect((await failureOf(structuresOf(path, kind))).name).toBe('CorruptImageError');
    }
  });
});

describe('the BAT of a VHD', () => {
  it('is shown in ranges', async () => {
    const { path, blockPositions, tableOffset } = await buildTemporary({
      type: 'dynamic',
      size: 64 * MIB,
      allocated: [3, 4, 5, 9],
    });
    const [bat] = await structuresOf(path, 'bat');
    expect(bat).toMatchObject({ offset: tableOffset, length: 128, problems: [] });
    expect(fieldOf(bat, 'Allocated')).toBe(4);
    expect(bat?.rows).toMatchObject([
      { firstBlock: 0, lastBlock: 2, state: 'unallocated' },
      { firstBlock: 3, lastBlock: 5, state: 'allocated', offset: blockPositions.get(3) },
      { firstBlock: 6, lastBlock: 8, state: 'unallocated' },
      { firstBlock: 9, lastBlock: 9, state: 'allocated', offset: blockPositions.get(9) },
      { firstBlock: 10, lastBlock: 31, state: 'unallocated' },
    ]);
  });

  it('of 2 TiB is shown in few lines, or as a single block', async () => {
    const allocated = Array.from({ length: 200 }, (_, index) => index * 5000);
    const { path, blockPositions } = await buildTemporary({ type: 'dynamic', size: 2040 * 1024 * MIB, allocated });
    const [bat] = await structuresOf(path, 'bat');
    expect(bat?.rows).toHaveLength(64);
    expect(bat?.rowsLeftOut).toBe(400 - 64);
    const [all] = await structuresOf(path, 'bat', { all: true });
    expect(all?.rows).toHaveLength(400);
    expect(all?.rowsLeftOut).toBeUndefined();
    const [one] = await structuresOf(path, 'bat', { block: 995_000 });
    expect(one?.rows).toEqual([
      { firstBlock: 995_000, lastBlock: 995_000, state: 'allocated', offset: blockPositions.get(995_000) },
    ]);
  });

  it('is shown if its entries point outside the file, or there are fewer than the disk needs', async () => {
    const { path, tableOffset } = await buildTemporary({ type: 'dynamic', size: 64 * MIB, maxTableEntries: 20 });
    await patchFile(path, tableOffset + 8, bigEndian32(0xfffffffe));
    const [bat] = await structuresOf(path, 'bat');
    expect(bat?.problems).toEqual([
      'it has 20 entries, but the disk needs 32',
      '1 of its blocks end outside of the file, possibly one that is cut off at the end of the disk',
    ]);
    expect(bat?.rows?.[1]).toMatchObject({
      firstBlock: 2,
      state: 'ends outside of the file',
      offset: 0xfffffffe * 512,
    });
  });

  it('refuses a block beyond its end', async () => {
    const { path } = await buildTemporary({ type: 'dynamic', size: 8 * MIB });
    expect((await failureOf(structuresOf(path, 'bat', { block: 4 }))).message).toMatch(
      /Block 4 does not exist: .* has 4 entries/,
    );
  });
});

describe('the sector bitmaps of a VHD', () => {
  const contents = [
    { offset: 0, bytes: patternOf(1, 1024) },
    { offset: 2 * MIB, bytes: patternOf(2, 2 * MIB) },
    { offset: 4 * MIB + 5120, bytes: patternOf(3, 512) },
  ];

  it('are shown as counts, and a single one as runs', async () => {
    const { path } = await buildTemporary({
      type: 'dynamic',
      size: 16 * MIB,
      contents,
      bitmaps: 'written',
      allocated: [6],
    });
    const [all] = await structuresOf(path, 'bitmap');
    expect(all?.rows).toMatchObject([
      { firstBlock: 0, lastBlock: 0, state: '2 of 4096 marked' },
      { firstBlock: 1, lastBlock: 1, state: 'all marked' },
      { firstBlock: 2, lastBlock: 2, state: '1 of 4096 marked' },
      { firstBlock: 6, lastBlock: 6, state: 'none marked' },
    ]);
    const [one] = await structuresOf(path, 'bitmap', { block: 2 });
    expect(one?.rows).toEqual([
      { firstSector: 0, lastSector: 9, state: 'not marked' },
      { firstSector: 10, lastSector: 10, state: 'marked' },
      { firstSector: 11, lastSector: 4095, state: 'not marked' },
    ]);
    expect((await failureOf(structuresOf(path, 'bitmap', { block: 3 }))).message).toContain(
      'the block is not in the file',
    );
  });
});

describe('a VHDX', () => {
  const [parentGuid, page83] = [nextGuid(), nextGuid()];
  const CHILD: VhdxSpec = {
    size: 16 * MIB,
    blockSize: 2 * MIB,
    page83,
    parent: { parent_linkage: `{${parentGuid}}`, relative_path: '.\\base.vhdx' },
    blocks: [
      { index: 1, state: 7, present: [[8, 4]] },
      { index: 2, state: 6 },
      { index: 3, state: 2 },
    ],
  };

  it('shows both headers, and which one is active', async () => {
    const { path } = buildVhdx(at('headers.vhdx'), {
      size: 4 * MIB,
      headers: [{ sequence: 8n }, { sequence: 7n, broken: true }],
    });
    const [identifier, first, second] = await structuresOf(path, 'header');
    expect(fieldOf(identifier, 'Signature')).toBe('vhdxfile');
    expect(first).toMatchObject({ name: 'header 1 (active)', offset: HEADER_1, problems: [] });
    expect(fieldOf(first, 'SequenceNumber')).toBe(8);
    expect(meaningOf(first, 'LogGuid')).toBe('the log is empty');
    expect(second?.name).toBe('header 2');
    expect(second?.problems).toMatchObject([expect.stringMatching(/^its checksum is 0x.* but its bytes give 0x/)]);
  });

  it('shows both region tables, one of them damaged', async () => {
    const { path, bat } = buildVhdx(at('regions.vhdx'), { size: 4 * MIB });
    await patchFile(path, REGION_TABLE_1 + 60_000, new Uint8Array([1]));
    const [first, second] = await structuresOf(path, 'regions');
    expect(first?.problems).toHaveLength(1);
    expect(second?.problems).toEqual([]);
    expect(second?.rows).toMatchObject([
      { region: expect.stringMatching(/BAT|Metadata/), length: MIB },
      { region: expect.stringMatching(/BAT|Metadata/) },
    ]);
    expect(second?.rows?.find(({ region }) => region === 'BAT')?.['fileOffset']).toBe(bat.offset);
  });

  it('shows the metadata items with their values, and the parent locator', async () => {
    const { path } = buildVhdx(at('metadata.vhdx'), CHILD);
    const [table, locator] = await structuresOf(path, 'metadata');
    expect(fieldOf(table, 'File Parameters')).toBe('block size 2097152, has a parent');
    expect(fieldOf(table, 'Virtual Disk Size')).toBe(16 * MIB);
    expect(fieldOf(table, 'Virtual Disk ID')).toBe(page83);
    expect(table?.rows?.map(({ item }) => item)).toContain('Logical Sector Size');
    expect(locator?.rows).toEqual([
      { key: 'parent_linkage', value: `{${parentGuid}}` },
      { key: 'relative_path', value: '.\\base.vhdx' },
    ]);
  });

  it('shows the BAT by state, and the own sectors of a block', async () => {
    const { path, blocks } = buildVhdx(at('bat.vhdx'), CHILD);
    const [bat, bitmapBlocks] = await structuresOf(path, 'bat');
    expect(bat?.rows).toMatchObject([
      { firstBlock: 0, lastBlock: 0, state: '0 not present' },
      { firstBlock: 1, lastBlock: 1, state: '7 partially present', offset: blocks.get(1) },
      { firstBlock: 2, lastBlock: 2, state: '6 fully present', offset: blocks.get(2) },
      { firstBlock: 3, lastBlock: 3, state: '2 zero' },
      { firstBlock: 4, lastBlock: 7, state: '0 not present' },
    ]);
    expect(fieldOf(bat, 'In state 0 not present')).toBe(5);
    expect(bitmapBlocks?.rows).toMatchObject([{ firstChunk: 0, lastChunk: 0, state: '6 present' }]);
    const [bitmaps] = await structuresOf(path, 'bitmap');
    expect(bitmaps?.rows).toMatchObject([{ firstBlock: 1, lastBlock: 1, state: '4 of 4096 in this file' }]);
    const [runs] = await structuresOf(path, 'bitmap', { block: 1 });
    expect(runs?.rows).toEqual([
      { firstSector: 0, lastSector: 7, state: 'in the parent' },
      { firstSector: 8, lastSector: 11, state: 'in this file' },
      { firstSector: 12, lastSector: 4095, state: 'in the parent' },
    ]);
    expect((await failureOf(structuresOf(path, 'bitmap', { block: 2 }))).message).toContain('not partially present');
    expect((await failureOf(structuresOf(path, 'bat', { block: 8 }))).message).toContain('has 8 blocks');
  });

  it('shows an empty log, and the entries of a log that must be replayed', async () => {
    const layout = buildVhdx(at('log.vhdx'), { size: 4 * MIB });
    const [clean, ...none] = await structuresOf(layout.path, 'log');
    expect(none).toEqual([]);
    expect(meaningOf(clean, 'LogGuid')).toBe('the log is empty');
    const page = { page: layout.metadata.offset + MIB - 4096, bytes: new Uint8Array(4096) };
    const zero = { zero: layout.bat.offset + MIB - 8192, length: 4096 };
    const { logGuid } = writeLog(layout, { entries: [{ sequence: 2n ** 60n, descriptors: [page, zero] }] });
    const [log, entry] = await structuresOf(layout.path, 'log');
    expect(fieldOf(log, 'LogGuid')).toBe(logGuid);
    expect(fieldOf(log, 'Entries to replay')).toBe(1);
    expect(fieldOf(entry, 'SequenceNumber')).toBe('0x1000000000000000');
    expect(entry?.rows).toEqual([
      { descriptor: 'data', fileOffset: page.page, length: 4096 },
      { descriptor: 'zero', fileOffset: zero.zero, length: 4096 },
    ]);
    expect((await inspectImage({ image: layout.path })).image.log).toMatchObject({
      state: 'dirty',
      entriesToReplay: 1,
    });
  });
});

describe('a long BAT', () => {
  /** More than one slice of the table, with a truncated last chunk. */
  const BLOCKS = 40_000;
  const CHUNK_RATIO = 4096;
  const PARENT = { parent_linkage: `{${nextGuid()}}`, relative_path: 'x' };

  /** Boundary positions: around the ends of slices, of chunks, and of the disk. */
  const entry = fc.oneof(
    fc.constantFrom(0, CHUNK_RATIO, 2 ** 15, BLOCKS).chain((near) => fc.integer({ min: near - 3, max: near + 3 })),
    fc.nat(BLOCKS + 9),
  );
  const value = fc.tuple(fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 7), fc.integer({ min: 1, max: 1000 }));
  const edits = fc.array(fc.tuple(entry, fc.integer({ min: 1, max: 9 }), value), { maxLength: 12 });

  it.each([
    ['a base', undefined],
    ['a child', PARENT],
  ])('of %s is shown as its individual entries', async (kind, parent) => {
    await fc.assert(
      fc.asyncProperty(edits, async (runs) => {
        const batEntries = new Map<number, bigint>();
        for (const [first, count, [state, mib]] of runs) {
          for (let index = Math.max(0, first); index < first + count; index++) {
            batEntries.set(index, BigInt(state) | (BigInt(mib + index - first) << 20n));
          }
        }
        const more = parent === undefined ? {} : { parent };
        const { path } = buildVhdx(at(`${kind}.vhdx`), { size: BLOCKS * MIB, blockSize: MIB, batEntries, ...more });
        const [bat, bitmaps] = await structuresOf(path, 'bat', { all: true });

        const entryOf = (block: number) => batEntries.get(block + Math.floor(block / CHUNK_RATIO)) ?? 0n;
        const states = Uint8Array.from({ length: BLOCKS }, (_, block) => Number(entryOf(block) & 7n));
        const shownStates = (bat?.rows ?? []).map(({ firstBlock, lastBlock, state }) =>
          new Uint8Array(Number(lastBlock) - Number(firstBlock) + 1).fill(Number(String(state)[0])),
        );
        expect(Buffer.concat(shownStates).equals(states)).toBe(true);
        for (const { firstBlock, offset } of bat?.rows ?? []) {
          const raw = entryOf(Number(firstBlock));
          expect(offset).toBe((raw & 7n) < 6n ? undefined : Number(raw >> 20n) * MIB);
        }
        const counts = (bat?.fields ?? []).filter(({ name }) => name.startsWith('In state'));
        expect(counts.map(({ name, value }) => [Number(name['In state '.length]), value])).toEqual(
          [0, 1, 2, 3, 4, 5, 6, 7].flatMap((state) => {
            const count = states.reduce((sum, one) => sum + Number(one === state), 0);
            return count === 0 ? [] : [[state, count]];
          }),
        );

        const chunks = Array.from({ length: Math.ceil(BLOCKS / CHUNK_RATIO) }, (_, chunk) => chunk).filter(
          (chunk) => ((batEntries.get(chunk * (CHUNK_RATIO + 1) + CHUNK_RATIO) ?? 0n) & 7n) === 6n,
        );
        const shown = (bitmaps?.rows ?? []).flatMap(({ firstChunk, lastChunk }) =>
          chunks.filter((chunk) => chunk >= Number(firstChunk) && chunk <= Number(lastChunk)),
        );
        expect(shown).toEqual(parent === undefined ? [] : chunks);
      }),
      { numRuns: 60 },
    );
  });

  it('of the largest disk with the smallest blocks is shown', async () => {
    const last = 64 * 1024 * 1024 - 1;
    const { path } = buildVhdx(at('largest.vhdx'), { size: 64 * TIB, blockSize: MIB, blocks: [{ index: last }] });
    const [bat] = await structuresOf(path, 'bat');
    expect(bat?.rows).toMatchObject([
      { firstBlock: 0, lastBlock: last - 1, state: '0 not present' },
      { firstBlock: last, lastBlock: last, state: '6 fully present' },
    ]);
  });

  /** Has two slices. Each reading of the clock advances it by `stepMs`. */
  function slowTable(stepMs: number): string {
    let nowMs = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => {
      nowMs += stepMs;
      return nowMs;
    });
    onTestFinished(() => clock.mockRestore());
    return buildVhdx(at('slow.vhdx'), { size: BLOCKS * MIB, blockSize: MIB, parent: PARENT }).path;
  }

  async function eventsOf(image: string, structure: 'bat' | 'bitmap'): Promise<UploadEvent[]> {
    const events: UploadEvent[] = [];
    await inspectStructures({ image, structure, onEvent: (event) => events.push(event) });
    return events;
  }

  it.each(['bat', 'bitmap'] as const)('reports its progress if it takes long to read: %s', async (structure) => {
    const planned = Math.ceil(BLOCKS / CHUNK_RATIO) * (CHUNK_RATIO + 1) * 8;
    const progress = { type: 'progress', planned, unallocated: 0, zeros: 0, requests: 0, retries: 0 };
    expect(await eventsOf(slowTable(2000), structure)).toMatchObject([
      { ...progress, done: 256 * 1024, sent: 256 * 1024 },
      { ...progress, done: planned, sent: planned },
    ]);
  });

  it('reports no progress if it takes less than a second to read', async () => {
    expect(await eventsOf(slowTable(1), 'bat')).toEqual([]);
  });

  it('is no longer read after an abort', async () => {
    const stop = new AbortController();
    const onEvent = vi.fn(() => stop.abort(new Error('enough')));
    const walk = inspectStructures({ image: slowTable(2000), structure: 'bat', signal: stop.signal, onEvent });
    await expect(walk).rejects.toThrow('enough');
    expect(onEvent).toHaveBeenCalledOnce();
  });
});

describe('inspectStructures refuses', () => {
  it('structures that a format does not have, and lists those that it has', async () => {
    const { path } = buildVhdx(at('plain.vhdx'), { size: 4 * MIB });
    expect((await failureOf(structuresOf(path, 'footer'))).message).toBe(
      'A VHDX has no footer. Available: header, regions, metadata, bat, bitmap, log.',
    );
    const vhd = await buildTemporary({ type: 'dynamic', size: 8 * MIB });
    expect((await failureOf(structuresOf(vhd.path, 'log'))).message).toContain('A VHD has no log.');
    const fixed = await buildTemporary({ type: 'fixed', size: 8 * MIB });
    expect((await failureOf(structuresOf(fixed.path, 'bat'))).message).toContain('A fixed VHD has no bat');
  });

  it('files that are not images', async () => {
    expect((await failureOf(structuresOf(import.meta.filename, 'footer'))).name).toBe('UnsupportedImageError');
  });
});

describe('damaged structures are shown or give a vhdup error:', () => {
  /** @returns the ranges of its structures: from, to. */
  async function makeVhd(path: string): Promise<(readonly [number, number])[]> {
    const parent = { uniqueId: uniqueIdOf(1), locators: [{ code: 'W2ru', text: '.\\none.vhd' }] };
    const { fileSize } = await buildVhd(path, { type: 'differencing', size: 32 * MIB, parent, allocated: [1] });
    return [
      [0, 512],
      [512, 512 + 100],
      [512 + 576, 512 + 600],
      [1536, 2048 + 64],
      [fileSize - 512, fileSize],
    ];
  }

  /** @returns the ranges of its structures: from, to. */
  function makeVhdx(path: string): (readonly [number, number])[] {
    const parent = { parent_linkage: `{${nextGuid()}}`, relative_path: 'x' };
    const layout = buildVhdx(path, { size: 8 * MIB, blocks: [{ index: 1 }], parent });
    const descriptors = [{ page: layout.metadata.offset + MIB - 4096, bytes: patternOf(4, 4096) }];
    writeLog(layout, { entries: [{ sequence: 5n, descriptors }] });
    const lengths = [
      [HEADER_1, 80],
      [2 * HEADER_1, 80],
      [REGION_TABLE_1, 80],
      [REGION_TABLE_1 + 65_536, 80],
      [layout.metadata.offset, 32 * 7],
      [layout.metadata.offset + 65_536, 300],
      [layout.bat.offset, 80],
      [layout.log.offset, 128],
    ] as const;
    return lengths.map(([from, length]) => [from, from + length] as const);
  }

  async function tryAll(path: string): Promise<void> {
    const report = await inspectImage({ image: path });
    expect(report.image.path).toBe(path);
    for (const structure of STRUCTURE_KINDS) {
      await inspectStructures({ image: path, structure }).catch((error: unknown) =>
        expect(error).toBeInstanceOf(VhdupError),
      );
    }
  }

  it.each(['vhd', 'vhdx'] as const)('%s, whichever of the bytes are wrong', async (kind) => {
    const original = at(`fuzz-original.${kind}`);
    const places = kind === 'vhd' ? await makeVhd(original) : makeVhdx(original);
    const place = fc.constantFrom(...places).chain(([from, to]) => fc.integer({ min: from, max: to - 1 }));
    const byte = fc.tuple(place, fc.constantFrom(0, 1, 0x7f, 0x80, 0xff));
    const path = at(`fuzz.${kind}`);
    await fc.assert(
      fc.asyncProperty(fc.array(byte, { minLength: 1, maxLength: 6 }), async (bytes) => {
        await copyFile(original, path);
        for (const [offset, value] of bytes) await patchFile(path, offset, new Uint8Array([value]));
        await tryAll(path);
      }),
      { seed: 11, numRuns: 60 },
    );
  });
});
