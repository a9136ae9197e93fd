import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quoted, wordsOf } from '../../../src/cli/powershell/words.ts';

const value = (text: string) => ({ is: 'value', text });
const parameter = (name: string, text?: string) => ({
  ...{ is: 'parameter', typed: `-${name}`, name },
  ...(text === undefined ? {} : { value: text }),
});

describe('wordsOf', () => {
  it.each(['-', '\u2013', '\u2014', '\u2015'])('takes %s for a dash', (dash) => {
    expect(wordsOf([`${dash}LocalFilePath`, 'a.vhd', `${dash}th:8`])).toEqual([
      parameter('LocalFilePath'),
      value('a.vhd'),
      parameter('th', '8'),
    ]);
  });

  it.each([
    ['-lf:-odd.vhd', parameter('lf', '-odd.vhd')],
    ['-OverWrite:$false', parameter('OverWrite', '$false')],
    ['-lf:D:\\a b.vhd', parameter('lf', 'D:\\a b.vhd')],
    ['-Destination:https://a/b?c=d:e', parameter('Destination', 'https://a/b?c=d:e')],
    ['-?', parameter('?')],
    ['-OverWrite:', parameter('OverWrite')],
    ['-5', value('-5')],
    ['-', value('-')],
    ['', value('')],
    ['--json', { is: 'option', text: '--json' }],
    ['\u2013\u2013sas-file=a', { is: 'option', text: '--sas-file=a' }],
  ])('reads %j', (text, word) => {
    expect(wordsOf([text])).toEqual([word]);
  });

  it('takes everything after -- for values', () => {
    expect(wordsOf(['--', '-lf', '--json'])).toEqual([value('-lf'), value('--json')]);
  });

  it.each([
    ['\u201c', '\u201d'],
    ['\u201e', '\u201c'],
    ['\u2018', '\u2019'],
    ["'", "'"],
    ['"', '"'],
  ])('removes the quotes %s and %s, and joins what a shell has split between them', (open, close) => {
    expect(wordsOf([`${open}a.vhd${close}`])).toEqual([value('a.vhd')]);
    expect(wordsOf(['-lf', `${open}D:\\My`, 'old', `disk.vhd${close}`, '-o'])).toEqual([
      parameter('lf'),
      value('D:\\My old disk.vhd'),
      parameter('o'),
    ]);
    expect(wordsOf([`-lf:${open}D:\\My`, `disk.vhd${close}`])).toEqual([parameter('lf', 'D:\\My disk.vhd')]);
  });

  it('leaves a quote without its partner alone', () => {
    expect(wordsOf(["'tis.vhd", '-o', 'b'])).toEqual([value("'tis.vhd"), parameter('o'), value('b')]);
    expect(wordsOf(['"', 'b'])).toEqual([value('"'), value('b')]);
  });

  it('reads any words', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (texts) => {
        expect(wordsOf(texts).length).toBeLessThanOrEqual(texts.length);
      }),
    );
  });
});

describe('quoted', () => {
  it.each([
    ['D:\\vhds\\disk.vhd', 'D:\\vhds\\disk.vhd'],
    ['D:\\My disks\\a.vhd', "'D:\\My disks\\a.vhd'"],
    ["it's.vhd", "'it''s.vhd'"],
    ['$home', "'$home'"],
    ['', "''"],
    ['-odd', "'-odd'"],
  ])('writes %s as %s', (text, written) => {
    expect(quoted(text)).toBe(written);
  });
});
