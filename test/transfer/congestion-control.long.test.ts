// Adapts to services and connections that accept less than vhdup can send.
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { UploadEvent } from '../../src/events.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import type { ServiceModel } from '../support/page-blob-server/model.ts';
import { startPageBlobServer } from '../support/page-blob-server/server.ts';
import { buildVhd, patternOf, type VhdContent } from '../support/vhd-builder.ts';
import { temporaryFolder } from '../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;

async function uploadThrough(
  model: ServiceModel,
  size: number,
  contents: readonly VhdContent[],
  threads: number | 'auto',
) {
  const server = await startPageBlobServer({ model, verifyChecksums: false, discard: true });
  onTestFinished(() => server.close());
  server.createContainer('vhds');
  const image = join(await temporaryFolder(), 'disk.vhd');
  await buildVhd(image, { type: 'fixed', size, contents });
  const events: UploadEvent[] = [];
  const result = await uploadImage({
    image,
    destination: server.sasUrl({ container: 'vhds', blob: 'disk.vhd', permissions: 'rw' }),
    threads,
    checksum: 'none',
    onEvent: (event) => events.push(event),
  });
  return { result, server, events };
}

function everyMib(count: number, length: number): VhdContent[] {
  return Array.from({ length: count }, (_, index) => ({ offset: index * MIB, bytes: patternOf(index, length) }));
}

describe('sending', () => {
  it('does not flood a slow connection, however many threads are allowed', async () => {
    const { result, server } = await uploadThrough({ bytesPerSecond: 2 * MIB }, 24 * MIB, everyMib(24, MIB), 64);
    expect(result.retries).toBe(0);
    expect(server.counters.peakInFlight).toBeLessThanOrEqual(8);
  });

  it('finds the rate that a service accepts, with few rejected requests', async () => {
    const contents = everyMib(800, 512);
    const { result } = await uploadThrough({ requestsPerSecond: 200, latencyMs: 10 }, 800 * MIB, contents, 'auto');
    expect(result.retries).toBeLessThan(80);
  });

  it('sends more parallel requests if latency is high', async () => {
    const { events, result } = await uploadThrough({ latencyMs: 200 }, 400 * MIB, everyMib(400, 512), 'auto');
    const most = Math.max(...events.map((event) => (event.type === 'concurrency' ? event.requests : 0)));
    expect(most).toBeGreaterThanOrEqual(16);
    expect(result.retries).toBe(0);
  });

  it('never exceeds the rate limit of the user', async () => {
    const { server, result } = await limited(8 * MIB);
    expect(server.counters.bytesCommitted).toBe(16 * MIB + 512);
    // A little less than two seconds, since the first piece of each request is not delayed.
    expect(result.durationMs).toBeGreaterThan(1900);
  });
});

async function limited(maxRate: number) {
  const server = await startPageBlobServer({});
  onTestFinished(() => server.close());
  server.createContainer('vhds');
  const image = join(await temporaryFolder(), 'disk.vhd');
  await buildVhd(image, { type: 'fixed', size: 16 * MIB, contents: [{ offset: 0, bytes: patternOf(3, 16 * MIB) }] });
  const destination = server.sasUrl({ container: 'vhds', blob: 'disk.vhd', permissions: 'rw' });
  return { server, result: await uploadImage({ image, destination, maxRate }) };
}
