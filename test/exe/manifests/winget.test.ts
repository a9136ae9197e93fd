// The rules are those of the JSON schemas of manifests 1.12.0: https://aka.ms/winget-manifest.installer.1.12.0.schema.json and
// its siblings for version and defaultLocale: required fields, patterns, lengths and enumerations of the fields that are written.
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { wingetManifests } from '../../../bin/exe/manifests/winget.ts';
import { downloadOf, RELEASE } from './release-fixture.ts';

const IDENTIFIER = /^[^.\s\\/:*?"<>|]{1,32}(\.[^.\s\\/:*?"<>|]{1,32}){1,7}$/;
const URL = /^https?:\/\/.+$/;
const LOCALE = /^[a-zA-Z]{2,3}(-[a-zA-Z]{1,8})*$/;
const SHA256 = /^[A-Fa-f0-9]{64}$/;
const DOTTED = /^\d{1,5}(\.\d{1,5}){2}$/;

const text = (minimum: number, maximum: number) => (value: unknown) =>
  typeof value === 'string' && value.length >= minimum && value.length <= maximum;
const matches = (pattern: RegExp) => (value: unknown) => typeof value === 'string' && pattern.test(value);
const isOneOf =
  (...values: string[]) =>
  (value: unknown) =>
    values.includes(String(value));

type Rules = Readonly<Record<string, (value: unknown) => boolean>>;

const COMMON: Rules = {
  PackageIdentifier: matches(IDENTIFIER),
  PackageVersion: matches(/^[^\\/:*?"<>|]+$/),
  ManifestVersion: matches(DOTTED),
};
const REQUIRED: Readonly<Record<string, Rules>> = {
  version: { ...COMMON, DefaultLocale: matches(LOCALE), ManifestType: isOneOf('version') },
  installer: {
    ...COMMON,
    Installers: (value) => Array.isArray(value) && value.length > 0,
    ManifestType: isOneOf('installer'),
  },
  defaultLocale: {
    ...COMMON,
    PackageLocale: matches(LOCALE),
    Publisher: text(2, 256),
    PackageName: text(2, 256),
    License: text(3, 512),
    ShortDescription: text(3, 256),
    ManifestType: isOneOf('defaultLocale'),
  },
};
const OPTIONAL: Rules = {
  MinimumOSVersion: matches(/^\d{1,5}(\.\d{1,5}){0,3}$/),
  InstallerType: isOneOf('zip'),
  NestedInstallerType: isOneOf('portable'),
  NestedInstallerFiles: (value) => Array.isArray(value) && value.every((file) => text(1, 512)(file.RelativeFilePath)),
  Commands: (value) => Array.isArray(value) && value.length <= 16 && value.every(text(1, 40)),
  PublisherUrl: matches(URL),
  PublisherSupportUrl: matches(URL),
  PackageUrl: matches(URL),
  LicenseUrl: matches(URL),
  ReleaseNotesUrl: matches(URL),
  Moniker: text(1, 40),
  Tags: (value) => Array.isArray(value) && value.length <= 16 && value.every(text(1, 40)),
};

const manifests = wingetManifests(RELEASE).map(({ path, text }) => ({ path, text, content: parse(text) }));

describe('the manifests of winget', () => {
  it('are the three that a package consists of', () => {
    expect(manifests.map(({ path }) => path)).toEqual([
      'winget/vhdup.vhdup.yaml',
      'winget/vhdup.vhdup.installer.yaml',
      'winget/vhdup.vhdup.locale.en-US.yaml',
    ]);
  });

  it('keep the rules of their schema', () => {
    for (const { content, text } of manifests) {
      const type = String(content.ManifestType);
      expect(text.split('\n', 1)[0]).toBe(
        `# yaml-language-server: $schema=https://aka.ms/winget-manifest.${type}.1.12.0.schema.json`,
      );
      const required = REQUIRED[type] ?? {};
      expect(Object.keys(content)).toEqual(expect.arrayContaining(Object.keys(required)));
      for (const [field, value] of Object.entries(content)) {
        const rule = required[field] ?? OPTIONAL[field];
        expect(rule?.(value), `${type}: ${field}: ${JSON.stringify(value)}`).toBe(true);
      }
    }
  });

  it('name the zip of each architecture', () => {
    const { Installers } = manifests[1]?.content ?? {};
    expect(Installers).toEqual([
      { Architecture: 'x64', InstallerUrl: downloadOf('vhdup-win-x64.zip'), InstallerSha256: 'AB'.repeat(32) },
      { Architecture: 'arm64', InstallerUrl: downloadOf('vhdup-win-arm64.zip'), InstallerSha256: 'CD'.repeat(32) },
    ]);
    for (const { InstallerSha256 } of Installers) expect(InstallerSha256).toMatch(SHA256);
    expect(manifests[2]?.content.ShortDescription).toBe(RELEASE.description);
  });
});
