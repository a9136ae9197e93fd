// Reads a SAS from a file, a pipe or standard input. The size is limited, and every read can be aborted.
import { close, constants, fstat, open, read } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { ReadStream } from 'node:tty';
import { promisify } from 'node:util';
import { decodeText } from '../azure/given-text.ts';
import { askHidden } from './hidden-prompt.ts';

/** In bytes. A SAS, or a URL with one, is much shorter. */
const MAX_SAS_BYTES = 64 * 1024;

/** Whether the path can be read only once: standard input, or a descriptor that the shell opened. */
export function isReadOnce(path: string): boolean {
  return descriptorOf(path) !== undefined;
}

/**
 * @param path - A file, a FIFO, a descriptor as in `<(command)`, or `-` for standard input.
 * @throws an error of Node, or an error if the file is too large; the reason of `signal` on abort.
 */
export async function readSasText(
  path: string,
  signal: AbortSignal,
  stdin: Readable & { isTTY?: boolean } = process.stdin,
): Promise<string> {
  const inherited = descriptorOf(path);
  if (inherited !== 0) return decodeText(await readDescriptor(inherited ?? (await openToRead(path)), signal));
  if (stdin.isTTY) return (await askHidden(stdin as ReadStream, signal)) ?? '';
  return decodeText(await readStream(stdin, signal, () => stdin.pause()));
}

/** The descriptor that a path stands for. A pipe whose writer has exited would never end if it were opened again by its path. */
function descriptorOf(path: string): number | undefined {
  if (path === '-' || path === '/dev/stdin') return 0;
  const match = /^\/(?:dev|proc\/self)\/fd\/(\d+)$/.exec(path);
  return match === null ? undefined : Number(match[1]);
}

/** Without the flag, a FIFO that nobody writes to would block a thread for ever. Windows has neither the flag nor such FIFOs. */
function openToRead(path: string): Promise<number> {
  return promisify(open)(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
}

/** Closes the descriptor. */
async function readDescriptor(descriptor: number, signal: AbortSignal): Promise<Buffer> {
  const stats = await promisify(fstat)(descriptor);
  if (stats.isFIFO() || stats.isSocket()) {
    const stream = new Socket({ fd: descriptor, readable: true, writable: false });
    return await readStream(stream, signal, () => stream.destroy());
  }
  try {
    if (stats.isDirectory()) throw new Error('it is a folder');
    return await readFile(descriptor);
  } finally {
    await promisify(close)(descriptor);
  }
}

async function readFile(descriptor: number): Promise<Buffer> {
  const whole = Buffer.alloc(MAX_SAS_BYTES + 1);
  let length = 0;
  while (length < whole.length) {
    const { bytesRead } = await promisify(read)(descriptor, whole, length, whole.length - length, null);
    if (bytesRead === 0) return whole.subarray(0, length);
    length += bytesRead;
  }
  throw tooLarge();
}

function readStream(stream: Readable, signal: AbortSignal, release: () => void): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let length = 0;
    const finish = (settle: () => void) => {
      signal.removeEventListener('abort', onAbort);
      stream.off('data', onData).off('end', onEnd);
      release();
      settle();
    };
    const onAbort = () => finish(() => reject(signal.reason));
    const onEnd = () => finish(() => resolve(Buffer.concat(pieces)));
    const onData = (piece: Buffer) => {
      pieces.push(piece);
      length += piece.length;
      if (length > MAX_SAS_BYTES) finish(() => reject(tooLarge()));
    };
    stream.on('data', onData).once('end', onEnd);
    stream.once('error', (error) => finish(() => reject(error)));
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}

function tooLarge(): Error {
  return new Error(`it is larger than ${MAX_SAS_BYTES / 1024} KiB, and a SAS is much shorter`);
}
