// The npm packages whose code is in a bundle, with their licences.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Metafile } from 'esbuild';

export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  /** SPDX expression. */
  readonly license: string;
  /** Its licence and notice files. If it only names the MIT licence and an author, the text of that licence; otherwise empty. */
  readonly texts: readonly string[];
  /** Where it comes from. */
  readonly repository: string | undefined;
}

/** @returns each package once, sorted by name and version. */
export function packagesIn(metafiles: readonly Pick<Metafile, 'inputs'>[]): BundledPackage[] {
  const inputs = metafiles.flatMap(({ inputs }) => Object.keys(inputs));
  const folders = inputs.flatMap((input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input) ?? []);
  return distinct([...new Set(folders)].map(packageIn));
}

/** @returns each name and version once, sorted. */
export function distinct(packages: readonly BundledPackage[]): BundledPackage[] {
  const keyed = packages.map((one) => [`${one.name} ${one.version}`, one] as const);
  return [...new Map(keyed).entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
}

/** @param folder - That of the package, with its package.json. */
export function packageIn(folder: string): BundledPackage {
  const { name, version, license, author, repository } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file));
  const texts = files.sort().map((file) => readFileSync(join(folder, file), 'utf8').trim());
  const holder = author?.name ?? author;
  if (texts.length === 0 && license === 'MIT' && holder !== undefined) texts.push(mitLicense(holder));
  return { name, version, license: String(license), texts, repository: repository?.url ?? repository };
}

/** The text of https://spdx.org/licenses/MIT.html, which is that of our own licence. */
function mitLicense(holder: string): string {
  const [, terms = ''] = readFileSync('LICENSE', 'utf8').split(/^Copyright .*$/m);
  return `MIT License\n\nCopyright (c) ${holder}\n${terms}`.trim();
}

/** The versions of the direct dependencies that are installed, by name. The build defines LIBRARIES_OF_VHDUP as them. */
export function libraryVersions(): Readonly<Record<string, string>> {
  const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
  return Object.fromEntries(
    Object.keys(dependencies).map((name) => [name, packageIn(join('node_modules', name)).version]),
  );
}
