import { describe, expect, it } from 'vitest';
import { HiveBins } from '../../../src/volume/registry/hive-bins.ts';
import { ReplayedSectors } from '../../../src/volume/registry/replayed-sectors.ts';
import { memoryFile } from '../../support/hive-builder.ts';

const bytes = Buffer.from(Array.from({ length: 4096 + 4 * 4096 }, (_, at) => (at >> 9) & 0xff));

describe('the bins of a hive', () => {
  it('are read across pages, each page once', async () => {
    const file = memoryFile(bytes);
    const bins = new HiveBins(file, 4 * 4096, new ReplayedSectors());
    for (let count = 0; count < 3; count++) {
      expect((await bins.read(4000, 8500)).equals(bytes.subarray(8096, 16_596))).toBe(true);
    }
    expect(file.reads).toBe(4);
    await expect(bins.read(4 * 4096 - 1, 2)).rejects.toThrow('2 bytes at 16383 are beyond its end at 16384');
  });

  it('have the sectors of a log in place of their own', async () => {
    const log = memoryFile(Buffer.alloc(8192, 0xee));
    const sectors = new ReplayedSectors();
    sectors.add(512, 1024, log, 2048);
    const file = memoryFile(bytes);
    const read = await new HiveBins(file, 4 * 4096, sectors).read(0, 4096);
    const expected = Buffer.from(bytes.subarray(4096, 8192)).fill(0xee, 512, 1536);
    expect(read.equals(expected)).toBe(true);
    expect([file.reads, log.reads]).toEqual([2, 1]);
  });

  it('keep a limited number of pages', async () => {
    const file = memoryFile(Buffer.alloc(4096 + 600 * 4096));
    const bins = new HiveBins(file, 600 * 4096, new ReplayedSectors());
    await bins.read(0, 600 * 4096);
    await bins.read(0, 1);
    expect(file.reads).toBe(601);
  });

  it('cannot be read for ever', async () => {
    const bins = new HiveBins(memoryFile(bytes), 4 * 4096, new ReplayedSectors(), 10);
    for (let count = 0; count < 5; count++) await bins.read(0, 1);
    await expect(bins.read(0, 1)).rejects.toThrow('reading it takes too long');
  });
});

describe('sectors of logs', () => {
  it('are limited', () => {
    const add = () => new ReplayedSectors().add(0, 2 ** 28, memoryFile(bytes), 512);
    expect(add).toThrow('its transaction logs change more than 128 MiB');
  });
});
