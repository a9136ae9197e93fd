// Whether a service starts with the system: by the links that systemd, SysV init and upstart follow.
import type { LinuxSystem } from './linux-system.ts';

/** In the order of their priority. */
const UNIT_FOLDERS = ['/etc/systemd/system', '/usr/lib/systemd/system', '/lib/systemd/system'] as const;

/** For the levels with a network: Red Hat, Debian, SUSE. */
const LEVEL_FOLDERS = ['/etc/rc.d/rc3.d', '/etc/rc3.d', '/etc/rc2.d', '/etc/init.d/rc3.d'] as const;

/**
 * The link or file that starts one of the services; undefined if nothing does.
 * @param units "sshd.service", "ssh.socket": names of the same service in different distributions.
 * @throws {GuestUnreadableError}
 */
export async function startedBy(system: LinuxSystem, units: readonly string[]): Promise<string | undefined> {
  for (const unit of units) {
    const found = (await byUnit(system, unit)) ?? (await byScript(system, unit.replace(/\.\w+$/, '')));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A link in the folder `.wants` or `.requires` of another unit. */
async function byUnit(system: LinuxSystem, unit: string): Promise<string | undefined> {
  if (await isMasked(system, unit)) return undefined;
  for (const folder of UNIT_FOLDERS) {
    const targets = (await system.names(folder)).filter((name) => /\.(?:wants|requires)$/.test(name));
    for (const target of targets) {
      if ((await system.names(`${folder}/${target}`)).includes(unit)) return `${folder}/${target}/${unit}`;
    }
  }
  return undefined;
}

/** A link to /dev/null, which is not a file on the disk, or an empty file. */
async function isMasked(system: LinuxSystem, unit: string): Promise<boolean> {
  if (!(await system.names(UNIT_FOLDERS[0])).includes(unit)) return false;
  const entry = await system.look(`${UNIT_FOLDERS[0]}/${unit}`);
  return entry.kind === 'absent' || entry.kind === 'other' || (entry.kind === 'file' && entry.size === 0);
}

/** systemd ignores a script beside a unit of the same name. */
async function byScript(system: LinuxSystem, service: string): Promise<string | undefined> {
  for (const folder of UNIT_FOLDERS) {
    if ((await system.names(folder)).includes(`${service}.service`)) return undefined;
  }
  for (const folder of LEVEL_FOLDERS) {
    const link = (await system.names(folder)).find((name) => /^S\d\d/.test(name) && name.slice(3) === service);
    if (link !== undefined) return `${folder}/${link}`;
  }
  const job = await system.readText(`/etc/init/${service}.conf`);
  const override = await system.readText(`/etc/init/${service}.override`);
  return job !== undefined && /^start on\b/m.test(job) && !/^manual\b/m.test(override ?? '')
    ? `/etc/init/${service}.conf`
    : undefined;
}
