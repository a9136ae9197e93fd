import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ByteRange, endOf, MIB } from '../../src/base/byte-range.ts';
import { type AskForData, type DataReport, dataRanges, reportsDataCorrectly } from '../../src/image/data-ranges.ts';
import { listExtents } from '../support/vhd-fixtures.ts';

/** Reports `data`, ascending and disjoint, at most `atOnce` ranges per query: lseek reports one, Windows several. */
function systemOf(data: readonly ByteRange[], atOnce: number): AskForData {
  return (range) => {
    const inside = data
      .map(({ offset, length }) => {
        const start = Math.max(offset, range.offset);
        return { offset: start, length: Math.min(offset + length, endOf(range)) - start };
      })
      .filter(({ length }) => length > 0);
    const last = inside[atOnce - 1];
    const end = inside.length > atOnce && last !== undefined ? endOf(last) : endOf(range);
    return Promise.resolve({ data: inside.slice(0, atOnce), end });
  };
}

/** Alternating data and holes, from single bytes to hundreds of MiB. */
const lengths = fc.oneof(
  fc.integer({ min: 1, max: 10_000 }),
  fc.integer({ min: 1, max: 300 }).map((mib) => mib * MIB),
);
const layouts = fc.array(fc.tuple(lengths, lengths), { maxLength: 60 }).map((pairs) => {
  let offset = 0;
  return pairs.map(([hole, length]) => {
    const range = { offset: offset + hole, length };
    offset = endOf(range);
    return range;
  });
});

describe('data ranges of a file', () => {
  it('cover all data, ascend, and lie in the requested range, whatever the layout', async () => {
    await fc.assert(
      fc.asyncProperty(
        layouts,
        lengths,
        lengths,
        fc.integer({ min: 1, max: 5 }),
        async (data, offset, more, atOnce) => {
          const range = { offset, length: more + (data.at(-1)?.offset ?? 0) };
          const ranges = await listExtents(dataRanges(range, systemOf(data, atOnce)));
          let end = range.offset;
          for (const one of ranges) {
            expect(one.offset).toBeGreaterThanOrEqual(end);
            expect(one.length).toBeGreaterThan(0);
            end = endOf(one);
          }
          expect(end).toBeLessThanOrEqual(endOf(range));
          const holes = [...ranges, { offset: endOf(range), length: 0 }].map((one, index) => {
            const before = ranges[index - 1];
            const start = before === undefined ? range.offset : endOf(before);
            return { start, end: one.offset };
          });
          for (const hole of holes.filter(({ start, end }) => start < end)) {
            expect(data.filter((one) => one.offset < hole.end && endOf(one) > hole.start)).toEqual([]);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('exclude holes, rounded to whole MiB', async () => {
    const data = [
      { offset: 5, length: 10 },
      { offset: 100 * MIB + 7, length: 2 * MIB },
    ];
    expect(await listExtents(dataRanges({ offset: 0, length: 200 * MIB }, systemOf(data, 1)))).toEqual([
      { offset: 0, length: MIB },
      { offset: 100 * MIB, length: 3 * MIB },
    ]);
  });

  it('need few queries when there are only small holes, and the first range arrives after one query', async () => {
    const data = Array.from({ length: 20_000 }, (_, index) => ({ offset: 2 * index * MIB, length: 4096 }));
    let asked = 0;
    const ask: AskForData = (range) => {
      asked++;
      return systemOf(data.slice(Math.floor(range.offset / 2 / MIB), Math.ceil(range.offset / 2 / MIB) + 2), 1)(range);
    };
    const ranges = dataRanges({ offset: 0, length: 40_000 * MIB }, ask);
    expect((await ranges.next()).value).toEqual({ offset: 0, length: MIB });
    expect(asked).toBe(1);
    for await (const range of ranges) expect(range.length).toBeLessThanOrEqual(64 * MIB);
    expect(asked).toBeLessThan(1000);
  });

  const range = { offset: MIB, length: 100 * MIB };
  const wrong: [string, DataReport | undefined][] = [
    ['is missing', undefined],
    ['makes no progress', { data: [], end: MIB }],
    ['goes backwards', { data: [], end: 0 }],
    ['lies beyond the file', { data: [], end: 102 * MIB }],
    ['has data before the requested range', { data: [{ offset: 0, length: 2 * MIB }], end: 101 * MIB }],
    ['has data after its end', { data: [{ offset: 50 * MIB, length: 100 * MIB }], end: 101 * MIB }],
    ['has data of length zero', { data: [{ offset: 50 * MIB, length: 0 }], end: 101 * MIB }],
    [
      'does not ascend',
      {
        data: [
          { offset: 50 * MIB, length: MIB },
          { offset: 10 * MIB, length: MIB },
        ],
        end: 101 * MIB,
      },
    ],
    ['has an offset that is not a number', { data: [{ offset: Number.NaN, length: MIB }], end: 101 * MIB }],
    ['has an end that is not a number', { data: [], end: Number.NaN }],
  ];
  it.each(wrong)('include everything from the point where an answer %s', async (_, answer) => {
    expect(await listExtents(dataRanges(range, () => Promise.resolve(answer)))).toEqual([range]);
  });

  it('include everything after a failed query, and keep the earlier ranges', async () => {
    const system = systemOf([{ offset: 50 * MIB, length: MIB }], 1);
    const ask: AskForData = (one) => (one.offset > 50 * MIB ? Promise.reject(new Error('EIO')) : system(one));
    const ranges = await listExtents(
      dataRanges({ offset: 0, length: 100 * MIB }, async (one) => {
        const answer = await ask(one);
        return answer === undefined ? undefined : { data: answer.data, end: Math.min(answer.end, 51 * MIB) };
      }),
    );
    expect(ranges).toEqual([
      { offset: 50 * MIB, length: MIB },
      { offset: 51 * MIB, length: 49 * MIB },
    ]);
  });
});

describe('hole detection of a system', () => {
  const bytes = Buffer.alloc(8 * MIB);
  bytes.write('conectix', bytes.length - 512);
  const file = {
    path: 'disk.vhd',
    size: bytes.length,
    read: (position: number, into: Uint8Array) => {
      bytes.copy(into, 0, position, position + into.length);
      return Promise.resolve();
    },
  };

  it('is trusted when it reports the data at the beginning and end of a test file', async () => {
    const data = [{ offset: bytes.length - 4096, length: 4096 }];
    expect(await reportsDataCorrectly(file, systemOf(data, 1))).toBe(true);
  });

  it('is not trusted when it reports that data as a hole', async () => {
    expect(await reportsDataCorrectly(file, systemOf([], 1))).toBe(false);
    expect(await reportsDataCorrectly(file, systemOf([{ offset: 0, length: MIB }], 1))).toBe(false);
    expect(await reportsDataCorrectly(file, () => Promise.resolve(undefined))).toBe(false);
  });
});
