// What a script of PowerShell uses, by the parser of PowerShell 7, compared with what Windows PowerShell 5.1 and .NET Framework 4.5 have.
// The lists below were compared with PowerShellStandard.Library 5.1.1 and Microsoft.NETFramework.ReferenceAssemblies.net45 (NuGet), and
// with the documentation of the cmdlets of 5.1.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { powershell } from './powershell.ts';
import { temporaryFolder } from './vhd-fixtures.ts';

/** Constructs that came after 5.1. */
const NEWER_NODES = ['TernaryExpressionAst', 'PipelineChainAst'];
const NEWER_TOKENS = [
  ...['QuestionMark', 'QuestionQuestion', 'QuestionQuestionEquals', 'QuestionDot', 'QuestionLBracket'],
  ...['AndAnd', 'OrOr', 'Clean'],
];
const NEWER_VARIABLES = ['IsWindows', 'IsLinux', 'IsMacOS', 'IsCoreCLR', 'PSStyle', 'EnabledExperimentalFeatures'];

interface Facts {
  readonly errors: readonly string[];
  readonly nodes: readonly string[];
  readonly tokens: readonly string[];
  readonly variables: readonly string[];
  readonly background: boolean;
  /** "Name" and "Name -Parameter". */
  readonly commands: readonly string[];
  readonly types: readonly string[];
  /** "[Type]::Member", ".Property", ".Method(number of arguments)". */
  readonly members: readonly string[];
}

const ANALYSE = `
$result = foreach ($code in Get-Content -Raw -LiteralPath $env:CODES | ConvertFrom-Json) {
  $tokens = $null; $errors = $null
  $ast = [System.Management.Automation.Language.Parser]::ParseInput($code, [ref] $tokens, [ref] $errors)
  $all = @($ast.FindAll({ $true }, $true))
  $own = @($all | Where-Object { $_ -is [System.Management.Automation.Language.FunctionDefinitionAst] } | ForEach-Object { $_.Name })
  $commands = foreach ($command in $all | Where-Object { $_ -is [System.Management.Automation.Language.CommandAst] }) {
    $name = $command.GetCommandName()
    if ($null -eq $name -or $own -contains $name) { continue }
    $name
    $command.CommandElements | Where-Object { $_ -is [System.Management.Automation.Language.CommandParameterAst] } | ForEach-Object { "$name -$($_.ParameterName)" }
  }
  $members = foreach ($member in $all | Where-Object { $_ -is [System.Management.Automation.Language.MemberExpressionAst] }) {
    $name = "$($member.Member.Value)"
    if ($member -is [System.Management.Automation.Language.InvokeMemberExpressionAst]) { $name += "($(@($member.Arguments).Where({ $_ }).Count))" }
    if ($member.Static) { "[$($member.Expression.TypeName.FullName)]::$name" } else { ".$name" }
  }
  @{
    errors = @($errors | ForEach-Object { $_.Message })
    nodes = @($all | ForEach-Object { $_.GetType().Name } | Sort-Object -Unique)
    tokens = @($tokens | ForEach-Object { "$($_.Kind)" } | Sort-Object -Unique)
    variables = @($all | Where-Object { $_ -is [System.Management.Automation.Language.VariableExpressionAst] } | ForEach-Object { $_.VariablePath.UserPath } | Sort-Object -Unique)
    background = @($all | Where-Object { $_.Background }).Count -gt 0
    commands = @($commands | Sort-Object -Unique)
    types = @($all | ForEach-Object { if ($_ -is [System.Management.Automation.Language.TypeExpressionAst] -or $_ -is [System.Management.Automation.Language.TypeConstraintAst]) { $_.TypeName.FullName } } | Sort-Object -Unique)
    members = @($members | Sort-Object -Unique)
  }
}
ConvertTo-Json -InputObject @($result) -Depth 4 -Compress`;

/** The problems of each script, none if it works in Windows PowerShell 5.1. */
export async function syntaxProblems(codes: readonly string[]): Promise<string[][]> {
  const file = join(await temporaryFolder(), 'codes.json');
  await writeFile(file, JSON.stringify(codes));
  const [json = ''] = await powershell(ANALYSE, { CODES: file });
  return (JSON.parse(json) as Facts[]).map(problemsIn);
}

function problemsIn({ errors, nodes, tokens, variables, background, commands, types, members }: Facts): string[] {
  return [
    ...errors,
    ...nodes.filter((name) => NEWER_NODES.includes(name)),
    ...tokens.filter((kind) => NEWER_TOKENS.includes(kind)),
    ...variables.filter((name) => NEWER_VARIABLES.includes(name)),
    ...(background ? ['background job: &'] : []),
    ...commands.filter((name) => !COMMANDS.has(name)),
    ...types.filter((name) => !TYPES.has(name.toLowerCase())),
    ...members.filter((name) => !MEMBERS.has(name)),
  ];
}

