// Requests through the SDK that no upload and no verification sends.
import { expect, it, onTestFinished } from 'vitest';
import { accessOf, connect } from '../../src/remote/connect.ts';
import { startPageBlobServer } from '../support/page-blob-server/server.ts';
import { patternOf } from '../support/vhd-builder.ts';
import { failureOf } from '../support/vhd-fixtures.ts';

it('clears pages under its lease and sequence number: they read as zeros and are no longer listed', async () => {
  const server = await startPageBlobServer();
  onTestFinished(() => server.close());
  server.createContainer('vhds');
  const destination = server.sasUrl({ container: 'vhds', blob: 'disk.vhd', permissions: 'rw' });
  const { blob, store } = await connect(accessOf({ destination }, 'rw'), { maxRequests: 1 }, () => undefined);
  onTestFinished(() => blob.close());
  const { signal } = new AbortController();
  await blob.create({ size: 8192, sequenceNumber: 5, metadata: {} }, signal);
  blob.guardWith(5);
  await store.write({ range: { offset: 0, length: 4096 }, bytes: patternOf(1, 4096) }, signal);
  await store.clear({ offset: 512, length: 1024 }, signal);
  const list = await store.pageRanges(undefined, signal);
  expect(list?.ranges).toEqual([
    { offset: 0, length: 512 },
    { offset: 1536, length: 2560 },
  ]);
  expect(
    server
      .blob('vhds', 'disk.vhd')
      .read(512, 1024)
      .every((byte) => byte === 0),
  ).toBe(true);
  blob.guardWith(6);
  expect(await failureOf(store.clear({ offset: 0, length: 512 }, signal))).toMatchObject({ code: 'DESTINATION' });
});
