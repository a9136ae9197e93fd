import { describe, expect, it } from 'vitest';
import { misplacedFunction } from '../../../src/cli/powershell/misplaced-functions.ts';
import { runHere } from '../../support/command-line.ts';

describe('functions of the PowerShell module in a command line', () => {
  it.each([
    [['Add-VhdupVhd', '-LocalFilePath', 'a.vhd'], /^Add-VhdupVhd is a function of PowerShell.*vhdup upload\.$/],
    [['test-vhdupvhd', 'a.vhd'], /^Test-VhdupVhd is .*vhdup check\.$/],
    [['upload', 'a.vhd', '-MaxRate', '20MiB/s'], /^-MaxRate is .* Add-VhdupVhd .*--max-rate after vhdup upload\.$/],
    [['inspect', '-scan', 'a.vhd'], /Write --scan after vhdup inspect\.$/],
    [['check', 'a.vhd', '-Nvme:$true'], /Write --nvme /],
    [['upload', '-LocalFilePath', 'a.vhd', '-Destination', 'b', '-MaxRate', '1'], /Write --max-rate /],
    // Save-AzVhd has no managed disks.
    [['download', '-DiskName', 'd', '-ResourceGroupName', 'rg', '-LocalFilePath', 'a.vhd'], /Write --disk /],
  ])('%j', (args, message) => {
    expect(misplacedFunction(args)?.message).toMatch(message);
  });

  it.each([
    [['upload', 'a.vhd', 'b', '--max-rate', '1']],
    [['upload', 'a.vhd', 'b', '-n', '-t', '4', '-m', 'a=b']],
    [['convert', 'a.vhd', '-MaxRate', '1']],
    [['upload', '--', '-MaxRate']],
    // Of the cmdlets, too: see misplaced-words.
    [['upload', '-NumberOfUploaderThreads', '5', '-OverWrite', '-DiskName', 'd']],
    [['download', '-NumberOfThreads', '5', '-OverWrite']],
    [[]],
  ])('are not seen in %j', (args) => {
    expect(misplacedFunction(args)).toBeUndefined();
  });

  it('are answered by the program', async () => {
    expect(await runHere(['Get-VhdupVhd', 'a.vhd'])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('vhdup powershell | Out-String | Invoke-Expression'),
    });
    expect((await runHere(['upload', 'a.vhd', '-Retries', '3'])).stderr).toContain('Write --retries');
  });
});
