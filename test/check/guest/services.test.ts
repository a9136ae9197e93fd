import { describe, expect, it } from 'vitest';
import { LinuxSystem } from '../../../src/check/guest/linux-system.ts';
import { startedBy } from '../../../src/check/guest/services.ts';
import { guestTree, type TreeFiles } from '../../support/guest-tree.ts';

function started(files: TreeFiles, ...units: readonly string[]) {
  return startedBy(new LinuxSystem({ root: guestTree(files) }), units);
}

const LINK = '/etc/systemd/system/multi-user.target.wants/ssh.service';

describe('startedBy', () => {
  it('finds the link of systemd, also if the unit is not on this file system', async () => {
    expect(await started({ [LINK]: '-> /lib/systemd/system/ssh.service' }, 'sshd.service', 'ssh.service')).toBe(LINK);
    const vendor = '/usr/lib/systemd/system/sockets.target.wants/ssh.socket';
    expect(await started({ [vendor]: '-> ../ssh.socket' }, 'ssh.socket')).toBe(vendor);
    expect(await started({ '/etc/systemd/system/x.target.wants/other.service': '' }, 'ssh.service')).toBeUndefined();
  });

  it.each(['-> /dev/null', ''])('does not count a unit that is masked: %j', async (mask) => {
    expect(await started({ [LINK]: 'unit', '/etc/systemd/system/ssh.service': mask }, 'ssh.service')).toBeUndefined();
    expect(await started({ [LINK]: 'unit', '/etc/systemd/system/ssh.service': '[Unit]\n' }, 'ssh.service')).toBe(LINK);
  });

  it.each(['/etc/rc.d/rc3.d', '/etc/rc3.d', '/etc/rc2.d', '/etc/init.d/rc3.d'])(
    'finds the link of SysV init in %s',
    async (folder) => {
      expect(await started({ [`${folder}/S55sshd`]: 'script' }, 'sshd.service')).toBe(`${folder}/S55sshd`);
      expect(await started({ [`${folder}/K25sshd`]: 'script' }, 'sshd.service')).toBeUndefined();
      expect(await started({ [`${folder}/S55sshd-keygen`]: 'script' }, 'sshd.service')).toBeUndefined();
    },
  );

  it('ignores a script beside a unit of the same name, as systemd does', async () => {
    const files = { '/etc/rc3.d/S01ssh': 'script', '/lib/systemd/system/ssh.service': 'unit' };
    expect(await started(files, 'ssh.service')).toBeUndefined();
  });

  it('finds a job of upstart, unless an override makes it manual', async () => {
    const job = { '/etc/init/ssh.conf': 'start on runlevel [2345]\n' };
    expect(await started(job, 'ssh.service')).toBe('/etc/init/ssh.conf');
    expect(await started({ ...job, '/etc/init/ssh.override': 'manual\n' }, 'ssh.service')).toBeUndefined();
  });
});
