import { describe, expect, it } from 'vitest';
import { CorruptImageError, UnsupportedImageError } from '../../../src/errors.ts';
import { Fields } from '../../../src/image/fields.ts';
import { decodeParentLocator, type ParentLocator } from '../../../src/image/vhdx/parent-locator.ts';
import { encodeLocator, nextGuid } from '../../support/vhdx-builder.ts';

const GUID = '83ed0ec3-24c8-49a6-a959-5e4bf1288bfb';
const OTHER = '11111111-2222-3333-4444-555555555555';

function decode(bytes: Uint8Array): ParentLocator {
  return decodeParentLocator(
    new Fields(bytes, { path: 'child.avhdx', structure: 'parent locator', offset: 200 }, 'little'),
  );
}

function edited(
  edit: (bytes: Buffer) => void,
  pairs: Record<string, string> = { parent_linkage: `{${GUID}}` },
): ParentLocator {
  const bytes = encodeLocator(pairs);
  edit(bytes);
  return decode(bytes);
}

describe('decodeParentLocator', () => {
  it('decodes a locator that Windows wrote', () => {
    const locator = decode(
      encodeLocator({
        parent_linkage: `{${GUID}}`,
        parent_linkage2: '{00000000-0000-0000-0000-000000000000}',
        relative_path: '.\\fat-parent.vhdx',
        volume_path: '\\\\?\\Volume{5e0bd954-71b2-4bff-a928-082af7ab0f8f}\\fat-parent.vhdx',
        absolute_win32_path: 'C:\\fat-parent.vhdx',
      }),
    );
    expect(locator).toEqual({
      linkages: [GUID],
      relativePath: '.\\fat-parent.vhdx',
      volumePath: '\\\\?\\Volume{5e0bd954-71b2-4bff-a928-082af7ab0f8f}\\fat-parent.vhdx',
      absolutePath: 'C:\\fat-parent.vhdx',
    });
  });

  it('accepts a second linkage, which exists while checkpoints are merged, also in capitals', () => {
    const locator = decode(encodeLocator({ parent_linkage: `{${GUID.toUpperCase()}}`, parent_linkage2: `{${OTHER}}` }));
    expect(locator.linkages).toEqual([GUID, OTHER]);
  });

  it('decodes characters of all languages', () => {
    const path = '.\\Übergröße 磁盘 💾.vhdx';
    expect(decode(encodeLocator({ parent_linkage: GUID, relative_path: path })).relativePath).toBe(path);
  });

  it('decodes keys and values with terminators, and in the wrong byte order', () => {
    const ended = encodeLocator({ 'parent_linkage\0': `{${GUID}}\0`, 'relative_path\0': '.\\base.vhdx\0' });
    expect(decode(ended)).toMatchObject({ linkages: [GUID], relativePath: '.\\base.vhdx' });
    const swapped = encodeLocator({ parent_linkage: `{${GUID}}`, relative_path: '.\\base.vhdx' });
    swapped.subarray(20 + 2 * 12).swap16();
    expect(decode(swapped)).toMatchObject({ linkages: [GUID], relativePath: '.\\base.vhdx' });
  });

  it('ignores unknown keys', () => {
    expect(decode(encodeLocator({ colour: 'blue', parent_linkage: GUID })).linkages).toEqual([GUID]);
  });

  it.each([
    ['absent', {}, /must have 1 to 256 entries/],
    ['absent among others', { relative_path: 'x' }, /"parent_linkage" must be the GUID of the parent, but is absent/],
    ['no GUID', { parent_linkage: 'x\x1b[2J' }, /but is x\\u\{1b\}\[2J/],
    ['all zeros', { parent_linkage: '{00000000-0000-0000-0000-000000000000}' }, /but is \{0000/],
  ])('refuses a linkage that is %s', (_, pairs, message) => {
    expect(() => decode(encodeLocator(pairs))).toThrow(CorruptImageError);
    expect(() => decode(encodeLocator(pairs))).toThrow(message);
  });

  it('refuses a parent that is not a VHDX file, and names its type', () => {
    const type = nextGuid();
    expect(() => decode(encodeLocator({ parent_linkage: GUID }, type))).toThrow(UnsupportedImageError);
    expect(() => decode(encodeLocator({ parent_linkage: GUID }, type))).toThrow(type);
  });

  it.each([
    ['a locator without a header', () => decode(new Uint8Array(19)), /at least 20 bytes, but has 19/],
    [
      'more entries than fit',
      () => edited((bytes) => bytes.writeUInt16LE(200, 18)),
      /entries that fit in it, but has 200/,
    ],
    ['more than 256 entries', () => edited((bytes) => bytes.writeUInt16LE(257, 18)), /but has 257/],
    ['a key of half a character', () => edited((bytes) => bytes.writeUInt16LE(3, 28)), /has 3 bytes at/],
    ['a value after the end', () => edited((bytes) => bytes.writeUInt16LE(400, 30)), /has 400 bytes at 60 of/],
    ['an offset around 2^32', () => edited((bytes) => bytes.writeUInt32LE(0xfffffffe, 20)), /at 4294967294 of/],
    [
      'a key twice',
      () => edited((bytes) => bytes.copy(bytes, 32, 20, 32), { parent_linkage: GUID, b: 'c' }),
      /two entries parent_linkage/,
    ],
  ])('refuses %s', (_, decoding, message) => {
    expect(decoding).toThrow(CorruptImageError);
    expect(decoding).toThrow(message);
  });
});
