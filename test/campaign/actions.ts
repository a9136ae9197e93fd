// Carries out the actions of a plan: during a run, at given requests, and between two runs.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Picker } from '../hostile/random.ts';
import { changeBlob } from './foreign.ts';
import type { BetweenAction, RunAction } from './plan.ts';
import type { Running } from './process.ts';
import type { World } from './world.ts';

const LEASE_MS = 61_000;

/** All actions except a second uploader, which is a separate run. */
export type SimpleAction = Exclude<RunAction, { kind: 'second' }>;

/** @returns a description for the steps. */
export function actDuring(world: World, running: Running, action: SimpleAction, pick: Picker): string {
  const { server, tally } = world;
  switch (action.kind) {
    case 'signal':
      return sendSignal(world, running, action);
    case 'expire-sas':
      return expireSas(world);
    case 'foreign':
      return `another program: ${action.change}: ${changeBlob(world, action.change, pick)}`;
    case 'sleep': {
      running.signal('SIGSTOP');
      server.advanceClock(LEASE_MS);
      const what =
        action.change === undefined ? 'nothing else' : `${action.change}: ${changeBlob(world, action.change, pick)}`;
      running.signal('SIGCONT');
      tally.count('sleeps');
      return `the machine sleeps for ${LEASE_MS / 1000} s; ${what}`;
    }
    case 'modify-image':
      return modifyImage(world, pick);
    case 'copy-checkpoint':
      return keepCopy(world) ? 'the checkpoint is copied' : 'there is no checkpoint to copy';
  }
}

function sendSignal(world: World, running: Running, { signal, twice }: Extract<RunAction, { kind: 'signal' }>): string {
  running.signal(signal);
  world.tally.count(`signal: ${signal}`);
  if (!twice) return signal;
  // The system merges two signals at the same moment, so the second is sent after the first was received.
  let isSent = false;
  running.child.stderr?.on('data', () => {
    if (isSent || !running.isRunning()) return;
    isSent = true;
    running.signal(signal);
    world.tally.count(`signal: ${signal} again`);
  });
  return `${signal}, and again`;
}

export function expireSas(world: World): string {
  if (world.options.credential === 'connection-string') return 'there is no SAS to expire';
  world.server.expireSas();
  world.renewSas();
  world.tally.count('expired SAS');
  return 'the SAS expires';
}

function modifyImage(world: World, pick: Picker): string {
  world.image.modify(world.folder, pick);
  world.disk = world.image.read(world.folder);
  world.tally.count('modified images');
  return 'the image is modified';
}

/** Copies the current checkpoint. @returns whether there is one. */
export function keepCopy({ checkpointPath, copies }: World): boolean {
  if (!existsSync(checkpointPath)) return false;
  copies.push(readFileSync(checkpointPath));
  return true;
}

/** @returns a description for the steps. */
export function actBetween(world: World, action: BetweenAction, pick: Picker): string {
  const { checkpointPath, copies, tally, server } = world;
  switch (action.kind) {
    case 'lose-checkpoint':
      if (!existsSync(checkpointPath)) return 'there is no checkpoint to lose';
      rmSync(checkpointPath);
      tally.count('checkpoint: lost');
      return 'the checkpoint is lost';
    case 'old-checkpoint':
      if (copies.length === 0) return 'there is no old checkpoint';
      mkdirSync(dirname(checkpointPath), { recursive: true });
      writeFileSync(checkpointPath, pick.of(copies));
      tally.count('checkpoint: old');
      return 'an old copy of the checkpoint is put back';
    case 'damage-checkpoint':
      if (!existsSync(checkpointPath)) return 'there is no checkpoint to damage';
      damage(checkpointPath, action.how, pick);
      tally.count('checkpoint: damaged');
      return `the checkpoint is damaged (${action.how})`;
    case 'move':
      return move(world);
    case 'foreign':
      return `another program: ${action.change}: ${changeBlob(world, action.change, pick)}`;
    case 'modify-image':
      return modifyImage(world, pick);
    case 'expire-sas':
      return expireSas(world);
    case 'wait':
      server.advanceClock(2 * LEASE_MS);
      return 'two minutes pass';
  }
}

function damage(path: string, how: Extract<BetweenAction, { kind: 'damage-checkpoint' }>['how'], pick: Picker): void {
  const bytes = readFileSync(path);
  if (how === 'empty') truncateSync(path, 0);
  else if (how === 'nonsense') writeFileSync(path, Buffer.from('{"this": "is something else"}\n'));
  else if (how === 'cut') truncateSync(path, pick.below(bytes.length));
  else {
    const at = pick.below(bytes.length);
    bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << pick.below(8)), at);
    writeFileSync(path, bytes);
  }
}

/** Moves the image and the checkpoint to another folder. */
function move(world: World): string {
  const target = world.nextFolder();
  renameSync(world.folder, target);
  world.folder = target;
  world.tally.count('moves');
  return 'image and checkpoint are moved to another folder';
}
