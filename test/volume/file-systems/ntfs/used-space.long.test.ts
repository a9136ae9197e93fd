// Which clusters of an NTFS are in use: by ntfsinfo, by zeroing all others, and by damaging what shows it.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ByteRange, endOf } from '../../../../src/base/byte-range.ts';
import { openNtfs } from '../../../../src/volume/file-systems/ntfs/ntfs-file-system.ts';
import { Picker } from '../../../hostile/random.ts';
import { volumeOfBytes } from '../../../support/memory-volume.ts';
import { sampleBytes, writeSampleFiles } from '../../../support/ntfs-files.ts';
import { listMounted, makeNtfsVolume, NO_NTFS_TOOLS, volumeOfImage, withMount } from '../../../support/ntfs-volume.ts';
import { NO_SHARED_GUESTS, sharedGuests } from '../../../support/shared-guests.ts';

const CLUSTER = 4096;
const folder = mkdtempSync(join(tmpdir(), 'vhdup-ntfs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Undefined if everything counts as used. */
async function usedOf(bytes: Buffer): Promise<ByteRange[] | undefined> {
  const ranges = (await openNtfs(volumeOfBytes(bytes))).usedRanges();
  if (ranges === undefined) return undefined;
  const used: ByteRange[] = [];
  for await (const range of ranges) used.push(range);
  return used;
}

describe.skipIf(NO_NTFS_TOOLS !== undefined)(`an NTFS volume ${NO_NTFS_TOOLS ?? ''}`, () => {
  let image: string;
  let bytes: Buffer;
  const marked = sampleBytes(new Picker(7), 3 * CLUSTER).fill('marked');
  beforeAll(() => {
    const fill = (mountPoint: string) => {
      writeSampleFiles(mountPoint, 3, 60);
      writeFileSync(join(mountPoint, 'marked'), marked);
      for (const name of ['pieces', 'many']) rmSync(join(mountPoint, name), { recursive: true });
    };
    image = makeNtfsVolume({ folder, size: 64, mkntfs: ['-c', String(CLUSTER)], fill });
    bytes = readFileSync(image);
  });

  it('uses the clusters that ntfsinfo counts, and all bytes after the last cluster', async () => {
    const used = (await usedOf(bytes)) ?? [];
    const info = execFileSync('ntfsinfo', ['-f', '-m', image], { encoding: 'utf8' });
    const numberOf = (name: string) => Number(new RegExp(`${name}\\s*:?\\s+(\\d+)`).exec(info)?.[1]);
    const clusters = numberOf('Volume Size in Clusters');
    const total = used.reduce((sum, { length }) => sum + length, 0);
    expect(total).toBe((clusters - numberOf('Free Clusters')) * CLUSTER + (bytes.length - clusters * CLUSTER));
    expect(used[0]?.offset).toBe(0);
    expect(used.map(endOf).at(-1)).toBe(bytes.length);
    expect(
      used.every(({ offset }, index) => index === 0 || offset > endOf(used[index - 1] ?? { offset, length: 0 })),
    ).toBe(true);
  });

  it('is the same volume when all other bytes are overwritten', async () => {
    const kept = Buffer.alloc(bytes.length, 0xa5);
    for (const { offset, length } of (await usedOf(bytes)) ?? []) bytes.copy(kept, offset, offset, offset + length);
    expect(kept.equals(bytes)).toBe(false);
    const copy = join(folder, 'kept');
    writeFileSync(copy, kept);
    execFileSync('ntfsfix', ['-n', copy], { stdio: 'ignore' });
    expect(withMount(copy, 'ro', listMounted)).toEqual(withMount(image, 'ro', listMounted));
  });

  it('is not read if $Bitmap calls a cluster of a file free', async () => {
    const map = execFileSync('ntfscat', ['-f', image, '$Bitmap'], { maxBuffer: bytes.length });
    const at = bytes.indexOf(map.subarray(0, 1024));
    const cluster = bytes.indexOf(marked) / CLUSTER + 2;
    const damaged = Buffer.from(bytes);
    damaged.writeUInt8(damaged.readUInt8(at + (cluster >> 3)) & ~(1 << (cluster & 7)), at + (cluster >> 3));
    await expect(usedOf(damaged)).rejects.toThrow(
      /\$Bitmap calls clusters from \d+ on free, but file record \d+ uses them/,
    );
  });

  it('is used as a whole if it has shadow copies', async () => {
    const copied = Buffer.from(bytes);
    copied.write('6b87083876c1484eb7ae04046e6cc752', 0x1e00, 'hex');
    expect(await usedOf(copied)).toBeDefined();
    copied.writeBigUInt64LE(0x4000n, 0x1e00 + 48);
    expect(await usedOf(copied)).toBeUndefined();
  });

  it.each([
    ['hibr', /Windows is hibernated in it/],
    ['HIBR', /Windows is hibernated in it/],
    ['RSTR', /Windows is hibernated in it/],
    ['wake', undefined],
    ['\0\0\0\0', undefined],
  ])('with a hiberfil.sys that begins with %j is unclean: %s', async (signature, reason) => {
    const fill = (mountPoint: string) =>
      writeFileSync(join(mountPoint, 'HiberFil.sys'), `${signature}${'x'.repeat(5000)}`);
    const files = await openNtfs(volumeOfImage(makeNtfsVolume({ folder, size: 8, fill })));
    if (reason === undefined) expect(files.unclean).toBeUndefined();
    else expect(files.unclean).toMatch(reason);
    expect(files.usedRanges() === undefined).toBe(reason !== undefined);
  });
});

describe.skipIf(sharedGuests === undefined || NO_NTFS_TOOLS !== undefined)(
  `a Windows volume with shadow copies ${sharedGuests === undefined ? NO_SHARED_GUESTS : ''}`,
  () => {
    it('is clean, and used as a whole', async () => {
      const image = join(folder, 'shadow-copies');
      execFileSync('qemu-img', ['convert', '-O', 'raw', join(sharedGuests ?? '', 'plaso/vsstest.qcow2'), image]);
      const volume = volumeOfImage(image);
      const files = await openNtfs(volume);
      expect(files.unclean).toBeUndefined();
      expect(files.usedRanges()).toBeUndefined();
      expect(await files.readdir('/')).toContain('System Volume Information');
      expect(volume.readCount).toBeLessThan(20);
    });
  },
);
