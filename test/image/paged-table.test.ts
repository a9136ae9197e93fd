import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { ImageAccessError } from '../../src/errors.ts';
import { ImageFile } from '../../src/image/image-file.ts';
import { PagedTable } from '../../src/image/paged-table.ts';
import { temporaryFolder } from '../support/vhd-fixtures.ts';

const SLICE = 256 * 1024;
const OFFSET = 1000;

/** A table whose entry n is the number n. */
async function openTable(entries: number): Promise<{ file: ImageFile; table: PagedTable }> {
  const bytes = Buffer.alloc(OFFSET + entries * 4);
  for (let entry = 0; entry < entries; entry++) bytes.writeUInt32BE(entry, OFFSET + entry * 4);
  const path = join(await temporaryFolder(), 'table');
  await writeFile(path, bytes);
  const file = await ImageFile.open(path);
  onTestFinished(async () => await file.close());
  return { file, table: new PagedTable(file, OFFSET, entries * 4) };
}

async function entryOf(table: PagedTable, entry: number): Promise<number> {
  const { view, offset } = await table.at(entry * 4);
  return view.getUint32(offset);
}

afterEach(() => vi.restoreAllMocks());

describe('PagedTable', () => {
  it('returns every entry, including the first and last of each slice', async () => {
    const entries = 3 * (SLICE / 4) + 5;
    const { table } = await openTable(entries);
    for (const entry of [0, 1, SLICE / 4 - 1, SLICE / 4, 2 * (SLICE / 4), entries - 1]) {
      expect(await entryOf(table, entry)).toBe(entry);
    }
  });

  it('reads a slice once while it is in use, also for concurrent callers', async () => {
    const { table } = await openTable(2 * (SLICE / 4));
    const read = vi.spyOn(ImageFile.prototype, 'read');
    await Promise.all(Array.from({ length: 100 }, async (_, entry) => await entryOf(table, entry)));
    expect(read).toHaveBeenCalledTimes(1);
  });

  it('keeps 8 slices, and discards the least recently used one', async () => {
    const { table } = await openTable(9 * (SLICE / 4));
    for (let slice = 0; slice < 8; slice++) await entryOf(table, slice * (SLICE / 4));
    await entryOf(table, 0);
    await entryOf(table, 8 * (SLICE / 4));
    const read = vi.spyOn(ImageFile.prototype, 'read');
    await entryOf(table, 0);
    expect(read).not.toHaveBeenCalled();
    await entryOf(table, SLICE / 4);
    expect(read).toHaveBeenCalledTimes(1);
  });

  it('retries a slice that could not be read', async () => {
    const { table } = await openTable(10);
    vi.spyOn(ImageFile.prototype, 'read').mockRejectedValueOnce(new ImageAccessError('the network is gone'));
    await expect(entryOf(table, 3)).rejects.toThrow('the network is gone');
    expect(await entryOf(table, 3)).toBe(3);
  });
});
