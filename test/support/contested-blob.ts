// A blob with several writers: uploads in this and other processes, stopped and killed, and other programs.
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import type { UploadEvent } from '../../src/events.ts';
import type { UploadOptions } from '../../src/options.ts';
import { decodeCheckpoint, encodeCheckpoint } from '../../src/state/checkpoint.ts';
import { type UploadResult, uploadImage } from '../../src/upload/upload.ts';
import { internalError } from './page-blob-server/faults.ts';
import { blobUrl, hasCommitted, server, stopWhen, storedBlob } from './target-server.ts';
import { buildVhd, diskOf, patternOf, uniqueIdOf } from './vhd-builder.ts';
import { expectSameBytes, failureOf, temporaryFolder } from './vhd-fixtures.ts';

export { BLOB, CONTAINER, isComplete, server, useServer } from './target-server.ts';

const ROOT = join(import.meta.dirname, '../..');
export const MIB = 1024 * 1024;
export const SIZE = 40 * MIB;
/** Bytes of data at the start of each window with data. They are few, so that many uploads take little time. */
export const DATA = MIB / 4;
/** The windows with data. */
const WINDOWS = [0, 4, 8, 12, 16, 24, 28, 32, 36].map((offset) => offset * MIB);
const LAST_WINDOW = 36 * MIB;
/** Bytes of data in the whole image. */
export const ALL_DATA = WINDOWS.length * DATA;

const CONTENTS = WINDOWS.map((offset, index) => ({ offset, bytes: patternOf(index, DATA) }));

/** An image of 40 MiB in ten windows, the sixth without data, in a new folder. */
export async function makeImage(folder?: string) {
  const path = join(folder ?? (await temporaryFolder()), 'disk.vhd');
  await buildVhd(path, { type: 'dynamic', size: SIZE, contents: CONTENTS, uniqueId: uniqueIdOf(1) });
  return { path, checkpoint: `${path}.vhdup.json`, disk: diskOf(SIZE, CONTENTS) };
}

export function optionsFor(image: string, more: Partial<UploadOptions> = {}): UploadOptions {
  return {
    image,
    destination: sas(),
    retryDelayMs: 1,
    maxRetryDelayMs: 20,
    threads: 2,
    ...more,
  };
}

/** The URL of the blob with a new SAS. */
export function sas(): string {
  return blobUrl();
}

export function expectBlobHolds(disk: Uint8Array): void {
  const blob = storedBlob();
  expect(blob.size).toBe(SIZE + 512);
  expectSameBytes(blob.read(0, SIZE), disk);
  expect(blob.read(SIZE, 8).toString('latin1')).toBe('conectix');
  expect(blob.metadata.get('vhdup_state')).toBe('complete');
  expect(blob.metadata.has('vhdup_owner')).toBe(false);
  expect(blob.lease.state(server.now().getTime())).toBe('available');
}

/** Reads of the blob so far. */
export function reads(): number {
  return server.counters.byOperation.get('GetBlob') ?? 0;
}

/** With default options, a run either finds the foreign write when it reads back, or refuses the blob. */
export async function expectNoticed(options: UploadOptions): Promise<void> {
  const code = expect.stringMatching(/^(?:VERIFICATION|DESTINATION)$/);
  expect(await failureOf(uploadImage(options))).toMatchObject({ code });
}

/** Blocks all writes from `offset` on, until the faults are cleared. */
export function holdFrom(offset: number): { readonly reached: Promise<void>; release(): void } {
  const rule = server.faults.add({ operation: 'PutPage', range: { offset, length: SIZE } }, internalError());
  return { reached: server.when(() => rule.hits > 0), release: () => rule.remove() };
}

export const committed = (bytes: number) => () => hasCommitted(bytes);

/** Stops an upload in this process in an orderly way. */
export async function uploadUntil(options: UploadOptions, bytes: number): Promise<void> {
  await stopWhen(committed(server.counters.bytesCommitted + bytes), (signal) => uploadImage({ ...options, signal }));
}

/** An upload in this process. `saved` resolves when its checkpoint contains finished windows. */
export function startHere(options: UploadOptions): {
  readonly running: Promise<UploadResult>;
  readonly saved: Promise<void>;
} {
  let running: Promise<UploadResult> | undefined;
  const saved = new Promise<void>((resolve) => {
    const onEvent = (event: UploadEvent) => {
      // What is sent is not done before its whole window is.
      if (event.type !== 'saved') return;
      const text = readFileSync(event.checkpoint, 'utf8');
      if (decodeCheckpoint(text, event.checkpoint).done.length > 0) resolve();
    };
    running = uploadImage({ ...options, onEvent });
  });
  if (running === undefined) throw new Error('A promise begins at once.');
  return { running, saved };
}

export interface Run {
  readonly child: ChildProcess;
  readonly ended: Promise<{ exitCode: number | null; stderr: string }>;
}

