// All rules about Linux together: on distributions as their guides ask for them, on what cannot be read, and on BSDs.
import { describe, expect, it } from 'vitest';
import { GuestUnreadableError } from '../../../src/check/guest/guest-file-system.ts';
import { LinuxSystem } from '../../../src/check/guest/linux-system.ts';
import { runRules } from '../../../src/check/run-rules.ts';
import { GOLDEN_DISTRIBUTIONS, type GoldenName } from '../../support/golden-distributions.ts';
import {
  EMPTY_FACTS,
  findingOf,
  findingsOf,
  LINUX_RULES,
  MARKETPLACE,
  SPECIALIZED,
  VM,
} from '../../support/linux-cases.ts';

const NAMES = Object.keys(GOLDEN_DISTRIBUTIONS) as GoldenName[];

describe('the rules about Linux', () => {
  it.each(NAMES)('all pass for %s as its guide asks for it', async (name) => {
    for (const facts of [VM, MARKETPLACE]) {
      const findings = await findingsOf(name, {}, facts);
      const bad = findings.filter(({ result }) => result !== 'pass' && result !== 'not-applicable');
      expect(bad.map(({ id, found }) => `${id}: ${found}`)).toEqual([]);
    }
  });

  it('each pass with at least one distribution', async () => {
    const passed = new Set<string>();
    for (const name of NAMES) {
      for (const { id, result } of await findingsOf(name, {}, MARKETPLACE)) if (result === 'pass') passed.add(id);
    }
    // A case of CentOS 6.3 shows the first one; the BSDs are never passed.
    expect(LINUX_RULES.map(({ id }) => id).filter((id) => !passed.has(id))).toEqual([
      'kernel-lis',
      'freebsd',
      'openbsd',
    ]);
  });

  it('ask for nothing that depends on an image, if a machine continues with the disk', async () => {
    const changes = {
      '/etc/ssh/ssh_host_rsa_key': 'key',
      '/etc/hostname': 'web1\n',
      '/root/.ssh/id_rsa': 'key',
      '/root/.ssh/authorized_keys': 'ssh-rsa AAAA me\n',
      '/etc/shadow': 'root:!:1::::::\nme:$6$x:1::::::\n',
      '/etc/pki/consumer/cert.pem': 'cert',
      '/etc/waagent.conf': 'Provisioning.Agent=disabled\n',
    };
    const findings = await findingsOf('rhel', changes, SPECIALIZED);
    const bad = findings.filter(({ result }) => result !== 'pass' && result !== 'not-applicable');
    expect(bad.map(({ id, found }) => `${id}: ${found}`)).toEqual([]);
  });

  it('are unread, never passed, if a file system cannot be read', async () => {
    const fails = () => Promise.reject(new GuestUnreadableError('it is damaged'));
    const system = new LinuxSystem({ root: { look: fails, read: fails } });
    const findings = await runRules(LINUX_RULES, {
      ...EMPTY_FACTS,
      purpose: 'marketplace',
      osState: 'generalized',
      hasNvme: true,
      guest: { kind: 'linux', systems: [{ name: 'partition 2', system }], others: [] },
    });
    expect(findings.filter(({ result }) => result !== 'unread').map(({ id }) => id)).toEqual(['freebsd', 'openbsd']);
  });

  it('name SELinux, which may need new labels, without a warning', async () => {
    const changes = { '/etc/selinux/config': 'SELINUX=enforcing\nSELINUXTYPE=targeted\n', '/.autorelabel': '' };
    expect(await findingOf('operating-system', 'rhel', changes)).toMatchObject({
      result: 'pass',
      found: 'Red Hat Enterprise Linux 9.4 (Plow), SELinux enforcing (sets all labels at the next start)',
    });
  });
});

describe.each([
  ['freebsd', 'FreeBSD UFS', 'freebsd', 'UFS'],
  ['openbsd', 'OpenBSD', 'other', 'FFS'],
] as const)('a disk with %s', (rule, typeName, role, fileSystem) => {
  it('is unread, with what to check in the machine, and no rule about Linux applies', async () => {
    const place = { index: 1, offset: 2 ** 20, length: 2 ** 20, isActive: true, isLogical: false };
    const table = {
      scheme: 'mbr',
      sectorSize: 512,
      diskId: 'x',
      hasBootCode: true,
      hasGrub: false,
      problems: [],
    } as const;
    const findings = await runRules(LINUX_RULES, {
      ...EMPTY_FACTS,
      generation: 1,
      layout: { table: { ...table, partitions: [{ ...place, type: 'x', typeName, role }] }, volumes: [], problems: [] },
      guest: { kind: 'unread', found: 'not read' },
    });
    const applied = findings.filter(({ result }) => result !== 'not-applicable');
    expect(applied.map(({ id, result }) => `${id} ${result}`)).toEqual(['operating-system unread', `${rule} unread`]);
    expect(applied[1]).toMatchObject({
      found: expect.stringContaining(fileSystem),
      fix: expect.stringContaining('/etc/'),
    });
  });
});
