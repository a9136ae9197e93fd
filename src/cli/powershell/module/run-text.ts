// PowerShell code that runs vhdup and turns its events into progress, warnings, objects and errors.

export const RUN_TEXT = String.raw`# The body of every function.
function Invoke-VhdupFunction {
    param($Cmdlet, $Bound)
    # An exception of .NET ends the function, instead of one statement.
    $ErrorActionPreference = 'Stop'
    $call = New-VhdupCall $Cmdlet $Bound
    $function = $script:Functions[$call.Name]
    $invoked = $Cmdlet.MyInvocation.InvocationName
    if ($script:Aliases.ContainsKey($invoked) -and (Test-VhdupLoaded $invoked)) {
        Write-Warning "$invoked runs $($call.Name) of the module Vhdup, although another command of this name is loaded. To use that: Remove-Item alias:$invoked"
    }
    if ($function.Changes) {
        $target = $call.Target
        if (-not $target) { $target = 'no destination' }
        if (-not $Cmdlet.ShouldProcess($target, $call.Action)) {
            # A download has no dry run, and -Confirm may have been answered with no.
            if (-not $WhatIfPreference -or $function.Command -ne 'upload') { return }
            $call.Words += '--dry-run'
            return Invoke-VhdupCall $Cmdlet $call
        }
    }
    if ($Bound['AsJob']) { return Start-VhdupJob $Cmdlet $call }
    Invoke-VhdupCall $Cmdlet $call
}

# Functions in modules do not see preferences that the caller's script has set. All of them should.
function Import-VhdupPreference {
    param($Cmdlet, $Bound)
    $names = @{ Warning = 'WarningAction'; Verbose = 'Verbose'; Progress = 'ProgressAction'; WhatIf = 'WhatIf'; Confirm = 'Confirm' }
    foreach ($name in $names.Keys) {
        if ($Bound.ContainsKey($names[$name])) { continue }
        $value = $Cmdlet.SessionState.PSVariable.GetValue($name + 'Preference')
        if ($null -ne $value) { Set-Variable -Name ($name + 'Preference') -Value $value -Scope 1 -WhatIf:$false -Confirm:$false }
    }
}

# Runs vhdup to its end, and stops it when the pipeline is stopped.
function Invoke-VhdupCall {
    param($Cmdlet, $Call)
    $process = Start-VhdupProcess $Cmdlet $Call
    $progress = @{ Id = $process.Id; Activity = $Call.Action; Status = 'Starting' }
    $isShown = $false
    $outcome = $null
    $ended = $null
    try {
        # Both pipes are emptied, so that vhdup never waits for a reader.
        $errors = $process.StandardError.ReadToEndAsync()
        $line = $process.StandardOutput.ReadLineAsync()
        while ($true) {
            # Short waits: Ctrl-C and Stop-Job take effect between them.
            while (-not $line.Wait(100)) { }
            if ($null -eq $line.Result) { break }
            $text = $line.Result
            $line = $process.StandardOutput.ReadLineAsync()
            if ($text -notmatch '^\{') { continue }
            $item = ConvertFrom-Json -InputObject $text
            if ($item.type -eq 'result' -or $item.type -eq 'error') { $outcome = $item }
            elseif (Show-VhdupEvent $item $progress $Call.Name) { $isShown = $true }
        }
        $process.WaitForExit()
        $ended = @{ ExitCode = $process.ExitCode; Errors = $errors.Result }
    } finally {
        Stop-VhdupProcess $process
        if ($isShown) { Write-Progress -Id $progress.Id -Activity $progress.Activity -Completed }
    }
    if ($null -eq $outcome) {
        $last = @($ended.Errors -split '\r?\n' | Where-Object { $_ -ne '' }) | Select-Object -Last 1
        Stop-VhdupFunction $Cmdlet 'UNEXPECTED' "vhdup ended with exit code $($ended.ExitCode). $last" $null $Call.File $ended.ExitCode
    }
    if ($outcome.type -eq 'error') {
        Stop-VhdupFunction $Cmdlet $outcome.code (Edit-VhdupMessage $outcome.message $Call.Name) (Edit-VhdupMessage $outcome.nextStep $Call.Name) $Call.File $outcome.exitCode
    }
    ConvertTo-VhdupOutput $Call $outcome
}

# Returns whether the progress is on the screen.
function Show-VhdupEvent {
    param($Item, $Progress, $Name)
    switch ($Item.type) {
        'warning' { Write-Warning (Edit-VhdupMessage $Item.message $Name); return }
        'credential' { Write-Warning (Edit-VhdupMessage $Item.message $Name); return }
        'retry' { Write-Verbose "Attempt $($Item.attempt) failed ($($Item.reason)): $(Edit-VhdupMessage $Item.message $Name)"; return }
        'debug' { Write-Verbose (Edit-VhdupMessage $Item.message $Name); return }
        'request' { Write-Verbose "$($Item.what): $($Item.status) $($Item.reason) $($Item.durationMs) ms, request id $($Item.requestId)"; return }
        'phase' { $Progress.Status = $script:Phases[$Item.phase] }
        'arm' { $Progress.Status = "$($Item.step): $($Item.state)" }
        'hashing' { $Progress.Status = 'Computing the MD5'; Set-VhdupPercent $Progress ($Item.done / [Math]::Max(1, $Item.size)) }
        'copying' { $Progress.Status = 'Azure copies the base'; Set-VhdupPercent $Progress ($Item.done / [Math]::Max(1, $Item.size)) }
        'progress' {
            $Progress.Status = Get-VhdupProgressText $Item
            Set-VhdupPercent $Progress $Item.fraction
            $Progress.SecondsRemaining = -1
            if ($null -ne $Item.etaSeconds) { $Progress.SecondsRemaining = [int] [Math]::Min(2000000000, $Item.etaSeconds) }
        }
        default { return }
    }
    if (-not $Progress.Status) { return }
    Write-Progress @Progress
    return $true
}

function Set-VhdupPercent {
    param($Progress, $Fraction)
    $Progress.PercentComplete = -1
    if ($null -ne $Fraction) { $Progress.PercentComplete = [int] [Math]::Floor(100 * [Math]::Min(1, $Fraction)) }
}

function Get-VhdupProgressText {
    param($Item)
    $parts = @()
    if ($null -ne $Item.fraction) { $parts += '{0} %' -f [Math]::Floor(100 * $Item.fraction) }
    if ($Item.planned) { $parts += '{0} of {1}' -f (Format-VhdupBytes $Item.done), (Format-VhdupBytes $Item.planned) }
    if ($Item.bytesPerSecond) { $parts += (Format-VhdupBytes $Item.bytesPerSecond) + '/s' }
    if ($parts.Count -eq 0) { $parts += 'Reading' }
    return $parts -join ', '
}

function Format-VhdupBytes {
    param([double] $Bytes)
    $units = 'B', 'KiB', 'MiB', 'GiB', 'TiB'
    $unit = 0
    while ($Bytes -ge 1000 -and $unit -lt $units.Count - 1) {
        $Bytes = $Bytes / 1024
        $unit += 1
    }
    $format = '0.0'
    if ($unit -eq 0 -or $Bytes -ge 100) { $format = '0' }
    return $Bytes.ToString($format, [System.Globalization.CultureInfo]::InvariantCulture) + ' ' + $units[$unit]
}

# Options in a message of vhdup become the parameters that stand for them: those of this function, if it has them. Commands of other programs stay.
function Edit-VhdupMessage {
    param([string] $Message, [string] $Name)
    $own = $script:Sentences[$Message]
    if ($own) { return $own }
    $options = $script:Functions[$Name].Options
    return [regex]::Replace($Message, $script:OptionPattern, {
            param($match)
            foreach ($parameter in $options[$match.Value], $script:OptionNames[$match.Value], $match.Value) {
                if ($parameter) { return $parameter }
            }
        })
}

# Ends the function of $Cmdlet with an error record.
function Stop-VhdupFunction {
    param($Cmdlet, [string] $Code, [string] $Message, [string] $NextStep, $Target, $ExitCode)
    $exception = New-Object -TypeName System.InvalidOperationException -ArgumentList $Message
    $exception.Data['ExitCode'] = $ExitCode
    $category = $script:Categories[$Code]
    if (-not $category) { $category = 'NotSpecified' }
    $record = New-Object -TypeName System.Management.Automation.ErrorRecord -ArgumentList $exception, $Code, $category, $Target
    $record.ErrorDetails = New-Object -TypeName System.Management.Automation.ErrorDetails -ArgumentList ("$Message $NextStep".Trim())
    $record.ErrorDetails.RecommendedAction = $NextStep
    $Cmdlet.ThrowTerminatingError($record)
}`;
