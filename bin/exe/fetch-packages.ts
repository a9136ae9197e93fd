// Fetches npm packages of an exact version into a folder of the cache. npm itself checks their integrity against a lockfile that
// is written for it. So the binaries of Node, 90 MB each, are no dependencies of every installation.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const CACHE = resolve('node_modules/.cache/vhdup');

export interface PinnedPackage {
  readonly name: string;
  readonly version: string;
  /** As in a lockfile: sha512-... */
  readonly integrity: string;
}

/**
 * @param folder - Name of a folder of the cache, for exactly these packages.
 * @returns the folder with the packages, by their names.
 * @throws {Error} if npm fails: it prints why.
 */
export function fetchPackages(folder: string, packages: readonly PinnedPackage[]): string {
  const home = join(CACHE, folder);
  const modules = join(home, 'node_modules');
  const lockPath = join(home, 'package-lock.json');
  const lock = JSON.stringify(lockfileOf(packages), undefined, 2);
  const isComplete = packages.every(({ name }) => existsSync(join(modules, name, 'package.json')));
  if (isComplete && existsSync(lockPath) && readFileSync(lockPath, 'utf8') === lock) return modules;
  mkdirSync(home, { recursive: true });
  const dependencies = Object.fromEntries(packages.map(({ name, version }) => [name, version]));
  writeFileSync(join(home, 'package.json'), JSON.stringify({ private: true, dependencies }));
  writeFileSync(lockPath, lock);
  // Most of them are for another system: --force, since they refuse this one.
  execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--force', '--loglevel=error'], {
    cwd: home,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  return modules;
}

function lockfileOf(packages: readonly PinnedPackage[]) {
  const dependencies = Object.fromEntries(packages.map(({ name, version }) => [name, version]));
  const entries = packages.map(({ name, version, integrity }) => [`node_modules/${name}`, { version, integrity }]);
  return {
    lockfileVersion: 3,
    requires: true,
    packages: { '': { dependencies }, ...Object.fromEntries(entries) },
  };
}

/** A package that the project's own lockfile pins, also one for another system. @throws {Error} if it does not. */
export function pinnedByProject(name: string): PinnedPackage {
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8'));
  const { version, integrity } = packages[`node_modules/${name}`] ?? {};
  if (version !== undefined && integrity !== undefined) return { name, version, integrity };
  throw new Error(`package-lock.json has no version and integrity of ${name}.`);
}
