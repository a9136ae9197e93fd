// The page-blob test server in its own process. It discards the data, and every tool uploads to it.
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { pinned } from './command.ts';

const PROGRAM = fileURLToPath(new URL('../test/support/page-blob-server/main.ts', import.meta.url));

/** The behaviour of the service. By default nothing is limited. */
export interface ServiceOptions {
  readonly tls?: boolean;
  /** Keep contents and check checksums, for runs that read them back. */
  readonly keeps?: boolean;
  readonly latencyMs?: number;
  readonly bytesPerSecond?: number;
  readonly requestsPerSecond?: number;
  readonly operationTimeoutMs?: number;
  /** In bytes. @default 8 TiB, as in Azure */
  readonly maxBlobSize?: number;
}

/** Counters since the last query. */
export interface ServiceCounters {
  readonly requests: number;
  /** Bytes in request bodies. */
  readonly bytesReceived: number;
  readonly bytesCommitted: number;
  readonly bytesRewritten: number;
  readonly firstPutPageAt?: number;
  /** CPU time of the server. */
  readonly cpuSeconds: number;
  readonly byOperation: Readonly<Record<string, number>>;
  readonly byStatus: Readonly<Record<string, number>>;
}

export class Service {
  /** File with the CA certificate to trust; only with TLS. */
  readonly caFile: string | undefined;
  readonly #containerUrl: string;
  readonly #ask: () => Promise<ServiceCounters>;
  readonly #end: () => Promise<void>;
  #blobs = 0;

  private constructor(
    caFile: string | undefined,
    containerUrl: string,
    ask: () => Promise<ServiceCounters>,
    end: () => Promise<void>,
  ) {
    this.caFile = caFile;
    this.#containerUrl = containerUrl;
    this.#ask = ask;
    this.#end = end;
  }

  /** Starts a server on `cores` cores. Its certificate is written to `folder`. */
  static async start(options: ServiceOptions, folder: string, cores?: number): Promise<Service> {
    const args = ['--import', 'tsx', PROGRAM, ...argumentsOf(options)];
    const command = pinned({ program: process.execPath, args }, cores);
    const child = spawn(command.program, command.args, {
      stdio: ['pipe', 'pipe', 'inherit'],
      // Ctrl-C must not end it. It ends when its input ends, at the latest with this process.
      detached: true,
    });
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const nextLine = async () => {
      const { value, done } = await lines.next();
      if (done === true) throw new Error('The page-blob server ended unexpectedly.');
      return JSON.parse(value);
    };
    const { containerSasUrl, caCertificate } = await nextLine();
    const caFile = caCertificate === undefined ? undefined : join(folder, 'ca.pem');
    if (caFile !== undefined) await writeFile(caFile, caCertificate);
    const ask = (): Promise<ServiceCounters> => {
      child.stdin.write('counters\n');
      return nextLine();
    };
    const end = (): Promise<void> => {
      child.stdin.end();
      return ended;
    };
    return new Service(caFile, containerSasUrl, ask, end);
  }

  /** The URL, with a SAS, of a blob that does not exist yet. */
  newBlobUrl(): string {
    this.#blobs += 1;
    const url = new URL(this.#containerUrl);
    url.pathname += `/disk-${this.#blobs}.vhd`;
    return url.href;
  }

  /** Counters since the last call. */
  counters(): Promise<ServiceCounters> {
    return this.#ask();
  }

  close(): Promise<void> {
    return this.#end();
  }
}

function argumentsOf(options: ServiceOptions): string[] {
  const numbers = {
    'latency-ms': options.latencyMs,
    'bytes-per-second': options.bytesPerSecond,
    'requests-per-second': options.requestsPerSecond,
    'operation-timeout-ms': options.operationTimeoutMs,
    'max-blob-size': options.maxBlobSize,
  };
  return [
    ...(options.keeps === true ? [] : ['--discard', '--no-checksums']),
    ...(options.tls === true ? ['--tls'] : []),
    ...Object.entries(numbers).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, String(value)])),
  ];
}
