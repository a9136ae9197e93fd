// The Chocolatey package, with the zip inside. Sources: the reference of .nuspec files of NuGet, and "Create Packages" of
// Chocolatey, which asks for LICENSE.txt and VERIFICATION.txt if a package contains programs.
import { type ManifestFile, type Release, urlOf, zipOf } from './release.ts';

const TARGET = 'win-x64';

/** @param license - Text of the licence of vhdup. */
export function chocolateyFiles(release: Release, license: string): ManifestFile[] {
  const { file, sha256 } = zipOf(release, TARGET);
  return [
    { path: 'chocolatey/vhdup.nuspec', text: nuspec(release, file) },
    { path: 'chocolatey/tools/chocolateyInstall.ps1', text: installScript(file) },
    { path: 'chocolatey/tools/LICENSE.txt', text: license },
    { path: 'chocolatey/tools/VERIFICATION.txt', text: verification(release, file, sha256) },
  ];
}

function nuspec({ version, description, summary, homepage }: Release, file: string): string {
  const metadata = {
    id: 'vhdup',
    version,
    title: 'vhdup',
    authors: 'The vhdup authors',
    projectUrl: homepage,
    projectSourceUrl: homepage,
    docsUrl: `${homepage}/tree/v${version}/docs`,
    bugTrackerUrl: `${homepage}/issues`,
    licenseUrl: `${homepage}/blob/v${version}/LICENSE`,
    requireLicenseAcceptance: 'false',
    tags: 'vhdup azure hyper-v vhd vhdx upload cli foss',
    summary,
    description,
    releaseNotes: `${homepage}/releases/tag/v${version}`,
  };
  const elements = Object.entries(metadata).map(([name, text]) => `    <${name}>${escapeXml(text)}</${name}>`);
  return [
    '<?xml version="1.0" encoding="utf-8"?>',
    '<package xmlns="http://schemas.microsoft.com/packaging/2015/06/nuspec.xsd">',
    '  <metadata>',
    ...elements,
    '  </metadata>',
    '  <files>',
    '    <file src="tools\\**" target="tools" />',
    `    <file src="..\\..\\${escapeXml(file)}" target="tools" />`,
    '  </files>',
    '</package>',
    '',
  ].join('\n');
}

/** The programs in the folder get shims of their own. */
function installScript(file: string): string {
  return [
    "$ErrorActionPreference = 'Stop'",
    '$tools = Split-Path -Parent $MyInvocation.MyCommand.Definition',
    `$zip = Join-Path $tools '${file}'`,
    'Get-ChocolateyUnzip -FileFullPath64 $zip -Destination $tools -PackageName $env:ChocolateyPackageName',
    'Remove-Item -Force $zip',
    '',
  ].join('\n');
}

function verification(release: Release, file: string, sha256: string): string {
  return [
    'VERIFICATION',
    '',
    'Verification is intended to assist the Chocolatey moderators and community in verifying that the contents of this package are trustworthy.',
    '',
    `1. Download ${urlOf(release, file)}`,
    `2. Compute its checksum: Get-FileHash ${file} -Algorithm SHA256`,
    `3. Compare it with ${sha256}, which SHA256SUMS of the same release lists too.`,
    '',
    'The package contains this zip as it is.',
    '',
  ].join('\n');
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.codePointAt(0)};`);
}
