import { describe, expect, it } from 'vitest';
import { LinuxSystem } from '../../../src/check/guest/linux-system.ts';
import { readSshdSetting } from '../../../src/check/guest/sshd-config.ts';
import { guestTree } from '../../support/guest-tree.ts';

const MAIN = '/etc/ssh/sshd_config';

function read(files: Readonly<Record<string, string>>) {
  return readSshdSetting(new LinuxSystem({ root: guestTree(files) }), 'ClientAliveInterval');
}

describe('readSshdSetting', () => {
  it('takes the first value, whatever the case of its name', async () => {
    expect(await read({ [MAIN]: '#ClientAliveInterval 1\nclientaliveINTERVAL 60\nClientAliveInterval 120\n' })).toEqual(
      {
        value: '60',
        path: MAIN,
      },
    );
  });

  it('takes it with an equals sign, quotes and a comment after it', async () => {
    expect((await read({ [MAIN]: 'ClientAliveInterval = "90" # seconds\n' }))?.value).toBe('90');
  });

  it('looks into included files where they are included, in the order of their names', async () => {
    const files = {
      [MAIN]: 'Include /etc/ssh/sshd_config.d/*.conf\nClientAliveInterval 1\n',
      '/etc/ssh/sshd_config.d/20-b.conf': 'ClientAliveInterval 20\n',
      '/etc/ssh/sshd_config.d/10-a.conf': 'Port 22\n',
      '/etc/ssh/sshd_config.d/05-not.txt': 'ClientAliveInterval 5\n',
    };
    expect(await read(files)).toEqual({ value: '20', path: '/etc/ssh/sshd_config.d/20-b.conf' });
  });

  it('takes relative includes from /etc/ssh, and several of them', async () => {
    const files = { [MAIN]: 'Include none.conf more.conf\n', '/etc/ssh/more.conf': 'ClientAliveInterval 30\n' };
    expect((await read(files))?.path).toBe('/etc/ssh/more.conf');
  });

  it('leaves out what holds for some users only', async () => {
    expect(await read({ [MAIN]: 'Match User git\n  ClientAliveInterval 60\n' })).toBeUndefined();
  });

  it('ends when files include themselves', async () => {
    expect(await read({ [MAIN]: `Include ${MAIN} ${MAIN} ${MAIN}\nInclude *\n` })).toBeUndefined();
  });

  it('finds nothing where there is no file', async () => {
    expect(await read({})).toBeUndefined();
  });
});
