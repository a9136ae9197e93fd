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
            Stop-VhdupFunction $Cmdlet 'USAGE' (Edit-VhdupMessage $use.Why $call.Name) $null $call.File
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
        $word = [string] $Bound['OtherWords'][0]
        $name = Hide-VhdupSecret ($word -replace '(?s)[:=].*\z', '')
        $word = Hide-VhdupSecret $word
        $parameter = $Function.Options[$name]
        if ($parameter) { Stop-VhdupFunction $Cmdlet 'USAGE' "An option of vhdup is a parameter here: write $parameter." $null $null }
        if ($name -match '^--?[a-z][\w-]*\z') { Stop-VhdupFunction $Cmdlet 'USAGE' "$invoked has no parameter $name." "List the parameters: Get-Help $($Cmdlet.MyInvocation.MyCommand.Name) -Full" $null }
        $problem = 'There is one word too many'
        # Only what looks like a file name or a URL: anything else may be a piece of a SAS or of a key.
        if ($word -match '^[\w .:\\/\[\]-]+\z') { $problem = "'$word' is one word too many" }
        Stop-VhdupFunction $Cmdlet 'USAGE' "$($problem): without names, $invoked takes only $($Function.Order)." $names $null
    }
    $file = $Bound['LocalFilePath']
    if ($file -match $script:WebAddress -and ($Bound['Destination'] -or $Bound['SourceUri'])) {
        Stop-VhdupFunction $Cmdlet 'USAGE' "The file and the URL are swapped: $invoked takes $($Function.Order)." $names (Hide-VhdupSecret $file)
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

# An equals sign, also as URLs, batch files, JSON, HTML and shells write it.
$script:Equals = '([^\w\s]{0,3}=|["''\\]+\s*:|%+(25)*3d|\\+[ux]0*3d|&(amp;)*(#0*61|#x0*3d|equals))'

# A SAS, a connection string or an account key, in a text of any kind. An encoded key ends with an equals sign.
$script:Secret = '(?i)(sig|AccountKey|SharedAccessSignature)\s*' + $script:Equals +
    '|([a-z0-9+/]|%+(25)*2[bf]|\\+/|\\+u002[bf]){40,}' + $script:Equals

# The URL without its SAS, however it was joined. A SAS may have been pasted with line breaks.
function Hide-VhdupSas {
    param([string] $Url)
    return $Url -replace ('(?is)(\?|%(25)*3f|&|\b(sv|sig|AccountKey|SharedAccessSignature)' + $script:Equals + ').*\z'), ''
}

# A text of any kind, for a message. A URL is shown without its SAS; what may contain a secret is not shown at all.
function Hide-VhdupSecret {
    param([string] $Text)
    $isUrl = $Text -match $script:WebAddress
    if ($isUrl) { $Text = Hide-VhdupSas $Text }
    # A key without its end is as long as this, and so is the path of many a URL.
    $isLong = -not $isUrl -and $Text -match '[a-z0-9+/]{40,}'
    if ($isLong -or $Text -match $script:Secret) { return '(not shown: it may contain a secret)' }
    return $Text
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
    $shown = Hide-VhdupSecret $Path
    if ($Path -match $script:WebAddress) { Stop-VhdupFunction $Cmdlet 'USAGE' "$shown is a URL, not a file." $null $shown }
    # The path becomes an argument of vhdup, which other users can see.
    if ($Path -match $script:Secret -and -not (Test-Path -LiteralPath $Path -ErrorAction Ignore)) {
        $next = $null
        if ($Cmdlet.MyInvocation.MyCommand.Parameters.ContainsKey('Sas')) { $next = 'Give a SAS by -Sas, and a key by -StorageKey.' }
        Stop-VhdupFunction $Cmdlet 'USAGE' "$shown is not a file." $next $shown
    }
    $provider = $null
    $drive = $null
    $driveName = ''
    $paths = $Cmdlet.SessionState.Path
    if (-not $paths.IsPSAbsolute($Path, [ref] $driveName) -and -not $paths.IsProviderQualified($Path) -and $Path -notmatch '^(~|[\\/])') {
        # The current location may be in the registry. That of a drive which only the caller's scope has is not visible here.
        $folder = $paths.CurrentFileSystemLocation.ProviderPath
        if (-not $folder) { Stop-VhdupFunction $Cmdlet 'USAGE' "The folder for $shown is on a drive of another scope: give the full path, or create the drive with -Scope Global." $null $shown }
        $Path = Join-Path $folder $Path
    }
    try {
        $full = $paths.GetUnresolvedProviderPathFromPSPath($Path, [ref] $provider, [ref] $drive)
    } catch {
        $problem = "$shown is not a file."
        # The message of the exception has the name of the drive, which may be a part of anything.
        if ($_.Exception.GetBaseException() -is [System.Management.Automation.DriveNotFoundException]) { $problem = "$shown is not a file: the drive does not exist." }
        Stop-VhdupFunction $Cmdlet 'USAGE' $problem $null $shown
    }
    if ($provider.Name -eq 'FileSystem') { return $full }
    Stop-VhdupFunction $Cmdlet 'USAGE' "$shown is not a file." $null $shown
}`;
