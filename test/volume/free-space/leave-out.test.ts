// What the image itself says about its disk.
import { describe, expect, it } from 'vitest';
import { freeSpaceOf } from '../../../src/volume/free-space/leave-out.ts';
import { MemoryDisk } from '../../support/memory-disk.ts';

const MIB = 1024 * 1024;

/** A disk with nothing but a swap area. */
function swapDisk(): MemoryDisk {
  const bytes = Buffer.alloc(4 * MIB, 7);
  bytes.fill(0, 0, 4096);
  bytes.writeUInt32LE(1, 1024);
  bytes.writeUInt32LE(1023, 1028);
  bytes.write('SWAPSPACE2', 4086, 'latin1');
  return new MemoryDisk(bytes);
}

async function read(codes: readonly string[], mode: 'all' | 'free' = 'all') {
  const warnings = codes.map((code) => ({ code }));
  const { map, volumes } = await freeSpaceOf(swapDisk(), warnings, mode, new AbortController().signal);
  return { bytes: map.bytes, reason: volumes[0]?.reason };
}

describe('freeSpaceOf', () => {
  it('finds what is free, unless page files are to be kept', async () => {
    expect(await read([])).toEqual({ bytes: 4 * MIB - 4096, reason: undefined });
    expect(await read(['log-replayed'])).toEqual({ bytes: 4 * MIB - 4096, reason: undefined });
    expect(await read([], 'free')).toEqual({ bytes: 0, reason: 'the contents of swap are kept' });
  });

  it.each([
    ['saved-state', /the virtual machine is suspended/],
    ['parent-modified', /a parent of the image was modified/],
    ['parent-size-differs', /disks of different sizes/],
    ['fixed-size-differs', /more data than its footer says/],
  ])('finds nothing free in an image with the warning %s', async (code, reason) => {
    const found = await read([code]);
    expect(found.bytes).toBe(0);
    expect(found.reason).toMatch(reason);
  });

  it('stops on abort with the reason of the signal', async () => {
    const reason = new Error('stopped');
    await expect(freeSpaceOf(swapDisk(), [], 'all', AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});
