// The licences of everything in an executable, as one text: what they ask of those who hand it on.
import type { BundledPackage } from './packages.ts';

/**
 * Permissive licences: their conditions are met by their text. Others (copyleft) ask for more, such as the source, so that a
 * package with one stops the build.
 */
const MET_BY_THEIR_TEXT = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'ISC',
  'MIT',
  'Unlicense',
]);

const LINE = `\n${'-'.repeat(80)}\n\n`;

/**
 * @param packages - Everything but Node.
 * @param node - Node's version and its LICENSE, which contains those of all of its parts.
 * @throws {Error} if a licence is not known to be met by its text, or its text is absent.
 */
export function notices(packages: readonly BundledPackage[], node: { version: string; license: string }): string {
  const wrong = packages.filter(({ license, texts }) => !MET_BY_THEIR_TEXT.has(license) || texts.length === 0);
  if (wrong.length > 0) {
    const list = wrong.map(
      ({ name, version, license, texts }) =>
        `${name} ${version} (${license}${texts.length === 0 ? ', without text' : ''})`,
    );
    throw new Error(`The licences of these packages cannot be met by the notices: ${list.join(', ')}.`);
  }
  const entries = packages.map(({ name, version, license, texts }) =>
    [`${name} ${version} (${license})`, ...texts, ''].join('\n\n'),
  );
  const about =
    'vhdup is under the MIT licence; LICENSE.txt has its text. The executable contains Node.js and the packages below.\n';
  return [about, `Node.js ${node.version}\n\n${node.license.trim()}\n`, ...entries].join(LINE);
}
