// The rules about accounts and images of a Linux: what breaks each of them, and what does not.
import { ACCOUNT_RULES } from '../../../src/check/rules/account-rules.ts';
import { LOGIN_RULES } from '../../../src/check/rules/linux-access-rules.ts';
import {
  type Case,
  exempts,
  passes,
  SPECIALIZED,
  stricter,
  testRules,
  UNKNOWN,
  unreadable,
  warns,
} from '../../support/linux-cases.ts';

const MANY = Array.from({ length: 300 }, (_, index) => `u${index}:x:1:1::/home/u${index}:/bin/sh\n`).join('');

/** Longer than what is read of a file. */
const LONG = 'x'.repeat(1024 * 1024);

const CASES: readonly Case[] = [
  // accounts
  ...stricter('root-locked', 'rhel', { '/etc/shadow': 'root:$6$x:1::::::\n' }, 'root has a password'),
  ...stricter('user-passwords', 'rhel', { '/etc/shadow': 'root:!:1::::::\nme:$6$x:1::::::\n' }, 'me'),
  ...stricter(
    'authorized-keys',
    'rhel',
    { '/root/.ssh/authorized_keys': 'ssh-rsa AAAA me\n' },
    '/root/.ssh/authorized_keys',
  ),
  // Two accounts with the same home have different keys.
  ...stricter(
    'authorized-keys',
    'rhel',
    {
      '/etc/passwd': 'a:x:1:1::/srv:/bin/sh\nb:x:2:2::/srv:/bin/sh\n',
      '/etc/ssh/sshd_config': 'AuthorizedKeysFile /etc/ssh/keys/%u\n',
      '/etc/ssh/keys/b': 'ssh-rsa AAAA b\n',
    },
    '/etc/ssh/keys/b',
  ),
  ...['authorized-keys', 'shell-history', 'private-keys'].map((rule) =>
    unreadable(rule, 'rhel', { '/etc/passwd': MANY }, 'of the first 200 accounts'),
  ),
  ...stricter('shell-history', 'rhel', { '/root/.bash_history': 'x'.repeat(1025) }, '/root/.bash_history'),
  ...['user-passwords', 'authorized-keys', 'shell-history', 'private-keys'].map((rule) =>
    exempts(rule, 'rhel', {}, 'only for generalized', SPECIALIZED),
  ),
  ...['/root/.ssh/id_ed25519', '/root/.netrc', '/root/.aws/credentials', '/root/.azure/msal_token_cache.json'].flatMap(
    (path) => stricter('private-keys', 'ubuntu', { [path]: 'x' }, path),
  ),
  ...stricter(
    'private-keys',
    'ubuntu',
    { '/root/.ssh/deploy': '-----BEGIN OPENSSH PRIVATE KEY-----\nx\n' },
    '/root/.ssh/deploy',
  ),
  ...['/etc/passwd', '/etc/shadow'].map((path) =>
    unreadable('user-passwords', 'rhel', { [path]: `${LONG}\nme:$6$x:1::::::\n` }, 'too many for its kind'),
  ),
  passes('private-keys', 'ubuntu', { '/root/.ssh/known_hosts': `${LONG}\n` }, 'none'),
  passes('private-keys', 'ubuntu', { '/root/.ssh/id_rsa.pub': 'ssh-rsa AAAA', '/root/.ssh/known_hosts': 'x' }, 'none'),
  ...[
    '/etc/ssh/ssh_host_rsa_key',
    '/var/lib/waagent/ovf-env.xml',
    '/var/lib/dhclient/dhclient.leases',
    '/var/lib/dhcp/dhclient.eth0.leases',
    '/var/lib/dhcpcd/eth0.lease',
    '/var/lib/NetworkManager/dhclient-1-eth0.lease',
    '/var/log/waagent.log',
    '/var/lib/cloud/instances/i-1/user-data.txt',
    '/etc/resolv.conf',
  ].flatMap((path) => stricter('deprovisioned', 'rhel', { [path]: 'x' }, path.split('/').slice(0, 5).join('/'))),
  ...stricter('root-locked', 'rhel', { '/etc/passwd': 'root:$6$x:0:0::/root:/bin/sh\n' }, 'root has a password'),
  ...stricter(
    'user-passwords',
    'rhel',
    { '/etc/passwd': 'root:x:0:0::/root:/bin/sh\nme::1:1::/:/bin/sh\n+::::::\n' },
    'me',
  ),
  ...stricter(
    'deprovisioned',
    'rhel',
    { '/var/lib/dbus/machine-id': '0123456789abcdef\n' },
    '/var/lib/dbus/machine-id',
  ),
  ...stricter('deprovisioned', 'rhel', { '/etc/machine-id': '0123456789abcdef\n' }, '/etc/machine-id'),
  ...stricter('deprovisioned', 'debian', { '/etc/hostname': 'build7\n' }, 'the host name build7'),
  exempts('deprovisioned', 'rhel', {}, 'only for generalized', SPECIALIZED),
  exempts('deprovisioned', 'rhel', {}, '--image', UNKNOWN),
  warns('subscription', 'rhel', { '/etc/pki/consumer/cert.pem': 'x' }, '/etc/pki/consumer/cert.pem'),
  warns('subscription', 'sles', { '/etc/zypp/credentials.d/SCCcredentials': 'x' }, 'SCCcredentials'),
];

testRules(
  'rules about accounts and images of a Linux',
  ACCOUNT_RULES.filter(({ id }) => !LOGIN_RULES.some((rule) => rule.id === id)),
  CASES,
);
