// The worker that reads a guest's file system. A failure in it stops the worker and nothing else.
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../../base/thrown.ts';
import { openExt } from './ext-file-system.ts';
import { openFat } from './fat-file-system.ts';
import type { FromGuestWorker, GuestWorkerData, ToGuestWorker } from './guest-protocol.ts';

const port = parentPort;
if (port === null) throw new Error('This file must run as a worker thread.');
const { kind, size }: GuestWorkerData = workerData;

const reads = new Map<number, (bytes: Uint8Array | undefined) => void>();
let nextRead = 0;

function post(message: FromGuestWorker): void {
  port?.postMessage(message);
}

async function readVolume(offset: number, length: number): Promise<Uint8Array> {
  const id = nextRead++;
  const bytes = await new Promise<Uint8Array | undefined>((resolve) => {
    reads.set(id, resolve);
    post({ type: 'read', id, offset, length });
  });
  if (bytes === undefined) throw new Error(`the disk cannot be read at ${offset}`);
  return bytes;
}

const opening = kind === 'ext' ? openExt(readVolume) : openFat(readVolume, size);
// The first request waits for it and reports the failure.
opening.catch(() => undefined);

async function handleLook(id: number, path: string): Promise<void> {
  try {
    const fileSystem = await opening;
    post({ type: 'entry', id, entry: await fileSystem.look(path) });
  } catch (error) {
    post({ type: 'failure', id, message: messageOf(error) });
  }
}

port.on('message', (message: ToGuestWorker) => {
  if (message.type === 'look') {
    handleLook(message.id, message.path);
    return;
  }
  reads.get(message.id)?.(message.bytes);
  reads.delete(message.id);
});
