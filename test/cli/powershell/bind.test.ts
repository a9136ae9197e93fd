import { describe, expect, it } from 'vitest';
import { assertComplete, bind } from '../../../src/cli/powershell/bind.ts';
import { ADD_AZ_VHD, ADD_AZURE_VHD, SAVE_AZ_VHD, SAVE_AZURE_VHD } from '../../../src/cli/powershell/cmdlets.ts';
import type { Cmdlet } from '../../../src/cli/powershell/parameter.ts';

const URL = 'https://a.blob.core.windows.net/vhds/disk.vhd';
const TAKE_VALUES = ['--sas-file', '--log-file'];

function bindWords(cmdlet: Cmdlet, args: readonly string[]) {
  return bind(cmdlet, args, (option) => TAKE_VALUES.includes(option) || undefined);
}

/** The bound values by the names of their parameters, and the set. */
function valuesOf(cmdlet: Cmdlet, ...args: readonly string[]): Record<string, string> {
  const { bound } = bindWords(cmdlet, args);
  return Object.fromEntries(bound.map(({ parameter, value }) => [parameter.name, value]));
}

const messageOf = (cmdlet: Cmdlet, ...args: readonly string[]): string => {
  try {
    assertComplete(bindWords(cmdlet, args));
  } catch (error) {
    return error instanceof Error ? error.message : '';
  }
  return '';
};

describe('the words of add-azurevhd', () => {
  const EXPECTED = { Destination: URL, LocalFilePath: 'a.vhd', NumberOfUploaderThreads: '5' };

  it.each([
    ['full names', ['-Destination', URL, '-LocalFilePath', 'a.vhd', '-NumberOfUploaderThreads', '5']],
    ['any case', ['-DESTINATION', URL, '-localfilepath', 'a.vhd', '-numberOfUploaderThreads', '5']],
    ['aliases', ['-dst', URL, '-lf', 'a.vhd', '-th', '5']],
    ['the beginnings of names', ['-d', URL, '-Loc', 'a.vhd', '-Num', '5']],
    ['colons', [`-dst:${URL}`, '-lf:a.vhd', '-th:5']],
    ['any order', ['-th', '5', '-lf', 'a.vhd', '-dst', URL]],
    ['positions', [URL, 'a.vhd', '5']],
    ['positions that names have left', ['-dst', URL, 'a.vhd', '5']],
    ['names between positions', [URL, '-th', '5', 'a.vhd']],
  ])('can be %s', (_, args) => {
    expect(valuesOf(ADD_AZURE_VHD, ...args)).toEqual(EXPECTED);
  });

  it.each([
    [['-OverWrite'], 'true'],
    [['-o'], 'true'],
    [['-OverWrite:$true'], 'true'],
    [['-OverWrite:True'], 'true'],
    [['-OverWrite:', 'True'], 'true'],
    [['-OverWrite:$false'], 'false'],
    [['-OverWrite:False'], 'false'],
    [['-OverWrite:0'], 'false'],
  ])('have switches: %j', (args, value) => {
    expect(valuesOf(ADD_AZURE_VHD, ...args, URL, 'a.vhd')).toMatchObject({ OverWrite: value, LocalFilePath: 'a.vhd' });
  });

  it('have the parameters of every cmdlet, with their aliases', () => {
    expect(
      valuesOf(ADD_AZURE_VHD, '-vb', '-ea', 'stop', '-WhatIf', '-cf:$false', '-ev', 'problems', '-proga', 'Ignore'),
    ).toEqual({
      Verbose: 'true',
      ErrorAction: 'Stop',
      WhatIf: 'true',
      Confirm: 'false',
      ErrorVariable: 'problems',
      ProgressAction: 'Ignore',
    });
  });

  it.each(['5', '+5', '5.0', ' 5', '0x5', '5e0'])('may have a number as %j, as PowerShell does', (number) => {
    expect(valuesOf(ADD_AZURE_VHD, ...[URL, 'a.vhd', '-th', number])).toEqual(EXPECTED);
  });

  it.each([
    ['0', 'SilentlyContinue'],
    ['2', 'Continue'],
    ['si', 'SilentlyContinue'],
    ['ignor', 'Ignore'],
    ['STOP', 'Stop'],
  ])('may have the number or the beginning of an action: %s', (text, action) => {
    expect(valuesOf(ADD_AZURE_VHD, '-ea', text)).toEqual({ ErrorAction: action });
  });

  it('may contain options of vhdup upload anywhere, with their values', () => {
    const { options, bound } = bindWords(ADD_AZURE_VHD, [
      ...['--json', '-dst', URL, '--sas-file', 'sas.txt', '-lf', 'a.vhd', '--log-file=b.log', '--json', '5'],
    ]);
    expect(options).toEqual(['--json', '--sas-file', 'sas.txt', '--log-file=b.log', '--json']);
    expect(bound.map(({ value }) => value)).toEqual([URL, 'a.vhd', '5']);
  });

  it.each([
    [['-Destnation', URL], 'add-azurevhd has no parameter -Destnation. Did you mean -Destination?'],
    [['-Fast'], 'add-azurevhd has no parameter -Fast.'],
    [['-W', '-x'], '-W can be -WhatIf, -WarningAction, -WarningVariable: write more letters of the name.'],
    [['-lf', 'a', '-LocalFilePath', 'b'], '-LocalFilePath was given more than once.'],
    [['-lf'], '-lf needs a value.'],
    [['-lf', '-o'], '-lf needs a value.'],
    [['-lf', ' '], 'The value of -lf is empty.'],
    [['-th', '65'], '-th must be a number from 1 to 64, but is 65.'],
    [['-th', '0'], '-th must be a number from 1 to 64, but is 0.'],
    [['-NumberOfUploaderThreads', '-5'], '-NumberOfUploaderThreads must be a number from 1 to 64, but is -5.'],
    [['-th', '5.5'], '-th must be a whole number, but is "5.5".'],
    [['-ea', 's'], '-ea must be one of SilentlyContinue, Stop,'],
    [['-ea', '7'], '-ea must be one of SilentlyContinue, Stop,'],
    [['-DiskName', 'd'], 'add-azurevhd has no parameter -DiskName, but add-azvhd does, for a managed disk.'],
    [['-SourceUri', URL], 'add-azurevhd has no parameter -SourceUri, but save-azvhd does.'],
    [
      ['-ResourceGroupName', 'rg'],
      'has no parameter -ResourceGroupName, but add-azvhd does. Leave it out: a blob does not need it. vhdup signs in with',
    ],
    [['-SkipResizing'], 'has no parameter -SkipResizing, but add-azvhd does. Leave it out: vhdup pads the disk'],
    [
      ['-AzContext', 'x'],
      'has no parameter -AzContext. vhdup does not use -DefaultProfile. Leave it out: vhdup signs in',
    ],
    [['-th', 'eight'], '-th must be a whole number, but is "eight".'],
    [['-OverWrite:perhaps'], '-OverWrite is a switch: it takes $true or $false, but not "perhaps".'],
    [['-EA', 'maybe'], '-EA must be one of SilentlyContinue, Stop,'],
    [[URL, 'a', '1', 'b', 'true', 'more'], 'cannot use the word "more"'],
    [['-lf', 'a.vhd'], '-Destination is missing: add-azurevhd needs it to upload to a blob.'],
    [[], '-Destination and -LocalFilePath are missing: add-azurevhd needs them to upload to a blob.'],
  ])('are refused if they cannot be bound: %j', (args, message) => {
    expect(messageOf(ADD_AZURE_VHD, ...args)).toContain(message);
  });
});

