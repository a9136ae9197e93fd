// PowerShell code that turns the parameters of a function into a call of vhdup.

export const CALL_TEXT = String.raw`# What vhdup gets: its words, its environment, and the texts that describe the call.
function New-VhdupCall {
    param($Cmdlet, $Bound)
    $function = $script:Functions[$Cmdlet.MyInvocation.MyCommand.Name]
    $set = $Cmdlet.ParameterSetName
    Assert-VhdupWords $Cmdlet $Bound $function
    $call = @{
        Name = $Cmdlet.MyInvocation.MyCommand.Name
        File = Resolve-VhdupPath $Cmdlet $Bound['LocalFilePath']
        Words = @()
        Environment = @{}
        Unset = @()
        # The bound parameters, with full paths: for a job, which may start in another folder.
        Parameters = @{}
    }
    foreach ($name in $Bound.Keys) { $call.Parameters[$name] = $Bound[$name] }
    $call.Parameters['LocalFilePath'] = $call.File
    $options = @()
    foreach ($name in $function.Uses.Keys | Sort-Object) {
        $use = $function.Uses[$name]
        $isGiven = $Bound.ContainsKey($name)
        if ($use.Is -eq 'switch') {
            if ($isGiven -and -not $Bound[$name]) { $options += $use.Option -replace '^--', '--no-' }
            elseif ($isGiven -or $use.ImpliedIn -contains $set) { $options += $use.Option }
        } elseif (-not $isGiven) {
            continue
        } elseif ($use.Is -eq 'refused') {
            Stop-VhdupFunction $Cmdlet 'USAGE' $use.Why $null $call.File
        } elseif ($use.Is -eq 'note') {
            Write-Verbose "-$name has no effect: $($use.Why)"
        } elseif ($use.OnlyIn -and $use.OnlyIn -notcontains $set) {
            Write-Verbose "-$name has no effect: $($use.Why)"
        } else {
            $values = @($Bound[$name])
            if ($use.Path) {
                $values = @($values | ForEach-Object { Resolve-VhdupPath $Cmdlet $_ })
                $call.Parameters[$name] = $values
            }
            if ($use.Choices) { $values = @($values | ForEach-Object { $use.Choices[$_] }) }
            $options += @($values | ForEach-Object { Get-VhdupOptionWord $call $use.Option $_ })
        }
    }
    $url = Get-VhdupUrl $Cmdlet $Bound
    $call.Target = Hide-VhdupSas $url
    if (-not $call.Target -and $Bound['DiskName']) { $call.Target = 'the managed disk ' + $Bound['DiskName'] }
    $call.Action = $function.Action + ' ' + (Split-Path -Leaf $call.File)
    # A URL with a SAS travels in the environment: other users can see the arguments of a program, but not that.
    $isHidden = (Hide-VhdupSas $url) -ne $url
    if ($isHidden) { $call.Environment[$function.UrlVariable] = $url }
    $shown = @($url | Where-Object { $_ -and -not $isHidden })
    if ($function.Command -eq 'upload') { $arguments = @($call.File) + $shown }
    elseif ($function.Command -eq 'download') { $arguments = $shown + @($call.File) }
    elseif ($function.Command -eq 'check') { $arguments = @($call.File) + @($shown | ForEach-Object { "--destination=$_" }) }
    else { $arguments = @($Bound['Structure'] | Where-Object { $_ }) + @($call.File) }
    if ($null -ne $Bound['StorageKey']) {
        $call.Environment['AZURE_STORAGE_KEY'] = ConvertFrom-VhdupSecret $Bound['StorageKey']
        # vhdup would use these before the key.
        $call.Unset += 'AZURE_STORAGE_SAS_TOKEN', 'AZURE_STORAGE_CONNECTION_STRING'
    }
    if ($VerbosePreference -ne 'SilentlyContinue') { $options += '--verbose' }
    $call.Words = @($function.Command) + $arguments + @('--json', '--quiet', '--no-progress') + $options
    return $call
}

# The cmdlets have another order of words without a name. Such a call is answered with the names.
function Assert-VhdupWords {
    param($Cmdlet, $Bound, $Function)
    $invoked = $Cmdlet.MyInvocation.InvocationName
    $names = "Write the names of the parameters: $invoked $($Function.Example)."
    if ($Bound.ContainsKey('OtherWords')) {
        # PowerShell puts parameters that it does not know here as well.
        $word = Hide-VhdupSas $Bound['OtherWords'][0]
        $name = $word -replace '[:=].*$', ''
        if ($script:OptionNames.ContainsKey($name)) { Stop-VhdupFunction $Cmdlet 'USAGE' "An option of vhdup is a parameter here: write $name." $null $null }
        if ($word -match '^--?\w') { Stop-VhdupFunction $Cmdlet 'USAGE' "$invoked has no parameter $name." "List the parameters: Get-Help $($Cmdlet.MyInvocation.MyCommand.Name) -Full" $null }
        Stop-VhdupFunction $Cmdlet 'USAGE' "'$word' is one word too many: without names, $invoked takes only $($Function.Order)." $names $null
    }
    $file = $Bound['LocalFilePath']
    if ($file -match $script:WebAddress -and ($Bound['Destination'] -or $Bound['SourceUri'])) {
        Stop-VhdupFunction $Cmdlet 'USAGE' "The file and the URL are swapped: $invoked takes $($Function.Order)." $names (Hide-VhdupSas $file)
    }
}

# The word for an option. A URL with a SAS becomes an environment variable instead, which stands for the option as well.
function Get-VhdupOptionWord {
    param($Call, [string] $Option, $Value)
    if ($Value -is [uri]) { $Value = $Value.OriginalString }
    elseif ($Value -notmatch $script:SasField) { return '{0}={1}' -f $Option, $Value }
    if ((Hide-VhdupSas $Value) -eq $Value) { return '{0}={1}' -f $Option, $Value }
    $Call.Environment['VHDUP_' + $Option.Substring(2).ToUpperInvariant().Replace('-', '_')] = $Value
}

$script:WebAddress = '^\s*https?://'

# The signature of a SAS, also where its separators were damaged.
$script:SasField = '(?i)(^|[?&\s]|%(25)*(3f|26))sig(=|%(25)*3d)'

# The URL without its SAS, however it was joined. A SAS may have been pasted with line breaks.
function Hide-VhdupSas {
    param([string] $Url)
    return $Url -replace '(?is)(\?|%(25)*3f|&|\b(sv|sig)(=|%(25)*3d)).*\z', ''
}

# The URL of the blob, as it was written, with the SAS of -Sas.
function Get-VhdupUrl {
    param($Cmdlet, $Bound)
    $url = ''
    foreach ($name in 'Destination', 'SourceUri') { if ($Bound[$name]) { $url = $Bound[$name].OriginalString } }
    if ($null -eq $Bound['Sas']) {
        if ($url -match $script:SasField -and ($Bound['SasFile'] -or $Bound['SasCommand'])) {
            Stop-VhdupFunction $Cmdlet 'USAGE' 'The URL has a SAS, and -SasFile or -SasCommand gives another one. Leave one of them out.' $null (Hide-VhdupSas $url)
        }
        return $url
    }
    if (-not $url) { Stop-VhdupFunction $Cmdlet 'USAGE' '-Sas is for the URL of a blob, which is missing.' $null $null }
    if ($url -match $script:SasField -or $Bound['SasFile'] -or $Bound['SasCommand']) {
        Stop-VhdupFunction $Cmdlet 'USAGE' 'Give one SAS: in the URL, by -Sas, -SasFile or -SasCommand.' $null (Hide-VhdupSas $url)
    }
    $sas = (ConvertFrom-VhdupSecret $Bound['Sas']).Trim()
    # A whole URL with a SAS is taken as well.
    if ($sas -match '\?') { $sas = $sas.Substring($sas.IndexOf('?') + 1) }
    $separator = '?'
    if ($url -match '\?') { $separator = '&' }
    return $url + $separator + $sas.TrimStart('&')
}

function ConvertFrom-VhdupSecret {
    param($Secret)
    if ($Secret -is [securestring]) { return (New-Object -TypeName System.Net.NetworkCredential -ArgumentList '', $Secret).Password }
    return [string] $Secret
}

# The full path. The folder of PowerShell counts, not that of its process; brackets are not wildcards.
function Resolve-VhdupPath {
    param($Cmdlet, [string] $Path)
    if ($Path -match $script:WebAddress) {
        $shown = Hide-VhdupSas $Path
        Stop-VhdupFunction $Cmdlet 'USAGE' "$shown is a URL, not a file." $null $shown
    }
    $provider = $null
    $drive = $null
    $driveName = ''
    $paths = $Cmdlet.SessionState.Path
    if (-not $paths.IsPSAbsolute($Path, [ref] $driveName) -and -not $paths.IsProviderQualified($Path) -and $Path -notmatch '^(~|[\\/])') {
        # The current location may be in the registry. That of a drive which only the caller's scope has is not visible here.
        $folder = $paths.CurrentFileSystemLocation.ProviderPath
        if (-not $folder) { Stop-VhdupFunction $Cmdlet 'USAGE' "The folder for $Path is on a drive of another scope: give the full path, or create the drive with -Scope Global." $null $Path }
        $Path = Join-Path $folder $Path
    }
    try {
        $full = $paths.GetUnresolvedProviderPathFromPSPath($Path, [ref] $provider, [ref] $drive)
    } catch {
        # The drive or the provider does not exist.
        Stop-VhdupFunction $Cmdlet 'USAGE' "$Path is not a file: $($_.Exception.GetBaseException().Message)" $null $Path
    }
    if ($provider.Name -eq 'FileSystem') { return $full }
    Stop-VhdupFunction $Cmdlet 'USAGE' "$Path is not a file." $null $Path
}`;
