// What a report of a bug needs to know about the program and the machine.
import { release, type, version as versionOfSystem } from 'node:os';
import { isExecutable } from '../base/embedded.ts';
import { VERSION } from '../base/version.ts';
import { koffiVersion } from '../image/load-koffi.ts';

/** The versions of the libraries that the program was built with. The build defines it; the sources alone have none. */
declare const LIBRARIES_OF_VHDUP: Readonly<Record<string, string>> | undefined;

export interface Versions {
  readonly version: string;
  /** Whether it is an executable that contains Node. */
  readonly executable: boolean;
  /** Of the executable, or of the script. */
  readonly path: string;
  readonly node: string;
  readonly openssl: string;
  /** Name, release and build of the operating system. */
  readonly system: string;
  readonly platform: string;
  readonly arch: string;
  readonly libraries: Readonly<Record<string, string>>;
  /** Null if it cannot be loaded: then holes in files are not found. */
  readonly koffi: string | null;
}

export async function versions(): Promise<Versions> {
  const { execPath, argv, platform, arch } = process;
  return {
    version: VERSION,
    executable: isExecutable(),
    path: isExecutable() ? execPath : (argv[1] ?? execPath),
    node: process.versions.node,
    openssl: process.versions.openssl,
    system: `${type()} ${release()} (${versionOfSystem()})`,
    platform,
    arch,
    libraries: typeof LIBRARIES_OF_VHDUP === 'undefined' ? {} : LIBRARIES_OF_VHDUP,
    koffi: (await koffiVersion()) ?? null,
  };
}