describe('the words of save-azvhd', () => {
  it('are missed for a download', () => {
    expect(messageOf(SAVE_AZ_VHD, 'rg')).toContain(
      '-SourceUri and -LocalFilePath are missing: save-azvhd needs them to download to a file.',
    );
  });
});

describe('the words of save-azurevhd', () => {
  it.each([
    ['names', ['-Source', URL, '-LocalFilePath', 'a.vhd', '-NumberOfThreads', '5']],
    ['aliases', ['-src', URL, '-lf', 'a.vhd', '-th', '5']],
    ['positions', [URL, 'a.vhd', '5']],
  ])('begin with the source: %s', (_, args) => {
    expect(valuesOf(SAVE_AZURE_VHD, ...args, '-o')).toEqual({
      ...{ Source: URL, LocalFilePath: 'a.vhd', NumberOfThreads: '5', OverWrite: 'true' },
    });
  });
});

describe('the words of add-azvhd', () => {
  it('may be short: only parameters of the cmdlet itself make them ambiguous', () => {
    expect(valuesOf(ADD_AZ_VHD, 'rg', URL, 'a.vhd', '-s')).toMatchObject({ SkipResizing: 'true' });
  });

  it('begin with the resource group, then the destination and the file', () => {
    expect(valuesOf(ADD_AZ_VHD, 'rg', URL, 'a.vhd', '4')).toEqual({
      ...{ ResourceGroupName: 'rg', Destination: URL, LocalFilePath: 'a.vhd', NumberOfUploaderThreads: '4' },
    });
  });

  it.each([
    ['names', ['-ResourceGroupName', 'rg', '-Location', 'westeurope', '-LocalFilePath', 'a.vhd', '-DiskName', 'd']],
    ['positions', ['rg', 'westeurope', 'a.vhd', '-DiskName', 'd']],
  ])('are for a managed disk if they name one: %s', (_, args) => {
    const { set } = bindWords(ADD_AZ_VHD, args);
    expect(set.name).toBe('DirectUploadToManagedDiskSet');
    expect(valuesOf(ADD_AZ_VHD, ...args)).toEqual({
      ...{ ResourceGroupName: 'rg', Location: 'westeurope', LocalFilePath: 'a.vhd', DiskName: 'd' },
    });
  });

  it('know the older names of parameters, and the spelling of values', () => {
    expect(
      valuesOf(ADD_AZ_VHD, '-Zone', '1', '-OsType', 'linux', '-HyperVGeneration', 'v2', '-DiskSku', 'premium_lrs'),
    ).toEqual({
      ...{ DiskZone: '1', DiskOsType: 'Linux', DiskHyperVGeneration: 'V2', DiskSku: 'Premium_LRS' },
    });
  });

  it('need the parameters of one way to upload, and not of both', () => {
    expect(messageOf(ADD_AZ_VHD, '-dst', URL, '-DiskName', 'd')).toBe(
      '-dst is for an upload to a blob, but -DiskName for one to a managed disk. Give the parameters of one of them: add-azvhd -? lists both.',
    );
    expect(messageOf(ADD_AZ_VHD, '-DiskName', 'd', '-OverWrite')).toContain('-OverWrite is for an upload to a blob');
    expect(messageOf(ADD_AZ_VHD, '-DiskName', 'd', '-lf', 'a')).toContain(
      '-ResourceGroupName and -Location are missing',
    );
    expect(messageOf(ADD_AZ_VHD, '-Disk', 'd')).toContain('-Disk can be -DiskName, -DiskSku, -DiskZone,');
  });
});
