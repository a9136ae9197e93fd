// Tells machines apart that have one name, a machine from itself before it was started again, and what a container can see.
import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';

/** Where and when a process runs. */
export interface Machine {
  /** A digest of the installation's id, which is not to be told to others as it stands. Source: machine-id(5). */
  readonly machineId: string;
  /** Another one after each start. Source: random(4), boot_id. */
  readonly bootId: string;
  /** Process ids mean something in the same one only. Source: pid_namespaces(7). */
  readonly pidNamespace: string;
}

let machine: Machine | undefined;

/** Undefined where the system does not have all of it: anywhere but on Linux. */
export function thisMachine(): Machine | undefined {
  machine ??= readMachine();
  return machine;
}

function readMachine(): Machine | undefined {
  try {
    const machineId = readFileSync('/etc/machine-id', 'utf8').trim();
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const pidNamespace = readlinkSync('/proc/self/ns/pid').replace(/\D/g, '');
    if ([machineId, bootId, pidNamespace].includes('')) return undefined;
    const digest = createHash('sha256').update(`vhdup ${machineId}`).digest('hex');
    return { machineId: digest.slice(0, 16), bootId, pidNamespace };
  } catch {
    return undefined;
  }
}

/**
 * What can be told here of a process there, on a machine of the same name: `seen` where its id means a process here, `gone` where
 * the machine was started again since, `hidden` where it is another machine or container.
 */
export function sightOf(there: Machine, here: Machine | undefined): 'seen' | 'gone' | 'hidden' {
  if (here?.machineId !== there.machineId) return 'hidden';
  if (here.bootId !== there.bootId) return 'gone';
  return here.pidNamespace === there.pidNamespace ? 'seen' : 'hidden';
}
