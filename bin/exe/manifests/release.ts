// What the package managers are told of a release: the one table that all manifests are made from.

export interface ReleasedFile {
  readonly file: string;
  /** In hex. */
  readonly sha256: string;
}

export interface Release {
  readonly version: string;
  /** A sentence. */
  readonly description: string;
  /** At most 80 characters, for Homebrew. */
  readonly summary: string;
  /** Page of the project on GitHub, without a slash at the end. */
  readonly homepage: string;
  /** The zips by the names of their targets, such as win-x64. */
  readonly zips: ReadonlyMap<string, ReleasedFile>;
  /** The package of npm. */
  readonly npmPackage: ReleasedFile;
}

/** A file of a package manager, with its path in the folder of the manifests. */
export interface ManifestFile {
  readonly path: string;
  readonly text: string;
}

/** Where the release workflow puts a file. */
export function urlOf({ homepage, version }: Release, file: string): string {
  return `${homepage}/releases/download/v${version}/${file}`;
}

/** @throws {Error} if the release has none for this target. */
export function zipOf({ zips }: Release, target: string): ReleasedFile {
  const zip = zips.get(target);
  if (zip === undefined) throw new Error(`The release has no zip for ${target}.`);
  return zip;
}
