import { describe, expect, it } from 'vitest';
import { Fields } from '../../../src/image/fields.ts';
import { guidAt, parseGuid } from '../../../src/image/vhdx/guid.ts';

describe('guidAt', () => {
  it('reads the first three groups as little-endian and the rest in order', () => {
    const bytes = Buffer.from('0000c30eed83c824a649a9595e4bf1288bfb', 'hex');
    const fields = new Fields(bytes, { path: 'disk.vhdx', structure: 'header', offset: 0 }, 'little');
    expect(guidAt(fields, 2)).toBe('83ed0ec3-24c8-49a6-a959-5e4bf1288bfb');
  });

  it('keeps leading zeros of each group', () => {
    const bytes = Buffer.from('010000000200030004050600000000ff', 'hex');
    const fields = new Fields(bytes, { path: 'disk.vhdx', structure: 'header', offset: 0 }, 'little');
    expect(guidAt(fields, 0)).toBe('00000001-0002-0003-0405-0600000000ff');
  });
});

describe('parseGuid', () => {
  const guid = '83ed0ec3-24c8-49a6-a959-5e4bf1288bfb';

  it.each([
    ['in braces, as the specification has it', `{${guid}}`],
    ['without braces', guid],
    ['in capitals', `{${guid.toUpperCase()}}`],
  ])('accepts a GUID %s', (_, text) => {
    expect(parseGuid(text)).toBe(guid);
  });

  it.each([
    '',
    '{}',
    `{${guid}`,
    `${guid}}`,
    `{${guid}}\0`,
    `{${guid.slice(1)}}`,
    guid.replaceAll('-', ''),
    guid.replace('-', '0'),
  ])('refuses %j', (text) => {
    expect(parseGuid(text)).toBeUndefined();
  });
});
