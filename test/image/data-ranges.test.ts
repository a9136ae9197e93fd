import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ByteRange, endOf, MIB } from '../../src/base/byte-range.ts';
import { type AskForData, type DataReport, dataRanges, reportsDataCorrectly } from '../../src/image/data-ranges.ts';
import { listExtents } from '../support/vhd-fixtures.ts';

/** Answers by `data`, ascending and apart, with so many ranges at a time at most: as lseek does with one, as Windows does with more. */
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

/** Data and holes in turn, of bytes up to hundreds of MiB. */
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

describe('the ranges of a file that can hold data', () => {
  it('cover all data, ascend, and lie in what was asked for, whatever the layout', async () => {
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

  it('leave out a hole, told in whole MiB', async () => {
    const data = [
      { offset: 5, length: 10 },
      { offset: 100 * MIB + 7, length: 2 * MIB },
    ];
    expect(await listExtents(dataRanges({ offset: 0, length: 200 * MIB }, systemOf(data, 1)))).toEqual([
      { offset: 0, length: MIB },
      { offset: 100 * MIB, length: 3 * MIB },
    ]);
  });

  it('are asked for seldom where there are only small holes, and come before all is asked', async () => {
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
    ['none', undefined],
    ['that stands still', { data: [], end: MIB }],
    ['that goes back', { data: [], end: 0 }],
    ['beyond the file', { data: [], end: 102 * MIB }],
    ['of data before what was asked for', { data: [{ offset: 0, length: 2 * MIB }], end: 101 * MIB }],
    ['of data after its end', { data: [{ offset: 50 * MIB, length: 100 * MIB }], end: 101 * MIB }],
    ['of data of no length', { data: [{ offset: 50 * MIB, length: 0 }], end: 101 * MIB }],
    [
      'that does not ascend',
      {
        data: [
          { offset: 50 * MIB, length: MIB },
          { offset: 10 * MIB, length: MIB },
        ],
        end: 101 * MIB,
      },
    ],
    ['of no number', { data: [{ offset: Number.NaN, length: MIB }], end: 101 * MIB }],
    ['that ends nowhere', { data: [], end: Number.NaN }],
  ];
  it.each(wrong)('are everything after an answer %s', async (_, answer) => {
    expect(await listExtents(dataRanges(range, () => Promise.resolve(answer)))).toEqual([range]);
  });

  it('are everything after a question that fails, and keep what was told before', async () => {
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

describe('a system that is asked for holes', () => {
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

  it('is believed when it knows of the data that the file begins and ends with', async () => {
    const data = [{ offset: bytes.length - 4096, length: 4096 }];
    expect(await reportsDataCorrectly(file, systemOf(data, 1))).toBe(true);
  });

  it('is not when it takes them for a hole', async () => {
    expect(await reportsDataCorrectly(file, systemOf([], 1))).toBe(false);
    expect(await reportsDataCorrectly(file, systemOf([{ offset: 0, length: MIB }], 1))).toBe(false);
    expect(await reportsDataCorrectly(file, () => Promise.resolve(undefined))).toBe(false);
  });
});
