// Rules about secrets that an image may leak: passwords, keys and shell histories of its creator.
import { printable } from '../../base/printable.ts';
import { linesOf } from '../../volume/fstab.ts';
import type { Account, LinuxSystem } from '../guest/linux-system.ts';
import { readSshdSetting } from '../guest/sshd-config.ts';
import { fail, failForMarketplace, pass, type Rule, unlessSpecialized, unread } from '../rule.ts';
import { LOGIN_RULES } from './linux-access-rules.ts';
import { LINUX_IMAGE_RULES } from './linux-image-rules.ts';
import { linuxRule } from './linux-rule.ts';
import { passForAll } from './problems.ts';

interface Password {
  readonly account: string;
  /** As /etc/shadow stores it. */
  readonly field: string;
}

/** Undefined if /etc/shadow does not exist. */
async function readPasswords(system: LinuxSystem): Promise<readonly Password[] | undefined> {
  const text = await system.readText('/etc/shadow');
  if (text === undefined) return undefined;
  // A field of /etc/passwd counts unless it is x, which means that of /etc/shadow (passwd(5)). Lines with a sign are for NIS.
  const own = passwordsIn((await system.readText('/etc/passwd')) ?? '').filter(
    ({ account, field }) => field !== 'x' && !/^[+-]/.test(account),
  );
  const accounts = new Set(own.map(({ account }) => account));
  return [...own, ...passwordsIn(text).filter(({ account }) => !accounts.has(account))];
}

function passwordsIn(text: string): readonly Password[] {
  return linesOf(text).map((line) => {
    const [account = '', field = ''] = line.split(':');
    return { account, field };
  });
}

/** A field that begins with ! or * matches no password. */
function isLocked({ field }: Password): boolean {
  return /^[!*]/.test(field) || field === 'x';
}

const NO_SHADOW = unread('/etc/shadow does not exist', 'Check the accounts in the running machine.');

const ROOT_LOCKED = linuxRule({
  id: 'root-locked',
  sources: ['certification', 'experience'],
  group: 'accounts',
  title: 'root has no password',
  reason: 'Every machine created from the image would have the same root password. The agent creates its own account.',
  run: async (system, facts) => {
    const passwords = await readPasswords(system);
    if (passwords === undefined) return NO_SHADOW;
    const root = passwords.find(({ account }) => account === 'root');
    if (root === undefined || isLocked(root)) return pass(root === undefined ? 'no such account' : 'locked');
    const fix = 'Lock it: passwd -l root, or waagent -deprovision.';
    return root.field === ''
      ? fail('root has an empty password', fix)
      : failForMarketplace(facts, 'root has a password', fix);
  },
});

const USER_PASSWORDS = linuxRule({
  id: 'user-passwords',
  sources: ['certification'],
  group: 'accounts',
  title: 'Users have no password',
  reason: 'Passwords shared by all machines become known. The Marketplace rejects them.',
  exempt: unlessSpecialized,
  run: async (system, facts) => {
    const passwords = await readPasswords(system);
    if (passwords === undefined) return NO_SHADOW;
    const open = passwords.filter((password) => password.account !== 'root' && !isLocked(password));
    return open.length === 0
      ? pass('none')
      : failForMarketplace(
          facts,
          shorten(open.map(({ account }) => account)),
          'Remove the accounts (waagent -deprovision+user), or lock them.',
        );
  },
});

/** cloud-init adds such a line for root. It grants no access. */
const REFUSING_KEY = /command="echo 'Please login as the user/;

/** The defaults of sshd. Both are checked, even if AuthorizedKeysFile names other files. */
const KEY_FILES = ['.ssh/authorized_keys', '.ssh/authorized_keys2'] as const;

async function keyFilePatterns(system: LinuxSystem): Promise<readonly string[]> {
  const setting = await readSshdSetting(system, 'AuthorizedKeysFile');
  const others = (setting?.value ?? '').split(/\s+/).filter((pattern) => pattern !== '' && pattern !== 'none');
  return [...KEY_FILES, ...others.slice(0, MAX_KEY_FILES)];
}

/** Patterns of AuthorizedKeysFile followed at most. */
const MAX_KEY_FILES = 8;

/** sshd_config(5): %h is the home directory, %u the name, %% a percent sign. Relative paths start at the home directory. */
function keyFileOf({ name, home }: Account, pattern: string): string {
  const values: Readonly<Record<string, string>> = { '%h': home, '%u': name, '%%': '%' };
  const path = pattern.replace(/%[hu%]/g, (token) => values[token] ?? token);
  return path.startsWith('/') ? path : `${home}/${path}`;
}

const AUTHORIZED_KEYS = linuxRule({
  id: 'authorized-keys',
  sources: ['certification'],
  group: 'accounts',
  title: 'No SSH keys',
  reason: 'Whoever holds the private key could log in to every machine created from the image.',
  exempt: unlessSpecialized,
  run: async (system, facts) => {
    const found: string[] = [];
    const patterns = await keyFilePatterns(system);
    const accounts = await system.accounts();
    for (const account of accounts.accounts) {
      for (const path of new Set(patterns.map((pattern) => keyFileOf(account, pattern)))) {
        const keys = linesOf((await system.readText(path)) ?? '').filter((line) => !REFUSING_KEY.test(line));
        if (keys.length > 0) found.push(path);
      }
    }
    return found.length === 0
      ? passForAll(accounts)
      : failForMarketplace(facts, shorten(new Set(found)), 'Remove them (waagent -deprovision+user).');
  },
});

/** The maximum that the Marketplace allows, in bytes. */
const MAX_HISTORY = 1024;
const HISTORIES = ['.bash_history', '.zsh_history', '.ash_history', '.sh_history'] as const;

const SHELL_HISTORY = linuxRule({
  id: 'shell-history',
  sources: ['certification'],
  group: 'accounts',
  title: 'No shell history',
  reason: 'Histories contain passwords and host names. The Marketplace rejects more than 1 KiB.',
  exempt: unlessSpecialized,
  run: async (system, facts) => {
    const found: string[] = [];
    const accounts = await system.accounts();
    for (const { home } of accounts.accounts) {
      for (const name of HISTORIES) {
        const entry = await system.look(`${home}/${name}`);
        if (entry.kind === 'file' && entry.size > MAX_HISTORY) found.push(`${home}/${name} (${entry.size} bytes)`);
      }
    }
    return found.length === 0
      ? passForAll(accounts)
      : failForMarketplace(facts, shorten(new Set(found)), 'Remove them: history -c, and delete the files.');
  },
});

function shorten(names: Iterable<string>): string {
  const all = [...names];
  const shown = all
    .slice(0, 5)
    .map((name) => printable(name))
    .join(', ');
  return all.length > 5 ? `${shown} and ${all.length - 5} more` : shown;
}

export const ACCOUNT_RULES: readonly Rule[] = [
  ROOT_LOCKED,
  ...LOGIN_RULES,
  USER_PASSWORDS,
  AUTHORIZED_KEYS,
  SHELL_HISTORY,
  ...LINUX_IMAGE_RULES,
];
