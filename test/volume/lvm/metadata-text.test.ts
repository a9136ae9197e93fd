import { describe, expect, it } from 'vitest';
import { UnreadableError } from '../../../src/volume/file-systems/opened-file-system.ts';
import { parseMetadata } from '../../../src/volume/lvm/metadata-text.ts';

describe('parseMetadata', () => {
  it('reads sections, numbers, texts, lists and comments', () => {
    const root = parseMetadata(
      '# first\nvg-1.a { # comment "{"\n  n = 12\n t = "a \\"b\\" \\\\ #c"\n l = ["x", 3,\n "y" ] e = []\n s { d = 1.5 } }\nz = 0\n# end\0',
    );
    const group = root.section('vg-1.a');
    expect(group?.number('n')).toBe(12);
    expect(group?.text('t')).toBe('a "b" \\ #c');
    expect(group?.list('l')).toEqual(['x', 3, 'y']);
    expect(group?.list('e')).toEqual([]);
    expect(group?.list('absent')).toEqual([]);
    expect(group?.sections.map(({ name }) => name)).toEqual(['s']);
    expect(root.number('z')).toBe(0);
  });

  it('takes names of objects for names', () => {
    const root = parseMetadata('__proto__ { constructor = 1 }');
    expect(root.section('__proto__')?.number('constructor')).toBe(1);
    expect(root.section('toString')).toBeUndefined();
  });

  it.each([
    ['an open section', 'a {', 3],
    ['a closing brace too many', 'a { } }', 7],
    ['an open text', 'a = "b\\"', 4],
    ['an open list', 'a = [1, 2', 9],
    ['a name without a value', 'a b', 3],
    ['a list in a list', 'a = [[1]]', 6],
    ['a character without a meaning', 'a = !', 4],
    ['an equals sign alone', '= 1', 1],
  ])('refuses %s', (_, text, at) => {
    expect(() => parseMetadata(text)).toThrow(new UnreadableError(`its metadata are damaged at character ${at}`));
  });

  it('refuses sections that are too deep, and names that appear twice', () => {
    expect(() => parseMetadata('a {'.repeat(5000))).toThrow(UnreadableError);
    expect(() => parseMetadata('a { b = 1 b = 2 }')).toThrow('its metadata name a/b twice');
  });

  it('refuses values of another kind', () => {
    const root = parseMetadata('a = -1 b = 1.5 c = "x" d { } e = 99999999999999999999');
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) expect(() => root.number(name)).toThrow(UnreadableError);
    expect(() => root.text('a')).toThrow('its metadata need a text at /a');
    expect(() => root.list('d')).toThrow(UnreadableError);
    expect(() => root.section('c')).toThrow(UnreadableError);
  });

  it('reads a text of 4 MiB of any kind without trouble', () => {
    const size = 4 * 2 ** 20;
    expect(parseMetadata('#'.repeat(size)).sections).toEqual([]);
    expect(parseMetadata(`a = "${'x'.repeat(size)}"`).text('a').length).toBe(size);
    expect(() => parseMetadata(`${'\\'.repeat(size)}"`)).toThrow(UnreadableError);
    expect(() => parseMetadata(`a = ${'1'.repeat(size)}`).number('a')).toThrow(UnreadableError);
  });
});
