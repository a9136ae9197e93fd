import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { yaml } from '../../../bin/exe/manifests/yaml.ts';

it('writes what a reader of YAML reads', () => {
  const value = {
    plain: 'vhdup.exe',
    version: '1.10',
    number: 3,
    truth: 'yes',
    text: 'a: b # no comment, "quoted", ünicode',
    list: ['a', 'b: c'],
    maps: [
      { a: '1', b: ['x', 'y'] },
      { a: '- 2', b: [] },
    ].map(({ a, b }) => (b.length > 0 ? { a, b } : { a })),
    nested: { inner: { deep: '~' } },
  };
  expect(parse(yaml(value))).toEqual(value);
});
