// The three manifests of winget. Source: the JSON schemas of manifests 1.12.0 in microsoft/winget-cli.
import { type ManifestFile, type Release, urlOf } from './release.ts';
import { type YamlValue, yaml } from './yaml.ts';

const IDENTIFIER = 'vhdup.vhdup';
const LOCALE = 'en-US';
const VERSION_OF_SCHEMA = '1.12.0';
/** Of Node 22: Windows 10 and Server 2016. */
const MINIMUM_WINDOWS = '10.0.0.0';
/** Targets, and winget's names of their architectures. */
const ARCHITECTURES = { 'win-x64': 'x64', 'win-arm64': 'arm64' } as const;

export function wingetManifests(release: Release): ManifestFile[] {
  const { version, description, homepage, zips } = release;
  const common = { PackageIdentifier: IDENTIFIER, PackageVersion: version };
  const installers = Object.entries(ARCHITECTURES).flatMap(([target, architecture]) => {
    const zip = zips.get(target);
    if (zip === undefined) return [];
    const { file, sha256 } = zip;
    return [{ Architecture: architecture, InstallerUrl: urlOf(release, file), InstallerSha256: sha256.toUpperCase() }];
  });
  return [
    manifest('version', '', { ...common, DefaultLocale: LOCALE }),
    manifest('installer', '.installer', {
      ...common,
      MinimumOSVersion: MINIMUM_WINDOWS,
      InstallerType: 'zip',
      NestedInstallerType: 'portable',
      NestedInstallerFiles: [{ RelativeFilePath: 'vhdup.exe', PortableCommandAlias: 'vhdup' }],
      Commands: ['vhdup'],
      Installers: installers,
    }),
    manifest('defaultLocale', `.locale.${LOCALE}`, {
      ...common,
      PackageLocale: LOCALE,
      Publisher: 'The vhdup authors',
      PublisherUrl: homepage,
      PublisherSupportUrl: `${homepage}/issues`,
      PackageName: 'vhdup',
      PackageUrl: homepage,
      License: 'MIT',
      LicenseUrl: `${homepage}/blob/v${version}/LICENSE`,
      ShortDescription: description,
      Moniker: 'vhdup',
      Tags: ['azure', 'hyper-v', 'vhd', 'vhdx', 'upload'],
      ReleaseNotesUrl: `${homepage}/releases/tag/v${version}`,
    }),
  ];
}

function manifest(type: string, suffix: string, content: { readonly [key: string]: YamlValue }): ManifestFile {
  const schema = `# yaml-language-server: $schema=https://aka.ms/winget-manifest.${type}.${VERSION_OF_SCHEMA}.schema.json`;
  const text = yaml({ ...content, ManifestType: type, ManifestVersion: VERSION_OF_SCHEMA });
  return { path: `winget/${IDENTIFIER}${suffix}.yaml`, text: `${schema}\n\n${text}` };
}
