import { describe, expect, it } from 'vitest';
import { namedArguments } from '../../src/cli/named-arguments.ts';

describe('namedArguments', () => {
  it.each([
    ['as it was typed', ['add-azurevhd', 'C:\\Tools\\vhdup.exe']],
    ['its path', ['x', 'C:\\Program Files\\Add-AzureVhd.EXE']],
    ['its path on Linux', ['vhdup', '/opt/my tools/add-azurevhd']],
  ])('puts the command first that the program is named after: %s', (_, programs) => {
    expect(namedArguments(['-OverWrite'], programs)[0]?.toLowerCase()).toBe('add-azurevhd');
    expect(namedArguments(['-OverWrite'], programs).slice(1)).toEqual(['-OverWrite']);
  });

  it.each([[['vhdup.exe', 'C:\\add-azvhd\\vhdup.exe']], [['upload', '/bin/upload']]])(
    'leaves the arguments alone otherwise: %j',
    (programs) => {
      expect(namedArguments(['upload', 'a.vhd'], programs)).toEqual(['upload', 'a.vhd']);
    },
  );
});
