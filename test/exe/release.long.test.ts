// The files that `npm run build:exe` has written for a release.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ICON_SIZES } from '../../bin/exe/icon.ts';
import { NtExecutable, NtExecutableResource, Resource } from '../../bin/exe/resedit.ts';
import { nodeOf } from '../../bin/exe/target-files.ts';
import { targetsNamed } from '../../bin/exe/targets.ts';
import { VERSION } from '../../src/base/version.ts';
import { cycloneDxValidator } from '../support/cyclonedx.ts';
import { builtExecutable, EXE_FOLDER, NOT_BUILT } from '../support/executables.ts';
import { peLayout } from '../support/pe-sections.ts';
import { temporaryFolder } from '../support/vhd-fixtures.ts';

const MAX_ZIP = 40_000_000;
const isBuilt = existsSync(join(EXE_FOLDER, 'SHA256SUMS'));
const zips = isBuilt ? readdirSync(EXE_FOLDER).filter((name) => name.endsWith('.zip')) : [];
const EXECUTABLE = builtExecutable('win-x64');

describe.skipIf(!isBuilt)(`the files of a release (skipped if ${NOT_BUILT})`, () => {
  it('have the checksums that SHA256SUMS lists', () => {
    const output = execFileSync('sha256sum', ['--check', 'SHA256SUMS'], { cwd: EXE_FOLDER, encoding: 'utf8' });
    for (const name of [...zips, `vhdup-${VERSION}.tgz`]) expect(output).toContain(`${name}: OK`);
    expect(zips.length).toBeGreaterThan(0);
  });

  it('are zips of at most 40 MB, with the licences of everything inside', async () => {
    for (const name of zips) {
      expect(statSync(join(EXE_FOLDER, name)).size).toBeLessThanOrEqual(MAX_ZIP);
      const folder = await temporaryFolder();
      execFileSync('unzip', ['-q', join(EXE_FOLDER, name), '-d', folder]);
      const programs = name.startsWith('vhdup-win-') ? ['Vhdup', 'vhdup.exe'] : ['vhdup'];
      expect(readdirSync(folder).sort()).toEqual(
        ['LICENSE.txt', 'THIRD-PARTY-NOTICES.txt', ...programs, 'vhdup.cdx.json'].sort(),
      );
      // The module finds the executable in the folder above.
      if (programs.length > 1) expect(readdirSync(join(folder, 'Vhdup')).sort()).toEqual(['Vhdup.psd1', 'Vhdup.psm1']);
      const notices = readFileSync(join(folder, 'THIRD-PARTY-NOTICES.txt'), 'utf8');
      const { components } = JSON.parse(readFileSync(join(folder, 'vhdup.cdx.json'), 'utf8'));
      expect(components.length).toBeGreaterThan(20);
      for (const { name: part, version } of components) {
        expect(notices).toContain(part === 'node' ? `Node.js ${version}` : `${part} ${version} (`);
      }
      // Parts of Node have licences of their own.
      for (const part of ['OpenSSL', 'ICU', 'V8', 'libuv', 'zlib']) expect(notices).toContain(part);
      expect(notices).not.toMatch(/\b(?:L?GPL-[23]|AGPL)/);
    }
  });

  it('have a list of parts that is valid CycloneDX', () => {
    const faultsOf = cycloneDxValidator();
    for (const name of zips) {
      const document = JSON.parse(readFileSync(join(EXE_FOLDER, name.replace('.zip', '.cdx.json')), 'utf8'));
      expect(faultsOf(document)).toBeUndefined();
      expect(faultsOf({ ...document, components: [{ name: 'without a type' }] })).toBeDefined();
    }
  });
});

describe.skipIf(EXECUTABLE === undefined)(`the Windows executable (skipped if ${NOT_BUILT})`, () => {
  it('has the icon and version of vhdup, and no signature that does not fit', () => {
    // Without ignoreCert, an executable with a signature is refused.
    const { entries } = NtExecutableResource.from(NtExecutable.from(readFileSync(EXECUTABLE ?? '')));
    const [group] = Resource.IconGroupEntry.fromEntries(entries);
    expect(group?.icons.map(({ width }) => width || 256)).toEqual([...ICON_SIZES]);
    const [version] = Resource.VersionInfo.fromEntries(entries);
    for (const language of version?.getAllLanguagesForStringValues() ?? []) {
      expect(version?.getStringValues(language)).toMatchObject({
        ProductName: 'vhdup',
        ProductVersion: VERSION,
        OriginalFilename: 'vhdup.exe',
      });
    }
  });

  it('is Node, except for its resources and the fuse', () => {
    const [target] = targetsNamed(['win-x64']);
    if (target === undefined) throw new Error('There is no target win-x64.');
    const node = peLayout(readFileSync(nodeOf(target)));
    const ours = peLayout(readFileSync(EXECUTABLE ?? ''));
    expect([...ours.sections.keys()]).toEqual([...node.sections.keys()]);
    for (const [name, bytes] of ours.sections) {
      const before = node.sections.get(name) ?? Buffer.alloc(0);
      if (name === '.rsrc') continue;
      expect(bytes.length).toBe(before.length);
      const changed = bytes.reduce((count, byte, index) => count + (byte === before[index] ? 0 : 1), 0);
      // One digit says that there is a blob.
      expect(changed, name).toBe(name === '.rdata' ? 1 : 0);
    }
    // Windows loads programs at random addresses; Wine may not.
    expect(ours.relocations).toEqual({ address: ours.relocationSection, length: node.relocations.length });
    expect([node.certificateLength > 0, ours.certificateLength]).toEqual([true, 0]);
  });
});
