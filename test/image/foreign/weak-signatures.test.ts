import { execFileSync, spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDiskImage } from '../../../src/image/open-disk-image.ts';
import { writeMbr } from '../../support/partition-table-builder.ts';
import { failureOf, openWatched, temporaryFolder } from '../../support/vhd-fixtures.ts';

const SIZE = 128 * 1024;

async function fileOf(bytes: Uint8Array): Promise<string> {
  const path = join(await temporaryFolder(), 'disk.vhd');
  await writeFile(path, bytes);
  return path;
}

/** What the error says, for a file that has data after the signature. */
async function messageFor(bytes: Uint8Array): Promise<string> {
  return (await failureOf(openDiskImage(await fileOf(bytes)))).message;
}

function at(offset: number, bytes: string | Buffer): Buffer {
  const file = Buffer.alloc(SIZE, 0xe5);
  file.set(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes, offset < 0 ? SIZE + offset : offset);
  return file;
}

/** The header of a file in the format LZMA_alone. */
function lzma(dictionary: number, size: bigint, properties = 0x5d, coder = 0): Buffer {
  const header = Buffer.alloc(14);
  header.writeUInt8(properties, 0);
  header.writeUInt32LE(dictionary, 1);
  header.writeBigUInt64LE(size, 5);
  header.writeUInt8(coder, 13);
  return header;
}

const UNKNOWN_SIZE = 0xffff_ffff_ffff_ffffn;

function program(mark: string): Buffer {
  const file = at(0, 'MZ');
  file.writeUInt32LE(0x80, 0x3c);
  file.write(mark, 0x80, 'latin1');
  return file;
}

const SKIPPED = Buffer.from('5a2a4d180400000001020304', 'hex');
const ZSTD = Buffer.from('28b52ffd', 'hex');
const LZ4 = Buffer.from('04224d18', 'hex');

describe('a file without a partition table', () => {
  it.each([
    ['LZMA with a large dictionary', at(0, lzma(2 ** 26, UNKNOWN_SIZE)), 'an LZMA archive'],
    ['LZMA with a small dictionary', at(0, lzma(4096, UNKNOWN_SIZE)), 'an LZMA archive'],
    ['LZMA with one and a half powers of 2', at(0, lzma(3 * 2 ** 20, UNKNOWN_SIZE)), 'an LZMA archive'],
    ['LZMA with a known size', at(0, lzma(2 ** 23, 2n ** 35n)), 'an LZMA archive'],
    ['compress', at(0, '\x1f\x9d\x90'), 'a file of compress (.Z)'],
    ['Zstandard after skipped frames', at(0, Buffer.concat([SKIPPED, SKIPPED, ZSTD])), 'a Zstandard archive'],
    ['LZ4 after a skipped frame', at(0, Buffer.concat([SKIPPED, LZ4])), 'an LZ4 archive'],
    ['a program for Windows', program('PE\0\0'), 'a program for Windows (.exe)'],
    ['an image of Nero', at(-12, 'NER5'), 'a CD or DVD image of Nero (NRG)'],
    ['an old image of Nero', at(-8, 'NERO'), 'a CD or DVD image of Nero (NRG)'],
    ['an image of MagicISO', at(-64, 'bbis'), 'a CD or DVD image of MagicISO (UIF)'],
  ])('is identified as %s, but not as such if it is a disk with a partition table', async (_name, bytes, name) => {
    const message = await messageFor(bytes);
    expect(message).toContain(`it is ${name}, not a VHD`);
    expect(message).not.toContain('--format raw');
    const disk = Buffer.from(bytes);
    disk.fill(0, 440, 512);
    writeMbr(disk, [{ slot: 1, type: 0x83, first: 64, count: 128 }]);
    expect((await openWatched(await fileOf(disk))).image.format).toBe('raw');
    expect((await openWatched(await fileOf(bytes), { format: 'raw' })).image.format).toBe('raw');
  });

  it.each([
    ['LZMA, but with other parameters', at(0, lzma(2 ** 23, UNKNOWN_SIZE, 0x5e))],
    ['LZMA, but with an odd dictionary', at(0, lzma(2 ** 23 + 1, UNKNOWN_SIZE))],
    ['LZMA, but without a dictionary', at(0, lzma(0, UNKNOWN_SIZE))],
    ['LZMA, but with an impossible size', at(0, lzma(2 ** 23, 2n ** 60n))],
    ['LZMA, but empty', at(0, lzma(2 ** 23, 0n))],
    ['LZMA, but with other data', at(0, lzma(2 ** 23, UNKNOWN_SIZE, 0x5d, 1))],
    ['compress, but with codes of 17 bits', at(0, '\x1f\x9d\x91')],
    ['a skipped frame before nothing', at(0, SKIPPED)],
    ['a skipped frame that ends after the file', at(0, Buffer.from('502a4d18ffffffff', 'hex'))],
    ['a program for DOS', program('NE\0\0')],
    ['a program whose header is after the file', at(0, 'MZ')],
    ['less than a header', Buffer.from([0x5d, 0, 0])],
  ])('is not identified as anything if it is like %s', async (_name, bytes) => {
    expect(await messageFor(bytes)).toContain('use --format raw');
  });
});

it.each([0, 1, 3, 6, 9])('real LZMA files are identified, with any preset: %i', async (preset) => {
  if (spawnSync('xz', ['--version']).error !== undefined) return;
  const file = execFileSync('xz', ['--format=lzma', `-${preset}`, '-c'], { input: Buffer.alloc(100_000, 'disk') });
  expect(await messageFor(file)).toContain('it is an LZMA archive');
});
