// The rules are those of https://github.com/ScoopInstaller/Scoop/blob/master/schema.json for the fields that are written.
import { describe, expect, it } from 'vitest';
import { scoopManifest } from '../../../bin/exe/manifests/scoop.ts';
import { CMDLETS } from '../../../src/cli/powershell/cmdlets.ts';
import { downloadOf, HOMEPAGE, RELEASE } from './release-fixture.ts';

/** Fields that the schema knows: it allows no others. */
const KNOWN = ['version', 'description', 'homepage', 'license', 'architecture', 'bin', 'checkver', 'autoupdate'];

describe('the manifest of Scoop', () => {
  const { path, text } = scoopManifest(RELEASE);
  const manifest = JSON.parse(text);

  it('has the fields of its schema, and no others', () => {
    expect(path).toBe('scoop/vhdup.json');
    expect(Object.keys(manifest)).toEqual(KNOWN);
    expect(manifest.version).toMatch(/^[\w\-.+]+$/);
    expect(Object.keys(manifest.architecture)).toEqual(['64bit', 'arm64']);
    for (const { url, hash } of Object.values<{ url: string; hash: string }>(manifest.architecture)) {
      expect(new URL(url).protocol).toBe('https:');
      expect(hash).toMatch(/^[a-f0-9]{64}$/);
    }
    expect(manifest.architecture['64bit'].url).toBe(downloadOf('vhdup-win-x64.zip'));
  });

  it('finds the next version and its checksums', () => {
    expect(manifest.checkver).toEqual({ github: HOMEPAGE });
    expect(manifest.autoupdate.architecture['64bit'].url).toBe(
      `${HOMEPAGE}/releases/download/v$version/vhdup-win-x64.zip`,
    );
    expect(manifest.autoupdate.hash.url).toBe('$baseurl/SHA256SUMS');
  });

  it('has the program under each of its names', () => {
    expect(manifest.bin[0]).toBe('vhdup.exe');
    for (const [file, name, argument] of manifest.bin.slice(1)) {
      expect([file, argument]).toEqual(['vhdup.exe', name]);
    }
    const names = manifest.bin.slice(1).map(([, name]: readonly string[]) => name);
    expect(names).toEqual(CMDLETS.map(({ name }) => name));
  });
});
