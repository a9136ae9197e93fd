// Builds the executables: npm run build:exe [-- TARGET ...] [--release]. CONTRIBUTING.md describes what is written.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Bundle, bundle } from './bundle.ts';
import { hideSymbols } from './hide-symbols.ts';
import { chocolateyFiles } from './manifests/chocolatey.ts';
import { homebrewFormula } from './manifests/homebrew.ts';
import { homepageOf } from './manifests/homepage.ts';
import type { Release, ReleasedFile } from './manifests/release.ts';
import { scoopManifest } from './manifests/scoop.ts';
import { wingetManifests } from './manifests/winget.ts';
import { notices } from './notices.ts';
import { distinct, packageIn, packagesIn } from './packages.ts';
import { sbom } from './sbom.ts';
import { injectBlob, makeBlob } from './sea.ts';
import { stripElf } from './strip-elf.ts';
import { koffiOf, licenseOfNode, nodeOf } from './target-files.ts';
import { DEFAULT_TARGETS, hostTarget, NODE_VERSION, programName, type Target, targetsNamed } from './targets.ts';
import { windowsExecutable } from './windows-executable.ts';
import { zip } from './zip.ts';

const OUTPUT = 'dist/exe';
const TEMPORARY = 'node_modules/.cache/vhdup/build';
const MIB = 1024 * 1024;
const SUMMARY = 'Upload Hyper-V disk images to Azure as page blobs or managed disks';
const { version, description, repository } = JSON.parse(readFileSync('package.json', 'utf8'));
const LICENSE = readFileSync('LICENSE', 'utf8');
/** The PowerShell module, which finds the executable in the folder above. */
const MODULE = ['Vhdup.psd1', 'Vhdup.psm1'].map((name) => ({
  name: `Vhdup/${name}`,
  bytes: readFileSync(join('dist/powershell/Vhdup', name)),
}));

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { release: { type: 'boolean', default: false } },
});
const targets = targetsNamed(positionals.length === 0 ? DEFAULT_TARGETS : positionals);
// Before the work: a release without it fails.
const homepage = homepageOf(repository, process.env, values.release);
rmSync(OUTPUT, { recursive: true, force: true });
mkdirSync(OUTPUT, { recursive: true });
const program = await bundle();
const released = new Map<string, ReleasedFile>();
/** What is released beside the zips. */
const others: ReleasedFile[] = [];
for (const target of targets) released.set(target.name, await buildTarget(target, program));
const npmPackage = packNpmPackage();
writeSums([...released.values(), ...others, npmPackage]);
writeManifests(released, npmPackage);
rmSync(TEMPORARY, { recursive: true, force: true });

async function buildTarget(target: Target, { script, workers, metafiles }: Bundle): Promise<ReleasedFile> {
  const host = hostTarget();
  const addon = koffiOf(target);
  const blob = makeBlob(nodeOf(host), TEMPORARY, {
    script,
    assets: new Map<string, string | Uint8Array>(addon === undefined ? workers : [...workers, ['koffi.node', addon]]),
    useCodeCache: target === host,
  });
  const program = programName(target);
  const file = `vhdup-${target.name}${program.slice('vhdup'.length)}`;
  const path = join(OUTPUT, file);
  const node = readFileSync(nodeOf(target));
  if (target.platform === 'win32') {
    writeFileSync(path, windowsExecutable(node, blob, { version, description }));
  } else {
    const smaller = target.platform === 'linux' ? hideSymbols(stripElf(node)) : node;
    writeFileSync(path, smaller, { mode: 0o755 });
    await injectBlob(path, blob);
  }

  const executable = readFileSync(path);
  const koffi = addon === undefined ? [] : [packageIn('node_modules/koffi')];
  const inside = distinct([...packagesIn(metafiles), ...koffi]);
  const bom = sbom({ version, file: program, sha256: sha256(executable), nodeVersion: NODE_VERSION, packages: inside });
  const bomText = Buffer.from(`${JSON.stringify(bom, undefined, 2)}\n`);
  const bomFile = `vhdup-${target.name}.cdx.json`;
  writeFileSync(join(OUTPUT, bomFile), bomText);
  others.push({ file: bomFile, sha256: sha256(bomText) });
  const archive = zip([
    { name: program, bytes: executable, isProgram: true },
    { name: 'LICENSE.txt', bytes: Buffer.from(LICENSE) },
    {
      name: 'THIRD-PARTY-NOTICES.txt',
      bytes: Buffer.from(notices(inside, { version: NODE_VERSION, license: licenseOfNode() })),
    },
    { name: 'vhdup.cdx.json', bytes: bomText },
    ...(target.platform === 'win32' ? MODULE : []),
  ]);
  const archiveFile = `vhdup-${target.name}.zip`;
  writeFileSync(join(OUTPUT, archiveFile), archive);
  console.log(`${path}: ${inMib(executable)}, zip ${inMib(archive)}`);
  if (target.platform === 'darwin')
    console.log(`Sign ${file} on macOS before it runs: codesign --force --sign - ${file}`);
  return { file: archiveFile, sha256: sha256(archive) };
}

/** The package as npm publishes it. Homebrew installs it. */
function packNpmPackage(): ReleasedFile {
  execFileSync('npm', ['pack', '--ignore-scripts', '--loglevel=error', '--pack-destination', OUTPUT], {
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  });
  const file = `vhdup-${version}.tgz`;
  return { file, sha256: sha256(readFileSync(join(OUTPUT, file))) };
}

/** In the form that `sha256sum --check` reads. */
function writeSums(files: readonly ReleasedFile[]): void {
  const lines = files.map(({ file, sha256 }) => `${sha256}  ${file}\n`);
  writeFileSync(join(OUTPUT, 'SHA256SUMS'), lines.join(''));
}

function writeManifests(zips: ReadonlyMap<string, ReleasedFile>, npmPackage: ReleasedFile): void {
  const release: Release = { version, description, summary: SUMMARY, homepage, zips, npmPackage };
  const forWindows = zips.has('win-x64')
    ? [...wingetManifests(release), scoopManifest(release), ...chocolateyFiles(release, LICENSE)]
    : [];
  for (const { path, text } of [...forWindows, homebrewFormula(release)]) {
    const target = join(OUTPUT, 'manifests', path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, text);
  }
  console.log(`${OUTPUT}/manifests: files for package managers, for ${release.homepage}`);
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function inMib(bytes: Uint8Array): string {
  return `${(bytes.length / MIB).toFixed(1)} MiB`;
}
