// Who holds a blob or a state file: what a second run reports, and whether the first one has exited.
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { printable } from '../base/printable.ts';
import { type Machine, thisMachine, whereIs } from './machine-id.ts';

/** One run of the program, on one machine. */
export interface Owner {
  /** Unlike any other run's: process ids are used again. Also the id of the lease that it holds. */
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  /** ISO 8601. */
  readonly since: string;
  /** What distinguishes machines of one name, where the system has it. */
  readonly machine?: Machine;
}

/** The runs of this very process: one program can have several at a time. */
const running = new Set<string>();

/** As it is printed, compared and kept: short enough for a blob's metadata. */
function thisHost(): string {
  return printable(hostname()).slice(0, 64);
}

/** A new run of this process. Call `endRun` when it is over. */
export function beginRun(): Owner {
  const machine = thisMachine();
  const owner: Owner = {
    ...{ id: randomUUID(), host: thisHost(), pid: process.pid, since: new Date().toISOString() },
    ...(machine === undefined ? {} : { machine }),
  };
  running.add(owner.id);
  return owner;
}

export function endRun({ id }: Owner): void {
  running.delete(id);
}

/** What a process can be, as far as this machine knows. */
export type Life = 'local' | 'exited' | 'unknown';

/** `local`: it lives here. `exited`: it was here, and is no more. `unknown`: only time shows whether it still lives. */
export function lifeOf({ id, host, pid, machine }: Owner): Life {
  if (host !== thisHost() || whereIs(machine, thisMachine()) === 'unknown') return 'unknown';
  if (pid === process.pid) return running.has(id) ? 'local' : 'exited';
  try {
    process.kill(pid, 0);
    return 'local';
  } catch (error) {
    // EPERM: there is such a process, of another user.
    return (error as NodeJS.ErrnoException).code === 'ESRCH' ? 'exited' : 'local';
  }
}

/** Whether the run is known to be over. False where that cannot be known. */
export function hasExited(owner: Owner): boolean {
  return lifeOf(owner) === 'exited';
}

/** "process 4711 on HOST, since 2026-01-02T03:04:05.678Z" */
export function describeOwner({ host, pid, since }: Owner): string {
  return `process ${pid} on ${host}, since ${since}`;
}

/** In ASCII, as the values of a blob's metadata must be. */
export function encodeOwner({ id, host, pid, since, machine }: Owner): string {
  return new URLSearchParams({ host, pid: String(pid), since, id, ...machine }).toString();
}

/** Undefined for what `encodeOwner` did not write. Anybody can have written it: the texts are safe to print. */
export function decodeOwner(text: string | undefined): Owner | undefined {
  const fields = new URLSearchParams(text);
  const field = (name: string) => printable(fields.get(name) ?? '');
  const owner = { id: field('id'), host: field('host'), pid: Number(field('pid')), since: field('since') };
  const machine = { machineId: field('machineId'), bootId: field('bootId'), pidNamespace: field('pidNamespace') };
  const isWhole = owner.id !== '' && owner.host !== '' && owner.since !== '' && /^[1-9]\d{0,9}$/.test(field('pid'));
  if (!isWhole) return undefined;
  return Object.values(machine).includes('') ? owner : { ...owner, machine };
}