/** Another process. */
export function start(args: readonly string[]): Run {
  const child = spawn(process.execPath, [join(ROOT, 'bin/vhdup.js'), 'upload', ...args, '--threads', '2'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let stderr = '';
  child.stderr?.on('data', (data) => {
    stderr += data;
  });
  const ended = new Promise<Awaited<Run['ended']>>((resolve) => {
    child.once('close', (exitCode) => resolve({ exitCode, stderr }));
  });
  return { child, ended };
}

/** Kills the process as soon as `isReached`. @throws it has ended by itself before. */
export async function killWhen({ child, ended }: Run, isReached: () => Promise<boolean>): Promise<void> {
  let hasEnded = false;
  void ended.then(() => {
    hasEnded = true;
  });
  while (!(await isReached())) {
    if (hasEnded) throw new Error(`The upload ended before it could be killed: ${JSON.stringify(await ended)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  child.kill('SIGKILL');
  await ended;
}

/** Kills an upload in another process when it has saved finished windows. */
export async function uploadAndKill(path: string, args: readonly string[] = []): Promise<void> {
  // One window in half a second, and not all of them, however long it takes until a finished one is saved.
  server.model.bytesPerSecond = 2 * DATA;
  const hold = holdFrom(LAST_WINDOW);
  const run = start([path, sas(), ...args]);
  const done = async () => {
    const text = await readFile(`${path}.vhdup.json`, 'utf8').catch(() => '');
    if (text === '') return false;
    const { lease, done } = decodeCheckpoint(text, path);
    const isOurs = lease.owner.pid === run.child.pid && done.length > 0;
    return isOurs && (lease.proof !== undefined || storedBlob().lease.id === undefined);
  };
  await killWhen(run, done);
  hold.release();
  delete (server.model as { bytesPerSecond?: number }).bytesPerSecond;
}

/** Refuses leases, as managed disks and old emulators do. */
export function giveNoLeases(): void {
  for (const operation of ['AcquireLease', 'RenewLease'] as const)
    server.faults.add({ operation }, { kind: 'status', status: 403, code: 'AuthorizationFailure' });
}

/** Changes the checkpoint as if another machine had written it. */
export async function moveToAnotherMachine(checkpoint: string): Promise<void> {
  const stored = decodeCheckpoint(await readFile(checkpoint, 'utf8'), checkpoint);
  const owner = { ...stored.lease.owner, host: 'elsewhere.example' };
  await writeFile(checkpoint, encodeCheckpoint({ ...stored, lease: { ...stored.lease, owner } }));
  await rm(`${checkpoint}.lock`, { force: true });
}

/** Writes a page without the lease of vhdup, like another tool. */
export async function writePage(
  offset: number,
  bytes: Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): Promise<number> {
  const url = `${sas()}&comp=page`;
  const { status } = await fetch(url, {
    method: 'PUT',
    headers: {
      'x-ms-version': '2021-12-02',
      'x-ms-page-write': 'update',
      ...headers,
      'x-ms-range': `bytes=${offset}-${offset + bytes.length - 1}`,
    },
    body: Buffer.from(bytes),
  });
  return status;
}

export const STOP = new Error('stopped by the test');

export const lease = () => storedBlob().lease;
export const nowMs = () => server.now().getTime();

/** Stops an upload in an orderly way when its first windows are saved and `before` has ended. Then clears all faults. */
export async function stopAfter(
  path: string,
  before: () => void | Promise<void> = () => undefined,
  heldFrom = 16 * MIB,
): Promise<void> {
  const stop = new AbortController();
  const hold = holdFrom(heldFrom);
  const { running, saved } = startHere(optionsFor(path, { signal: stop.signal }));
  const stopped = failureOf(running);
  await Promise.all([hold.reached, saved]);
  await before();
  stop.abort(STOP);
  expect(await stopped).toBe(STOP);
  server.faults.clear();
}

/** Stops an upload in an orderly way after the first retry, when `before` has ended. Then clears all faults. */
export async function stopOnRetry(options: UploadOptions, before?: () => Promise<unknown>): Promise<void> {
  const stop = new AbortController();
  let stopping: Promise<void> | undefined;
  const onEvent = (event: UploadEvent) => {
    if (event.type === 'retry') stopping ??= (before?.() ?? Promise.resolve()).then(() => stop.abort(STOP));
  };
  expect(await failureOf(uploadImage({ ...options, signal: stop.signal, onEvent }))).toBe(STOP);
  await stopping;
  server.faults.clear();
}

/** A page that was sent and that the checkpoint counts as done. */
export async function doneOffset(checkpoint: string): Promise<number> {
  const [first] = decodeCheckpoint(await readFile(checkpoint, 'utf8'), checkpoint).done;
  if (first === undefined) throw new Error('Nothing is done yet.');
  return first.offset;
}

/** Uses the lease of the blob, if it has one. */
export function writeUnder(leaseId: string | undefined, offset: number): Promise<number> {
  return writePage(offset, patternOf(9, 512), leaseId === undefined ? {} : { 'x-ms-lease-id': leaseId });
}
