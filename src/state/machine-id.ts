// Where a process runs: whether its process id means the same process here.
import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { networkInterfaces } from 'node:os';

/** A machine since its last start. Processes are known to be on this one only where all of it is the same. */
export interface Machine {
  /** A digest of what identifies the installation: the id itself is not for others. Source: machine-id(5). */
  readonly machineId: string;
  /** Another one after each start. Source: random(4), boot_id. `none` where the system has none. */
  readonly bootId: string;
  /** Process ids mean something in the same one only. Source: pid_namespaces(7). `none` where the system has none. */
  readonly pidNamespace: string;
}

let machine: Machine | undefined;

/** Undefined where the system identifies itself by nothing that can be read at once. */
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

/** Windows and macOS have ids that only another program can read. No two machines have the same network adapters. */
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

/** `local`: the process id means the same process on both. `unknown`: nothing can be said of it. */
export function whereIs(there: Machine | undefined, here: Machine | undefined): 'local' | 'unknown' {
  const isSame =
    there !== undefined &&
    here?.machineId === there.machineId &&
    here.bootId === there.bootId &&
    here.pidNamespace === there.pidNamespace;
  return isSame ? 'local' : 'unknown';
}
