import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PageRun } from '../../src/base/page-run.ts';
import { ServiceError } from '../../src/errors.ts';
import { SizedWrites, SMALLEST_WRITE } from '../../src/remote/sized-writes.ts';
import { pageChecksum } from '../../src/transfer/checksum.ts';
import { patternOf } from '../support/vhd-builder.ts';
import { failureOf } from '../support/vhd-fixtures.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const NEVER = new AbortController().signal;

const runOf = (offset: number, length: number, algorithm: 'md5' | 'none' = 'md5'): PageRun => {
  const bytes = patternOf(offset / 512, length);
  return { range: { offset, length }, bytes, checksum: pageChecksum(algorithm, bytes) };
};

/** A gateway that refuses according to `refuses`, in front of a disk that checks the checksum of each request. */
function gateway(refuses: (length: number, request: number) => boolean, algorithm: 'md5' | 'none' = 'md5') {
  const disk = Buffer.alloc(16 * MIB);
  const accepted: number[] = [];
  const sizes: number[] = [];
  let requests = 0;
  const writes = new SizedWrites({
    target: {
      write: async ({ range, bytes, checksum }) => {
        await Promise.resolve();
        requests += 1;
        expect(bytes).toHaveLength(range.length);
        expect([range.offset % 512, range.length % 512]).toEqual([0, 0]);
        if (refuses(range.length, requests)) {
          throw new ServiceError(`Put Page ${range.offset} failed: 413.`, {
            status: 413,
            reason: 'HTTP 413',
            transient: false,
          });
        }
        expect(checksum).toEqual(pageChecksum(algorithm, bytes));
        accepted.push(range.length);
        disk.set(bytes, range.offset);
      },
    },
    onSmaller: (size) => sizes.push(size),
  });
  return { writes, disk, accepted, sizes, requests: () => requests };
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);

describe('SizedWrites', () => {
  it('sends whole runs with their checksums if nothing is refused', async () => {
    const { writes, accepted, sizes } = gateway(() => false);
    await writes.write(runOf(0, 4 * MIB), NEVER);
    await writes.write(runOf(4 * MIB, 512), NEVER);
    expect([accepted, sizes]).toEqual([[4 * MIB, 512], []]);
  });

  it('halves requests until they pass, and keeps that size for the next run', async () => {
    const { writes, accepted, sizes, requests } = gateway((length) => length > MIB);
    await writes.write(runOf(0, 4 * MIB), NEVER);
    expect(sizes).toEqual([2 * MIB, MIB]);
    expect(requests()).toBe(2 + 4);
    await writes.write(runOf(4 * MIB, 4 * MIB), NEVER);
    expect(requests()).toBe(2 + 4 + 4);
    expect(accepted).toEqual(new Array(8).fill(MIB));
  });

  it('writes the same bytes, each request with its own checksum, whatever is refused and however many run concurrently', async () => {
    const lengths = fc.integer({ min: 1, max: 2048 }).map((pages) => pages * 512);
    const some = fc.record({
      limit: fc.integer({ min: SMALLEST_WRITE, max: 2 * MIB }),
      every: fc.integer({ min: 1, max: 4 }),
      runs: fc.array(lengths, { minLength: 1, maxLength: 4 }),
      algorithm: fc.constantFrom('md5' as const, 'none' as const),
    });
    await fc.assert(
      fc.asyncProperty(some, async ({ limit, every, runs, algorithm }) => {
        const refuses = (length: number, request: number) => length > limit && request % every === 0;
        const { writes, disk, accepted } = gateway(refuses, algorithm);
        const all = runs.map((length, index) => runOf(index * MIB, length, algorithm));
        await Promise.all(all.map((run) => writes.write(run, NEVER)));
        for (const { range, bytes } of all) {
          expect(Buffer.compare(disk.subarray(range.offset, range.offset + range.length), bytes)).toBe(0);
        }
        expect(sum(accepted)).toBe(sum(runs));
      }),
      { numRuns: 60 },
    );
  });

  it('halves once for requests that are refused together', async () => {
    const { writes, sizes } = gateway((length) => length > 2 * MIB);
    await Promise.all([0, 1, 2, 3].map((index) => writes.write(runOf(index * 4 * MIB, 4 * MIB), NEVER)));
    expect(sizes).toEqual([2 * MIB]);
  });

  it.each([4 * MIB, 100 * KIB, 64 * KIB, 512])(
    'explains what to do if even small requests are refused (%i)',
    async (length) => {
      const { writes, requests } = gateway(() => true);
      const error = await failureOf(writes.write(runOf(0, length), NEVER));
      expect(error).toMatchObject({ code: 'SERVICE', failure: { status: 413, transient: false } });
      expect(error.message).toMatch(/413\. .* refuses even requests of \d+ bytes\. .*client_max_body_size/);
      expect(requests()).toBeLessThan(10);
    },
  );

  it('throws every other failure unchanged', async () => {
    const lost = new ServiceError('lost', { reason: 'ECONNRESET', transient: false });
    const writes = new SizedWrites({
      target: { write: () => Promise.reject(lost) },
      onSmaller: () => undefined,
    });
    expect(await failureOf(writes.write(runOf(0, MIB), NEVER))).toBe(lost);
  });
});
