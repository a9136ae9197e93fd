import { describe, expect, it } from 'vitest';
import { installedSystem } from '../../src/volume/installed-system.ts';
import { buildHive, dword, sz } from '../support/hive-builder.ts';
import { filesFrom } from '../support/memory-files.ts';

function linux(files: Readonly<Record<string, string>>) {
  const contents = Object.entries(files).map(([path, text]) => [path, Buffer.from(text)] as const);
  return installedSystem({ ...filesFrom(Object.fromEntries(contents)), type: 'ext4' });
}

describe('installedSystem', () => {
  it('reads os-release as a shell does', async () => {
    const text = 'NAME=Ubuntu\nPRETTY_NAME="Ubuntu 24.04.1 LTS"\nVERSION_ID="24.04"\nID=ubuntu\n';
    expect(await linux({ '/etc/os-release': text })).toEqual({
      family: 'linux',
      name: 'Ubuntu 24.04.1 LTS',
      version: '24.04',
      id: 'ubuntu',
    });
    expect(await linux({ '/usr/lib/os-release': 'PRETTY_NAME=\'Old\'\r\nPRETTY_NAME="A \\"new\\" one"\r\n' })).toEqual({
      family: 'linux',
      name: 'A "new" one',
    });
    expect(await linux({ '/etc/os-release': '' })).toEqual({ family: 'linux', name: 'Linux' });
    expect(await linux({ '/etc/os-release': 'NAME="' })).toEqual({ family: 'linux', name: '"' });
  });

  it('prefers /etc/os-release, and knows what was there before it', async () => {
    const both = { '/etc/os-release': 'NAME=One', '/usr/lib/os-release': 'NAME=Two' };
    expect(await linux(both)).toMatchObject({ name: 'One' });
    expect(await linux({ '/etc/redhat-release': 'CentOS release 6.10 (Final)\n' })).toEqual({
      family: 'linux',
      name: 'CentOS release 6.10 (Final)',
      version: '6.10',
    });
    expect(await linux({ '/etc/redhat-release': '\n' })).toBeUndefined();
  });

  it('takes the version of Windows from its registry', async () => {
    const values = {
      ProductName: sz('Windows Server 2022 Datacenter'),
      CurrentBuildNumber: sz('20348'),
      UBR: dword(2113),
      InstallationType: sz('Server'),
    };
    const key = { keys: { 'Windows NT': { keys: { CurrentVersion: { values } } } } };
    const software = buildHive({ keys: { Microsoft: key } });
    const files = filesFrom({ '/Windows/System32/config/SOFTWARE': software });
    expect(await installedSystem(files)).toEqual({
      family: 'windows',
      name: 'Windows Server 2022 Datacenter',
      version: '20348.2113',
      edition: 'Server',
    });
  });

  it('looks into the root subvolumes of btrfs', async () => {
    const root = { ...filesFrom({ '/etc/os-release': Buffer.from('NAME=Fedora') }), type: 'btrfs' };
    const subvolume = (which: string | number) => Promise.resolve(which === '@' ? root : undefined);
    expect(await installedSystem({ ...filesFrom({}), type: 'btrfs', subvolume })).toMatchObject({ name: 'Fedora' });
  });

  it('finds none on a data disk', async () => {
    expect(await installedSystem(filesFrom({ '/data/file': Buffer.from('x') }))).toBeUndefined();
    expect(await linux({ '/data/file': 'x' })).toBeUndefined();
  });
});
