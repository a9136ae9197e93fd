// Runs Azurite's blob service as a child process, as an independent check of our requests.

import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import {
  connectionString,
  type SasOptions,
  type StorageAccount,
  sasUrl,
  serviceClient,
  urlOf,
} from './storage-account.ts';

/** Options of Azurite. */
export interface AzuriteOptions {
  /** Keep blobs in files of a temporary folder instead of in memory. */
  readonly onDisk?: boolean;
  readonly account?: string;
}

/** A running Azurite. */
export interface Azurite extends StorageAccount {
  readonly connectionString: string;
  createContainer(name: string): Promise<void>;
  urlOf(container: string, blob?: string): string;
  sasUrl(options: SasOptions): string;
  /** Ends the process and removes its folder. */
  close(): Promise<void>;
}

// Azurite ends and removes its folder when its parent ends, even by a kill: the channel between them closes then. And it keeps idle
// connections: by default it closes them after five seconds, also while a request arrives. Its own option for that has no effect.
const PRELOADED = `data:text/javascript,${encodeURIComponent(`
  import { rmSync } from 'node:fs';
  import http from 'node:http';
  const { createServer } = http;
  const patient = { get: () => 600_000, set: () => undefined };
  http.createServer = (...args) => Object.defineProperty(createServer(...args), 'keepAliveTimeout', patient);
  process.on('exit', () => rmSync(process.cwd(), { recursive: true, force: true }));
  if (process.connected) process.on('disconnect', () => process.exit()); else process.exit();`)}`;

/** Starts Azurite on a free port, with a new account and key. */
export async function startAzurite(options: AzuriteOptions = {}): Promise<Azurite> {
  const account = options.account ?? 'devstoreaccount1';
  const key = randomBytes(64).toString('base64');
  const folder = await mkdtemp(join(tmpdir(), 'vhdup-azurite-'));
  const child = spawn(
    process.execPath,
    [
      '--import',
      PRELOADED,
      azuriteMain(),
      ...['--blobHost', '127.0.0.1', '--blobPort', '0'],
      ...['--skipApiVersionCheck', '--disableTelemetry', '--loose'],
      ...(options.onDisk ? ['--location', folder] : ['--inMemoryPersistence']),
    ],
    {
      cwd: folder,
      env: { ...process.env, AZURITE_ACCOUNTS: `${account}:${key}` },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    },
  );
  const stop = async () => {
    await ended(child);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const served: StorageAccount = { url: `${await addressOf(child)}/${account}`, account, key };
    return {
      ...served,
      connectionString: connectionString(served),
      createContainer: async (name) => {
        await serviceClient(served).createContainer(name);
      },
      urlOf: (container, blob) => urlOf(served, container, blob),
      sasUrl: (sas) => sasUrl(served, sas),
      close: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function azuriteMain(): string {
  const require = createRequire(import.meta.url);
  return join(dirname(require.resolve('azurite/package.json')), 'dist/src/blob/main.js');
}

/** The address that Azurite prints when it listens. */
function addressOf(child: ChildProcess): Promise<string> {
  const said: string[] = [];
  return new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on('line', (line) => {
        const address = /listens on (http:\S+)/.exec(line)?.[1];
        if (address !== undefined) resolve(address);
        if (said.length < 20) said.push(line);
      });
    }
    child.once('error', reject);
    child.once('exit', (code) =>
      reject(new Error(`Azurite ended with ${code} before it listened:\n${said.join('\n')}`)),
    );
  });
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once('exit', () => resolve());
    child.kill('SIGKILL');
  });
}
