import { describe, expect, it } from 'vitest';
import { parseTags } from '../../../src/cli/commands/blob-options.ts';
import { UsageError } from '../../../src/errors.ts';

describe('parseTags', () => {
  it.each([
    ['a=b', { a: 'b' }],
    ['a=b&c=d', { a: 'b', c: 'd' }],
    ['a=', { a: '' }],
    ['a=b=c', { a: 'b=c' }],
    ['a%20b=c+d', { 'a b': 'c d' }],
    ['a%2Bb=c%26d', { 'a+b': 'c&d' }],
  ])('reads %s as AzCopy does', (text, expected) => {
    expect(parseTags(text)).toEqual(expected);
  });

  it.each([
    ['', 'the form "name=value'],
    ['a', 'the form "name=value'],
    ['=b', 'the form "name=value'],
    ['a=b&', 'the form "name=value'],
    ['a=b&a=c', 'the tag "a" more than once'],
    ['a=b&%61=c', 'the tag "a" more than once'],
    ['a=%zz', 'malformed percent-encoding'],
  ])('refuses "%s"', (text, message) => {
    expect(() => parseTags(text)).toThrow(UsageError);
    expect(() => parseTags(text)).toThrow(message);
  });
});
