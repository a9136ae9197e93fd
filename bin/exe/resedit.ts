// The part of resedit that is used here, with types of its own: the declarations of the package bring those of browsers into the
// whole project, where they contradict ours of WebAssembly.

interface ResourceEntry {
  readonly type: number | string;
  readonly id: number | string;
  readonly lang: number;
  readonly codepage: number;
  readonly bin: ArrayBuffer;
}

interface Executable {
  generate(): ArrayBuffer;
}

interface Resources {
  readonly entries: ResourceEntry[];
  outputResource(executable: Executable): void;
}

interface IconImage {
  readonly width: number;
  readonly height: number;
  readonly bitCount: number;
}

interface IconGroup {
  readonly id: number | string;
  readonly lang: number | string;
  readonly icons: readonly IconImage[];
}

interface Language {
  readonly lang: number;
  readonly codepage: number;
}

interface VersionInfo {
  setFileVersion(major: number, minor: number, patch: number, build: number, lang: number): void;
  setProductVersion(major: number, minor: number, patch: number, build: number, lang: number): void;
  setStringValues(language: Language, values: Readonly<Record<string, string>>): void;
  getStringValues(language: Language): Readonly<Record<string, string>>;
  getAllLanguagesForStringValues(): Language[];
  outputToResourceEntries(entries: ResourceEntry[]): void;
}

interface ResEdit {
  readonly NtExecutable: { from(bytes: Uint8Array, options?: { ignoreCert: boolean }): Executable };
  readonly NtExecutableResource: { from(executable: Executable): Resources };
  readonly Data: {
    readonly IconFile: {
      from(bytes: Uint8Array): { readonly icons: readonly (IconImage & { readonly data: unknown })[] };
    };
  };
  readonly Resource: {
    readonly IconGroupEntry: {
      fromEntries(entries: readonly ResourceEntry[]): IconGroup[];
      replaceIconsForResource(entries: ResourceEntry[], id: unknown, lang: unknown, icons: readonly unknown[]): void;
    };
    readonly VersionInfo: { fromEntries(entries: readonly ResourceEntry[]): VersionInfo[] };
  };
}

/** A variable, so that the compiler does not look for the declarations. */
const PACKAGE: string = 'resedit';
export const { Data, NtExecutable, NtExecutableResource, Resource }: ResEdit = await import(PACKAGE);
