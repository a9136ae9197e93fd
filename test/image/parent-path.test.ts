import { describe, expect, it } from 'vitest';
import { baseNameOf, isDeviceFolder, parseFileUrl, parsePath } from '../../src/image/parent-path.ts';

describe('parsePath', () => {
  it.each([
    ['.\\fat-parent.vhd', './fat-parent.vhd'],
    ['base.vhd', 'base.vhd'],
    ['../../../vb2/vbox-base.vhd', '../../../vb2/vbox-base.vhd'],
    ['..\\mixed/slashes\\{1 2}.vhd', '../mixed/slashes/{1 2}.vhd'],
  ])('%s is relative', (text, path) => {
    expect(parsePath(text, 'linux')).toEqual({ kind: 'relative', path });
  });

  it.each([
    ['/root/vb2/x.vhd', '/root/vb2/x.vhd'],
    ['\\vhds\\x.vhd', '/vhds/x.vhd'],
  ])('%s is absolute', (text, path) => {
    expect(parsePath(text, 'linux')).toEqual({ kind: 'absolute', path });
  });

  it.each(['C:\\vhds\\x.vhd', 'c:/vhds/x.vhd', '\\\\?\\C:\\vhds\\x.vhd'])('%s is absolute on Windows alone', (text) => {
    expect(parsePath(text, 'win32')).toMatchObject({
      kind: 'absolute',
      path: expect.stringMatching(/^c:\/vhds\/x.vhd$/i),
    });
    expect(parsePath(text, 'linux')).toEqual({ kind: 'refused', problem: 'it names a Windows drive' });
  });

  it.each([
    '\\\\host\\share\\x.vhd',
    '//host/share/x.vhd',
    '\\\\?\\UNC\\host\\share\\x.vhd',
    '\\\\?\\unc\\host\\share\\x.vhd',
    '\\/host\\share\\x.vhd',
  ])('%s is a network path', (text) => {
    expect(parsePath(text, 'win32')).toEqual({ kind: 'network', path: '//host/share/x.vhd' });
  });

  it.each([
    '\\\\.\\PhysicalDrive0',
    '\\\\?\\GLOBALROOT\\Device\\x',
    '\\\\?\\Volume{1}\\x.vhd',
    '\\??\\C:\\x.vhd',
    '/dev/sda',
    '/DEV/sda',
    '/proc/self/environ',
    '/sys/x',
    'NUL',
    'nul.vhd',
    '.\\con',
    'C:\\AUX.vhd',
    '..\\COM1:x',
    'lpt¹.vhd',
    'CON .vhd',
    'x\\PRN\\y.vhd',
    'CONOUT$',
  ])('%s is a device, which is never opened', (text) => {
    expect(parsePath(text, 'win32')).toEqual({ kind: 'refused', problem: 'it names a device' });
    expect(parsePath(text, 'linux').kind).toBe('refused');
  });

  it('C:x.vhd depends on the current folder of a drive', () => {
    expect(parsePath('C:x.vhd', 'win32').kind).toBe('refused');
  });

  it.each(['', 'a\0b.vhd', 'a\nb.vhd', '\x1b[2J.vhd', 'a\x7f.vhd', 'a\u009b.vhd', 'a\ud800.vhd'])(
    '%j is not a path',
    (text) => {
      expect(parsePath(text).kind).toBe('refused');
    },
  );
});

describe('parseFileUrl', () => {
  it.each([
    ['file://./base.vhd', 'relative', './base.vhd'],
    ['file://../up/base.vhd', 'relative', '../up/base.vhd'],
    ['file:base.vhd', 'relative', 'base.vhd'],
    ['file://./gr%C3%B6%C3%9Fe%20x.vhd', 'relative', './größe x.vhd'],
    ['file:///disks/base.vhd', 'absolute', '/disks/base.vhd'],
    ['FILE://LOCALHOST/disks/base.vhd', 'absolute', '/disks/base.vhd'],
    ['file://host/share/base.vhd', 'network', '//host/share/base.vhd'],
    ['file:////host/share/base.vhd', 'network', '//host/share/base.vhd'],
    ['file://localhost//host/base.vhd', 'network', '//host/base.vhd'],
    ['file:///%2Fhost/base.vhd', 'network', '//host/base.vhd'],
    ['file:///%5C%5Chost/base.vhd', 'network', '///host/base.vhd'],
  ])('%s is %s', (text, kind, path) => {
    expect(parseFileUrl(text, 'linux')).toEqual({ kind, path });
  });

  it('file:///C:/x.vhd is a Windows drive path', () => {
    expect(parseFileUrl('file:///C:/x.vhd', 'win32')).toEqual({ kind: 'absolute', path: 'C:/x.vhd' });
  });

  it.each([
    'http://host/base.vhd',
    'base.vhd',
    'file://./a%00b.vhd',
    'file://./a%zz',
    'file://./a%ff',
    'file:///dev/zero',
    'file://host/a%0ab',
    'file://ho\x1bst/a',
  ])('%s is refused', (text) => {
    expect(parseFileUrl(text).kind).toBe('refused');
  });
});

describe('baseNameOf', () => {
  it.each([
    ['C:\\vhds\\base.vhd', 'base.vhd'],
    ['/a/b/base.vhd', 'base.vhd'],
    ['\\\\host\\share\\base.vhd', 'base.vhd'],
    ['C:base.vhd', 'base.vhd'],
    ['base.vhd', 'base.vhd'],
  ])('of %s is %s', (text, name) => {
    expect(baseNameOf(text)).toBe(name);
  });

  it.each(['', '..', 'a/..', 'a\\.', 'a/', 'C:\\', '\\\\.\\NUL', 'x\\com1.vhd', 'a\0.vhd', 'dir\n/base.vhd'])(
    'of %j is undefined',
    (text) => {
      expect(baseNameOf(text)).toBeUndefined();
    },
  );
});

it('isDeviceFolder recognises the device folders of the kernel', () => {
  expect(['/dev/x', '/proc', '/sys/y'].every(isDeviceFolder)).toBe(true);
  expect(['/device/x', '/home/dev/x', '/system'].some(isDeviceFolder)).toBe(false);
});
