// Who works on an upload: what somebody who comes second is told, and whether the first one still lives.
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { printable } from '../base/printable.ts';
import { type Machine, sightOf, thisMachine } from './machine-id.ts';

/** One run of the program, on one machine. */
export interface Owner {
  /** Unlike any other run's: process ids are used again. Also the id of the lease that it holds. */
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  /** ISO 8601. */
  readonly since: string;
  /** What tells machines of one name apart, where the system has it. */
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

/** Whether the run is known to be over: it was on this machine, and its process has gone. False where nobody can tell. */
export function isGone({ id, host, pid, machine }: Owner): boolean {
  if (host !== thisHost()) return false;
  const sight = machine === undefined ? 'seen' : sightOf(machine, thisMachine());
  if (sight !== 'seen') return sight === 'gone';
  if (pid === process.pid) return !running.has(id);
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    // EPERM: there is such a process, of another user.
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
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
