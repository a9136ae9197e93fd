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
    // Nothing is lost: other words stay, and a parameter becomes the option that stands for it.
    [['convert', 'a.vhd', 'b.vhd', '-th', '4'], 'convert a.vhd b.vhd --threads 4'],
    [['convert', '-lf', 'a.vhd', 'b.vhd', '-OverWrite', '-q'], 'convert a.vhd b.vhd --overwrite -q'],
    [['convert', 'a.vhd', 'b.vhd', '-th:4', '-OverWrite:$false'], 'convert a.vhd b.vhd --threads=4'],
    [['inspect', 'partitions', 'a.vhd', '-OverWrite'], 'inspect partitions a.vhd'],
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
    [['download', 'a.vhd', '--disk', 'd', '-g', 'rg', '-OverWrite'], '--overwrite'],
    [['download', 'a.vhd', '--disk', 'd', '-g', 'rg', '-NumberOfThreads', '4'], '--threads'],
    [['download', 'a.vhd', '--disk=d', '-th', '4'], '--threads'],
    [['download', 'a.vhd', '--disk', 'd', '-ResourceGroupName', 'rg'], '--resource-group'],
    [['upload', 'a.vhd', '--disk', 'd', '-g', 'rg', '-l', 'we', '-DiskSku', 'Premium_LRS'], '--sku'],
    [['upload', 'a.vhd', '--disk', 'd', '-g', 'rg', '-l', 'we', '-OsType', 'Windows'], '--os-type'],
    [['upload', 'a.vhd', URL, '-n', '-OverWr'], '--overwrite'],
    [['upload', 'a.vhd', URL, '-t', '4', '-bs', URL], '--base'],
  ])('are answered with the option if a cmdlet could not take the others: %j', async (args, option) => {
    const { exitCode, stdout, stderr } = await runHere(args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain(`Write ${option} after vhdup ${args[0]}.`);
  });

  it.each([
    [['image', 'create', 'x', '-OsType', 'Windows'], 'vhdup image create does not take. Write --os-type.'],
    [['image', 'create', 'x', '-sk', 'y'], 'Run vhdup image create --help for help.'],
    // -th would be -t and -h, which prints the help as if that had been asked for.
    [['list', '-th', '3'], 'vhdup list does not take. Run vhdup list --help for help.'],
    [['report', 'a.html', '-th', '3'], 'Run vhdup report --help for help.'],
    [['list', '-src', 'x'], 'Run vhdup list --help for help.'],
    [['abort', 'a.vhd', '-bs', 'x'], 'Run vhdup abort --help for help.'],
  ])('lead to no upload or download after other commands: %j', async (args, end) => {
    const { exitCode, stdout, stderr } = await runHere(args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr.endsWith(`${end}\n`)).toBe(true);
    expect(stderr).not.toMatch(/(add|save)-az/);
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
