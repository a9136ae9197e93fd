import { describe, expect, it } from 'vitest';
import type { ByteRange } from '../../src/base/byte-range.ts';
import { ServiceError } from '../../src/errors.ts';
import { listedRanges } from '../../src/remote/page-ranges.ts';
import { MemoryPageBlob, retrying } from '../support/memory-page-blob.ts';
import { failureOf } from '../support/vhd-fixtures.ts';

async function listOf(blob: MemoryPageBlob): Promise<ByteRange[]> {
  const list: ByteRange[] = [];
  for await (const range of listedRanges(retrying(blob), new AbortController().signal)) list.push(range);
  return list;
}

const page = (index: number, pages = 1): ByteRange => ({ offset: index * 512, length: pages * 512 });

describe('listedRanges (B9 pageRangeOptimizer)', () => {
  it('is empty for a blob without writes', async () => {
    expect(await listOf(new MemoryPageBlob())).toEqual([]);
  });

  it.each([1, 2, 3, 10])(
    'joins neighbours, also where one answer ends and the next begins (%i in one)',
    async (many) => {
      const blob = new MemoryPageBlob();
      blob.rangesPerList = many;
      blob.ranges = [page(0), page(1, 3), page(4), page(6), page(8, 2), page(10)];
      expect(await listOf(blob)).toEqual([page(0, 5), page(6), page(8, 3)]);
    },
  );

  it.each([1, 2])('repeats only request %i if that is answered with 500', async (failing) => {
    const blob = new MemoryPageBlob();
    blob.rangesPerList = 2;
    blob.ranges = [page(0), page(2), page(4)];
    const list = blob.pageRanges.bind(blob);
    let requests = 0;
    blob.pageRanges = (...options) => {
      requests += 1;
      if (requests !== failing) return list(...options);
      throw new ServiceError('busy', { status: 500, reason: 'InternalError', transient: true });
    };
    expect(await listOf(blob)).toEqual([page(0), page(2), page(4)]);
    expect(requests).toBe(3);
  });

  it('repeats a request whose answer was lost', async () => {
    const blob = new MemoryPageBlob();
    blob.ranges = [page(0), page(2), page(4)];
    blob.failOnce('pageRanges', new ServiceError('lost', { reason: 'ECONNRESET', transient: true }));
    expect(await listOf(blob)).toEqual([page(0), page(2), page(4)]);
  });

  it.each([
    ['descends', [page(4), page(2)]],
    ['overlaps', [page(0, 3), page(2)]],
  ])('refuses a list that %s', async (_, ranges) => {
    const blob = new MemoryPageBlob();
    blob.ranges = ranges;
    expect(await failureOf(listOf(blob))).toMatchObject({ code: 'SERVICE', failure: { transient: false } });
  });

  it.each([
    ['repeats its marker', () => ({ ranges: [], marker: 'same' })],
    ['names a new marker for ever', (request: number) => ({ ranges: [], marker: String(request) })],
    ['begins again', () => ({ ranges: [page(0)], marker: 'same' })],
    ['begins again under a new marker', (request: number) => ({ ranges: [page(0)], marker: String(request) })],
    ['goes backwards', (request: number) => ({ ranges: [page(1000 - request)], marker: String(request) })],
  ])('ends where a list %s', async (_, answer) => {
    const blob = new MemoryPageBlob();
    let requests = 0;
    blob.pageRanges = () => Promise.resolve(answer(requests++));
    expect(await failureOf(listOf(blob))).toMatchObject({ code: 'SERVICE', failure: { transient: false } });
    expect(requests).toBeLessThan(200);
  });

  it('continues after empty lists', async () => {
    const blob = new MemoryPageBlob();
    const lists = [[], [page(0)], [], [], [page(7)], []];
    let requests = 0;
    blob.pageRanges = () => {
      const ranges = lists[requests++] ?? [];
      return Promise.resolve({ ranges, marker: requests < lists.length ? `marker ${requests}` : undefined });
    };
    expect(await listOf(blob)).toEqual([page(0), page(7)]);
  });
});
