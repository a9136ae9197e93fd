// The run that holds a blob or a state file: how it is described, and whether it has exited.
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { printable } from '../base/printable.ts';
import { codeOf } from '../base/thrown.ts';
import { isSameMachine, type Machine, thisMachine } from './machine-id.ts';

/** One run of the program, on one machine. */
export interface Owner {
  /** Unique, because process ids are reused. Also the id of the lease that the run holds. */
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  /** ISO 8601. */
  readonly since: string;
  /** Distinguishes machines with the same name; undefined if the system has no id. */
  readonly machine?: Machine;
}

/** Runs of this process: a program can have several at a time. */
const running = new Set<string>();

/** Safe to print, and short enough for the metadata of a blob. */
function thisHost(): string {
  return printable(hostname()).slice(0, 64);
}

/** Starts a run of this process. Call `endRun` when it ends. */
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

/** Whether the run is known to have exited. False if this machine cannot know, as for a run on another machine. */
export function hasExited({ id, host, pid, machine }: Owner): boolean {
  if (host !== thisHost() || !isSameMachine(machine, thisMachine())) return false;
  if (pid === process.pid) return !running.has(id);
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    // EPERM means that the process exists and belongs to another user.
    return codeOf(error) === 'ESRCH';
  }
}

/** "process 4711 on HOST, since 2026-01-02T03:04:05.678Z" */
export function describeOwner({ host, pid, since }: Owner): string {
  return `process ${pid} on ${host}, since ${since}`;
}

/** In ASCII, because the metadata of a blob must be. */
export function encodeOwner({ id, host, pid, since, machine }: Owner): string {
  return new URLSearchParams({ host, pid: String(pid), since, id, ...machine }).toString();
}

/** Undefined if `encodeOwner` did not write the text. Texts are made safe to print, because anyone may have written them. */
export function decodeOwner(text: string | undefined): Owner | undefined {
  const fields = new URLSearchParams(text);
  const field = (name: string) => printable(fields.get(name) ?? '');
  const owner = { id: field('id'), host: field('host'), pid: Number(field('pid')), since: field('since') };
  const machine = { machineId: field('machineId'), bootId: field('bootId'), pidNamespace: field('pidNamespace') };
  const isWhole = owner.id !== '' && owner.host !== '' && owner.since !== '' && /^[1-9]\d{0,9}$/.test(field('pid'));
  if (!isWhole) return undefined;
  return Object.values(machine).includes('') ? owner : { ...owner, machine };
}
