// The parts of an executable as a CycloneDX document, for scanners of vulnerabilities. Source: CycloneDX 1.6.
import type { BundledPackage } from './packages.ts';

export interface SbomContent {
  readonly version: string;
  /** Name of the executable and its SHA-256 in hex. */
  readonly file: string;
  readonly sha256: string;
  readonly nodeVersion: string;
  readonly packages: readonly BundledPackage[];
}

/** @returns the same document for the same content: it contains neither a time nor a random number. */
export function sbom({ version, file, sha256, nodeVersion, packages }: SbomContent) {
  const root = `pkg:npm/vhdup@${version}`;
  const node = {
    type: 'platform',
    'bom-ref': `pkg:generic/node@${nodeVersion}`,
    name: 'node',
    version: nodeVersion,
    purl: `pkg:generic/node@${nodeVersion}`,
    cpe: `cpe:2.3:a:nodejs:node.js:${nodeVersion}:*:*:*:*:*:*:*`,
    licenses: [{ license: { id: 'MIT' } }],
  };
  const components = [node, ...packages.map(componentOf)];
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      component: {
        type: 'application',
        'bom-ref': root,
        name: 'vhdup',
        version,
        purl: root,
        hashes: [{ alg: 'SHA-256', content: sha256 }],
        licenses: [{ license: { id: 'MIT' } }],
        properties: [{ name: 'vhdup:file', value: file }],
      },
    },
    components,
    dependencies: [{ ref: root, dependsOn: components.map((one) => one['bom-ref']) }],
  };
}

function componentOf({ name, version, license }: BundledPackage) {
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
  return { type: 'library', 'bom-ref': purl, name, version, purl, licenses: [{ license: { id: license } }] };
}
