// Removes the bodies of Put Page from connections before the HTTP parser: at GiB/s, a benchmark would measure the parser.

import { createServer, type Server as NetServer, Socket, type SocketConstructorOpts } from 'node:net';
import { Duplex } from 'node:stream';

/** Reports the length of a removed body. */
export const SKIMMED_LENGTH = 'x-skimmed-length';

/** Reused for every read: a new buffer for each read, as in Node, costs more than the read. */
const BUFFER_SIZE = 256 * 1024;
const END_OF_HEAD = '\r\n\r\n';
const MAX_HEAD = 64 * 1024;

/** A server that passes on each connection without the bodies of Put Page. Plain HTTP only. */
export function createSkimmingServer(onConnection: (connection: Duplex) => void): NetServer {
  return createServer({ pauseOnConnect: true, noDelay: true }, (accepted) =>
    onConnection(new SkimmedConnection(accepted)),
  );
}

/** A socket with its handle, which has no public name. */
type SocketWithHandle = Socket & { _handle: unknown };

/** The stream for the HTTP server. A request whose body is removed appears when the body has arrived. */
class SkimmedConnection extends Duplex {
  readonly remoteAddress: string | undefined;
  readonly #socket: Socket;
  /** The head so far. */
  #head = '';
  /** Held back until its body has been removed. */
  #held = '';
  /** Remaining bytes of a body. */
  #left = 0;

  constructor(accepted: Socket) {
    super();
    this.remoteAddress = accepted.remoteAddress;
    const callback = (bytes: number, buffer: Uint8Array): boolean => {
      this.#take(Buffer.from(buffer.buffer, buffer.byteOffset, bytes));
      return true;
    };
    const onread = { buffer: Buffer.allocUnsafeSlow(BUFFER_SIZE), callback };
    this.#socket = new Socket({ handle: handleOf(accepted), onread } as SocketConstructorOpts);
    this.#socket.on('error', (error) => this.destroy(error));
    this.#socket.on('close', () => this.destroy());
    this.#socket.on('end', () => this.push(null));
    this.#socket.resume();
  }

  override _read(): void {
    // All data is pushed at once: without bodies it is small.
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }

  #take(bytes: Buffer): void {
    let rest = bytes;
    while (rest.length > 0) {
      const taken = Math.min(this.#left, rest.length);
      // The buffer is reused, so data that is kept must be copied.
      if (this.#held === '' && taken > 0) this.push(Buffer.from(rest.subarray(0, taken)));
      this.#left -= taken;
      rest = rest.subarray(taken);
      if (this.#left === 0) this.#release();
      if (rest.length > 0 && this.#left === 0) rest = this.#takeHead(rest);
    }
  }

  #release(): void {
    if (this.#held !== '') this.push(this.#held, 'latin1');
    this.#held = '';
  }

  /** Returns the bytes after the head. */
  #takeHead(bytes: Buffer): Buffer {
    const before = this.#head.length;
    this.#head += bytes.toString('latin1', 0, MAX_HEAD);
    const end = this.#head.indexOf(END_OF_HEAD);
    if (end < 0 && this.#head.length < MAX_HEAD) return bytes.subarray(bytes.length);
    const length = end + END_OF_HEAD.length;
    const head = this.#head.slice(0, length);
    this.#head = '';
    const contentLength = /\r\ncontent-length: *(\d+)/i.exec(head);
    if (end < 0 || (contentLength === null && /\r\ntransfer-encoding:/i.test(head))) {
      this.destroy(new Error('The request cannot be told from its body.'));
      return bytes.subarray(bytes.length);
    }
    this.#left = Number(contentLength?.[1] ?? 0);
    if (this.#left > 0 && /^PUT [^ ]*[?&]comp=page[& ]/.test(head)) {
      this.#held = head.replace(/\r\ncontent-length:/i, `\r\ncontent-length: 0\r\n${SKIMMED_LENGTH}:`);
    } else {
      this.push(head, 'latin1');
    }
    return bytes.subarray(length - before);
  }
}

/** Takes the handle from a socket that has not started to read, and ends the socket: only a socket created with `onread` reads into our buffer. */
function handleOf(accepted: Socket): unknown {
  const socket = accepted as SocketWithHandle;
  const handle = socket._handle;
  socket._handle = null;
  socket.destroy();
  return handle;
}
