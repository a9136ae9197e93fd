// The manifest of Scoop. Source: schema.json in ScoopInstaller/Scoop, and "App Manifests" in its wiki.
import { type ManifestFile, type Release, urlOf } from './release.ts';

/** Targets, and Scoop's names of their architectures. */
const ARCHITECTURES = { 'win-x64': '64bit', 'win-arm64': 'arm64' } as const;
/** Shims: the file, the name, and the first argument. */
const SHIMS = ['add-azurevhd', 'add-azvhd', 'save-azurevhd', 'save-azvhd'].map((name) => ['vhdup.exe', name, name]);

export function scoopManifest(release: Release): ManifestFile {
  const { version, description, homepage, zips } = release;
  const built = Object.entries(ARCHITECTURES).flatMap(([target, architecture]) => {
    const zip = zips.get(target);
    return zip === undefined ? [] : [{ architecture, ...zip }];
  });
  const nextUrl = (file: string) => urlOf({ ...release, version: '$version' }, file);
  const manifest = {
    version,
    description,
    homepage,
    license: 'MIT',
    architecture: Object.fromEntries(
      built.map(({ architecture, file, sha256 }) => [architecture, { url: urlOf(release, file), hash: sha256 }]),
    ),
    bin: ['vhdup.exe', ...SHIMS],
    checkver: { github: homepage },
    autoupdate: {
      architecture: Object.fromEntries(built.map(({ architecture, file }) => [architecture, { url: nextUrl(file) }])),
      hash: { url: '$baseurl/SHA256SUMS' },
    },
  };
  return { path: 'scoop/vhdup.json', text: `${JSON.stringify(manifest, undefined, 4)}\n` };
}
