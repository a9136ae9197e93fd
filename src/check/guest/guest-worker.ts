// The thread that reads a guest's file system. What goes wrong in it ends it, and nothing else.
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../../base/thrown.ts';
import { openExt } from './ext-file-system.ts';
import { openFat } from './fat-file-system.ts';
import type { FromGuestWorker, GuestWorkerData, ToGuestWorker } from './guest-protocol.ts';

const port = parentPort;
if (port === null) throw new Error('This file is run as a worker.');
const { kind, size }: GuestWorkerData = workerData;

const reads = new Map<number, (bytes: Uint8Array | undefined) => void>();
let nextRead = 0;

function say(message: FromGuestWorker): void {
  port?.postMessage(message);
}

async function readVolume(offset: number, length: number): Promise<Uint8Array> {
  const id = nextRead++;
  const bytes = await new Promise<Uint8Array | undefined>((resolve) => {
    reads.set(id, resolve);
    say({ type: 'read', id, offset, length });
  });
  if (bytes === undefined) throw new Error(`the disk cannot be read at ${offset}`);
  return bytes;
}

const opening = kind === 'ext' ? openExt(readVolume) : openFat(readVolume, size);
// Reported by the first question, which waits for it.
opening.catch(() => undefined);

async function answer(id: number, path: string): Promise<void> {
  try {
    const fileSystem = await opening;
    say({ type: 'entry', id, entry: await fileSystem.look(path) });
  } catch (error) {
    say({ type: 'failure', id, message: messageOf(error) });
  }
}

port.on('message', (message: ToGuestWorker) => {
  if (message.type === 'look') {
    answer(message.id, message.path);
    return;
  }
  reads.get(message.id)?.(message.bytes);
  reads.delete(message.id);
});
