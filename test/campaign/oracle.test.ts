import { describe, expect, it } from 'vitest';
import { StoredBlob } from '../support/page-blob-server/store.ts';
import { patternOf, seal } from '../support/vhd-builder.ts';
import { compareBlob } from './oracle.ts';

const DISK = 1024 * 1024;

/** A footer for a fixed disk of 1 MiB, as the specification defines it. */
function footer(edit: (bytes: Buffer) => void = () => undefined): Buffer {
  const bytes = Buffer.alloc(512);
  bytes.write('conectix', 'latin1');
  bytes.writeUInt32BE(0x10000, 12);
  bytes.fill(0xff, 16, 24);
  bytes.writeBigUInt64BE(BigInt(DISK), 48);
  bytes.writeUInt32BE(2, 60);
  bytes.fill(7, 68, 84);
  edit(bytes);
  seal(bytes, 64);
  return bytes;
}

function blobOf(disk: Uint8Array, last: Uint8Array): StoredBlob {
  const blob = new StoredBlob('PageBlob', disk.length + 512, new Date(0), false);
  blob.write(0, disk);
  blob.write(disk.length, last);
  return blob;
}

describe('compareBlob', () => {
  const disk = Buffer.alloc(DISK);
  disk.set(patternOf(1, 5000), 70_000);

  it('accepts the disk with a valid footer', () => {
    expect(compareBlob(blobOf(disk, footer()), disk)).toEqual({ pages: [], problems: [] });
  });

  it('lists the pages that differ, in data and in zeros', () => {
    const changed = Buffer.from(disk);
    changed.writeUInt8(1, 1000);
    changed.writeUInt8(0, 71_000);
    expect(compareBlob(blobOf(changed, footer()), disk).pages).toEqual([512, 70_656]);
  });

  it('finds a wrong size', () => {
    expect(compareBlob(blobOf(disk.subarray(512), footer()), disk).problems).toHaveLength(1);
  });

  it.each([
    ['cookie', (bytes: Buffer) => void bytes.write('Conectix', 'latin1')],
    ['current size', (bytes: Buffer) => void bytes.writeBigUInt64BE(512n, 48)],
    ['disk type', (bytes: Buffer) => void bytes.writeUInt32BE(3, 60)],
    ['unique id', (bytes: Buffer) => void bytes.fill(0, 68, 84)],
  ])('finds a wrong %s in a footer whose checksum is right', (field, edit) => {
    const { problems } = compareBlob(blobOf(disk, footer(edit)), disk);
    expect(problems).toEqual([`the footer's ${field} is wrong`]);
  });

  it('finds a flipped bit in the footer', () => {
    const last = footer();
    last.writeUInt8(last.readUInt8(300) ^ 4, 300);
    expect(compareBlob(blobOf(disk, last), disk).problems).toEqual(["the footer's checksum is wrong"]);
  });
});