/** Cmdlets, with those of their parameters that are used. */
const COMMANDS = new Set(
  Object.entries({
    // The completion runs it.
    vhdup: [],
    'ConvertFrom-Json': ['InputObject'],
    'ForEach-Object': [],
    'Export-ModuleMember': ['Alias', 'Function'],
    'Get-Command': ['CommandType', 'ErrorAction', 'ListImported', 'Name'],
    'Get-Item': ['ErrorAction', 'LiteralPath'],
    'Get-Module': [],
    'Import-Module': ['Force', 'Global'],
    'Join-Path': [],
    'New-Module': ['Name', 'ScriptBlock'],
    'New-Object': ['ArgumentList', 'TypeName'],
    'Out-Null': [],
    'Register-ArgumentCompleter': ['CommandName', 'Native', 'ScriptBlock'],
    'Select-Object': ['First', 'Last', 'Skip'],
    'Set-Alias': ['Name', 'Value'],
    'Set-Variable': ['Confirm', 'Name', 'Scope', 'Value', 'WhatIf'],
    'Sort-Object': [],
    'Split-Path': ['Leaf', 'Parent'],
    'Start-Job': [],
    'Start-ThreadJob': [],
    'Test-Path': ['ErrorAction', 'LiteralPath', 'PathType'],
    'Update-TypeData': ['DefaultDisplayPropertySet', 'Force', 'TypeName'],
    'Where-Object': [],
    'Write-Progress': ['Activity', 'Completed', 'Id'],
    'Write-Verbose': [],
    'Write-Warning': [],
  }).flatMap(([name, parameters]) => [name, ...parameters.map((parameter) => `${name} -${parameter}`)]),
);

const TYPES: ReadonlySet<string> = new Set([
  'bool',
  'convertfrom-json',
  'convertfrom-json -inputobject',
  'double',
  'environment',
  'foreach-object',
  'int',
  'math',
  'object',
  'object[]',
  'ordered',
  'pscustomobject',
  'ref',
  'regex',
  'scriptblock',
  'securestring',
  'string',
  'string[]',
  'switch',
  'system.globalization.cultureinfo',
  'system.management.automation.completioncompleters',
  'system.management.automation.completionresult',
  'system.management.automation.drivenotfoundexception',
  'system.io.directory',
  'system.io.file',
  'system.io.path',
  'system.management.automation.pscustomobject',
  'system.text.encoding',
  'uri',
  'urikind',
  'void',
]);

const MEMBERS: ReadonlySet<string> = new Set([
  // Methods, with the number of their arguments.
  ...[
    '.Close(0)',
    '.Contains(1)',
    '.ContainsKey(1)',
    '.Dispose(0)',
    '.GetBaseException(0)',
    '.GetUnresolvedProviderPathFromPSPath(3)',
    '.GetValue(1)',
    '.IndexOf(1)',
    '.Insert(2)',
    '.IsProviderQualified(1)',
    '.IsPSAbsolute(2)',
    '.Kill(0)',
    '.ReadLineAsync(0)',
    '.ReadToEndAsync(0)',
    '.Remove(1)',
    '.Replace(2)',
    '.ShouldProcess(2)',
    '.Split(1)',
    '.Start(0)',
    '.Substring(1)',
    '.Substring(2)',
    '.ThrowTerminatingError(1)',
    '.ToLowerInvariant(0)',
    '.ToString(2)',
    '.ToUpperInvariant(0)',
    '.Trim(0)',
    '.Trim(1)',
    '.TrimEnd(1)',
    '.TrimStart(1)',
    '.Wait(1)',
    '.WaitForExit(0)',
    '.WaitForExit(1)',
  ],
  // Static members.
  ...[
    '[Environment]::NewLine',
    '[Math]::Floor(1)',
    '[Math]::Max(2)',
    '[Math]::Min(2)',
    '[regex]::Replace(3)',
    '[scriptblock]::Create(1)',
    '[System.Globalization.CultureInfo]::InvariantCulture',
    '[System.IO.Directory]::Exists(1)',
    '[System.IO.File]::Exists(1)',
    '[System.IO.Path]::Combine(2)',
    '[System.IO.Path]::DirectorySeparatorChar',
    '[System.IO.Path]::GetFullPath(1)',
    '[System.IO.Path]::PathSeparator',
    '[System.Text.Encoding]::UTF8',
    '[uri]::TryCreate(3)',
    '[UriKind]::Absolute',
    // Since PowerShell 3.
    '[System.Management.Automation.CompletionCompleters]::CompleteFilename(1)',
    '[System.Management.Automation.CompletionResult]::new(4)',
  ],
  // Properties of objects of .NET and PowerShell, then keys of tables, and fields of events and results.
  ...'Arguments CompletionText Count CreateNoWindow CurrentFileSystemLocation Data Definition EnvironmentVariables ErrorDetails Exception ExitCode ExportedCommands Extent CommandElements FileName HasExited Id InvocationName Keys Length ListItemText Message Module MyCommand MyInvocation Name OriginalString ParameterSetName Password Path Properties ProviderPath PSObject PSVariable RecommendedAction RedirectStandardError RedirectStandardInput RedirectStandardOutput Result ResultType SessionState StandardError StandardErrorEncoding StandardInput StandardOutput StandardOutputEncoding StartInfo StartOffset Text ToolTip TypeNames UseShellExecute Value WorkingDirectory'
    .split(' ')
    .map((name) => `.${name}`),
  ...'Action Activity Allocated Boot Changes Choices Command DestinationUri Disk DiskSize Environment Errors Example File FileSize Findings Fix Format Found Generation Generations Image ImpliedIn Is OnlyIn OperatingSystem Option Options Order Parameters PercentComplete Problems SecondsRemaining Source Status Structures Target Unset UrlVariable Uses Why Words attempt bytesPerSecond code done durationMs etaSeconds exitCode fraction image message nextStep phase planned reason requestId send size state step type url what'
    .split(' ')
    .map((name) => `.${name}`),
]);
