// One request and its answer on the wire, for every test server: reading the body, sending, and all ways not to answer.

import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

const DRIP_INTERVAL_MS = 10;

/** The client disconnected, or the server closed, while a request was being served. */
export class ConnectionGone extends Error {}

/** The body of a request. `pieces` is undefined if the server neither stores nor checks it. */
export interface RequestBody {
  readonly length: number;
  readonly pieces: readonly Uint8Array[] | undefined;
}

/** Limits the bodies of all connections together. */
export interface Link {
  readonly isLimited: boolean;
  /** Resolves when the link has carried the bytes; rejects when `signal` aborts. */
  carry(bytes: number, signal: AbortSignal): Promise<void>;
}

const UNLIMITED: Link = { isLimited: false, carry: () => Promise.resolve() };

/** An answer, ready to be sent. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Iterable<Uint8Array>;
}

/** The two streams of one request, and the signal that aborts when they are closed. */
export class Exchange {
  readonly message: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #link: Link;
  readonly #gone = new AbortController();

  constructor(message: IncomingMessage, response: ServerResponse, link: Link = UNLIMITED) {
    this.message = message;
    this.#response = response;
    this.#link = link;
    const leave = () => this.#gone.abort(new ConnectionGone());
    message.on('error', leave);
    response.on('error', leave);
    response.on('close', leave);
  }

  /** Whether the connection ended before the answer was complete. */
  get isGone(): boolean {
    return this.#gone.signal.aborted && !this.#response.writableFinished;
  }

  /** Reads the whole body; `onBytes` is called for every chunk. Bytes beyond `limit` are counted but not kept; with `keep` false none are kept. */
  receive(keep: boolean, limit: number, onBytes: (bytes: number) => void): Promise<RequestBody> {
    const { message } = this;
    const pieces: Uint8Array[] = [];
    let length = 0;
    return new Promise((resolve, reject) => {
      const fail = () => reject(new ConnectionGone());
      if (this.#gone.signal.aborted) fail();
      this.#gone.signal.addEventListener('abort', fail, { once: true });
      message.on('data', (chunk: Buffer) => {
        length += chunk.length;
        onBytes(chunk.length);
        if (keep && length <= limit) pieces.push(chunk);
        if (!this.#link.isLimited) return;
        message.pause();
        this.#carry(chunk.length).then(() => message.resume(), fail);
      });
      message.on('end', () => resolve({ length, pieces: keep ? pieces : undefined }));
    });
  }

  /** Waits like `wait` while the body comes in drops: a socket that is not read does not notice when its client disconnects. */
  async stallBody(maxMs: number): Promise<void> {
    const { message } = this;
    message.on('data', () => message.pause());
    const drip = setInterval(() => message.resume(), DRIP_INTERVAL_MS);
    try {
      await this.wait(maxMs);
    } finally {
      clearInterval(drip);
    }
  }

  /** Waits; throws ConnectionGone when the connection ends first. */
  async wait(delayMs: number): Promise<void> {
    if (delayMs > 0) await this.#orGone(delay(delayMs, undefined, { signal: this.#gone.signal }));
  }

  /** Waits until `event` resolves; throws ConnectionGone when the connection ends first. */
  async waitUntil(event: Promise<unknown> | undefined): Promise<void> {
    if (event === undefined) return;
    const { signal } = this.#gone;
    signal.throwIfAborted();
    const gone = new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(new ConnectionGone()), { once: true });
    });
    await Promise.race([event, gone]);
  }

  /** Sends an answer; `onBytes` is called for every piece of the body. */
  async send(answer: Answer, onBytes: (bytes: number) => void): Promise<void> {
    const response = this.#response;
    response.writeHead(answer.status, { ...answer.headers });
    if (this.message.method !== 'HEAD' && answer.status !== 304) {
      for (const piece of answer.body) {
        if (this.#gone.signal.aborted) throw new ConnectionGone();
        onBytes(piece.length);
        if (this.#link.isLimited) await this.#carry(piece.length);
        if (!response.write(piece)) await this.#orGone(once(response, 'drain', { signal: this.#gone.signal }));
      }
    }
    await new Promise<void>((resolve) => {
      response.on('close', resolve);
      response.end(resolve);
    });
  }

  /** Sends the start of an answer and cuts the connection: half of the body, or half of the head if there is no body. */
  async sendHalf(answer: Answer): Promise<void> {
    const body = Buffer.concat([...answer.body]);
    const head = [
      `HTTP/1.1 ${answer.status} Cut short`,
      ...Object.entries(answer.headers).map(([name, value]) => `${name}: ${value}`),
    ].join('\r\n');
    const isHead = this.message.method === 'HEAD';
    const half = body.length > 1 && !isHead ? body.subarray(0, body.length >>> 1) : undefined;
    await this.sendRaw(half === undefined ? head.slice(0, -2) : Buffer.concat([Buffer.from(`${head}\r\n\r\n`), half]));
  }

  /** Sends bytes as they are and closes the connection. */
  async sendRaw(bytes: string | Uint8Array): Promise<void> {
    const { socket } = this.message;
    await new Promise<void>((resolve) => {
      socket.on('close', () => resolve());
      socket.end(bytes, () => {
        socket.destroy();
        resolve();
      });
    });
  }

  /** Ends the connection with a TCP reset. */
  reset(): void {
    const { socket } = this.message;
    // A TLS socket cannot be reset. Destroying it omits the TLS close, which clients report in the same way.
    if ('encrypted' in socket) socket.destroy();
    else socket.resetAndDestroy();
    this.#gone.abort(new ConnectionGone());
  }

  #carry(bytes: number): Promise<void> {
    return this.#orGone(this.#link.carry(bytes, this.#gone.signal));
  }

  /** Waits for something that the signal may end. */
  async #orGone(waiting: Promise<unknown>): Promise<void> {
    try {
      await waiting;
    } catch (error) {
      throw this.#gone.signal.aborted ? new ConnectionGone() : error;
    }
  }
}
