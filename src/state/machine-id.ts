// Identifies the machine of a process, to decide whether a process id refers to the same process here.
import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { networkInterfaces } from 'node:os';

/** A machine since its last boot. A process is known to be on this machine only if all fields match. */
export interface Machine {
  /** A digest of the installation's id. The id itself must not be published. Source: machine-id(5). */
  readonly machineId: string;
  /** Changes with each boot. Source: random(4), boot_id. `none` if the system has none. */
  readonly bootId: string;
  /** Process ids are only valid within their namespace. Source: pid_namespaces(7). `none` if the system has none. */
  readonly pidNamespace: string;
}

let machine: Machine | undefined;

/** Undefined if the system has no id that can be read directly. */
export function thisMachine(): Machine | undefined {
  machine ??= readMachine(process.platform);
  return machine;
}

function readMachine(platform: NodeJS.Platform): Machine | undefined {
  if (platform !== 'linux') return machineByNetwork(platform, networkInterfaces());
  try {
    const machineId = readFileSync('/etc/machine-id', 'utf8').trim();
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const pidNamespace = readlinkSync('/proc/self/ns/pid').replace(/\D/g, '');
    if ([machineId, bootId, pidNamespace].includes('')) return undefined;
    return { machineId: digestOf(machineId), bootId, pidNamespace };
  } catch {
    return undefined;
  }
}

/** On Windows and macOS, only another program can read the machine id. Network adapters differ between machines too. */
export function machineByNetwork(
  platform: NodeJS.Platform,
  interfaces: ReturnType<typeof networkInterfaces>,
): Machine | undefined {
  const adapters = Object.values(interfaces)
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, mac }) => !internal && /[1-9a-f]/i.test(mac))
    .map(({ mac }) => mac);
  if (adapters.length === 0) return undefined;
  const machineId = digestOf([platform, ...[...new Set(adapters)].sort()].join(' '));
  return { machineId, bootId: 'none', pidNamespace: 'none' };
}

function digestOf(id: string): string {
  return createHash('sha256').update(`vhdup ${id}`).digest('hex').slice(0, 16);
}

/** `local`: a process id refers to the same process on both. `unknown`: the machines cannot be compared, or differ. */
export function whereIs(there: Machine | undefined, here: Machine | undefined): 'local' | 'unknown' {
  const isSame =
    there !== undefined &&
    here?.machineId === there.machineId &&
    here.bootId === there.bootId &&
    here.pidNamespace === there.pidNamespace;
  return isSame ? 'local' : 'unknown';
}
