// Identifies the machine that a process runs on, to decide whether its process id can be looked up here.
import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { networkInterfaces } from 'node:os';

/** One boot of one machine, and one PID namespace on it. A process id is valid only if all fields are the same. */
export interface Machine {
  /** A digest of the machine id, because the id itself is confidential. Source: machine-id(5). */
  readonly machineId: string;
  /** Changes with each boot; `none` if the system has no such id. Source: random(4), boot_id. */
  readonly bootId: string;
  /** Process ids are unique within a namespace only; `none` if the system has no namespaces. Source: pid_namespaces(7). */
  readonly pidNamespace: string;
}

let machine: Machine | undefined;

/** Undefined if the machine cannot be identified. */
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

/** Windows and macOS reveal their ids only to other programs. Network adapters serve instead, because no two machines share them. */
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

/** Whether a process id means the same process on both. False if either machine is not identified. */
export function isSameMachine(one: Machine | undefined, other: Machine | undefined): boolean {
  return (
    one !== undefined &&
    other?.machineId === one.machineId &&
    other.bootId === one.bootId &&
    other.pidNamespace === one.pidNamespace
  );
}
