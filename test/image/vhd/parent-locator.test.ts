import { describe, expect, it } from 'vitest';
import { CorruptImageError } from '../../../src/errors.ts';
import { ImageFile } from '../../../src/image/image-file.ts';
import { readDynamicHeader } from '../../../src/image/vhd/dynamic-header.ts';
import { findFooter } from '../../../src/image/vhd/find-footer.ts';
import { type LocatorText, readLocator } from '../../../src/image/vhd/parent-locator.ts';
import { uniqueIdOf, type VhdDescription, type VhdLocator } from '../../support/vhd-builder.ts';
import { buildTemporary } from '../../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;

async function headerWith(description: Partial<VhdDescription>, use: (texts: LocatorText[], name: string) => void) {
  const { path } = await buildTemporary({ type: 'differencing', size: MIB, ...description });
  const file = await ImageFile.open(path);
  try {
    const found = await findFooter(file, {});
    if (found === undefined) throw new CorruptImageError('no footer');
    const header = await readDynamicHeader(file, found.footer);
    const texts: LocatorText[] = [];
    for (const locator of header.locators) texts.push(await readLocator(file, locator));
    use(texts, header.parentName);
  } finally {
    await file.close();
  }
}

async function textsOf(...locators: readonly VhdLocator[]): Promise<LocatorText[]> {
  let texts: LocatorText[] = [];
  await headerWith({ parent: { uniqueId: uniqueIdOf(1), locators } }, (read) => {
    texts = read;
  });
  return texts;
}

describe('a parent locator', () => {
  it.each([
    ['W2ku', 'C:\\vhds\\parent.vhd', false],
    ['W2ru', '.\\größe {1} x.vhd', false],
    ['MacX', 'file://./base%20disk.vhd', true],
    ['MacX', '/disks/base.vhd', false],
    ['Wi2r', 'a.vhd', false],
    ['Mac ', 'disks/a.vhd', false],
  ])('of platform code %s contains text', async (code, text, isUrl) => {
    expect(await textsOf({ code, text })).toEqual([{ source: `parent locator 0 (${code})`, text, isUrl }]);
  });

  it.each(['W2ku', 'W2ru', 'Wi2k', 'Wi2r', 'MacX'])(
    'of platform code %s is decoded in any of the encodings',
    async (code) => {
      const text = 'C:\\größe 磁盘\\base.vhd';
      const wide = Buffer.from(text, 'utf16le');
      const stored = [
        wide,
        Buffer.from(wide).swap16(),
        Buffer.from(text),
        Buffer.concat([Uint8Array.of(0xff, 0xfe), wide]),
        Buffer.concat([Uint8Array.of(0xfe, 0xff), Buffer.from(wide).swap16(), Buffer.alloc(2)]),
        Buffer.concat([Uint8Array.of(0xef, 0xbb, 0xbf), Buffer.from(text), Buffer.alloc(3)]),
      ];
      for (const bytes of stored) expect(await textsOf({ code, text: bytes })).toMatchObject([{ text, isUrl: false }]);
    },
  );

  it('may lack its trailing zeros', async () => {
    expect(await textsOf({ code: 'W2ru', text: '.\\a.vhd\0\0' })).toMatchObject([{ text: '.\\a.vhd' }]);
  });

  it.each([1, 512, 4096, 65536])('may have any value for its data space: %i', async (space) => {
    expect(await textsOf({ code: 'W2ru', text: '.\\a.vhd', space })).toMatchObject([{ text: '.\\a.vhd' }]);
  });

  it('may be in any of the eight slots: DiscUtils uses the last two', async () => {
    const texts = await textsOf(
      { code: 'W2ku', text: 'C:\\a.vhd', slot: 6 },
      { code: 'W2ru', text: '.\\a.vhd', slot: 7 },
    );
    expect(texts.map(({ source }) => source)).toEqual(['parent locator 6 (W2ku)', 'parent locator 7 (W2ru)']);
  });

  it.each([
    ['Mac ', 'alias', undefined, /no readable path/],
    ['W2ru', Buffer.from('a\0\x00\xd8', 'latin1'), undefined, /no known encoding/],
    ['MacX', Uint8Array.of(0xff, 0xfe), undefined, /no known encoding/],
    ['W2ru', '.\\a.vhd', 0, /empty/],
    ['W2ru', '.\\a.vhd', 65538, /its length is 65538 bytes, above 65536/],
    ['W2ru', '.\\a.vhd', 60000, /ends after the file/],
  ])('%s with text %j and length %s is skipped, with a reason', async (code, text, length, reason) => {
    const [read] = await textsOf(length === undefined ? { code, text } : { code, text, length });
    expect(read).toEqual({ source: `parent locator 0 (${code})`, problem: expect.stringMatching(reason) });
  });

  it('may have any offset up to 2^64', async () => {
    const editHeader = (header: Buffer) => void header.writeBigUInt64BE(2n ** 64n - 1n, 576 + 16);
    const parent = { uniqueId: uniqueIdOf(1), locators: [{ code: 'W2ru', text: '.\\a.vhd' }] };
    await headerWith({ parent, editHeader }, (texts) => {
      expect(texts).toEqual([
        { source: 'parent locator 0 (W2ru)', problem: expect.stringMatching('ends after the file') },
      ]);
    });
  });

  it('has the code of an unknown platform escaped', async () => {
    const [read] = await textsOf({ code: '\x1b[1m', text: 'a' });
    expect(read?.source).toBe('parent locator 0 (\\u{1b}[1m)');
  });
});

describe('the parent name of the dynamic header', () => {
  it.each(['base.vhd', 'C:\\Users\\ü\\base.vhd', 'x'.repeat(256)])(
    'is decoded from UTF-16, big-endian: %s',
    async (name) => {
      await headerWith({ parent: { uniqueId: uniqueIdOf(1), name } }, (_texts, read) => expect(read).toBe(name));
    },
  );

  it.each(['base.vhd', 'C:\\game\\base.vhd', 'größe.vhd', '一 磁盘.avhd', 'base'])(
    'is decoded from other encodings: %s',
    async (name) => {
      const wide = Buffer.from(name, 'utf16le');
      const marked = Buffer.concat([Uint8Array.of(0xfe, 0xff), Buffer.from(wide).swap16()]);
      for (const stored of [wide, marked, Buffer.from(name), Buffer.concat([Buffer.alloc(2), wide])]) {
        await headerWith({ parent: { uniqueId: uniqueIdOf(1), name: stored } }, (_texts, read) =>
          expect(read).toBe(name),
        );
      }
    },
  );

  it('is decoded from an 8-bit code page', async () => {
    const name = Buffer.from('gr\xf6\xdfe.vhd', 'latin1');
    await headerWith({ parent: { uniqueId: uniqueIdOf(1), name } }, (_texts, read) => expect(read).toBe('größe.vhd'));
  });

  it('ends at the first NUL', async () => {
    await headerWith({ parent: { uniqueId: uniqueIdOf(1), name: 'a.vhd\0rest' } }, (_texts, read) => {
      expect(read).toBe('a.vhd');
    });
  });
});
