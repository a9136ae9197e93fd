import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { windowsNameProblem } from '../../src/base/windows-names.ts';

describe('windowsNameProblem', () => {
  it.each([
    ['NUL', 'NUL is the name of a device'],
    ['C:\\con.vhd', 'con is the name of a device'],
    ['C:disk.vhd', 'a colon after one letter names a drive on Windows, as in C:\\disk.vhd'],
    ['out/aux.tar.gz', 'aux is the name of a device'],
    ['COM1', 'COM1 is the name of a device'],
    ['com\u00b9.vhd', 'com\u00b9 is the name of a device'],
    ['LPT9:', 'LPT9 is the name of a device'],
    ['nul .txt', 'nul is the name of a device'],
    ['CONOUT$', 'CONOUT$ is the name of a device'],
    ['prn\\disk.vhd', 'prn is the name of a device'],
    ['\\\\?\\C:\\nul', 'nul is the name of a device'],
    ['\\\\.\\PhysicalDrive0', 'the path of a device'],
    ['//./C:', 'the path of a device'],
    ['trail. ', 'cannot end with a blank or a dot'],
    ['disk.vhd.', 'cannot end with a blank or a dot'],
    ['folder \\disk.vhd', 'cannot end with a blank or a dot'],
    ['a:b', 'a colon after one letter names a drive on Windows'],
    ['disk.vhd:stream', 'a colon starts the name of a stream'],
    ['disk.vhd::$DATA', 'a colon starts the name of a stream'],
    ['disk?.vhd', 'a name cannot contain ?'],
    ['a|b', 'a name cannot contain |'],
    ['C:\\folder\\', 'names no file'],
    ['C:', 'names no file'],
    ['..', 'it is a folder'],
  ])('refuses %j', (path, why) => {
    expect(windowsNameProblem(path)).toContain(why);
  });

  it.each([
    'disk.vhd',
    'C:\\disks\\disk.vhd',
    '..\\.\\disk.vhd',
    './a/b.vhd',
    '\\\\server\\share\\disk.vhd',
    '\\\\?\\C:\\disks\\disk.vhd',
    '\\\\?\\UNC\\server\\share\\disk.vhd',
    '//server/share/disk.vhd',
    'null.vhd',
    'COM10.vhd',
    'console',
    ' leading blank.vhd',
    '.hidden',
    'größe ディスク (1).vhd',
    `${'x'.repeat(250)}.vhd`,
  ])('accepts %j', (path) => {
    expect(windowsNameProblem(path)).toBeUndefined();
  });

  it('returns for every path', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (path) => {
        expect(windowsNameProblem(path)).not.toBe('');
      }),
    );
  });
});
