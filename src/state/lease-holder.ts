// Identifies the run that holds a blob or a state file, for messages and to detect whether it has exited.
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { printable } from '../base/printable.ts';
import { codeOf } from '../base/thrown.ts';
import { type Machine, thisMachine, whereIs } from './machine-id.ts';

/** One run of the program, on one machine. */
export interface Owner {
  /** Unique, because process ids are reused. Also the run's lease id. */
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  /** ISO 8601. */
  readonly since: string;
  /** Distinguishes machines with the same name, if the system provides an id. */
  readonly machine?: Machine;
}

/** The runs in this process: a program can have several at a time. */
const running = new Set<string>();

/** The host name as it is printed, compared and stored: short enough for a blob's metadata. */
function thisHost(): string {
  return printable(hostname()).slice(0, 64);
}

/** Registers a new run in this process. Call `endRun` at its end. */
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

/** The state of a process, as far as this machine can determine. */
export type Life = 'local' | 'exited' | 'unknown';

/** `local`: the run is alive on this machine. `exited`: it was on this machine and has exited. `unknown`: only time will show. */
export function lifeOf({ id, host, pid, machine }: Owner): Life {
  if (host !== thisHost() || whereIs(machine, thisMachine()) === 'unknown') return 'unknown';
  if (pid === process.pid) return running.has(id) ? 'local' : 'exited';
  try {
    process.kill(pid, 0);
    return 'local';
  } catch (error) {
    // EPERM: the process exists and belongs to another user.
    return codeOf(error) === 'ESRCH' ? 'exited' : 'local';
  }
}

/** Whether the run has certainly exited. False if that is unknown. */
export function hasExited(owner: Owner): boolean {
  return lifeOf(owner) === 'exited';
}

/** "process 4711 on HOST, since 2026-01-02T03:04:05.678Z" */
export function describeOwner({ host, pid, since }: Owner): string {
  return `process ${pid} on ${host}, since ${since}`;
}

/** In ASCII, as metadata values of a blob must be. */
export function encodeOwner({ id, host, pid, since, machine }: Owner): string {
  return new URLSearchParams({ host, pid: String(pid), since, id, ...machine }).toString();
}

/** Undefined if `encodeOwner` did not write the text. Makes the fields safe to print, since anybody may have written them. */
export function decodeOwner(text: string | undefined): Owner | undefined {
  const fields = new URLSearchParams(text);
  const field = (name: string) => printable(fields.get(name) ?? '');
  const owner = { id: field('id'), host: field('host'), pid: Number(field('pid')), since: field('since') };
  const machine = { machineId: field('machineId'), bootId: field('bootId'), pidNamespace: field('pidNamespace') };
  const isWhole = owner.id !== '' && owner.host !== '' && owner.since !== '' && /^[1-9]\d{0,9}$/.test(field('pid'));
  if (!isWhole) return undefined;
  return Object.values(machine).includes('') ? owner : { ...owner, machine };
}
