import { describe, expect, it } from 'vitest';
import { hasUnicode } from '../../../src/cli/environment.ts';
import { screenOf } from '../../../src/cli/screens/screen.ts';
import { ASCII, UNICODE } from '../../../src/cli/screens/symbols.ts';
import { FakeTerminal } from '../../support/fake-terminal.ts';

const terminal = (columns = 100) => new FakeTerminal(columns).asStream;
const pipe = { isTTY: false } as NodeJS.WriteStream;
const UTF8 = { LANG: 'en_GB.UTF-8', TERM: 'xterm-256color' };

describe('screenOf', () => {
  it('has the width, colours and Unicode of a terminal', () => {
    expect(screenOf(UTF8, terminal())).toEqual({ width: 100, colours: true, symbols: UNICODE, redraws: true });
  });

  it('has 80 columns, no colours and only ASCII in a pipe', () => {
    expect(screenOf(UTF8, pipe)).toEqual({ width: 80, colours: false, symbols: ASCII, redraws: false });
  });

  it.each([
    [0, 80],
    [20, 40],
    [60, 60],
    [300, 140],
  ])('uses, for %i columns, a width of %i', (columns, width) => {
    expect(screenOf(UTF8, terminal(columns)).width).toBe(width);
  });

  it.each([
    [{ NO_COLOR: '1' }, { colours: false, symbols: UNICODE }],
    [{ NO_COLOR: '' }, { colours: true, symbols: UNICODE }],
    [{ TERM: 'dumb' }, { colours: false, symbols: ASCII, redraws: false }],
    [{ FORCE_COLOR: '0' }, { colours: false, symbols: UNICODE }],
    [
      { FORCE_COLOR: '1', NO_COLOR: '1' },
      { colours: true, symbols: UNICODE },
    ],
    [{ LC_ALL: 'C' }, { colours: true, symbols: process.platform === 'win32' ? UNICODE : ASCII, redraws: true }],
  ])('follows %o: %o', (variables, expected) => {
    expect(screenOf({ ...UTF8, ...variables }, terminal())).toMatchObject(expected);
  });

  it('has colours in a pipe if FORCE_COLOR is set', () => {
    expect(screenOf({ ...UTF8, FORCE_COLOR: '1' }, pipe)).toMatchObject({ colours: true, symbols: ASCII });
  });

  it.each([
    [{}, 'linux', true],
    [{ LC_ALL: '', LC_CTYPE: '', LANG: '' }, 'linux', true],
    [{ LANG: 'C' }, 'linux', false],
    [{ LANG: 'POSIX' }, 'darwin', false],
    [{ LANG: 'de_DE' }, 'linux', false],
    [{ LANG: 'de_DE.utf8' }, 'linux', true],
    [{ LANG: 'de_DE.UTF-8@euro' }, 'linux', true],
    [{ LC_CTYPE: 'UTF-8' }, 'darwin', true],
    [{ LANG: 'en_GB.UTF-8', LC_CTYPE: 'C' }, 'linux', false],
    [{ LANG: 'en_GB.UTF-8', LC_CTYPE: 'en_GB.UTF-8', LC_ALL: 'C' }, 'linux', false],
    [{ LANG: 'C', LC_ALL: 'C.UTF-8' }, 'linux', true],
    [{}, 'win32', true],
    [{ LC_ALL: 'C' }, 'win32', true],
  ] as const)('draws Unicode with %o on %s: %s', (variables, platform, expected) => {
    expect(hasUnicode(variables, terminal(), platform)).toBe(expected);
  });
});
