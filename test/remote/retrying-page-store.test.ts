import { describe, expect, it } from 'vitest';
import type { Checksum } from '../../src/base/page-run.ts';
import { CredentialError, ServiceError } from '../../src/errors.ts';
import { MemoryPageBlob, retrying } from '../support/memory-page-blob.ts';
import { failureOf } from '../support/vhd-fixtures.ts';

const { signal } = new AbortController();
const RUN = { range: { offset: 1024, length: 512 }, bytes: new Uint8Array(512) };
const transient = () => new ServiceError('reset', { reason: 'ECONNRESET', transient: true });
const checksumOfByte = (byte: number): Checksum => ({ algorithm: 'crc64', value: Uint8Array.of(byte) });

function newBlob(): MemoryPageBlob {
  const blob = new MemoryPageBlob();
  blob.put({ size: 4096 });
  return blob;
}

describe('RetryingPageStore', () => {
  it.each([
    ['write', 'Put Page 1024+512', (store: ReturnType<typeof retrying>) => store.write(RUN, signal)],
    ['clear', 'Clear Pages 1024+512', (store: ReturnType<typeof retrying>) => store.clear(RUN.range, signal)],
    ['properties', 'Get Blob Properties', (store: ReturnType<typeof retrying>) => store.properties(signal)],
    ['pageRanges', 'Get Page Ranges', (store: ReturnType<typeof retrying>) => store.pageRanges(undefined, signal)],
  ] as const)('tries %s again, and names it', async (operation, what, act) => {
    const blob = newBlob();
    const retries: string[] = [];
    const store = retrying(blob, (notice) => retries.push(notice.what));
    blob.failOnce(operation, transient());
    await act(store);
    expect(retries).toEqual([what]);
    expect(store.counters).toEqual({ requests: 2, retries: 1 });
  });

  it('does not retry permanent failures', async () => {
    const blob = newBlob();
    const refused = new CredentialError('403');
    blob.failOnce('write', refused);
    expect(await failureOf(retrying(blob).write(RUN, signal))).toBe(refused);
    expect(blob.requests).toBe(1);
  });

  it('passes each attempt of a write through the holder, and no other request', async () => {
    const blob = newBlob();
    const store = retrying(blob);
    let attempts = 0;
    store.holdBy({
      attempt: (operation) => {
        attempts += 1;
        return operation();
      },
    });
    blob.failOnce('write', transient());
    await store.write(RUN, signal);
    await store.clear(RUN.range, signal);
    await store.properties(signal);
    await store.pageRanges(undefined, signal);
    expect(attempts).toBe(3);
  });

  it('repeats a read that arrived damaged, and reports whether a checksum covers it', async () => {
    const blob = newBlob();
    const store = retrying(blob);
    const into = new Uint8Array(512);
    const read = (checksums: readonly number[]) => {
      const left = [...checksums];
      const checksumOf = () => Promise.resolve(checksumOfByte(left.shift() ?? 0));
      return store.read(RUN.range, into, { etag: '"1"', checksum: 'crc64', checksumOf }, signal);
    };
    expect(await read([]), 'the service sends none').toBe(false);
    blob.read = () => Promise.resolve(checksumOfByte(7));
    expect(await read([1, 2, 7])).toBe(true);
    expect(store.checksumMismatches).toBe(2);
    expect(await failureOf(read([1, 2, 3, 4, 5]))).toMatchObject({
      code: 'SERVICE',
      failure: { checksumMismatch: true },
    });
  });
});
