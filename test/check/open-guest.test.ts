import { describe, expect, it } from 'vitest';
import { MIB } from '../../src/base/byte-range.ts';
import { openGuest } from '../../src/check/open-guest.ts';
import { contentVolumes } from '../../src/volume/content-volumes.ts';
import { readDiskLayout } from '../../src/volume/disk-layout.ts';
import { volumeOfBytes } from '../support/memory-volume.ts';
import { writeGpt, writeMbr } from '../support/partition-table-builder.ts';

/** The guest of a disk whose only partition has this type, and contents that no reader knows. */
async function guestOf(type: number) {
  const bytes = Buffer.alloc(4 * MIB);
  writeMbr(bytes, [{ slot: 1, type, first: 2048, count: 4096, active: true }]);
  bytes.write('unknown', MIB);
  return await guestOn(bytes);
}

async function guestOn(bytes: Buffer) {
  const disk = volumeOfBytes(bytes);
  const layout = await readDiskLayout(disk);
  return await openGuest({ layout, contents: await contentVolumes(disk, layout), generation: 1 });
}

describe('openGuest', () => {
  it.each([
    ['OpenBSD', 0xa6],
    ['FreeBSD', 0xa5],
  ])('does not report an unread Windows on a disk with %s', async (_, type) => {
    const { guest, windows } = await guestOf(type);
    expect(guest.kind).toBe('unread');
    expect(windows).toBeUndefined();
  });

  it('names Flatcar, rather than its empty second /usr', async () => {
    const bytes = Buffer.alloc(4 * MIB);
    writeGpt(bytes, [{ type: '5dfbf5f4-2848-4bac-aa5e-0d9a20b745a6', name: 'USR-B', first: 2048n, last: 4095n }]);
    const { guest, windows } = await guestOn(bytes);
    expect(guest).toMatchObject({ kind: 'unread', found: expect.stringContaining('Flatcar') });
    expect(windows).toBeUndefined();
  });

  it('reports an unread Windows where there may be one', async () => {
    expect((await guestOf(0x07)).windows).toEqual([
      { name: 'Windows', unread: 'no volume with a Windows that can be read was found' },
    ]);
  });
});
