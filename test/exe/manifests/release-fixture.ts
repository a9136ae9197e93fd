import type { Release } from '../../../bin/exe/manifests/release.ts';

export const HOMEPAGE = 'https://github.com/example/vhdup';

/** A release with executables for both architectures of Windows. */
export const RELEASE: Release = {
  version: '1.2.3',
  description: 'Uploads disk images: VHD & VHDX.',
  summary: 'Upload #1 disk images',
  homepage: HOMEPAGE,
  zips: new Map([
    ['win-x64', { file: 'vhdup-win-x64.zip', sha256: 'ab'.repeat(32) }],
    ['win-arm64', { file: 'vhdup-win-arm64.zip', sha256: 'cd'.repeat(32) }],
  ]),
  npmPackage: { file: 'vhdup-1.2.3.tgz', sha256: 'ef'.repeat(32) },
};

export function downloadOf(file: string): string {
  return `${HOMEPAGE}/releases/download/v1.2.3/${file}`;
}
