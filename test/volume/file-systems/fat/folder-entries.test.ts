import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeEntries } from '../../../../src/volume/file-systems/fat/folder-entries.ts';

const LAST = 0x40;

function short(name: string, { attributes = 0x20, lowered = 0, size = 7, cluster = 5 } = {}): Buffer {
  const entry = Buffer.alloc(32);
  entry.write(name, 0, 'latin1');
  entry.writeUInt8(attributes, 11);
  entry.writeUInt8(lowered, 12);
  entry.writeUInt16LE(cluster >>> 16, 20);
  entry.writeUInt16LE(cluster & 0xffff, 26);
  entry.writeUInt32LE(size, 28);
  return entry;
}

function checksum(name: string): number {
  return Buffer.from(name, 'latin1').reduce((sum, byte) => (((sum & 1) << 7) + (sum >> 1) + byte) & 0xff, 0);
}

function long(order: number, text: string, sum: number): Buffer {
  const entry = Buffer.alloc(32);
  const characters = Buffer.alloc(26, 0xff);
  characters.write(text.length < 13 ? `${text}\0` : text, 'utf16le');
  entry.writeUInt8(order, 0);
  entry.writeUInt8(0x0f, 11);
  entry.writeUInt8(sum, 13);
  characters.copy(entry, 1, 0, 10);
  characters.copy(entry, 14, 10, 22);
  characters.copy(entry, 28, 22, 26);
  return entry;
}

const SHORT = 'LOADER~1CON';
const SUM = checksum(SHORT);
const namesIn = (...entries: Buffer[]) => decodeEntries(Buffer.concat(entries)).map(({ name }) => name);

describe('the entries of a FAT folder', () => {
  it('have long names, whose parts come in reverse order', () => {
    const entries = decodeEntries(
      Buffer.concat([
        long(LAST | 2, 'ry 1.conf', SUM),
        long(1, 'Loader entrie', SUM),
        short(SHORT, { cluster: 70_000 }),
      ]),
    );
    expect(entries).toEqual([
      { name: 'Loader entriery 1.conf', shortName: 'LOADER~1.CON', isFolder: false, cluster: 70_000, size: 7 },
    ]);
  });

  it.each([
    ['the checksum is another', [long(LAST | 1, 'name', SUM + 1), short(SHORT)]],
    ['a part is absent', [long(LAST | 2, 'name', SUM), short(SHORT)]],
    ['the first part is absent', [long(1, 'name', SUM), short(SHORT)]],
    ['the parts are in another order', [long(LAST | 1, 'a', SUM), long(2, 'b', SUM), short(SHORT)]],
    ['a deleted entry is between', [long(LAST | 1, 'name', SUM), short('\xe5ELETED TXT'), short(SHORT)]],
  ])('have their short names where %s', (_, entries) => {
    expect(namesIn(...entries)).toEqual(['LOADER~1.CON']);
  });

  it('end at a zero, and leave out labels, deleted files, and the folder itself', () => {
    const folder = { attributes: 0x10 };
    expect(
      namesIn(
        short('.          ', folder),
        short('..         ', folder),
        short('MY DISK    ', { attributes: 0x08 }),
        short('\xe5ELETED TXT'),
        short('BOOT       ', folder),
        Buffer.alloc(32),
        short('GHOST   TXT'),
      ),
    ).toEqual(['BOOT']);
  });

  it('have lower case where Windows NT recorded it, and letters of code page 850', () => {
    expect(namesIn(short('README  TXT', { lowered: 0x18 }), short('README  TXT', { lowered: 0x10 }))).toEqual([
      'readme.txt',
      'README.txt',
    ]);
    // 0x05 stands for 0xE5, which would mark a deleted file.
    expect(namesIn(short('GR\x99\xe1E   TXT'), short('\x05A      TXT'))).toEqual(['GRÖßE.TXT', 'ÕA.TXT']);
  });

  it('give a list, whatever is in them', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2048 }), (bytes) => {
        const entries = decodeEntries(Buffer.from(bytes));
        expect(entries.length).toBeLessThanOrEqual(bytes.length / 32);
      }),
    );
  });
});
