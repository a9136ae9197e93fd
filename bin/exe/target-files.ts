// What npm packages hold for a target: Node, its licence, and the native part of koffi.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fetchPackages, pinnedByProject } from './fetch-packages.ts';
import { NODE_VERSION, type Target, targetsNamed } from './targets.ts';

/** @returns the path of the Node of a target. */
export function nodeOf(target: Target): string {
  return join(fetchFor(target), target.nodePackage, 'bin', target.platform === 'win32' ? 'node.exe' : 'node');
}

/** @returns undefined if the target has no use for it. */
export function koffiOf(target: Target): Uint8Array | undefined {
  const { koffiFolder, platform, arch } = target;
  if (koffiFolder === undefined) return undefined;
  return readFileSync(join(fetchFor(target), `@koromix/koffi-${platform}-${arch}`, koffiFolder, 'koffi.node'));
}

/** The same for all systems, but not every package has it. */
export function licenseOfNode(): string {
  return targetsNamed(['linux-x64'])
    .map((linux) => readFileSync(join(fetchFor(linux), linux.nodePackage, 'LICENSE'), 'utf8'))
    .join('');
}

/** @returns the folder with the packages for a target, by their names. */
function fetchFor({ name, nodePackage, integrity, platform, arch, koffiFolder }: Target): string {
  const node = { name: nodePackage, version: NODE_VERSION, integrity };
  const koffi = koffiFolder === undefined ? [] : [pinnedByProject(`@koromix/koffi-${platform}-${arch}`)];
  return fetchPackages(name, [node, ...koffi]);
}
