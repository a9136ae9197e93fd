// Sources of the rules: https://learn.microsoft.com/nuget/reference/nuspec (required elements) and
// https://docs.chocolatey.org/en-us/create/create-packages/ (files for programs in a package).
import { describe, expect, it } from 'vitest';
import { chocolateyFiles } from '../../../bin/exe/manifests/chocolatey.ts';
import { downloadOf, RELEASE } from './release-fixture.ts';

const files = new Map(chocolateyFiles(RELEASE, 'MIT License').map(({ path, text }) => [path, text]));
const nuspec = files.get('chocolatey/vhdup.nuspec') ?? '';
const element = (name: string) => new RegExp(`<${name}>([^<]+)</${name}>`).exec(nuspec)?.[1];

describe('the Chocolatey package', () => {
  it('has the elements that NuGet requires, in well-formed XML', () => {
    expect(element('id')).toBe('vhdup');
    expect(element('version')).toBe('1.2.3');
    expect(element('authors')).toBeDefined();
    expect(element('description')).toBe('Uploads disk images: VHD &#38; VHDX.');
    const opened = [...nuspec.matchAll(/<([a-zA-Z]+)(?:\s[^>]*[^/?])?>/g)].map(([, name]) => name);
    const closed = [...nuspec.matchAll(/<\/([a-zA-Z]+)>/g)].map(([, name]) => name);
    expect(opened.sort()).toEqual(closed.sort());
  });

  it('contains the zip, its licence and how to verify it', () => {
    expect(nuspec).toContain('<file src="..\\..\\vhdup-win-x64.zip" target="tools" />');
    expect(files.get('chocolatey/tools/LICENSE.txt')).toBe('MIT License');
    const verification = files.get('chocolatey/tools/VERIFICATION.txt');
    expect(verification).toContain(downloadOf('vhdup-win-x64.zip'));
    expect(verification).toContain('ab'.repeat(32));
    expect(files.get('chocolatey/tools/chocolateyInstall.ps1')).toContain("Join-Path $tools 'vhdup-win-x64.zip'");
  });

  it('needs a zip for Windows', () => {
    expect(() => chocolateyFiles({ ...RELEASE, zips: new Map() }, '')).toThrow('no zip for win-x64');
  });
});
