import { describe, expect, it } from 'vitest';
import { describeVersion, readWindowsVersion } from '../../src/volume/windows-version.ts';
import { type BuiltValue, buildHive, dword, sz } from '../support/hive-builder.ts';
import { filesFrom } from '../support/memory-files.ts';

async function versionWith(values: Readonly<Record<string, BuiltValue>>): Promise<string | undefined> {
  const key = { keys: { 'Windows NT': { keys: { CurrentVersion: { values } } } } };
  const software = buildHive({ keys: { Microsoft: key } });
  const version = await readWindowsVersion(filesFrom({ '/Windows/System32/config/SOFTWARE': software }));
  return version && describeVersion(version);
}

describe('the version of a Windows', () => {
  it('has product, build, revision and kind', async () => {
    const server = { ProductName: sz('Windows Server 2022 Datacenter'), InstallationType: sz('Server Core') };
    expect(await versionWith({ ...server, CurrentBuildNumber: sz('20348'), UBR: dword(2113) })).toBe(
      'Windows Server 2022 Datacenter, build 20348.2113, Server Core',
    );
  });

  it('is read where parts of it are not set', async () => {
    expect(await versionWith({ CurrentBuild: sz('7601') })).toBe('Windows, build 7601');
    expect(await versionWith({ CurrentBuildNumber: sz('7601 x') })).toBeUndefined();
    expect(await versionWith({})).toBeUndefined();
    expect(await readWindowsVersion(filesFrom({ '/file': new Uint8Array() }))).toBeUndefined();
  });

  it('is that of Windows 11 where the product name is still that of Windows 10', async () => {
    const pro = { ProductName: sz('Windows 10 Pro') };
    expect(await versionWith({ ...pro, CurrentBuildNumber: sz('22631') })).toBe('Windows 11 Pro, build 22631');
    expect(await versionWith({ ...pro, CurrentBuildNumber: sz('19045') })).toBe('Windows 10 Pro, build 19045');
  });
});
