// The page-blob server of a test file, and the blob that its tests upload.
import { afterAll, beforeEach, expect } from 'vitest';
import type { LoggedRequest } from './page-blob-server/log.ts';
import type { Operation } from './page-blob-server/request.ts';
import { type PageBlobServer, type PageBlobServerOptions, startPageBlobServer } from './page-blob-server/server.ts';
import type { StoredBlob } from './page-blob-server/store.ts';
import { failureOf } from './vhd-fixtures.ts';

export const CONTAINER = 'vhds';
export const BLOB = 'disk.vhd';

/** The server of the current test. */
export let server: PageBlobServer;

/** Call once in the test file: each test gets a new server with one container. */
export function useServer(): void {
  beforeEach(() => restartServer());
  afterAll(() => server?.close());
}

/** Replaces the server of the current test. */
export async function restartServer(options: PageBlobServerOptions = {}): Promise<void> {
  await server?.close();
  server = await startPageBlobServer(options);
  server.createContainer(CONTAINER);
}

/** The URL of the blob with a new SAS. */
export function blobUrl(permissions = 'rw'): string {
  return server.sasUrl({ container: CONTAINER, blob: BLOB, permissions });
}

/** @throws if there is no blob. */
export function storedBlob(): StoredBlob {
  return server.blob(CONTAINER, BLOB);
}

export function requestsOf(operation: Operation): readonly LoggedRequest[] {
  return server.log.filter((request) => request.operation === operation);
}

/** Whether Put Page has written that many bytes since the server started. */
export function hasCommitted(bytes: number): boolean {
  return server.counters.bytesCommitted >= bytes;
}

/** Whether the blob is a complete upload. */
export function isComplete(): boolean {
  return server.hasBlob(CONTAINER, BLOB) && storedBlob().metadata.get('vhdup_state') === 'complete';
}

/** Aborts the work as soon as `condition` is true, and checks that it fails with the reason of the abort. */
export async function stopWhen(
  condition: () => boolean,
  work: (signal: AbortSignal) => Promise<unknown>,
): Promise<void> {
  const stop = new AbortController();
  const reason = new Error('stopped by the test');
  const stopping = server.when(condition).then(() => stop.abort(reason));
  expect(await failureOf(work(stop.signal))).toBe(reason);
  await stopping;
}
