// The module in the parser of PowerShell 7: it must use only what Windows PowerShell 5.1 and .NET Framework 4.5 have as well.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { moduleText, profileText } from '../../../../src/cli/powershell/module/module-text.ts';
import { hasPowerShell, MODULE_FOLDER, NO_POWERSHELL, powershell } from '../../../support/powershell.ts';
import { syntaxProblems } from '../../../support/powershell-syntax.ts';
import { temporaryFolder } from '../../../support/vhd-fixtures.ts';

beforeEach((context) => {
  if (!hasPowerShell) context.skip(NO_POWERSHELL);
});

/** What Windows PowerShell 5.1 does not have. */
const NEWER: readonly (readonly [code: string, problem: RegExp])[] = [
  ['$a ? 1 : 2', /TernaryExpressionAst/],
  ['$a ?? 1', /QuestionQuestion/],
  ['$a ??= 1', /QuestionQuestionEquals/],
  ['(Test-Path a)?.Length', /QuestionDot/],
  ['(Test-Path a)?[0]', /QuestionLBracket/],
  ['Test-Path a && Test-Path b', /PipelineChainAst/],
  ['Test-Path a || Test-Path b', /PipelineChainAst/],
  ['Test-Path a &', /background/],
  ['function f { clean { Test-Path a } }', /Clean/],
  ['1 | ForEach-Object -Parallel { 2 }', /ForEach-Object -Parallel/],
  ['ConvertFrom-Json -InputObject a -AsHashtable', /ConvertFrom-Json -AsHashtable/],
  ['Join-String', /Join-String/],
  ['Remove-Service a', /Remove-Service/],
  ['$start.ArgumentList.Add(1)', /\.ArgumentList/],
  ['$process.Kill($true)', /\.Kill\(1\)/],
  ['[System.Text.Json.JsonDocument]::Parse(1)', /System\.Text\.Json/],
  ['[System.IO.Path]::Join(1, 2)', /\[System\.IO\.Path\]::Join/],
  ['$IsWindows', /IsWindows/],
  ['1 -as [System.Half]', /System\.Half/],
];

describe('the module for Windows PowerShell 5.1', () => {
  it('uses nothing newer, as a file and in a profile', async () => {
    const [ofModule, ofProfile] = await syntaxProblems([moduleText(), profileText(['C:\\Tools\\vhdup.exe'])]);
    expect(ofModule).toEqual([]);
    expect(ofProfile).toEqual([]);
  });

  it('would be refused with anything newer', async () => {
    const found = await syntaxProblems(NEWER.map(([code]) => code));
    for (const [index, [code, problem]] of NEWER.entries()) {
      expect(found[index]?.join('\n'), code).toMatch(problem);
    }
  });

  it('has a manifest that is valid for both editions', async () => {
    const [json = ''] = await powershell(`
      $m = Test-ModuleManifest '${MODULE_FOLDER}/Vhdup.psd1'
      @{ Editions = $m.CompatiblePSEditions; Version = "$($m.PowerShellVersion)"; Functions = @($m.ExportedFunctions.Keys | Sort-Object)
         Tags = $m.Tags.Count; License = "$($m.LicenseUri)"; Project = "$($m.ProjectUri)"; Guid = "$($m.Guid)" } | ConvertTo-Json -Compress`);
    expect(JSON.parse(json)).toMatchObject({
      Editions: ['Desktop', 'Core'],
      Version: '5.1',
      Functions: ['Add-VhdupVhd', 'Get-VhdupVhd', 'Save-VhdupVhd', 'Test-VhdupVhd'],
      License: expect.stringMatching(/^https:.*LICENSE$/),
      Project: expect.stringMatching(/^https:/),
      Guid: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
  });

  it('passes every argument on as it is', async () => {
    const characters = fc.constantFrom('"', '\\', ' ', "'", '`', '$', '%', '&', '^', '\t', 'a', '\u78c1', '*', '[');
    const words = fc.sample(fc.string({ unit: characters, maxLength: 12 }), { numRuns: 400, seed: 1 });
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'words.json'), JSON.stringify(words));
    await writeFile(join(folder, 'print.js'), 'console.log(JSON.stringify(process.argv.slice(2)));');
    const [json = ''] = await powershell(
      `
      $module = Import-Module '${MODULE_FOLDER}' -PassThru
      $words = Get-Content -Raw (Join-Path $env:FOLDER 'words.json') | ConvertFrom-Json
      $start = [System.Diagnostics.ProcessStartInfo]::new($env:NODE)
      $start.Arguments = & $module { param($all) ($all | ForEach-Object { ConvertTo-VhdupArgument $_ }) -join ' ' } (@(Join-Path $env:FOLDER 'print.js') + $words)
      $start.RedirectStandardOutput = $true
      $process = [System.Diagnostics.Process]::Start($start)
      $process.StandardOutput.ReadToEnd()`,
      { FOLDER: folder, NODE: process.execPath },
    );
    expect(JSON.parse(json)).toEqual(words);
  });
});
