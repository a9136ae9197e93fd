import { truncateSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { Crc32c } from '../../../src/base/crc32c.ts';
import { CorruptImageError } from '../../../src/errors.ts';
import { ImageFile } from '../../../src/image/image-file.ts';
import { LogSectors } from '../../../src/image/vhdx/log-sectors.ts';
import { findActiveSequence } from '../../../src/image/vhdx/log-sequence.ts';
import {
  buildVhdx,
  editSealed,
  GIB,
  KIB,
  MIB,
  nextGuid,
  patchFile,
  pattern,
  type VhdxLayout,
} from '../../support/vhdx-builder.ts';
import { type EntrySpec, encodeEntry, writeLog } from '../../support/vhdx-log-builder.ts';
import { withFile, workspace } from '../../support/vhdx-workspace.ts';

const SECTOR = 4 * KIB;
const at = workspace();
let count = 0;

function cleanFile(logLength = MIB): VhdxLayout {
  return buildVhdx(at(`log-${count++}.vhdx`), { size: 4 * MIB, logLength });
}

/** A page of the BAT, which a log may modify. */
function page(layout: VhdxLayout, seed = 1): { page: number; bytes: Buffer } {
  return { page: layout.bat.offset, bytes: pattern(seed, SECTOR) };
}

/** Returns the sequence numbers of the entries to replay, oldest first. */
async function activeNumbers(layout: VhdxLayout, logGuid: string): Promise<bigint[]> {
  return await withFile(layout.path, async (file) => {
    const log = new LogSectors(file, {
      sequenceNumber: 1n,
      dataWriteGuid: '',
      logGuid,
      logOffset: layout.log.offset,
      logLength: layout.log.length,
    });
    const entries = await findActiveSequence(log, logGuid, file.path, await Crc32c.create());
    return entries.map((entry) => entry.sequenceNumber);
  });
}

async function activeOf(entries: readonly EntrySpec[], logLength = MIB): Promise<bigint[]> {
  const layout = cleanFile(logLength);
  const { logGuid } = writeLog(layout, { entries });
  return await activeNumbers(layout, logGuid);
}

describe('findActiveSequence', () => {
  it('accepts entries with consecutive places and numbers', async () => {
    expect(await activeOf([{ sequence: 7n }, { sequence: 8n }, { sequence: 9n }])).toEqual([7n, 8n, 9n]);
  });

  it('starts at the tail of the newest entry, not at the first entry', async () => {
    expect(await activeOf([{ sequence: 7n }, { sequence: 8n, tail: SECTOR }, { sequence: 9n, tail: SECTOR }])).toEqual([
      8n,
      9n,
    ]);
    expect(await activeOf([{ sequence: 7n }, { sequence: 8n, tail: SECTOR }])).toEqual([8n]);
  });

  it('uses the sequence with the highest number, wherever it is', async () => {
    const older = [
      { sequence: 3n, at: 0, tail: 0 },
      { sequence: 4n, tail: 0 },
    ];
    const newer = [{ sequence: 9n, at: 64 * KIB, tail: 64 * KIB }];
    expect(await activeOf([...older, ...newer])).toEqual([9n]);
    expect(
      await activeOf([
        { ...newer[0], at: 0, tail: 0, sequence: 9n },
        { sequence: 3n, at: 64 * KIB, tail: 64 * KIB },
      ]),
    ).toEqual([9n]);
  });

  it('compares sequence numbers exactly beyond 2^53', async () => {
    const first = 80_117_443_871_106_390n;
    expect(await activeOf([{ sequence: first }, { sequence: first + 1n }])).toEqual([first, first + 1n]);
    const split = [{ sequence: first }, { sequence: first + 2n, tail: SECTOR }];
    expect(await activeOf(split)).toEqual([first + 2n]);
  });

  it('follows entries, or a single entry, across the end of the log', async () => {
    const layout = cleanFile();
    const descriptors = [page(layout, 1), { ...page(layout, 2), page: layout.bat.offset + SECTOR }];
    const { logGuid } = writeLog(layout, {
      entries: [
        { at: MIB - 2 * SECTOR, sequence: 1n, descriptors: [page(layout)] },
        { sequence: 2n },
        { sequence: 3n, at: SECTOR, descriptors },
      ],
    });
    expect(await activeNumbers(layout, logGuid)).toEqual([1n, 2n, 3n]);
    const other = writeLog(layout, {
      entries: [{ at: MIB - 2 * SECTOR, sequence: 5n, descriptors }, { sequence: 6n }],
    });
    expect(await activeNumbers(layout, other.logGuid)).toEqual([5n, 6n]);
  });

  it('ignores valid entries of an earlier log, even with higher numbers', async () => {
    const stale = nextGuid();
    const entries = [
      { sequence: 90n, logGuid: stale },
      { sequence: 91n, logGuid: stale },
      { sequence: 5n, tail: 2 * SECTOR },
    ];
    expect(await activeOf(entries)).toEqual([5n]);
  });

  it('ends before a gap in places or numbers', async () => {
    expect(await activeOf([{ sequence: 7n }, { sequence: 9n }])).toEqual([7n]);
    expect(await activeOf([{ sequence: 7n }, { sequence: 8n, at: 2 * SECTOR }])).toEqual([7n]);
    expect(await activeOf([{ sequence: 7n }, { sequence: 7n }])).toEqual([7n]);
  });

  it('ignores number 0, which is not valid', async () => {
    await expect(activeOf([{ sequence: 0n }, { sequence: 1n }])).rejects.toThrow(/no valid sequence/);
  });

  it('ignores a sequence whose newest entry has a tail outside of it, and one inside an entry', async () => {
    const lost = { sequence: 50n, at: 64 * KIB, tail: 512 * KIB };
    expect(await activeOf([{ sequence: 2n }, lost])).toEqual([2n]);
    const layout = cleanFile();
    const { logGuid } = writeLog(layout, {
      entries: [
        { sequence: 2n },
        { sequence: 50n, at: 64 * KIB, descriptors: [page(layout)], tail: 64 * KIB + SECTOR },
      ],
    });
    expect(await activeNumbers(layout, logGuid)).toEqual([2n]);
  });

  it('stops before an incompletely written entry', async () => {
    const layout = cleanFile();
    const { logGuid, offsets } = writeLog(layout, {
      entries: [{ sequence: 1n }, { sequence: 2n, descriptors: [page(layout)] }, { sequence: 3n }],
    });
    patchFile(layout.path, layout.log.offset + (offsets[1] ?? 0) + SECTOR, Buffer.alloc(SECTOR));
    // Entry 3 alone is not a sequence: its tail is entry 1.
    expect(await activeNumbers(layout, logGuid)).toEqual([1n]);
  });

  it('reads an entry whose descriptors fill several sectors', async () => {
    const layout = cleanFile();
    const descriptors = Array.from({ length: 200 }, (_, index) => ({
      page: layout.bat.offset + index * SECTOR,
      bytes: pattern(index, SECTOR),
    }));
    const { logGuid } = writeLog(layout, { entries: [{ sequence: 1n, descriptors }, { sequence: 2n }] });
    expect(await activeNumbers(layout, logGuid)).toEqual([1n, 2n]);
  });

  it('refuses a log without a valid sequence, and names its id', async () => {
    const layout = cleanFile();
    const logGuid = nextGuid();
    await expect(activeNumbers(layout, logGuid)).rejects.toThrow(CorruptImageError);
    await expect(activeNumbers(layout, logGuid)).rejects.toThrow(`its log (${logGuid}) contains no valid sequence`);
  });
});

describe('an entry is not valid', () => {
  const cases: readonly (readonly [string, (layout: VhdxLayout) => EntrySpec])[] = [
    ['when its signature is wrong', () => ({ sequence: 1n, edit: (entry) => entry.write('logf', 0, 'latin1') })],
    ['when its checksum is wrong', () => ({ sequence: 1n, spoil: (entry) => entry.writeUInt32LE(1, 4) })],
    [
      'when any byte of its data was lost',
      (layout) => ({ sequence: 1n, descriptors: [page(layout)], spoil: (entry) => entry.writeUInt8(0, SECTOR + 2000) }),
    ],
    [
      'when it fills the whole log',
      (layout) => ({
        sequence: 1n,
        descriptors: Array.from({ length: 254 }, (_, index) => ({
          ...page(layout),
          page: layout.bat.offset + index * SECTOR,
        })),
      }),
    ],
    [
      'when its length is not a multiple of 4 KiB',
      () => ({ sequence: 1n, edit: (entry) => entry.writeUInt32LE(SECTOR + 512, 8) }),
    ],
    ['when its length is 0', () => ({ sequence: 1n, edit: (entry) => entry.writeUInt32LE(0, 8) })],
    ['when it is as long as the log', () => ({ sequence: 1n, edit: (entry) => entry.writeUInt32LE(MIB, 8) })],
    [
      'when it is longer than its contents',
      () => ({ sequence: 1n, edit: (entry) => entry.writeUInt32LE(2 * SECTOR, 8) }),
    ],
    [
      'when it has more descriptors than fit',
      () => ({ sequence: 1n, edit: (entry) => entry.writeUInt32LE(0xffffffff, 24) }),
    ],
    [
      'when it has a descriptor less than it says',
      (layout) => ({ sequence: 1n, descriptors: [page(layout)], edit: (entry) => entry.writeUInt32LE(2, 24) }),
    ],
    [
      'when a descriptor has an unknown signature',
      (layout) => ({ sequence: 1n, descriptors: [page(layout)], edit: (entry) => entry.write('what', 64, 'latin1') }),
    ],
    [
      'when a descriptor has another number',
      (layout) => ({ sequence: 1n, descriptors: [page(layout)], edit: (entry) => entry.writeBigUInt64LE(2n, 88) }),
    ],
    [
      'when a descriptor differs in the upper half of its number',
      (layout) => ({ sequence: 1n, descriptors: [page(layout)], edit: (entry) => entry.writeUInt32LE(1, 92) }),
    ],
    [
      'when a page is not a multiple of 4 KiB',
      (layout) => ({ sequence: 1n, descriptors: [{ ...page(layout), page: layout.bat.offset + 512 }] }),
    ],
    [
      'when it writes to the headers',
      () => ({ sequence: 1n, descriptors: [{ page: 128 * KIB, bytes: pattern(1, SECTOR) }] }),
    ],
    [
      'when it writes into the log',
      (layout) => ({
        sequence: 1n,
        descriptors: [{ page: layout.log.offset + MIB - SECTOR, bytes: pattern(1, SECTOR) }],
      }),
    ],
    [
      'when it fills the headers with zeros',
      () => ({ sequence: 1n, descriptors: [{ zero: 128 * KIB, length: SECTOR }] }),
    ],
    [
      'when it fills the log with zeros',
      (layout) => ({ sequence: 1n, descriptors: [{ zero: layout.log.offset - SECTOR, length: 2 * SECTOR }] }),
    ],
    [
      'when a zero length is not a multiple of 4 KiB',
      (layout) => ({ sequence: 1n, descriptors: [{ zero: layout.bat.offset, length: 512 }] }),
    ],
    [
      'when zeros end after 2^64',
      (layout) => ({ sequence: 1n, descriptors: [{ zero: layout.bat.offset, length: 0xfffffffffffff000n }] }),
    ],
    [
      'when a data sector has no signature',
      (layout) => ({
        sequence: 1n,
        descriptors: [page(layout)],
        edit: (entry) => entry.write('dat!', SECTOR, 'latin1'),
      }),
    ],
    [
      'when a data sector has another number at its beginning',
      (layout) => ({ sequence: 1n, descriptors: [page(layout)], edit: (entry) => entry.writeUInt32LE(7, SECTOR + 4) }),
    ],
    [
      'when a data sector has another number at its end',
      (layout) => ({
        sequence: 1n,
        descriptors: [page(layout)],
        edit: (entry) => entry.writeUInt32LE(7, 2 * SECTOR - 4),
      }),
    ],
  ];

  it.each(cases)('%s', async (_, specOf) => {
    const layout = cleanFile();
    const { logGuid } = writeLog(layout, { entries: [{ tail: 0, ...specOf(layout) }] });
    await expect(activeNumbers(layout, logGuid)).rejects.toThrow(/no valid sequence/);
  });
});

describe('an entry inside a sequence is not valid', () => {
  it.each([
    ['when its tail is not a multiple of 4 KiB', 512],
    ['when its tail is outside of the log', MIB],
  ])('%s', async (_, tail) => {
    expect(await activeOf([{ sequence: 1n }, { sequence: 2n, tail }, { sequence: 3n }])).toEqual([1n]);
  });
});

describe('an entry is valid', () => {
  it('with the same descriptors when none of them is damaged', async () => {
    const layout = cleanFile();
    const zeros = { zero: layout.bat.offset + SECTOR, length: 0xffffffffff000000n };
    const { logGuid } = writeLog(layout, { entries: [{ sequence: 1n, descriptors: [page(layout), zeros] }] });
    expect(await activeNumbers(layout, logGuid)).toEqual([1n]);
  });
});

describe('the search of any log', () => {
  it('takes time in proportion to the length of the log: it does not read an entry again for each possible beginning', async () => {
    const layout = buildVhdx(at('hostile-log.vhdx'), { size: 4 * MIB, logLength: 16 * MIB });
    // In each sector, an entry that claims the rest of the log, up to the first sector that cannot belong to it.
    const logGuid = nextGuid();
    const entry = encodeEntry(layout, { sequence: 1n, logGuid, edit: (bytes) => bytes.writeUInt32LE(15 * MIB, 8) });
    entry.writeUInt32LE(0, 24);
    for (let offset = 0; offset < layout.log.length; offset += SECTOR)
      patchFile(layout.path, layout.log.offset + offset, entry);
    const reads = vi.spyOn(ImageFile.prototype, 'read');
    try {
      await expect(activeNumbers(layout, logGuid)).rejects.toThrow(/no valid sequence/);
      const bytes = reads.mock.calls.reduce((sum, [, into]) => sum + into.length, 0);
      expect(bytes).toBeLessThanOrEqual(3 * layout.log.length);
    } finally {
      reads.mockRestore();
    }
  });

  it('builds one sequence without trying each entry as a beginning', async () => {
    const layout = buildVhdx(at('long-log.vhdx'), { size: 4 * MIB, logLength: 32 * MIB });
    const logGuid = nextGuid();
    // 8,000 consecutive entries, none of which is the tail of the newest one.
    const sectors = Array.from({ length: 8000 }, (_, index) =>
      encodeEntry(layout, { logGuid, sequence: BigInt(index + 1), tail: index === 7999 ? 8100 * SECTOR : 0 }),
    );
    patchFile(layout.path, layout.log.offset, Buffer.concat(sectors));
    await expect(activeNumbers(layout, logGuid)).rejects.toThrow(/no valid sequence/);
    editSealed(layout.path, layout.log.offset + 7999 * SECTOR, SECTOR, (entry) =>
      entry.writeUInt32LE(7990 * SECTOR, 12),
    );
    expect(await activeNumbers(layout, logGuid)).toHaveLength(10);
  });

  it('works for a log of 1 GiB', async () => {
    const layout = cleanFile();
    truncateSync(layout.path, 2 * GIB);
    const large = { ...layout, log: { offset: 512 * MIB, length: GIB } };
    const logGuid = nextGuid();
    patchFile(layout.path, 512 * MIB + GIB - SECTOR, encodeEntry(large, { logGuid, sequence: 1n, tail: GIB - SECTOR }));
    expect(await activeNumbers(large, logGuid)).toEqual([1n]);
  });
});
