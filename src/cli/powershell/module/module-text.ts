// The PowerShell module Vhdup: the files of its folder, and the script that a profile runs.
import { VERSION } from '../../../base/version.ts';
import { completionScript } from '../../completion/shell-scripts.ts';
import { CALL_TEXT } from './call-text.ts';
import { functionText } from './function-text.ts';
import { MODULE_FUNCTIONS } from './functions.ts';
import { asciiLiteral, literal } from './literal.ts';
import { OUTPUT_TEXT } from './output-text.ts';
import { PROGRAM_TEXT } from './program-text.ts';
import { RUN_TEXT } from './run-text.ts';
import { tablesText } from './tables.ts';

const NAMES = MODULE_FUNCTIONS.map(({ name }) => literal(name)).join(', ');

const END_TEXT = `foreach ($type in $script:Views.Keys) {
    # Objects that come from a job in another process.
    foreach ($name in $type, "Deserialized.$type") {
        Update-TypeData -TypeName $name -DefaultDisplayPropertySet $script:Views[$type] -Force
    }
}

# Whether a module that is loaded has a command of this name, or the user has. Nothing is loaded to find out.
function Test-VhdupLoaded {
    param([string] $Name)
    if (Test-Path -LiteralPath "Function:$Name") { return $true }
    $alias = Get-Item -LiteralPath "Alias:$Name" -ErrorAction SilentlyContinue
    if ($alias -and $alias.Definition -ne $script:Aliases[$Name]) { return $true }
    return [bool] (Get-Module | Where-Object { $_.Name -ne 'Vhdup' -and $_.ExportedCommands.ContainsKey($Name) })
}

# Whether no other command has the name: an alias would hide it. Modules that are not loaded yet count.
function Test-VhdupAlias {
    param([string] $Name)
    # Our programs of this name are in lower case, which matters on Linux.
    if ((Test-VhdupLoaded $Name) -or (Find-VhdupOnPath $Name.ToLowerInvariant())) { return $false }
    foreach ($folder in $env:PSModulePath.Split([System.IO.Path]::PathSeparator)) {
        if ($folder -and [System.IO.Directory]::Exists([System.IO.Path]::Combine($folder, $script:AliasModules[$Name]))) { return $false }
    }
    return $true
}

foreach ($name in $script:Aliases.Keys) {
    if (Test-VhdupAlias $name) { Set-Alias -Name $name -Value $script:Aliases[$name] }
}
Export-ModuleMember -Function ${NAMES} -Alias *`;

/** The text of Vhdup.psm1. */
export function moduleText(): string {
  const parts = [
    `# Vhdup ${VERSION}: vhdup for PowerShell 5.1 and later. Made by the build; docs/powershell.md describes it.`,
    '# The program and its first arguments, if they are known. Otherwise they are looked for.\n$script:Program = $null',
    tablesText(),
    PROGRAM_TEXT,
    CALL_TEXT,
    RUN_TEXT,
    OUTPUT_TEXT,
    ...MODULE_FUNCTIONS.map(functionText),
    END_TEXT,
  ];
  return `${parts.join('\n\n')}\n`;
}

/** The text of Vhdup.psd1. @param homepage - Of the project. */
export function manifestText(homepage: string): string {
  const aliases = MODULE_FUNCTIONS.flatMap((one) => one.aliases.map(literal)).join(', ');
  return `@{
    RootModule = 'Vhdup.psm1'
    ModuleVersion = ${literal(VERSION.replace(/-.*$/, ''))}
    GUID = '4e0f5d5b-6d0c-4c0e-9a53-5a3f2c1b7e86'
    Author = 'The authors of vhdup'
    CompanyName = 'vhdup'
    Copyright = 'MIT licence'
    Description = 'Uploads VHD and VHDX disk images to Azure page blobs and managed disks, with the parameters of Add-AzVhd and Add-AzureVhd: converted while they are sent, without zeros, resumable and verified.'
    PowerShellVersion = '5.1'
    CompatiblePSEditions = @('Desktop', 'Core')
    FunctionsToExport = @(${NAMES})
    CmdletsToExport = @()
    VariablesToExport = @()
    AliasesToExport = @(${aliases})
    PrivateData = @{
        PSData = @{
            Tags = @('Azure', 'VHD', 'VHDX', 'HyperV', 'PageBlob', 'ManagedDisk', 'Upload', 'Add-AzVhd', 'Add-AzureVhd')
            LicenseUri = ${literal(`${homepage}/blob/main/LICENSE`)}
            ProjectUri = ${literal(homepage)}
        }
    }
}
`;
}

/**
 * The functions, and the completion of vhdup, for a profile: no file of a module is read, which an execution policy may forbid.
 * @param program - The program and its first arguments.
 */
export function profileText(program: readonly string[]): string {
  return `# The functions ${MODULE_FUNCTIONS.map(({ name }) => name).join(', ')} and the completion of vhdup, for PowerShell.
# Add to the file in $PROFILE, or type:
#   vhdup powershell | Out-String | Invoke-Expression
New-Module -Name Vhdup -ScriptBlock {
${moduleText()}
$script:Program = @(${program.map(asciiLiteral).join(', ')})
} | Import-Module -Global -Force

${completionScript('powershell')}`;
}
