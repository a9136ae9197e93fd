# upload.ps1 -Folder C:\Images -Container https://ACCOUNT.blob.core.windows.net/vhds
# Uploads every image of a folder. The SAS is asked for and passed in the environment, so that it does not show in the process list.
param(
    [Parameter(Mandatory)] [string] $Folder,
    [Parameter(Mandatory)] [uri] $Container
)
$secret = Read-Host 'SAS of the container' -AsSecureString
$env:AZURE_STORAGE_SAS_TOKEN = [System.Net.NetworkCredential]::new('', $secret).Password
try {
    foreach ($image in Get-ChildItem $Folder -File | Where-Object Extension -in '.vhd', '.vhdx') {
        $url = "$Container/$([uri]::EscapeDataString($image.BaseName)).vhd"
        do {
            vhdup upload $image.FullName $url
            $status = $LASTEXITCODE
            if ($status -eq 9) { Start-Sleep -Seconds 600 } # the service or the network failed; the same command resumes
        } while ($status -eq 9)
        if ($status -ne 0) { exit $status }
        vhdup verify $image.FullName $url
        if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }
    }
} finally {
    Remove-Item Env:AZURE_STORAGE_SAS_TOKEN
}
