// PowerShell code that makes objects of results, and runs functions as jobs.

export const OUTPUT_TEXT = String.raw`# The result as a typed object. Types have a view, so that the screen shows what matters.
function ConvertTo-VhdupOutput {
    param($Call, $Result)
    $object = ConvertTo-VhdupObject $Result
    foreach ($name in 'Type', 'Time', 'Image', 'Url', 'Output') {
        if ($name -ne 'Image' -or $Result.image -is [string]) { $object.PSObject.Properties.Remove($name) }
    }
    $file = New-Object -TypeName System.IO.FileInfo -ArgumentList $Call.File
    $first = [ordered] @{ LocalFilePath = $file }
    switch ($Call.Name) {
        'Add-VhdupVhd' {
            $type = 'VhdUploadContext'
            # VHDUP_DRY_RUN makes a dry run as well.
            if ($null -ne $Result.send) { $type = 'VhdUploadPlan' }
            $first.DestinationUri = ConvertTo-VhdupUri $Result.url $Call.Target
        }
        'Save-VhdupVhd' {
            $type = 'VhdDownloadContext'
            $first.Source = ConvertTo-VhdupUri $Result.url $Call.Target
        }
        'Test-VhdupVhd' {
            $type = 'VhdCheckResult'
            $first.Result = $object.Result
            $first.Problems = Get-VhdupProblemText $object.Findings $Call.Name
            foreach ($finding in $object.Findings) { $finding.PSObject.TypeNames.Insert(0, 'VhdCheckFinding') }
        }
        'Get-VhdupVhd' {
            $type = 'VhdImage'
            if ($null -eq $object.Structures) {
                $first.Format = $object.Image.Format
                $first.DiskSize = $object.Image.DiskSize
                $first.FileSize = $object.Image.FileSize
                $first.Allocated = $object.Disk.Allocated
                $first.Generation = $object.Disk.Boot.Generations
                $first.OperatingSystem = $object.Disk.OperatingSystem.Name
                $first.Problems = @($object.Problems | ForEach-Object { $_.Message }) -join [Environment]::NewLine
            } else {
                $type = 'VhdStructures'
            }
        }
    }
    foreach ($property in $object.PSObject.Properties) {
        if (-not $first.Contains($property.Name)) { $first[$property.Name] = $property.Value }
    }
    $output = [pscustomobject] $first
    $output.PSObject.TypeNames.Insert(0, $type)
    return $output
}

function ConvertTo-VhdupUri {
    param($Url, [string] $Otherwise)
    if (-not $Url) { $Url = $Otherwise }
    $uri = $null
    if ([uri]::TryCreate($Url, [UriKind]::Absolute, [ref] $uri)) { return $uri }
    return $Url
}

# Names begin with a capital, as those of other objects in PowerShell do.
function ConvertTo-VhdupObject {
    param($Value)
    if ($Value -is [System.Management.Automation.PSCustomObject]) {
        $properties = [ordered] @{}
        foreach ($property in $Value.PSObject.Properties) {
            $name = $property.Name.Substring(0, 1).ToUpperInvariant() + $property.Name.Substring(1)
            $properties[$name] = ConvertTo-VhdupObject $property.Value
        }
        return [pscustomobject] $properties
    }
    if ($Value -is [object[]]) { return , @($Value | ForEach-Object { ConvertTo-VhdupObject $_ }) }
    return $Value
}

function Get-VhdupProblemText {
    param($Findings, $Name)
    $lines = foreach ($result in 'fail', 'warn', 'unread') {
        foreach ($finding in $Findings | Where-Object { $_.Result -eq $result }) {
            ('{0} {1}: {2}. {3}' -f $result, $finding.Id, "$($finding.Found)".TrimEnd('.'), (Edit-VhdupMessage $finding.Fix $Name)).Trim()
        }
    }
    return @($lines) -join [Environment]::NewLine
}

# Runs the same function in a job. The module is defined there from its own text: no file is needed.
function Start-VhdupJob {
    param($Cmdlet, $Call)
    $parameters = $Call.Parameters
    foreach ($name in 'AsJob', 'WhatIf', 'Confirm') { $parameters.Remove($name) }
    # The question has been answered.
    if ($script:Functions[$Call.Name].Changes) { $parameters['Confirm'] = $false }
    foreach ($name in @($parameters.Keys)) {
        # These would not arrive as what they are.
        if ($parameters[$name] -is [switch]) { $parameters[$name] = [bool] $parameters[$name] }
    }
    $body = {
        param($Definition, $Program, $Name, $Parameters)
        $module = New-Module -Name 'Vhdup' -ScriptBlock ([scriptblock]::Create($Definition))
        & $module { $script:Program = $args[0] } $Program
        # An error makes the job one that has failed.
        $ErrorActionPreference = 'Stop'
        & $Name @Parameters
    }
    # The definition of a module that was made from a block has its braces.
    $definition = $ExecutionContext.SessionState.Module.Definition -replace '^\s*\{([\s\S]*)\}\s*\z', '$1'
    $start = @{
        Name = '{0} {1}' -f $Call.Name, (Split-Path -Leaf $Call.File)
        ScriptBlock = $body
        ArgumentList = $definition, @(Find-VhdupProgram $Cmdlet), $Call.Name, $parameters
    }
    if (Get-Command -Name 'Start-ThreadJob' -ErrorAction SilentlyContinue) { Start-ThreadJob @start } else { Start-Job @start }
}`;
