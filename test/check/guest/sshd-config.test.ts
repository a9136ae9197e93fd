import { describe, expect, it } from 'vitest';
import { LinuxSystem } from '../../../src/check/guest/linux-system.ts';
import { readSshdSetting } from '../../../src/check/guest/sshd-config.ts';
import { guestTree } from '../../support/guest-tree.ts';

const MAIN = '/etc/ssh/sshd_config';

function read(files: Readonly<Record<string, string>>) {
  return readSshdSetting(new LinuxSystem({ root: guestTree(files) }), 'ClientAliveInterval');
}

describe('readSshdSetting', () => {
  it('uses the first value, and ignores the case of the keyword', async () => {
    expect(await read({ [MAIN]: '#ClientAliveInterval 1\nclientaliveINTERVAL 60\nClientAliveInterval 120\n' })).toEqual(
      {
        value: '60',
        path: MAIN,
      },
    );
  });

  it('accepts an equals sign, quotes and a trailing comment', async () => {
    expect((await read({ [MAIN]: 'ClientAliveInterval = "90" # seconds\n' }))?.value).toBe('90');
  });

  it('reads included files at the Include line, in alphabetical order', async () => {
    const files = {
      [MAIN]: 'Include /etc/ssh/sshd_config.d/*.conf\nClientAliveInterval 1\n',
      '/etc/ssh/sshd_config.d/20-b.conf': 'ClientAliveInterval 20\n',
      '/etc/ssh/sshd_config.d/10-a.conf': 'Port 22\n',
      '/etc/ssh/sshd_config.d/05-not.txt': 'ClientAliveInterval 5\n',
    };
    expect(await read(files)).toEqual({ value: '20', path: '/etc/ssh/sshd_config.d/20-b.conf' });
  });

  it('resolves relative includes against /etc/ssh, and accepts several patterns', async () => {
    const files = { [MAIN]: 'Include none.conf more.conf\n', '/etc/ssh/more.conf': 'ClientAliveInterval 30\n' };
    expect((await read(files))?.path).toBe('/etc/ssh/more.conf');
  });

  it('ignores settings inside Match blocks', async () => {
    expect(await read({ [MAIN]: 'Match User git\n  ClientAliveInterval 60\n' })).toBeUndefined();
  });

  it('stops when files include themselves', async () => {
    expect(await read({ [MAIN]: `Include ${MAIN} ${MAIN} ${MAIN}\nInclude *\n` })).toBeUndefined();
  });

  it('finds nothing when there is no file', async () => {
    expect(await read({})).toBeUndefined();
  });
});
