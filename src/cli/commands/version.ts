// vhdup version
import { printable } from '../../base/printable.ts';
import { defineCommand } from '../define-command.ts';
import { table } from '../screens/result-text.ts';
import { type Versions, versions } from '../versions.ts';

export const versionCommand = defineCommand({
  name: 'version',
  describe: 'Show the versions of vhdup, Node.js, the system and the libraries, for support',
  positionals: {},
  options: {},
  examples: ['version --json'],
  epilog: 'vhdup --version prints the version alone.',
  run: (_, { execute }) => execute({ run: () => versions(), describe: describeVersions }),
});

function describeVersions({ version, executable, path, node, openssl, system, arch, libraries, koffi }: Versions) {
  const named = Object.entries(libraries).map(([name, of]) => `${name} ${of}`);
  return table(`vhdup ${version}`, [
    ['program', `${printable(path)}${executable ? ', an executable with Node.js inside' : ''}`],
    ['Node.js', `${node}, OpenSSL ${openssl}`],
    ['system', `${system}, ${arch}`],
    ['libraries', named.length === 0 ? 'not known: not built into one file' : named.join(', ')],
    ['holes', koffi === null ? 'read as zeros: koffi cannot be loaded' : `found with koffi ${koffi}`],
  ]);
}
