// PowerShell code that finds vhdup and starts it. Only what Windows PowerShell 5.1 has too; a test checks that.

export const PROGRAM_TEXT = String.raw`# The program and its first arguments: beside the module or one folder above, then on the PATH, then VHDUP_EXE.
function Find-VhdupProgram {
    param($Cmdlet)
    if ($script:Program) { return $script:Program }
    $places = @()
    if ($PSScriptRoot) {
        foreach ($folder in $PSScriptRoot, (Split-Path -Parent $PSScriptRoot)) {
            foreach ($name in 'vhdup.exe', 'vhdup') { $places += Join-Path $folder $name }
        }
    }
    $places += @(Find-VhdupOnPath 'vhdup')
    if ($env:VHDUP_EXE) { $places += $env:VHDUP_EXE }
    foreach ($place in $places) {
        if (Test-Path -LiteralPath $place -PathType Leaf) {
            $program = @(Resolve-VhdupProgram $place)
            if ($program) { return $program }
        }
    }
    $message = 'vhdup was not found: it is neither beside the module nor on the PATH, and VHDUP_EXE does not name it.'
    $next = 'Put vhdup.exe into the folder of the module, or set $env:VHDUP_EXE to its path.'
    Stop-VhdupFunction $Cmdlet 'PROGRAM_NOT_FOUND' $message $next $null
}

# The programs of this name on the PATH. Get-Command would look for it in all modules as well, and load one that has it.
function Find-VhdupOnPath {
    param([string] $Name)
    $extensions = @('')
    if ([System.IO.Path]::DirectorySeparatorChar -eq '\') { $extensions = '.exe', '.cmd', '.bat' }
    foreach ($folder in $env:PATH.Split([System.IO.Path]::PathSeparator)) {
        foreach ($extension in $extensions) {
            $path = $folder.Trim('"') + [System.IO.Path]::DirectorySeparatorChar + $Name + $extension
            if ($folder -and [System.IO.File]::Exists($path)) { [System.IO.Path]::GetFullPath($path) }
        }
    }
}

# cmd.exe changes some characters of arguments, so Node.js runs the script itself, not the batch file that npm installs.
function Resolve-VhdupProgram {
    param([string] $Path)
    if ($Path -match '\.(cmd|bat|ps1)$') {
        $folder = Split-Path -Parent $Path
        foreach ($package in (Join-Path $folder 'node_modules'), (Split-Path -Parent $folder)) {
            $script = Join-Path $package 'vhdup/bin/vhdup.js'
            if (Test-Path -LiteralPath $script -PathType Leaf) { return Resolve-VhdupProgram $script }
        }
        return
    }
    if ($Path -notmatch '\.[cm]?js$') { return $Path }
    $node = Find-VhdupOnPath 'node' | Select-Object -First 1
    if ($node) { return $node, $Path }
}

# An argument as the rules of Windows separate it again. .NET follows them on every system.
function ConvertTo-VhdupArgument {
    param([string] $Text)
    if ($Text -ne '' -and $Text -notmatch '[\s"]') { return $Text }
    # Backslashes count double only in front of a quotation mark.
    $escaped = $Text -replace '(\\*)"', '$1$1\"' -replace '(\\+)\z', '$1$1'
    return '"' + $escaped + '"'
}

# Starts vhdup. It stops when its standard input ends: when this module closes it, and when PowerShell itself ends.
function Start-VhdupProcess {
    param($Cmdlet, $Call)
    $program = @(Find-VhdupProgram $Cmdlet)
    $words = @($program | Select-Object -Skip 1) + $Call.Words
    $start = New-Object -TypeName System.Diagnostics.ProcessStartInfo
    $start.FileName = $program[0]
    $start.Arguments = ($words | ForEach-Object { ConvertTo-VhdupArgument $_ }) -join ' '
    $start.WorkingDirectory = $Cmdlet.SessionState.Path.CurrentFileSystemLocation.ProviderPath
    $start.UseShellExecute = $false
    $start.CreateNoWindow = $true
    $start.RedirectStandardInput = $true
    $start.RedirectStandardOutput = $true
    $start.RedirectStandardError = $true
    $start.StandardOutputEncoding = [System.Text.Encoding]::UTF8
    $start.StandardErrorEncoding = [System.Text.Encoding]::UTF8
    $start.EnvironmentVariables['VHDUP_STOP_WITH_STDIN'] = '1'
    foreach ($name in $Call.Environment.Keys) { $start.EnvironmentVariables[$name] = $Call.Environment[$name] }
    foreach ($name in $Call.Unset) { $start.EnvironmentVariables.Remove($name) }
    $process = New-Object -TypeName System.Diagnostics.Process
    $process.StartInfo = $start
    try {
        [void] $process.Start()
    } catch {
        $message = 'vhdup could not be started: {0}: {1}' -f $program[0], $_.Exception.GetBaseException().Message
        Stop-VhdupFunction $Cmdlet 'PROGRAM_NOT_STARTED' $message $null $null
    }
    return $process
}

# Stops vhdup as Ctrl-C does: it saves its progress and releases what it holds.
function Stop-VhdupProcess {
    param($Process)
    try {
        if ($Process.HasExited) { return }
        $Process.StandardInput.Close()
        if (-not $Process.WaitForExit(30000)) { $Process.Kill() }
    } finally {
        $Process.Dispose()
    }
}`;
