import { describe, expect, it } from 'vitest';
import { misplacedWords } from '../../../src/cli/powershell/misplaced-words.ts';
import { runHere } from '../../support/command-line.ts';

const URL = 'https://a.blob.core.windows.net/vhds/disk.vhd';
const SAS = '?sv=2024-11-04&sp=rw&sig=c2VjcmV0c2VjcmV0c2VjcmV0';

describe('parameters of PowerShell after a command of vhdup', () => {
  it.each([
    [
      ['upload', '-LocalFilePath', 'a.vhd', '-Destination', URL + SAS],
      `add-azurevhd -LocalFilePath a.vhd -Destination ${URL}`,
    ],
    [['-LocalFilePath', 'a.vhd', '-Destination', URL], `add-azurevhd -LocalFilePath a.vhd -Destination ${URL}`],
    [
      ['upload', '-lf', 'my disk.vhd', '-dst', URL, '-OverWrite'],
      `add-azurevhd -lf 'my disk.vhd' -dst ${URL} -OverWrite`,
    ],
    [
      ['upload', '-localfilepath:a.vhd', `-destination:${URL}${SAS}`],
      `add-azurevhd -localfilepath:a.vhd -destination:${URL}`,
    ],
    [['upload', 'a.vhd', URL, '-OverWrite'], `add-azurevhd -LocalFilePath a.vhd -Destination ${URL} -OverWrite`],
    [
      ['upload', 'a.vhd', URL, '--no-progress', '-NumberOfUploaderThreads', '5'],
      `add-azurevhd -LocalFilePath a.vhd -Destination ${URL} --no-progress -NumberOfUploaderThreads 5`,
    ],
    [['upload', '-LocalFilePath', 'a.vhd', '-DiskName', 'd'], 'add-azvhd -LocalFilePath a.vhd -DiskName d'],
    [['verify', '-LocalFilePath', 'a.vhd', '-Destination', URL + SAS], `verify a.vhd ${URL}`],
    [['verify', '-LocalFilePath', 'a.vhd'], 'verify a.vhd URL'],
    [['verify', 'a.vhd', '-dst', URL], `verify a.vhd ${URL}`],
    [['upload', 'a.vhd', URL, '-WhatIf'], `add-azurevhd -LocalFilePath a.vhd -Destination ${URL} -WhatIf`],
    [
      ['upload', 'a.vhd', URL, '-Verbose', '-ErrorAction', 'Stop'],
      `add-azurevhd -LocalFilePath a.vhd -Destination ${URL} -Verbose -ErrorAction Stop`,
    ],
    [['check', '-LocalFilePath', 'a.vhd'], 'check a.vhd'],
    [
      ['check', 'a.vhd', '--for', 'marketplace', '-Destination', URL],
      `check a.vhd --destination ${URL} --for marketplace`,
    ],
    [['sas', '-Destination', URL, '--for=marketplace'], `sas ${URL} --for=marketplace`],
    [
      ['download', '-SourceUri', URL + SAS, '-LocalFilePath', 'a.vhd'],
      `save-azvhd -SourceUri ${URL} -LocalFilePath a.vhd`,
    ],
    [
      ['download', '-src', URL, '-lf', 'my disk.vhd', '-OverWrite', '-NumberOfThreads', '4'],
      `save-azvhd -src ${URL} -lf 'my disk.vhd' -OverWrite -NumberOfThreads 4`,
    ],
    [['download', URL, 'a.vhd', '-OverWrite'], `save-azvhd -SourceUri ${URL} -LocalFilePath a.vhd -OverWrite`],
    [['download', URL, '-LocalFilePath', 'a.vhd'], `save-azvhd -SourceUri ${URL} -LocalFilePath a.vhd`],
    [['-Source', URL, '-LocalFilePath', 'a.vhd'], `save-azvhd -Source ${URL} -LocalFilePath a.vhd`],
    [['save-vhd', '-Source', URL, '-LocalFilePath', 'a.vhd'], `save-azvhd -Source ${URL} -LocalFilePath a.vhd`],
    [
      ['upload', '-NumberOfUploaderThreads', '5', '-Destination', URL, '-LocalFilePath', 'D:\\disks\\a.vhd'],
      `add-azurevhd -NumberOfUploaderThreads 5 -Destination ${URL} -LocalFilePath D:\\disks\\a.vhd`,
    ],
    [
      ['upload', '-LocalFilePath', 'a.vhd', '-DiskName', 'd', '-Location', 'westeurope', '-ResourceGroupName', 'rg'],
      'add-azvhd -LocalFilePath a.vhd -DiskName d -Location westeurope -ResourceGroupName rg',
    ],
    // Their letters are options too: -th would be -t and -h, which prints the help.
    [['upload', 'a.vhd', URL, '-th', '5'], `add-azurevhd -LocalFilePath a.vhd -Destination ${URL} -th 5`],
    [['upload', 'a.vhd', URL, '-bs', URL], `add-azurevhd -LocalFilePath a.vhd -Destination ${URL} -bs ${URL}`],
    [['upload', 'a.vhd', URL, '-ea', 'Stop'], `add-azurevhd -LocalFilePath a.vhd -Destination ${URL} -ea Stop`],
    [['upload', 'a.vhd', URL, '-wi'], `add-azurevhd -LocalFilePath a.vhd -Destination ${URL} -wi`],
    [['download', URL, 'a.vhd', '-TH:4'], `save-azvhd -SourceUri ${URL} -LocalFilePath a.vhd -TH:4`],
  ])('are answered by the program with the right command: %j', async (args, command) => {
    const { exitCode, stdout, stderr } = await runHere(args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr.replace(/( {2}# append the SAS to the URL)?\n$/, '').split('Run: vhdup ')[1]).toBe(command);
    expect(stderr).not.toContain('sig');
  });

  it('are answered with a hint if their SAS is not repeated', () => {
    const message = misplacedWords(['upload', '-lf', 'a.vhd', '-dst', URL + SAS])?.message;
    expect(message?.endsWith(`-dst ${URL}  # append the SAS to the URL`)).toBe(true);
  });

  it.each([
    [['upload', 'a.vhd', URL]],
    [['upload', 'a.vhd', URL, '-t8', '-q', '-m', 'a=b', '-lwesteurope', '-g', 'rg']],
    [['upload', 'a.vhd', '--destination', URL]],
    // Other programs write their output to the file behind -o.
    [['download', URL, '-o', 'a.vhd']],
    [['disk', 'status', '-g', 'rg']],
    [['check', 'a.vhd', '-Verbose']],
    [['download', URL, 'a.vhd', '-t8', '-q', '-g', 'rg']],
    [['download', URL, 'a.vhd', '-Verbose']],
    [['upload', '-Help']],
    [[]],
  ])('are not seen where there are none: %j', (args) => {
    expect(misplacedWords(args)).toBeUndefined();
  });
});
